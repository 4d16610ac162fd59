/* The members of a bundle, one after the other; for layout.c. */
#ifndef ITTS_LAYOUT_MEMBERS_H
#define ITTS_LAYOUT_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "bundle/bmanifest.h"
#include "bundle/oci.h"
#include "bundle/tar.h"

enum member_data {
	MEMBER_NONE,	 /* links */
	MEMBER_TEXT,	 /* made here: text */
	MEMBER_EXTRA,	 /* its bytes are not known here */
	MEMBER_PAYLOAD,	 /* a blob, or with again a copy of it */
	MEMBER_MANIFEST, /* size left at 0: the caller knows it */
	MEMBER_SIGNATURE,
	MEMBER_SUMS, /* size left at 0: the caller knows it */
	MEMBER_STATES,
};

struct member {
	struct tar_member tar; /* pointers until the next members_next() */
	enum member_data data;
	const char *text; /* TEXT: tar.size bytes; likewise */
	size_t blob;	  /* PAYLOAD */
	size_t extra;	  /* EXTRA */
	bool again;
};

struct members {
	const struct bundle_manifest *m; /* borrowed */
	struct oci_bundle bundle;	 /* m's own text */
	bool names_only;
	bool absent; /* give the payloads that a thin bundle leaves out too */
	size_t stage, i, use, step;
	struct str path, target, text;
};

/* names_only: texts stay empty wherever no name depends on them. */
void members_init(struct members *it, const struct bundle_manifest *m,
		  const struct oci_bundle *bundle, bool names_only);
void members_release(struct members *it); /* CLEANUP */
bool members_next(struct members *it, struct member *out);
/* Is it in SHA256SUMS? */
bool member_is_listed(const struct member *m);

#endif
