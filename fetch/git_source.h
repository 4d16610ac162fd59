/* Repositories that a manifest has by a git URL, and git as a witness. */
#ifndef ITTS_GIT_SOURCE_H
#define ITTS_GIT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "cache/hfcache.h"
#include "fetch/hub.h"
#include "manifest/lock.h"
#include "manifest/manifest.h"

/* Commit and files of m (m->git is there), with both digests of each. */
int git_source_list(struct hub *h, struct hfcache *store,
		    const struct manifest_model *m, struct lock_repo *repo,
		    struct error *err) MUST_CHECK;
/* Files that came out of packs. */
struct git_filled {
	const struct lock_file **files; /* borrowed from the lock, sorted */
	size_t count, cap;
};
void git_filled_release(struct git_filled *f); /* CLEANUP */
bool git_filled_has(const struct git_filled *f, const struct lock_file *file);

/* What the store lacks of repositories with a git URL: small files out of a pack
 * into the store and *out, links of the others into h. Asks nobody if nothing
 * lacks. */
int git_source_fill(struct hub *h, struct hfcache *store, struct lock *l,
		    struct git_filled *out, struct error *err) MUST_CHECK;
/* Holds every repository that is on a hub against the tree of its commit, which
 * a git server of one of the endpoints gives out and nobody can forge. *files:
 * how many were proven. ERR_INTEGRITY names the first that is not so. */
int git_source_prove(struct hub *h, struct hfcache *store, const struct lock *l,
		     size_t *files, struct error *err) MUST_CHECK;

#endif
