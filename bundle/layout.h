/*
 * The sequence of bytes and payloads that a bundle is: a pure function of its
 * manifest (and of the manifest's own text). Pack writes it, install and verify
 * compare with it, inspect does arithmetic on it. Nothing here touches a file.
 */
#ifndef ITTS_LAYOUT_H
#define ITTS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/bmanifest.h"

enum segment_kind {
	SEGMENT_BYTES,	   /* headers and small members: ptr, size bytes */
	SEGMENT_SIGNATURE, /* BUNDLE_SIGNATURE_SIZE bytes, free in content */
	SEGMENT_EXTRA,	   /* extras.items[extra], size bytes (never 0) */
	SEGMENT_PAYLOAD,   /* blobs[blob], size bytes (never 0) */
	SEGMENT_STATES,	   /* SHA-256 states of the payloads, size bytes */
	SEGMENT_END
};

struct segment {
	enum segment_kind kind;
	const void *ptr; /* BYTES: until the next layout_next() */
	uint64_t offset; /* in the bundle */
	uint64_t size;
	size_t blob;  /* PAYLOAD */
	size_t extra; /* EXTRA */
	bool again; /* PAYLOAD: a copy of a blob that came before (at most 64 KiB) */
	const char *name; /* member it belongs to, for messages; like ptr */
};

struct layout;

/* text: the manifest's exact bytes (borrowed, as is m). */
int layout_open(struct layout **out, const struct bundle_manifest *m,
		const char *text, size_t len, struct error *err) MUST_CHECK;
void layout_close(struct layout **l); /* CLEANUP */
/* The next segment; SEGMENT_END behind the last. Memory does not grow with the
 * number of files. */
int layout_next(struct layout *l, struct segment *out, struct error *err)
	MUST_CHECK;
void layout_rewind(struct layout *l);
/* Bytes of the whole bundle, by walking it once on first use. */
int layout_total(struct layout *l, uint64_t *total, struct error *err)
	MUST_CHECK;

#endif
