/*
 * What a site has: SHA-256 and size of its blobs. `itts-pack inventory` writes it
 * on the air-gapped side, `pack --for` leaves out of a bundle what it lists.
 */
#ifndef ITTS_INVENTORY_H
#define ITTS_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/event.h"
#include "base/str.h"
#include "bundle/bmanifest.h"
#include "cache/hfcache.h"

#define INVENTORY_LIMIT	    (32u << 20) /* bytes of text */
#define INVENTORY_MAX_BLOBS 200000u

struct inventory_item {
	struct digest sha256;
	uint64_t size;
};

struct inventory {
	struct inventory_item *items; /* sorted by digest, each once */
	size_t count, cap;
};
void inventory_release(struct inventory *inv); /* CLEANUP */

/* ERR_FORMAT. *out is untouched on failure. */
int inventory_parse(struct inventory *out, const char *text, size_t len,
		    struct error *err) MUST_CHECK;
void inventory_format(const struct inventory *inv, struct str *out);
bool inventory_has(const struct inventory *inv, const struct digest *sha256,
		   uint64_t size);
/* What a site has that installed this bundle. */
int inventory_of_bundle(struct inventory *out, const struct bundle_manifest *m,
			struct error *err) MUST_CHECK;
/* By hand: any order, then sorted, each digest once (ERR_FORMAT: one has two
 * sizes). */
void inventory_add(struct inventory *inv, const struct digest *sha256,
		   uint64_t size);
int inventory_settle(struct inventory *inv, struct error *err) MUST_CHECK;

struct inventory_options {
	bool quick; /* believe the names of blobs that are a SHA-256 */
	unsigned threads;
	const struct cancel *cancel;
	const struct event_sink *sink; /* damaged blobs: WARN, and left out */
};
/* Blobs of a store that are large enough to be left out of a bundle, each read
 * and held against its name. */
int inventory_scan(struct inventory *out, struct hfcache *c,
		   const struct inventory_options *o, struct error *err)
	MUST_CHECK;

#endif
