/* Files that snapshots lead to outside of their own repository, and those that links
 * in blobs/ lead to: but for those into a shared store nobody's client makes such
 * links, and whoever has made one by hand needs what is behind it. */
#ifndef ITTS_FOREIGN_H
#define ITTS_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/census.h"
#include "cache/hfcache.h"

struct foreign_file {
	uint64_t dev, ino;
	const char *by; /* folder that leads to it */
	bool blob;	/* by a link in blobs/ */
};
struct foreign {
	struct strlist folders;
	struct foreign_file *items; /* sorted */
	size_t count, cap;
	char *unread; /* or NULL: a place that could not be read, and why. What
		       * seems foreign may be the repository's own then */
};
void foreign_release(struct foreign *f); /* CLEANUP */
/* Of all repositories of the cache. ERR_IO, ERR_CANCELLED. */
int foreign_read(struct foreign *f, struct hfcache *c,
		 const struct cancel *cancel, struct error *err) MUST_CHECK;
/* Does any folder but this one (NULL: any at all) lead to this blob? A link is not
 * held by the links in blobs/ that lead to the same file. */
bool foreign_has(const struct foreign *f, const struct census_blob *b,
		 const char *but);

#endif
