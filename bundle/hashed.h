/* Files of a list that were hashed: found by what they hashed to, and passed over
 * where one is sought that was not. */
#ifndef ITTS_HASHED_H
#define ITTS_HASHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

#define HASHED_NONE UINT32_MAX

struct hashed_file;
/* All zero: none was hashed yet, and no memory is taken. */
struct hashed {
	struct hashed_file *files;
	uint32_t *heads; /* one a bucket: the first file in it */
	size_t count;
};
void hashed_release(struct hashed *h); /* CLEANUP */
/* File i of count (below HASHED_NONE) is not yet there and hashes to d, of which the
 * first bytes are kept. */
void hashed_add(struct hashed *h, size_t count, size_t i,
		const struct digest *d);
/* The first file that may hash to d, and the next one; HASHED_NONE: no more. */
uint32_t hashed_first(const struct hashed *h, const struct digest *d);
uint32_t hashed_next(const struct hashed *h, uint32_t i,
		     const struct digest *d);
/* The first file from i on that was not hashed, in a few steps; it may be count. */
size_t hashed_skip(struct hashed *h, size_t i);

#endif
