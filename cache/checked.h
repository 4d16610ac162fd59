/*
 * Which files of a directory (a cache, a model directory) were found right when all
 * their bytes were last read: for the quick check. Kept in a file that no client
 * minds, and only where its directory is there already; it is a help and no more:
 * one that lacks, is damaged or is somebody else's makes checks read everything.
 */
#ifndef ITTS_CHECKED_H
#define ITTS_CHECKED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/error.h"
#include "cache/stamps.h"

#define CHECKED_CACHE_DIR  ".locks"
#define CHECKED_CACHE_NAME "itts-pack.checked"
#define CHECKED_VIEW_DIR   ".itts-pack"
#define CHECKED_VIEW_NAME  "checked"

struct checked {
	int dirfd; /* -1: there is no place for it */
	const char *name;
	bool quick;   /* checked_knows() says what it knows */
	int64_t then; /* ns: when this began */
	struct stamps known, found;
	char *problem; /* why what there is cannot be used, or NULL */
};
#define CHECKED_INIT         \
	{                    \
		.dirfd = -1, \
	}
void checked_release(struct checked *k); /* CLEANUP */
int64_t checked_now(void); /* ns, by the clock that local file systems use */
/* Of the directory top; dir and name: two of those above (borrowed). */
void checked_open(struct checked *k, int top, const char *dir, const char *name,
		  bool quick);
/* The file is as it was when it was found to have these bytes. *first: it was not
 * asked for before. Any thread may ask. */
bool checked_knows(struct checked *k, const struct stat *st,
		   const struct digest *want, bool *first);
/* Was read now, is still as before, and hashes to this. */
void checked_add(struct checked *k, const struct stamp *file,
		 const struct digest *got);
/* As checked_add(), for a file that this program has made: nobody else can have
 * changed it unseen. */
void checked_add_made(struct checked *k, const struct stamp *file,
		      const struct digest *sha256, const struct digest *etag);
/* whole: what was neither known nor added is forgotten. Does nothing where nothing
 * has changed or there is no place. ERR_IO. */
int checked_save(struct checked *k, bool whole, struct error *err) MUST_CHECK;

#endif
