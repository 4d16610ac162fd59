/* What hf download --local-dir has left: which file is which of which commit. */
#ifndef ITTS_LOCALDIR_H
#define ITTS_LOCALDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "manifest/lock.h"

#define LOCALDIR_META_LIMIT 1024u /* bytes of one text */

/* PATH.metadata: what the client knew when it had written PATH. */
struct localdir_meta {
	char commit[41];
	struct digest etag;
	uint64_t when; /* s since 1970 */
};
/* ERR_FORMAT */
int localdir_meta_parse(struct localdir_meta *out, const char *text, size_t len,
			struct error *err) MUST_CHECK;

struct localdir_file {
	const char *path; /* the lock's */
	uint64_t when;
};

/* Not to be taken, and why. */
struct localdir_doubt {
	const char *path, *why;
};

struct localdir {
	int dirfd;
	struct lock
		lock; /* a repo a commit, the newest first; only it has the ref */
	struct localdir_file *files; /* of the lock, sorted by path */
	size_t file_count, file_cap;
	struct localdir_doubt *doubts;
	size_t doubt_count, doubt_cap;
	struct arena strings; /* of the doubts */
	uint64_t unfetched;   /* files that only a listing of the client has */
};
#define LOCALDIR_INIT        \
	{                    \
		.dirfd = -1, \
	}
void localdir_release(struct localdir *d); /* CLEANUP */
/* Is this path what the client has left beside the files (metadata, locks), wherever
 * below a directory it was? */
bool localdir_is_note(const char *path);
/* The files are those of repository id, of which ref is the newest commit. Sizes
 * are those on the disk, DERIVE_NO_SIZE where nothing is. ERR_NOT_FOUND: the client
 * has not been here. */
int localdir_read(struct localdir *out, const char *dir, enum repo_type type,
		  const char *id, const char *ref, struct error *err)
	MUST_CHECK;
/* Both texts are borrowed. */
void localdir_doubt(struct localdir *d, const char *path, const char *why);
/* Why a file of the lock could not be taken, as far as one can see; static text. */
const char *localdir_suspect(const struct localdir *d, const char *path);

#endif
