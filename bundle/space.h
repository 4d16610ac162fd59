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
/* The directory, or the nearest one above it that exists; caller frees. */
int space_nearest(const char *dir, char **out, struct error *err) MUST_CHECK;
/* Needs on one file system are added up. ERR_IO naming directory, needed, free. */
int space_check(const struct space_need *needs, size_t count, struct error *err)
	MUST_CHECK;

#endif
