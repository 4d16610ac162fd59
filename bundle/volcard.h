/* The card of a set of volumes, NAME.volumes.json: which files there are. */
#ifndef ITTS_VOLCARD_H
#define ITTS_VOLCARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"

#define VOLCARD_LIMIT (32u << 20) /* bytes of text */
#define VOLCARD_MAX   99999u	  /* volumes */

struct volume {
	char *file; /* a plain name beside the card */
	uint64_t offset, size;
	struct digest sha256;
};

struct volcard {
	char *name;	   /* of the bundle */
	struct digest set; /* SHA-256 of itts-bundle.json */
	uint64_t bytes;	   /* of the whole */
	struct volume *volumes;
	size_t count, cap;
};
void volcard_release(struct volcard *c); /* CLEANUP */
/* Appends the next volume; file is copied. */
void volcard_add(struct volcard *c, const char *file, uint64_t size,
		 const struct digest *sha256);
void volcard_format(const struct volcard *c, struct str *out);
/* ERR_FORMAT, ERR_UNSAFE. *out is untouched on failure. */
int volcard_parse(struct volcard *out, const char *text, size_t len,
		  struct error *err) MUST_CHECK;
/* Index of the volume that has this byte; count: it is behind the end. */
size_t volcard_find(const struct volcard *c, uint64_t offset);

#endif
