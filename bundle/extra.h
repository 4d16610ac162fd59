/*
 * Members of a bundle that do not follow from the lock: instructions, scripts.
 * The bundle manifest names them with size and digest, so that a reader need not
 * know their bytes, and each version of the program may bring its own.
 */
#ifndef ITTS_EXTRA_H
#define ITTS_EXTRA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"

#define EXTRA_PATH_MAX 100		    /* bytes; ustar holds it as it is */
#define EXTRA_SIZE_MAX ((uint64_t)64 << 20) /* bytes of one */
#define EXTRA_MAX      16		    /* of them in a bundle */

struct bundle_extra {
	char path[EXTRA_PATH_MAX + 1];
	uint64_t size; /* never 0 */
	struct digest sha256;
	bool executable;
};

struct extra_list {
	struct bundle_extra items[EXTRA_MAX];
	size_t count;
};

/* Appends one; ERR_USAGE if the list is full or the size is not allowed. */
int extra_add(struct extra_list *l, const char *path, uint64_t size,
	      const struct digest *sha256, bool executable, struct error *err)
	MUST_CHECK;
/* Names are plain ASCII and take the place of no other member. ERR_UNSAFE. */
int extra_check(const struct extra_list *l, struct error *err) MUST_CHECK;
/* The value of "extras" in the bundle manifest. */
void extra_format(const struct extra_list *l, struct json_writer *w);
int extra_parse(struct extra_list *out, const struct json *doc,
		struct error *err) MUST_CHECK;

/* What this program puts into the bundles that it writes (bundle/files/). */
struct extra_own {
	const char *path, *text;
	size_t len;
	bool executable;
};
bool extra_own_at(size_t i, struct extra_own *out); /* false behind the last */
bool extra_own_find(const char *path, struct extra_own *out);

#endif
