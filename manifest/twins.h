/* Finds names that cannot stand side by side in one directory tree. */
#ifndef ITTS_TWINS_H
#define ITTS_TWINS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"

struct twins {
	const char **paths; /* borrowed */
	size_t count, cap;
};
#define TWINS_INIT \
	{          \
		0  \
	}

void twins_add(struct twins *t, const char *path); /* borrows path */
/* The same name twice, two that a case-folding or normalising file system takes
 * for one, or one that is a directory of another. ERR_FORMAT naming both. */
int twins_check(struct twins *t, struct error *err) MUST_CHECK;
void twins_release(struct twins *t); /* CLEANUP */

#endif
