/* Small files have their git SHA-1 for a name in a cache: found by what they hold. */
#ifndef ITTS_GITNAME_H
#define ITTS_GITNAME_H

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "cache/hfcache.h"
#include "manifest/lock.h"

/* Files of repo whose SHA-256 is known and whose etag is not (DIGEST_NONE): those whose
 * bytes are among the repository's blobs get their etag. What cannot be read is passed
 * over. ERR_CANCELLED only. cancel may be NULL. */
int gitname_find(struct hfcache *c, struct lock_repo *repo,
		 const struct cancel *cancel, struct error *err) MUST_CHECK;

#endif
