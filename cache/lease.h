/* Who works in a repo of the cache: any number of fetchers and installers, or one
 * that deletes. */
#ifndef ITTS_LEASE_H
#define ITTS_LEASE_H

#include "base/attr.h"
#include "base/error.h"
#include "cache/hfcache.h"

#define LEASE_NAME "itts-pack.lease" /* in .locks */

/* Shared, until the cache is closed; does nothing in a cache that was not opened
 * for writing, or that cannot be written. Waits for one that deletes. Any thread
 * may ask. ERR_BUSY. */
int lease_share(struct hfcache *c, const char *folder, struct error *err)
	MUST_CHECK;
/* Alone; ERR_BUSY at once if someone works there. The cache must be open for
 * writing. */
int lease_take(struct hfcache *c, const char *folder, struct error *err)
	MUST_CHECK;
/* Does another process share or have it? Makes nothing, waits for nothing. */
bool lease_is_held(const struct hfcache *c, const char *folder);
void lease_drop(struct hfcache *c, const char *folder);

#endif
