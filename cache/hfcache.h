/*
 * A Hugging Face hub cache directory: the store, the only place where bytes
 * live. Layout (huggingface_hub, all versions since 0.8):
 *
 *   ROOT/CACHEDIR.TAG
 *   ROOT/.locks/models--O--N/<etag>.lock       flock(2), as Python's filelock
 *   ROOT/models--O--N/blobs/<etag>             the bytes
 *   ROOT/models--O--N/blobs/<etag>.itts-part   ours, while fetching
 *   ROOT/models--O--N/blobs/<etag>.journal.itts-part  what is known of it
 *   ROOT/models--O--N/snapshots/<commit>/<path> -> ../../blobs/<etag>
 *   ROOT/models--O--N/refs/<ref>               40 hex digits, no newline
 *   ROOT/models--O--N/trees/<commit>.json      exactly what the snapshot holds
 */
#ifndef ITTS_HFCACHE_H
#define ITTS_HFCACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"
#include "manifest/lock.h"

struct hfcache;

#define HFCACHE_TAG "CACHEDIR.TAG"

/* create: makes ROOT and CACHEDIR.TAG where missing; a ROOT that was made and that
 * nothing was put into goes away again when the cache is closed. Without it nothing is ever
 * written and a missing ROOT is ERR_NOT_FOUND. */
int hfcache_open(struct hfcache **out, const char *root, bool create,
		 struct error *err) MUST_CHECK;
void hfcache_close(struct hfcache **c);		   /* CLEANUP */
const char *hfcache_root(const struct hfcache *c); /* borrowed, absolute */
int hfcache_fd(const struct hfcache *c);	   /* borrowed */

enum blob_state {
	BLOB_MISSING,
	BLOB_OK, /* there, digest and size right */
	BLOB_WRONG_SIZE,
	BLOB_WRONG_DIGEST,
	BLOB_UNREADABLE, /* the kernel does not give it */
	BLOB_NOT_FILE, /* a directory, device, link that leads nowhere or out */
};
/* Hashes what is there (only if the size is right). Follows the links of a
 * shared blob store as long as they stay inside ROOT. */
int hfcache_blob_check(struct hfcache *c, const struct lock_repo *repo,
		       const struct lock_file *file,
		       const struct cancel *cancel, enum blob_state *out,
		       struct error *err) MUST_CHECK;
/* As hfcache_blob_check() without hashing: BLOB_OK says that the size is right. */
int hfcache_blob_look(struct hfcache *c, const struct lock_repo *repo,
		      const struct lock_file *file, enum blob_state *out,
		      struct error *err) MUST_CHECK;
/* Opens a blob for reading. ERR_NOT_FOUND, ERR_INTEGRITY (size). */
int hfcache_blob_open(struct hfcache *c, const struct lock_repo *repo,
		      const struct lock_file *file, int *fd_out,
		      struct error *err) MUST_CHECK;

/* Takes the lock that Python's client takes for this blob. Waits up to wait_ms.
 * *fd_out: close it to release. ERR_BUSY. */
int hfcache_blob_lock(struct hfcache *c, const struct lock_repo *repo,
		      const struct digest *etag, unsigned wait_ms, int *fd_out,
		      struct error *err) MUST_CHECK;

/* A blob that grows. Bytes are hashed as they come. */
struct hfcache_part {
	struct hfcache *cache; /* borrowed */
	int dirfd, fd, lockfd;
	char *name;	 /* final name in blobs/ */
	char *temp;	 /* the part's name there, if named */
	char *path;	 /* of the blob, below the root */
	char *label;	 /* "org/name path", for messages */
	uint64_t size;	 /* that it must have */
	uint64_t offset; /* bytes written so far */
	uint64_t flushed;
	struct digest etag, sha256;	 /* wanted; sha256 may be DIGEST_NONE */
	struct digest got;		 /* SHA-256 of complete bytes */
	struct digest_ctx *ctx, *ctx256; /* ctx256: when etag is a git SHA-1 */
	bool resumable;			 /* kept on failure */
	bool named;    /* stands in blobs/ as temp; else O_TMPFILE */
	bool reserved; /* space on disk */
	bool adopted;  /* hfcache_part_adopt() has given the digest */
	bool replaced; /* commit replaced a damaged blob */
};
#define HFCACHE_PART_INIT                           \
	{                                           \
		.dirfd = -1, .fd = -1, .lockfd = -1 \
	}

/* resumable: continues what an earlier run left (already hashed; out->offset
 * says how much), and keeps it on failure. lockfd from hfcache_blob_lock() is
 * taken over, also on failure. */
int hfcache_part_open(struct hfcache_part *out, struct hfcache *c,
		      const struct lock_repo *repo,
		      const struct lock_file *file, bool resumable, int lockfd,
		      struct error *err) MUST_CHECK;
/* Space for all of it; the first part_write() does this by itself. ERR_IO. */
int hfcache_part_reserve(struct hfcache_part *p, struct error *err) MUST_CHECK;
/* Forgets all bytes and starts at 0 again. */
int hfcache_part_restart(struct hfcache_part *p, struct error *err) MUST_CHECK;
/* More than size bytes: ERR_INTEGRITY. */
int hfcache_part_write(struct hfcache_part *p, const void *buf, size_t n,
		       struct error *err) MUST_CHECK;
