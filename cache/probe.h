/* A list of files to be held against size and digest, shared by the verifiers. */
#ifndef ITTS_PROBE_H
#define ITTS_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "cache/checked.h"
#include "cache/verify.h"

struct probe {
	const char *where; /* borrowed: for the report */
	char *rel;	   /* below the set's directory */
	char *path;	   /* for the report; in rel if that ends with it */
	bool lent;	   /* path is the caller's, and lives longer */
	int dirfd;	   /* borrowed: rel is below it */
	struct digest want;
	uint64_t size;
	enum verify_state state; /* OK: to be hashed */
	char *detail;
	/* of what was looked at, as in struct stamp; there are many of these */
	uint64_t dev, ino;
	int64_t mtime, ctime;
};

struct probe_set {
	struct probe *items;
	size_t count, cap;
	struct checked *checked; /* borrowed, or NULL */
	uint64_t known_files,
		known_bytes; /* not in items: as when last found right */
};

void probe_set_release(struct probe_set *s); /* CLEANUP */
/* Looks at the file (not at its bytes) and adds it. size UINT64_MAX: as found. */
/* like: dirfd, rel, where, path, lent, size, want; rel is copied, and path unless it
 * is lent. */
void probe_add(struct probe_set *s, const struct probe *like);
/* For a file that was looked at already: true if it need not be added. */
bool probe_knows(struct probe_set *s, const struct stat *st,
		 const struct digest *want);
/* Moves all that from has to the end of s. */
void probe_set_take(struct probe_set *s, struct probe_set *from);
/* Hashes what can be hashed, each inode once, and moves all into the report. */
int probe_run(struct probe_set *s, const struct verify_options *o,
	      struct verify_report *out, struct error *err) MUST_CHECK;

#endif
