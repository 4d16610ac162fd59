/* bundle -> store and model directory. */
#ifndef ITTS_INSTALL_H
#define ITTS_INSTALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/event.h"
#include "base/str.h"
#include "bundle/policy.h"
#include "bundle/source.h"
#include "bundle/space.h"
#include "cache/hfcache.h"
#include "cache/view.h"

/* What the caller has to do while no other installation into the store runs: between
 * its own look and its turn another one may have finished. */
struct install_turn {
	int (*begin)(void *ctx, struct error *err); /* before the first write */
	void (*end)(void *ctx);			    /* all of it is visible */
	void *ctx;
};

struct install_options {
	const char *cache_root; /* store; made where missing */
	const char *model_dir;	/* NULL: none */
	bool keep_refs, dry_run;
	const struct policy *policy; /* NULL: anything may be installed */
	const struct strlist
		*only; /* of an archive: ID[@REVISION]; NULL: all */
	const struct install_turn *turn; /* of a bundle; NULL: nothing */
	const struct cancel *cancel;
	const struct event_sink
		*sink; /* refs old -> new, replaced blobs come as INFO */
};

struct install_stats {
	uint64_t files, bytes; /* payloads of the bundle */
	uint64_t had_files,
		had_bytes; /* right in the store already: not read */
	uint64_t new_files, new_bytes;
	uint64_t cloned_bytes;
	uint64_t need_bytes,
		need_inodes; /* what the check for space asked for */
	struct view_stats views;
};

/* Order: policy; manifest; what the store has; space; payloads (each hashed while
 * written, fsync, linked without replacing); the rest of the stream compared to
 * its very end; then snapshots, listings, views; refs last. */
int install_bundle(struct bundle_source *s, const struct install_options *o,
		   struct install_stats *out, struct error *err) MUST_CHECK;

/* --- steps of it, for what comes from elsewhere than a bundle ------------------ */

/* One installation at a time into a store: waits, and says so. The file stays
 * behind; closing *fd releases it. */
int install_lock(struct hfcache *store, const struct cancel *cancel,
		 const struct event_sink *sink, int *fd, struct error *err)
	MUST_CHECK;
/* The cache does not exist, and this is no dry run: what is checked before it is
 * made leaves the disk as it was. */
bool install_makes_store(const struct install_options *o);
/* *out stays NULL in a dry run where there is none yet. */
int install_open_store(struct hfcache **out, const struct install_options *o,
		       struct error *err) MUST_CHECK;
/* Sets the refs of one repo and says what has moved. */
int install_refs(struct hfcache *store, const struct lock_repo *repo,
		 const struct install_options *o, struct error *err) MUST_CHECK;

/* What the views of a lock need; store may be NULL in a dry run. */
int install_view_needs(struct hfcache *store, const struct install_options *o,
		       const struct lock *l, struct space_need *need,
		       struct error *err) MUST_CHECK;

#endif
