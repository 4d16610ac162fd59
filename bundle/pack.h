/* store + lock -> bundle. */
#ifndef ITTS_PACK_H
#define ITTS_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/event.h"
#include "bundle/inventory.h"
#include "bundle/volumes_write.h"
#include "cache/hfcache.h"
#include "manifest/lock.h"

/* A file that the bundle carries beside the models. */
struct pack_extra {
	const char *path; /* in the bundle */
	const char *file;
	bool executable;
};

struct pack_options {
	uint64_t serial, epoch;
	/* Payloads that the target has: left out of the bundle. May be NULL. */
	const struct inventory *have;
	const struct pack_extra *extras; /* beside this program's own */
	size_t extra_count;
	/* Cut it: the writer's path counts then, not the one given to pack_lock(). */
	struct volume_writer *volumes;
	/* The very same bundle again: its serial, epoch and extras. May be NULL. */
	const struct bundle_manifest *again;
	const struct cancel *cancel;
	const struct event_sink *sink;
};

struct pack_stats {
	uint64_t bytes;			  /* of the bundle */
	uint64_t payloads, payload_bytes; /* in it */
	uint64_t absent, absent_bytes;	  /* left out */
	uint64_t cloned_bytes; /* shared with the store, not copied */
};

/* Writes the bundle in one pass; every payload is hashed while it is copied, and
 * a wrong one (ERR_INTEGRITY) ends it. path: a temporary name beside it until
 * complete; "-": out_fd, a pipe or file that is open already. */
int pack_lock(struct hfcache *store, const struct lock *l, const char *path,
	      int out_fd, const struct pack_options *o, struct pack_stats *out,
	      struct error *err) MUST_CHECK;

#endif
