/* Git names of files that a hub names by SHA-256 only. */
#ifndef ITTS_LEARN_H
#define ITTS_LEARN_H

#include "base/attr.h"
#include "base/error.h"
#include "fetch/hub.h"
#include "manifest/lock.h"

/* Reads every file of l whose etag is DIGEST_NONE through both digests, without
 * keeping it, and fills in the etag. Any endpoint will do whose bytes have the
 * SHA-256. The first that nobody has is the error. */
int learn_names(struct hub *h, struct lock *l, struct error *err) MUST_CHECK;

#endif
