/* lock -> store. */
#ifndef ITTS_DOWNLOAD_H
#define ITTS_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/event.h"
#include "cache/hfcache.h"
#include "fetch/hub.h"
#include "manifest/lock.h"

#define DOWNLOAD_JOBS	  128 /* files at a time where nobody says otherwise */
#define DOWNLOAD_MAX_JOBS 128

struct download_options {
	unsigned
		jobs; /* files at a time, descriptors permitting; 0: DOWNLOAD_JOBS */
	bool offline; /* only check what is there: ERR_NOT_FOUND if files lack */
	bool learn; /* only files whose sha256 is DIGEST_NONE: it is filled in.
			* Blobs only: no snapshots, refs, listings. */
	bool nameless;	 /* blobs only: no snapshots, refs, listings */
	bool per_source; /* EVENT_SOURCE, once a second and at the end */
	const struct cancel *cancel;
	const struct event_sink *sink;
};

struct download_stats {
	uint64_t files, bytes;	       /* of the lock, distinct */
	uint64_t had_files, had_bytes; /* were right already */
	uint64_t got_files,
		got_bytes;	/* fetched now, without what was resumed */
	uint64_t resumed_bytes; /* left by an earlier run and used */
	uint64_t wasted_bytes;	/* received and thrown away: what came is in
				 * got_bytes, or here, or was left to a later run */
	uint64_t retries;
	uint64_t failed_files;
};

/* Free space first, then all files that are missing or wrong, then snapshot
 * links, listings of whole snapshots, refs that are missing. One file that fails
 * for good does not stop the others; the error then tells of the first and how
 * many. Offline h may be NULL, and nothing is written. */
int download_lock(struct hub *h, struct hfcache *store, struct lock *l,
		  const struct download_options *o, struct download_stats *out,
		  struct error *err) MUST_CHECK;

/* Looks at what the store has and writes nothing: missing() is told of each file
 * that would be fetched. ERR_IO, and none is told of, if there is no room for them. */
struct download_survey {
	void (*missing)(void *ctx, const struct lock_repo *repo,
			const struct lock_file *file, enum blob_state state);
	void *ctx;
};
int download_survey(struct hfcache *store, struct lock *l,
		    const struct download_options *o,
		    const struct download_survey *survey,
		    struct download_stats *out, struct error *err) MUST_CHECK;

#endif
