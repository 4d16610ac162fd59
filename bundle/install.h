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
#include "cache/hfcache.h"
#include "cache/view.h"

struct install_options {
	const char *cache_root; /* store; made where missing */
	const char *model_dir;	/* NULL: none */
	bool keep_refs, dry_run;
	const struct policy *policy; /* NULL: anything may be installed */
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

#endif
