/* A repository that is an archive at a plain URL: {"url", "sha256", "size",
 * "strip"}, the same in manifest and lock. */
#ifndef ITTS_ARCHIVE_REF_H
#define ITTS_ARCHIVE_REF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"

struct archive_ref {
	char *url;     /* NULL: it is none */
	char *strip;   /* "dir/" that is taken off all names, or NULL */
	uint64_t size; /* of the archive; UINT64_MAX: not known */
	struct digest sha256;
};

void archive_ref_release(struct archive_ref *a); /* CLEANUP */
void archive_ref_copy(struct archive_ref *to, const struct archive_ref *from);
/* The member "archive" of obj's value; where: place of obj. ERR_FORMAT. */
int archive_ref_read(struct archive_ref *out, const struct json *value,
		     const char *where, struct error *err) MUST_CHECK;
/* For one made by hand, too. ERR_FORMAT, ERR_UNSAFE. */
int archive_ref_check(const struct archive_ref *a, struct error *err)
	MUST_CHECK;
/* The key "archive" and its value on one line; nothing if it is none. */
void archive_ref_put(const struct archive_ref *a, struct json_writer *w);
/* For people: "URL (SHA-256)", or NULL. Caller frees. */
char *archive_ref_text(const struct archive_ref *a);

#endif
