/* Holding what is on disk against what it should be, on all cores. */
#ifndef ITTS_VERIFY_H
#define ITTS_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/event.h"
#include "cache/checked.h"
#include "cache/hfcache.h"
#include "cache/verify_report.h"
#include "manifest/lock.h"

struct verify_options {
	unsigned threads; /* 0: all cores */
	const struct cancel *cancel;
	const struct event_sink *sink;
	/* Of the cache or model directory: what is found right is added, and what
	 * it knows in a quick check is not read. May be NULL. */
	struct checked *checked;
};

/* Every blob of the lock (SHA-256), snapshot link, ref. Also says of other
 * snapshots' leftovers in those repos. Damage is in the report, not an error. */
int verify_lock(struct hfcache *c, const struct lock *l,
		const struct verify_options *o, struct verify_report *out,
		struct error *err) MUST_CHECK;
/* Without a lock: every blob against its own name, every snapshot link, ref,
 * listing (trees/) for sense. only: repo ids, empty = all. */
int verify_cache(struct hfcache *c, const struct strlist *only,
		 const struct verify_options *o, struct verify_report *out,
		 struct error *err) MUST_CHECK;
/* Views and Hub views of the lock in a model directory. Editable files that
 * differ count as damage too. Extra files of the directory are reported. */
int verify_model_dir(const char *model_dir, const struct lock *l,
		     const struct verify_options *o, struct verify_report *out,
		     struct error *err) MUST_CHECK;

#endif
