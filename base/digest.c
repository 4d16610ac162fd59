/*
 * OpenSSL's low-level SHA functions rather than EVP: EVP can neither give out
 * nor take in a chaining value, and one file is hashed by several threads with
 * them. libcrypto runs the same assembler behind both. They cannot fail.
 */
#include "base/digest.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#define READ_SIZE ((size_t)1 << 20)

struct digest_ctx {
	enum digest_alg alg;
	union {
		SHA256_CTX sha256;
		SHA_CTX sha1;
	};
};

size_t digest_len(enum digest_alg alg)
{
	static const unsigned char lengths[] = {
		[DIGEST_NONE] = 0,
		[DIGEST_SHA256] = SHA256_DIGEST_LENGTH,
		[DIGEST_GIT_SHA1] = SHA_DIGEST_LENGTH,
	};

	assert((size_t)alg < ARRAY_LEN(lengths));
	return lengths[alg];
}

char *digest_hex(const struct digest *d, char out[DIGEST_HEX_MAX])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = digest_len(d->alg);

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[d->bytes[i] >> 4];
		out[2 * i + 1] = digits[d->bytes[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

/* A table: digits and letters follow one another at random, and a cache has
 * hundreds of thousands of them. Value plus one; 0: no digit. */
static const unsigned char hex_values[256] = {
	['0'] = 1,  ['1'] = 2,	['2'] = 3,  ['3'] = 4,	['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool digest_from_hex(struct digest *out, const char *hex)
{
	struct digest d = { 0 };
	size_t len = strnlen(hex, DIGEST_HEX_MAX);

	if (len == 2 * digest_len(DIGEST_SHA256))
		d.alg = DIGEST_SHA256;
	else if (len == 2 * digest_len(DIGEST_GIT_SHA1))
		d.alg = DIGEST_GIT_SHA1;
	else
		return false;
	for (size_t i = 0; i < len; i += 2) {
		unsigned high = hex_values[(unsigned char)hex[i]];
		unsigned low = hex_values[(unsigned char)hex[i + 1]];

		if (!high || !low)
			return false;
		d.bytes[i / 2] = (unsigned char)((high - 1) << 4 | (low - 1));
	}
	*out = d;
	return true;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return !digest_cmp(a, b);
}

int digest_cmp(const struct digest *a, const struct digest *b)
{
	if (a->alg != b->alg)
		return a->alg < b->alg ? -1 : 1;
	return memcmp(a->bytes, b->bytes, digest_len(a->alg));
}

bool is_commit_id(const char *s)
{
	struct digest d;

	return digest_from_hex(&d, s) && d.alg == DIGEST_GIT_SHA1;
}

struct digest_ctx *digest_begin(enum digest_alg alg, uint64_t size)
{
	struct digest_ctx *c = xcalloc(1, sizeof(*c));
	char header[32];
	int n;

	assert(alg == DIGEST_SHA256 || alg == DIGEST_GIT_SHA1);
	c->alg = alg;
	if (alg == DIGEST_SHA256) {
		SHA256_Init(&c->sha256);
		return c;
	}
	SHA1_Init(&c->sha1);
	n = snprintf(header, sizeof(header), "blob %" PRIu64, size);
	digest_update(c, header, (size_t)n + 1); /* with its NUL */
	return c;
}

void digest_update(struct digest_ctx *c, const void *p, size_t n)
{
	if (c->alg == DIGEST_SHA256)
		SHA256_Update(&c->sha256, p, n);
	else
		SHA1_Update(&c->sha1, p, n);
}

void digest_end(struct digest_ctx **c, struct digest *out)
{
	*out = (struct digest){ .alg = (*c)->alg };
	if (out->alg == DIGEST_SHA256)
		SHA256_Final(out->bytes, &(*c)->sha256);
	else
		SHA1_Final(out->bytes, &(*c)->sha1);
	digest_free(c);
}

void digest_free(struct digest_ctx **c)
{
	free_ptr(c);
}

void digest_get_state(const struct digest_ctx *c,
		      unsigned char state[DIGEST_STATE_LEN])
{
	assert(c->alg == DIGEST_SHA256 && c->sha256.num == 0);
	for (size_t i = 0; i < 8; i++) {
		uint32_t word = htobe32(c->sha256.h[i]);

		memcpy(state + 4 * i, &word, sizeof(word));
	}
}

struct digest_ctx *digest_resume(const unsigned char state[DIGEST_STATE_LEN],
				 uint64_t done)
{
	struct digest_ctx *c = digest_begin(DIGEST_SHA256, 0);

	assert(done % 64 == 0);
	for (size_t i = 0; i < 8; i++) {
		uint32_t word;

		memcpy(&word, state + 4 * i, sizeof(word));
		c->sha256.h[i] = be32toh(word);
	}
	/* the count of bits that FIPS 180-4 puts into the padding */
	c->sha256.Nl = (SHA_LONG)(done << 3);
	c->sha256.Nh = (SHA_LONG)(done >> 29);
	return c;
}

void digest_buf(enum digest_alg alg, const void *p, size_t n,
		struct digest *out)
{
	struct digest_ctx *c CLEANUP(digest_free) = digest_begin(alg, n);

	digest_update(c, p, n);
	digest_end(&c, out);
}

int digest_fd(enum digest_alg alg, int fd, uint64_t offset, uint64_t size,
	      struct digest *out, struct error *err)
{
	struct digest_ctx *c CLEANUP(digest_free) = digest_begin(alg, size);
	size_t room = size < READ_SIZE ? (size_t)size : READ_SIZE;
	char *buf CLEANUP(free_ptr) = xmalloc(room);

	/* advice only: a pipe or an odd file system may refuse it */
	(void)posix_fadvise(fd, (off_t)offset, (off_t)size,
			    POSIX_FADV_SEQUENTIAL);
	for (uint64_t done = 0; done < size;) {
		size_t want = size - done < room ? (size_t)(size - done) : room;
		size_t got;

		if (file_pread_full(fd, buf, want, offset + done, &got, "read",
				    err))
			return -1;
		if (got < want)
			return err_set(err, ERR_INTEGRITY,
				       "ends after %" PRIu64
				       " bytes, expected %" PRIu64,
				       done + got, size);
		digest_update(c, buf, want);
		done += want;
	}
	digest_end(&c, out);
	return 0;
}