/* The caller has put size bytes into p->fd from 0 on by its own means (clone,
 * pipelined writer) and says what they hash to; not with part_write().
 * ERR_INTEGRITY if that is not what the blob must be. */
int hfcache_part_adopt(struct hfcache_part *p, const struct digest *sha256,
		       uint64_t size, struct error *err) MUST_CHECK;
/* Checks size and digests, fsync, link to the final name (a right blob that is
 * there already is kept, a wrong one replaced), fsync of the directory. *sha256:
 * of the bytes, may be NULL. ERR_INTEGRITY: wrong bytes are thrown away (too few
 * are kept). The lock is held until close. */
int hfcache_part_commit(struct hfcache_part *p, struct digest *sha256,
			struct error *err) MUST_CHECK;
void hfcache_part_close(
	struct hfcache_part *p); /* CLEANUP: keeps a resumable part */
/* Closes it and keeps nothing. */
void hfcache_part_drop(struct hfcache_part *p);

/* Bytes on disk that an earlier run's part takes, and that opening it sets free or
 * uses. */
uint64_t hfcache_part_on_disk(const struct hfcache *c,
			      const struct lock_repo *repo,
			      const struct lock_file *file);
/* Removes what an earlier run left of a blob that is whole by now, unless
 * somebody is at it. */
void hfcache_part_sweep(struct hfcache *c, const struct lock_repo *repo,
			const struct lock_file *file);

/* Removes a blob that no snapshot of its repo uses, unless somebody else works
 * there. */
void hfcache_blob_forget(struct hfcache *c, const struct lock_repo *repo,
			 const struct lock_file *file);

/* Many small parts made durable together: one syncfs() instead of an fsync()
 * each. No blob gets its name before its bytes are on disk. */
#define HFCACHE_BATCH_CAP 128 /* three descriptors each */
struct hfcache_batch {
	struct hfcache_part parts[HFCACHE_BATCH_CAP];
	size_t count; /* all zero: an empty batch */
};
/* Takes a complete part over (*p is HFCACHE_PART_INIT afterwards, also on
 * failure) after checking its size and digests. Flushes first if the batch is
 * full or holds parts of another repo. */
int hfcache_batch_add(struct hfcache_batch *b, struct hfcache_part *p,
		      struct error *err) MUST_CHECK;
/* syncfs(), every blob gets its name, one fsync() a directory. */
int hfcache_batch_flush(struct hfcache_batch *b, struct error *err) MUST_CHECK;
void hfcache_batch_release(
	struct hfcache_batch *b); /* CLEANUP: drops the rest */

/* In .locks: who installs holds it. */
#define HFCACHE_INSTALL_LOCK "itts-pack.lock"

/* The same bytes under another repo's blob name: hard link, else copy. */
int hfcache_blob_share(struct hfcache *c, const struct lock_repo *from,
		       const struct lock_file *from_file,
		       const struct lock_repo *to,
		       const struct lock_file *to_file, struct error *err)
	MUST_CHECK;

/* Gives an open file, whose bytes are right and which is made read-only, the blob's
 * name as a hard link. *linked false: it cannot be. */
int hfcache_blob_link(struct hfcache *c, const struct lock_repo *repo,
		      const struct lock_file *file, int fd, bool *linked,
		      struct error *err) MUST_CHECK;

/* snapshots/<commit>/<path> -> blob. An equal link is kept, anything else that
 * is in the way is replaced (a directory: ERR_IO). */
int hfcache_link(struct hfcache *c, const struct lock_repo *repo,
		 const struct lock_file *file, struct error *err) MUST_CHECK;

/* An empty refs/ where the lock names no ref: npm's scanner needs it. */
int hfcache_make_refs(struct hfcache *c, const struct lock_repo *repo,
		      struct error *err) MUST_CHECK;
enum ref_change { REF_SAME, REF_ADDED, REF_MOVED, REF_KEPT };
/* refs/<ref> = commit, atomically. keep: a ref that exists is left alone.
 * old: where it pointed (empty: nowhere). */
int hfcache_set_ref(struct hfcache *c, const struct lock_repo *repo,
		    const char *ref, bool keep, enum ref_change *change,
		    char old[41], struct error *err) MUST_CHECK;
/* trees/<commit>.json for what the snapshot of this commit then holds: the
 * files of repo plus what an earlier listing of ours or Python's names and the
 * snapshot has. Never makes a listing claim less than the snapshot holds, and
 * never replaces a listing that claims all of the commit. */
int hfcache_write_tree(struct hfcache *c, const struct lock_repo *repo,
		       struct error *err) MUST_CHECK;
/* Keeps what was found right or made through c for quick checks (checked.h); may
 * be called when all is done. */
void hfcache_remember(struct hfcache *c);
/* Bytes of CACHEDIR.TAG, as huggingface_hub writes it. */
const char *hfcache_tag_text(void);
/* Bytes of that listing for exactly the files of repo (cache/tree.c). */
void hfcache_tree_format(const struct lock_repo *repo, struct str *out);

#endif
