/* What the verifiers share. */
#ifndef ITTS_VERIFY_PRIV_H
#define ITTS_VERIFY_PRIV_H

#include <stdbool.h>

#include "cache/hfcache.h"
#include "cache/probe.h"
#include "cache/verify.h"

/* Parts of Python's client or ours? */
bool verify_is_leftover(const char *name);
/* Blobs to hash, links, refs and leftovers of one repo. where: borrowed. */
void verify_collect_repo(struct hfcache *c, const struct lock_repo *repo,
			 const char *where, struct probe_set *probes,
			 struct verify_report *out);

#endif
