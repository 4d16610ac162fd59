/*
 * SHA-256 (FIPS 180-4) and git blob SHA-1 ("blob <size>\0" + bytes): the two
 * names that a Hub blob can have. OpenSSL's only door.
 */
#ifndef ITTS_DIGEST_H
#define ITTS_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

enum digest_alg { DIGEST_NONE, DIGEST_SHA256, DIGEST_GIT_SHA1 };

struct digest {
	enum digest_alg alg;	 /* DIGEST_NONE: not known */
	unsigned char bytes[32]; /* unused ones are zero */
};

#define DIGEST_HEX_MAX 65 /* 64 digits and the NUL */

size_t digest_len(enum digest_alg alg); /* bytes: 32, 20 or 0 */
/* Writes lower-case hex into out and returns out. "" for DIGEST_NONE. */
char *digest_hex(const struct digest *d, char out[DIGEST_HEX_MAX]);
/* 64 or 40 lower-case hex digits, nothing else. false: *out is untouched. */
bool digest_from_hex(struct digest *out, const char *hex);
bool digest_equal(const struct digest *a, const struct digest *b);
int digest_cmp(const struct digest *a, const struct digest *b);
/* A 40-hex commit id (lower case)? */
bool is_commit_id(const char *s);

struct digest_ctx;
/* size: bytes that will come (part of a git blob's name; ignored else). */
struct digest_ctx *digest_begin(enum digest_alg alg, uint64_t size);
void digest_update(struct digest_ctx *c, const void *p, size_t n);
void digest_end(struct digest_ctx **c, struct digest *out); /* frees *c */
void digest_free(struct digest_ctx **c);		    /* CLEANUP */

/* SHA-256's chaining value after a multiple of 64 bytes: with it the rest of a
 * file can be hashed by another thread, and the links of the chain prove the
 * digest of the whole. SHA-256 contexts only. */
#define DIGEST_STATE_LEN 32
void digest_get_state(const struct digest_ctx *c,
		      unsigned char state[DIGEST_STATE_LEN]);
/* Begins in the middle: done bytes (a multiple of 64) led to state. */
struct digest_ctx *digest_resume(const unsigned char state[DIGEST_STATE_LEN],
				 uint64_t done);

void digest_buf(enum digest_alg alg, const void *p, size_t n,
		struct digest *out);
/* Hashes size bytes of fd from offset with pread(). ERR_INTEGRITY if the file
 * ends early, ERR_IO. */
int digest_fd(enum digest_alg alg, int fd, uint64_t offset, uint64_t size,
	      struct digest *out, struct error *err) MUST_CHECK;

#endif
