/* Runs jobs for all blobs that are missing. */
#ifndef ITTS_DOWNLOAD_FETCH_H
#define ITTS_DOWNLOAD_FETCH_H

#include "base/attr.h"
#include "base/error.h"
#include "fetch/download.h"
#include "fetch/download_plan.h"

/* Blobs that came are BLOB_OK afterwards. Files that failed are counted in stats;
 * *failed tells of the first. -1 only if the whole run cannot go on (disk full,
 * cancelled). */
int download_fetch(struct plan *p, struct hub *h, struct hfcache *store,
		   const struct download_options *o,
		   struct download_stats *stats, struct error *failed,
		   struct error *err) MUST_CHECK;

#endif
