/*
 * What was installed into a store, so that the same bundle can be made again from
 * it: its manifest, the signature in its slot, and its extras, in
 * .locks/itts-pack/NAME/ of the store. (The one directory of a Hub cache that no
 * client looks into.)
 */
#ifndef ITTS_RECORD_H
#define ITTS_RECORD_H

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/source.h"
#include "cache/hfcache.h"

/* As of the full bundle, also when a thin one was installed, whose signature is of
 * another manifest and not kept. Signatures and extras of earlier bundles of that name
 * are deleted. */
int record_write(struct hfcache *store, const struct bundle_source *s,
		 struct error *err) MUST_CHECK;
/* Reads the extra that comes next in s, keeps it if it is right. made: gets the name
 * of what was not there before. ERR_INTEGRITY. */
int record_take_extra(struct hfcache *store, struct bundle_source *s,
		      const struct segment *seg, struct strlist *made,
		      struct error *err) MUST_CHECK;
/* Of the bundle NAME: away with what was made, as nothing came of it. */
void record_drop_extras(struct hfcache *store, const char *name,
			const struct strlist *made);

/* Names of the bundles that were installed to the end, sorted, appended. */
int record_list(struct hfcache *store, struct strlist *out, struct error *err)
	MUST_CHECK;
/* ERR_NOT_FOUND. */
int record_read(struct hfcache *store, const char *name,
		struct bundle_manifest *out, struct error *err) MUST_CHECK;
/* Fills slot (BUNDLE_SIGNATURE_SIZE bytes): with the signature of the manifest with
 * this text, where that was installed with one; else as it is in an unsigned bundle. */
int record_read_signature(struct hfcache *store, const char *name,
			  const struct str *text, char *slot, struct error *err)
	MUST_CHECK;
/* ERR_NOT_FOUND. *fd: caller closes. */
int record_open_extra(struct hfcache *store, const char *name,
		      const struct bundle_extra *e, int *fd, struct error *err)
	MUST_CHECK;

#endif
