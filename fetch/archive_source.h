/* Repositories whose files are in an archive at a plain URL. It stands in the
 * store as a blob of that repository until all of its files do. */
#ifndef ITTS_ARCHIVE_SOURCE_H
#define ITTS_ARCHIVE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "cache/hfcache.h"
#include "fetch/download.h"
#include "fetch/download_plan.h"
#include "fetch/hub.h"
#include "manifest/lock.h"
#include "manifest/manifest.h"

/* Archive (with its size), files and commit of m (m->archive is there). Fetches
 * the archive into the store. o: jobs, cancel, sink. */
int archive_source_list(struct hub *h, struct hfcache *store,
			const struct manifest_model *m,
			const struct download_options *o,
			struct lock_repo *repo, struct error *err) MUST_CHECK;

/* The archive itself as its only file, for a look at what would be downloaded: asks
 * for no more than its size. repo->archive is left empty. */
int archive_source_unopened(struct hub *h, const struct manifest_model *m,
			    struct lock_repo *repo, struct error *err)
	MUST_CHECK;

/* What archive_source_list() says, from an earlier lock (or NULL), asking nobody: an
 * archive of that digest has those files. false: it does not say all of them. */
bool archive_source_remember(const struct lock *old,
			     const struct manifest_model *m,
			     struct lock_repo *repo);

/* One download's archives. */
struct archive_fill {
	struct hub *hub;
	struct hfcache *store;
	struct plan *plan;
	const struct download_options *options;
	struct download_stats *stats;
	struct error *failed; /* of the first file that failed */
};
/* Unpacks what the plan's archive repositories lack. An archive that cannot be
 * had fails its files, not the others. */
int archive_source_fill(const struct archive_fill *f, struct error *err)
	MUST_CHECK;
/* Takes the archive of a whole repository out of the store. */
void archive_source_forget(struct hfcache *store, const struct lock_repo *repo);

#endif
