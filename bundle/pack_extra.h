/* Extras on their way into a bundle; for bundle/pack*.c. */
#ifndef ITTS_PACK_EXTRA_H
#define ITTS_PACK_EXTRA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "bundle/bmanifest.h"
#include "bundle/pack.h"

/* Adds the files to the manifest. ERR_IO, ERR_USAGE, ERR_UNSAFE. */
int pack_extra_add(struct bundle_manifest *m, const struct pack_extra *list,
		   size_t count, struct error *err) MUST_CHECK;

/* Where the bytes of one are. */
struct pack_extra_source {
	const char *text; /* borrowed, or NULL */
	bool sbom;	  /* sbom_write() has them */
	int fd;
};
void pack_extra_release(struct pack_extra_source *s); /* CLEANUP */
/* This program's own, else those of the options, else what installing a bundle
 * has left in the store. ERR_NOT_FOUND. */
int pack_extra_open(struct pack_extra_source *out, struct hfcache *store,
		    const struct lock *l, const struct pack_options *o,
		    const struct bundle_extra *e, struct error *err) MUST_CHECK;

#endif
