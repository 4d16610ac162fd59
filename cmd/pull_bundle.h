/* What an image in a registry brings along of the bundle that it came from: the
 * bundle's manifest, with places in a model directory, a serial, and what a
 * signature is over. */
#ifndef ITTS_PULL_BUNDLE_H
#define ITTS_PULL_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/install.h"
#include "cmd/app.h"
#include "cmd/trust.h"
#include "fetch/registry.h"

struct pull_bundle {
	bool known; /* false: an image that does not carry it */
	struct bundle_source source; /* its manifest alone */
	size_t repo;		     /* which repository of it the image is */
	struct trusting trusting;
};
#define PULL_BUNDLE_INIT                                                \
	{                                                               \
		.source = BUNDLE_SOURCE_INIT, .trusting = TRUSTING_INIT \
	}
void pull_bundle_release(struct pull_bundle *b); /* CLEANUP */

/* Asks for it and judges it: signature, policy, serial; and holds the image against
 * it. Where it lacks, what can only be judged by it is refused. path: for messages,
 * borrowed for good. *b must stay where it is. */
int pull_bundle_get(struct pull_bundle *b, struct app *app, struct registry *r,
		    const struct registry_image *image,
		    const struct install_options *o, const char *path,
		    struct error *err) MUST_CHECK;
/* The image's repository as a lock of its own; all is borrowed. */
struct lock pull_bundle_part(const struct pull_bundle *b);
/* Fills o->model_dir and records what is in it then. */
int pull_bundle_place(const struct pull_bundle *b, struct hfcache *store,
		      const struct install_options *o, struct view_stats *out,
		      struct error *err) MUST_CHECK;
/* Repositories of the bundle that the store has not got in whole (by name and size
 * of each file); appended. */
int pull_bundle_lacking(const struct pull_bundle *b, struct hfcache *store,
			const struct cancel *cancel, struct strlist *out,
			struct error *err) MUST_CHECK;

#endif
