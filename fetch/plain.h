/* Files of no hub: a manifest gives URL and SHA-256 of each. */
#ifndef ITTS_PLAIN_H
#define ITTS_PLAIN_H

#include "base/attr.h"
#include "base/error.h"
#include "fetch/hub.h"
#include "manifest/lock.h"
#include "manifest/manifest.h"

/* Fills repo with the files of m (has_urls), sorted, and a commit that is made of
 * what they are. Asks for a size where the manifest has none: ERR_HTTP if the
 * server does not say it. */
int plain_list(struct hub *h, const struct manifest_model *m,
	       struct lock_repo *repo, struct error *err) MUST_CHECK;

/* The size of what is at a URL, named for messages. ERR_HTTP if the server does
 * not say it. */
int plain_size(struct hub *h, const char *url, const char *name, uint64_t *out,
	       struct error *err) MUST_CHECK;
/* Sets the commit that follows from the files, which are sorted. */
void plain_commit(struct lock_repo *repo);

#endif
