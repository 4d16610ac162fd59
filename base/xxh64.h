/*
 * XXH64, a fast checksum that is no proof against malice: it tells whether bytes
 * are still those that were written. Whether they are right, a digest tells.
 */
#ifndef ITTS_XXH64_H
#define ITTS_XXH64_H

#include <stddef.h>
#include <stdint.h>

struct xxh64 {
	uint64_t seed, total;
	uint64_t lanes[4];
	unsigned char rest[32]; /* bytes that do not fill a stripe yet */
	unsigned rest_len;
};
void xxh64_begin(struct xxh64 *x, uint64_t seed);
void xxh64_update(struct xxh64 *x, const void *bytes, size_t n);
uint64_t xxh64_end(const struct xxh64 *x); /* x may go on afterwards */

#endif
