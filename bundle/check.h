/* A bundle held against its own manifest, whole, without unpacking. */
#ifndef ITTS_BUNDLE_CHECK_H
#define ITTS_BUNDLE_CHECK_H

#include "base/attr.h"
#include "base/error.h"
#include "bundle/source.h"
#include "cache/verify.h"

/* Headers and small members byte for byte, payloads by SHA-256: a local file on
 * all cores (big payloads in pieces of BUNDLE_STATE_STEP, proved by the chain of
 * states), a stream in one pass. Damage is in the report: payloads as repo and
 * path, with the byte where it begins; anything else as the member's name; and
 * the volumes, if it has them, whose digests are wrong. */
int bundle_check(struct bundle_source *s, const struct verify_options *o,
		 struct verify_report *out, struct error *err) MUST_CHECK;

#endif
