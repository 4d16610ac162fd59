/* manifest -> lock. */
#ifndef ITTS_RESOLVE_H
#define ITTS_RESOLVE_H

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/event.h"
#include "base/str.h"
#include "cache/hfcache.h"
#include "fetch/hub.h"
#include "manifest/lock.h"
#include "manifest/manifest.h"

/* Asks every endpoint for every model; all that answer must agree on commit and
 * listing (ERR_INTEGRITY names both). One that does not answer is warned of, if
 * another did. Pins that differ are ERR_INTEGRITY. SHA-256 of small git files is
 * learned from the store or by downloading them into it. groups: that are on. */
struct resolve_options {
	const struct strlist *groups; /* that are on */
	const struct lock *old; /* an earlier answer, or NULL: the listing of
				 * an archive that is the same is taken from it */
	unsigned jobs;		/* files at a time; 0: 8 */
	/* Nothing is downloaded to be learned: a SHA-256 that is not known is left
	 * out, a name that is not known is the SHA-256, and an archive whose files are
	 * not known is a file itself. Such a lock is for looking at only. */
	bool survey;
	const struct cancel *cancel;
	const struct event_sink *sink;
};
int resolve_manifest(struct hub *h, struct hfcache *store,
		     const struct manifest *m, const struct resolve_options *o,
		     struct lock *out, struct error *err) MUST_CHECK;

#endif
