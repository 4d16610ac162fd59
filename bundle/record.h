/*
 * What was installed into a store, so that the same bundle can be made again from
 * it: its manifest and its extras, in .locks/itts-pack/NAME/ of the store. (The
 * one directory of a Hub cache that no client looks into.)
 */
#ifndef ITTS_RECORD_H
#define ITTS_RECORD_H

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/source.h"
#include "cache/hfcache.h"

/* As of the full bundle, also when a thin one was installed. */
int record_write(struct hfcache *store, const struct bundle_source *s,
		 struct error *err) MUST_CHECK;
/* Reads the extra that comes next in s, keeps it if it is right. ERR_INTEGRITY. */
int record_take_extra(struct hfcache *store, struct bundle_source *s,
		      const struct segment *seg, struct error *err) MUST_CHECK;

/* Names of the bundles that were installed, sorted, appended. */
int record_list(struct hfcache *store, struct strlist *out, struct error *err)
	MUST_CHECK;
/* ERR_NOT_FOUND. */
int record_read(struct hfcache *store, const char *name,
		struct bundle_manifest *out, struct error *err) MUST_CHECK;
/* ERR_NOT_FOUND. *fd: caller closes. */
int record_open_extra(struct hfcache *store, const char *name,
		      const struct bundle_extra *e, int *fd, struct error *err)
	MUST_CHECK;

#endif
