/* A lock made from what a cache says of itself: links, listings, refs. */
#ifndef ITTS_DERIVE_H
#define ITTS_DERIVE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/str.h"
#include "cache/hfcache.h"
#include "manifest/lock.h"

#define DERIVE_NO_SIZE UINT64_MAX /* of a file: nothing tells it */

struct derive_want {
	/* ID, ID@REF, ID@COMMIT; empty: all */
	const struct strlist *specs;
	bool tip; /* ID alone is refs/main, or the only revision there is */
};
/* Each revision as a repo of the lock: files by what the listing says, else by the
 * names of their blobs; sha256 only where that is the name. Files without digest
 * (of their own, and not listed) are left out, *unknown counts them. The lock is
 * no complete one until sizes and sha256 are filled in. ERR_NOT_FOUND for a spec
 * that names nothing; ERR_IO where something of what is wanted cannot be read: then
 * nobody knows what would be left out. */
int derive_lock(struct hfcache *c, const struct derive_want *want,
		struct lock *out, uint64_t *unknown, struct error *err)
	MUST_CHECK;

/* Sizes and SHA-256 from the bytes of the cache, which have to be all there: l, with
 * a name, is a whole lock then. ERR_NOT_FOUND, ERR_INTEGRITY. */
int derive_fill(struct hfcache *c, struct lock *l, const struct cancel *cancel,
		struct error *err) MUST_CHECK;

#endif
