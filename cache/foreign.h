/* Files that snapshots lead to outside of their own repository: nobody's client
 * makes such links, but whoever has made one by hand needs what is behind it. */
#ifndef ITTS_FOREIGN_H
#define ITTS_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/hfcache.h"

struct foreign_file {
	uint64_t dev, ino;
};
struct foreign {
	struct foreign_file *items; /* sorted */
	size_t count, cap;
	char *unread; /* or NULL: a place that could not be read, and why. What
		       * seems foreign may be the repository's own then */
};
void foreign_release(struct foreign *f); /* CLEANUP */
/* Of all repositories of the cache. ERR_IO, ERR_CANCELLED. */
int foreign_read(struct foreign *f, struct hfcache *c,
		 const struct cancel *cancel, struct error *err) MUST_CHECK;
bool foreign_has(const struct foreign *f, uint64_t dev, uint64_t ino);

#endif
