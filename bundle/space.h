/* Is there room, before the first write? */
#ifndef ITTS_SPACE_H
#define ITTS_SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

/* What a directory has to give; dir may lack yet. */
struct space_need {
	const char *dir;
	const char *option; /* for the message: how to choose another */
	uint64_t bytes, inodes;
};
/* What parts of a cache take: a store that is made, a repository with its listing
 * and refs, a link in a snapshot (path in it; before: the one before it in the order
 * of paths, or ""), the bytes of a file. */
void space_add_store(struct space_need *need);
void space_add_repo(struct space_need *need);
void space_add_link(struct space_need *need, const char *path,
		    const char *before);
uint64_t space_on_disk(uint64_t size);
/* The directory, or the nearest one above it that exists; caller frees. */
int space_nearest(const char *dir, char **out, struct error *err) MUST_CHECK;
/* Needs on one file system are added up. ERR_IO naming directory, needed, free. */
int space_check(const struct space_need *needs, size_t count, struct error *err)
	MUST_CHECK;

#endif
