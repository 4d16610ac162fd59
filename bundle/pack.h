/* store + lock -> bundle. */
#ifndef ITTS_PACK_H
#define ITTS_PACK_H

#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/event.h"
#include "cache/hfcache.h"
#include "manifest/lock.h"

struct pack_options {
	uint64_t serial, epoch;
	const struct cancel *cancel;
	const struct event_sink *sink;
};

struct pack_stats {
	uint64_t bytes; /* of the bundle */
	uint64_t payloads, payload_bytes;
	uint64_t cloned_bytes; /* shared with the store, not copied */
};

/* Writes the bundle in one pass; every payload is hashed while it is copied, and
 * a wrong one (ERR_INTEGRITY) ends it. path: a temporary name beside it until
 * complete; "-": out_fd, a pipe or file that is open already. */
int pack_lock(struct hfcache *store, const struct lock *l, const char *path,
	      int out_fd, const struct pack_options *o, struct pack_stats *out,
	      struct error *err) MUST_CHECK;

#endif
