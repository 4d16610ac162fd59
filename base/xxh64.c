/*
 * XXH64 as its specification has it (github.com/Cyan4973/xxHash,
 * doc/xxhash_spec.md): four lanes over stripes of 32 bytes, little-endian.
 */
#include "base/xxh64.h"

#include <endian.h>
#include <string.h>

#define PRIME1 0x9E3779B185EBCA87u
#define PRIME2 0xC2B2AE3D27D4EB4Fu
#define PRIME3 0x165667B19E3779F9u
#define PRIME4 0x85EBCA77C2B2AE63u
#define PRIME5 0x27D4EB2F165667C5u
#define STRIPE 32u

static uint64_t rotate(uint64_t v, unsigned bits)
{
	return v << bits | v >> (64 - bits);
}

static uint64_t read64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static uint32_t read32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint64_t mix(uint64_t lane, uint64_t input)
{
	return rotate(lane + input * PRIME2, 31) * PRIME1;
}

static void take_stripes(uint64_t lanes[4], const unsigned char *p, size_t n)
{
	uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];

	for (; n >= STRIPE; p += STRIPE, n -= STRIPE) {
		a = mix(a, read64(p));
		b = mix(b, read64(p + 8));
		c = mix(c, read64(p + 16));
		d = mix(d, read64(p + 24));
	}
	lanes[0] = a;
	lanes[1] = b;
	lanes[2] = c;
	lanes[3] = d;
}

void xxh64_begin(struct xxh64 *x, uint64_t seed)
{
	*x = (struct xxh64){ .seed = seed,
			     .lanes = { seed + PRIME1 + PRIME2, seed + PRIME2,
					seed, seed - PRIME1 } };
}

void xxh64_update(struct xxh64 *x, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	x->total += n;
	if (x->rest_len > 0) {
		size_t room = STRIPE - x->rest_len;
		size_t take = n < room ? n : room;

		memcpy(x->rest + x->rest_len, p, take);
		x->rest_len += (unsigned)take;
		p += take;
		n -= take;
		if (x->rest_len < STRIPE)
			return;
		take_stripes(x->lanes, x->rest, STRIPE);
		x->rest_len = 0;
	}
	take_stripes(x->lanes, p, n);
	x->rest_len = (unsigned)(n % STRIPE);
	if (x->rest_len > 0)
		memcpy(x->rest, p + n - x->rest_len, x->rest_len);
}

static uint64_t join_lanes(const struct xxh64 *x)
{
	const uint64_t *l = x->lanes;
	uint64_t h;

	if (x->total < STRIPE)
		return x->seed + PRIME5;
	h = rotate(l[0], 1) + rotate(l[1], 7) + rotate(l[2], 12) +
	    rotate(l[3], 18);
	for (int i = 0; i < 4; i++)
		h = (h ^ mix(0, l[i])) * PRIME1 + PRIME4;
	return h;
}

uint64_t xxh64_end(const struct xxh64 *x)
{
	const unsigned char *p = x->rest, *end = x->rest + x->rest_len;
	uint64_t h = join_lanes(x) + x->total;

	for (; end - p >= 8; p += 8)
		h = rotate(h ^ mix(0, read64(p)), 27) * PRIME1 + PRIME4;
	if (end - p >= 4) {
		h = rotate(h ^ read32(p) * PRIME1, 23) * PRIME2 + PRIME3;
		p += 4;
	}
	for (; p < end; p++)
		h = rotate(h ^ *p * PRIME5, 11) * PRIME1;
	h = (h ^ h >> 33) * PRIME2;
	h = (h ^ h >> 29) * PRIME3;
	return h ^ h >> 32;
}
