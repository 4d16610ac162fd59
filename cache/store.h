/* What the files of cache/ know of a store beyond cache/hfcache.h. */
#ifndef ITTS_STORE_H
#define ITTS_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/beneath.h"
#include "cache/fresh.h"
#include "cache/hfcache.h"
#include "cache/traces.h"

#define PART_SUFFIX	   ".itts-part"
#define JOURNAL_SUFFIX	   ".journal" PART_SUFFIX /* what is known of a part */
#define JOURNAL_NEW_SUFFIX ".journal-new" PART_SUFFIX
#define TRASH_SUFFIX	   ".itts-trash" /* gc: first renamed, then deleted */

struct hfcache {
	int fd;
	char *root;
	bool writable;
	struct fresh fresh;
	_Atomic int lease; /* descriptor, or one of these */
#define LEASE_CLOSED (-1)  /* not open yet */
#define LEASE_NEVER  (-2)  /* nobody deletes here */
	int64_t opened;	   /* ns */
	pthread_mutex_t notes_lock;
	struct store_note *notes; /* for hfcache_remember() */
	size_t note_count, note_cap;
	struct arena note_paths;
	struct traces traces;
};

/* A blob that was found right or made, as the kernel described it then. */
struct store_note {
	const char *path; /* below the root; in note_paths */
	uint64_t dev, ino, size, links;
	int64_t mtime, ctime; /* as in struct stamp */
	struct digest sha256, etag;
};
/* Any thread. before: from before its bytes were read, or of a file that we have
 * made. Digests may be DIGEST_NONE. */
void store_note(struct hfcache *c, const char *path, const struct stat *before,
		const struct digest *sha256, const struct digest *etag);
void store_forget_notes(struct hfcache *c);

/* A store that is a directory already open (a Hub view): takes fd. No tag file
 * is made. */
void store_from_fd(struct hfcache **out, int fd, const char *root,
		   bool writable);

/* "models--O--N/SUB"; sub may be NULL. Caller frees. */
char *store_path(const struct lock_repo *repo, const char *sub);
char *store_blob_path(const struct lock_repo *repo, const struct digest *etag);
char *store_snapshot_path(const struct lock_repo *repo, const char *path);
/* Puts that directory in front of a message that begins with a name in it. */
int store_inside(const struct hfcache *c, const struct lock_repo *repo,
		 const char *sub, struct error *err);
/* Opens (makes) a directory of the repo. Follows no link. Caller closes *out. */
int store_open_dir(struct hfcache *c, const struct lock_repo *repo,
		   const char *sub, int *out, struct error *err) MUST_CHECK;
/* A part that its caller fills, with all that it holds already. lockfd is taken
 * over, also on failure. */
int store_part_open(struct hfcache_part *out, struct hfcache *c,
		    const struct lock_repo *repo, const struct lock_file *file,
		    int lockfd, struct error *err) MUST_CHECK;
/* Where the disk is full: adds what to do, and where. -1 */
int store_hint_space(const struct hfcache *c, struct error *err);
/* The blob of a file that cannot be read, with its whole path. -1 */
int store_unread(const struct hfcache *c, const struct lock_repo *repo,
		 const struct lock_file *file, int errnum, struct error *err);
/* The part with its whole path. what: a verb and a blank, or "". -1 */
int store_part_failed(const struct hfcache_part *p, int errnum,
		      const char *what, struct error *err);
/* In place of the message of file_pwrite_all() into a part, from any thread: with its
 * whole path, and what to do where the disk is full. -1 */
int store_not_written(const struct hfcache_part *p, struct error *err);
/* Space for n bytes of it (or to its end), from any thread. ERR_IO. */
int store_part_reserve(const struct hfcache_part *p, uint64_t offset,
		       uint64_t n, struct error *err) MUST_CHECK;
/* "org/name path", for messages; caller frees. */
char *store_label(const struct lock_repo *repo, const struct lock_file *file);

/* The digest that decides about a file: SHA-256 where it is known. */
const struct digest *store_want(const struct lock_file *file);
/* Regular file that has the bytes: the blob, else the snapshot's own file. */
enum beneath store_find(const struct hfcache *c, const struct lock_repo *repo,
			const struct lock_file *file, int *fd, struct stat *st);
/* Does the file at this path below the root have these bytes? Reads them all. */
bool store_is_right(const struct hfcache *c, const char *path, uint64_t size,
		    const struct digest *want);

/* What a ref says, "" if nothing. NULL: exactly a commit; else what is wrong
 * with it, caller frees; errno is not 0 only where it could not be read. */
char *store_read_ref(int dirfd, const char *path, char commit[41]);

/* The usual text of a link in snapshots/X, depth directories below it: as many
 * "../" as lead to the repo, then "blobs/NAME". NAME, or NULL: another text. */
const char *store_plain_target(const char *text, unsigned depth);
/* A temporary name that no client takes for its own; caller frees. */
char *store_temp_name(const char *name);
/* dir/base of a relative path: *dir (caller frees, "" for none). */
const char *store_split(const char *path, char **dir);
/* Puts a link with this text at dirfd/name: an equal one is kept, anything else
 * replaced atomically. */
int store_symlink(const char *text, int dirfd, const char *name,
		  struct error *err) MUST_CHECK;

#endif
