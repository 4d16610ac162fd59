/* Git names of files that a hub names by SHA-256 only. */
#ifndef ITTS_LEARN_H
#define ITTS_LEARN_H

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "cache/hfcache.h"
#include "fetch/hub.h"
#include "manifest/lock.h"

/* Fills in the etag of every file of l where it is DIGEST_NONE: from the store, if
 * that has the bytes, else by reading them through both digests. Any endpoint will do
 * whose bytes have the SHA-256; what came is kept in the store, but for files that are
 * too large to be held in memory until they have a name. The first that nobody has is
 * the error. */
int learn_names(struct hub *h, struct hfcache *store, struct lock *l,
		const struct cancel *cancel, struct error *err) MUST_CHECK;

#endif
