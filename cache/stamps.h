/*
 * Files that were found right, as the kernel described them then: a file that is
 * still described so has the same bytes (the idea of git's index). Pure.
 */
#ifndef ITTS_STAMPS_H
#define ITTS_STAMPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"

#define STAMPS_MAX   131072u
#define STAMPS_LIMIT ((size_t)16 << 20) /* bytes of the text */

struct stamp {
	uint64_t dev, ino, size;
	int64_t mtime, ctime;	   /* ns since 1970 */
	struct digest sha256, git; /* of the bytes; one may be DIGEST_NONE */
	bool seen;		   /* the caller's; not in the text */
};
void stamp_read(struct stamp *to, const struct stat *from); /* no digests */
/* Of the same file, unchanged. */
bool stamp_same(const struct stamp *a, const struct stamp *b);
bool stamp_has(const struct stamp *s, const struct digest *want);
/* The file has changed so shortly before then (ns) that it may change once more
 * and look the same: clocks of file systems are coarse. */
bool stamp_is_racy(const struct stamp *s, int64_t then);

struct stamps {
	struct stamp *items; /* by dev and ino, each once (stamps_sort) */
	size_t count, cap;
	int64_t written; /* ns: what is not older cannot be trusted */
};
void stamps_release(struct stamps *s); /* CLEANUP */
void stamps_add(struct stamps *s, const struct stamp *one);
/* Of several of one file the latest change counts, with all its digests. */
void stamps_sort(struct stamps *s);
/* Sorted: borrowed, or NULL. Only one that is the same and can be trusted. */
struct stamp *stamps_find(const struct stamps *s, const struct stamp *like);

void stamps_format(const struct stamps *s, struct str *out);
/* ERR_FORMAT: damaged, or of another version. */
int stamps_parse(struct stamps *out, const char *text, size_t len,
		 struct error *err) MUST_CHECK;

#endif
