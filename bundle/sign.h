/*
 * Signatures of SSH keys (RFC 4253 section 6.6, RFC 5656, RFC 8332, RFC 8709,
 * and OpenSSH's PROTOCOL.u2f for keys in hardware), checked with OpenSSL, whose
 * second door this is. Nothing is signed here: ssh-keygen does that.
 */
#ifndef ITTS_SIGN_H
#define ITTS_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"

#define SIGN_KEY_LIMIT	8192u /* bytes of a public key in wire form */
#define SIGN_SHA512_LEN 64

/* A reader of SSH's wire format (RFC 4251, section 5). */
struct wire {
	const unsigned char *p; /* borrowed */
	size_t left;
};
bool wire_u32(struct wire *w, unsigned long *out);
bool wire_string(struct wire *w, struct wire *out); /* borrows from w */
bool wire_is(const struct wire *w, const char *text);
void wire_put_string(struct str *out, const void *p, size_t n);

/* The type that a public key in wire form names, appended; "?" if it has none. */
void sign_key_type(const struct wire *key, struct str *out);
/* A type that sign_check() knows? Not certificates, DSA, or keys of the future. */
bool sign_type_is_known(const char *type);
/* "SHA256:..." as ssh-keygen -l shows it, appended. */
void sign_fingerprint(const void *key, size_t len, struct str *out);
void sign_sha512(const void *p, size_t n, unsigned char out[SIGN_SHA512_LEN]);

/* Is sig (wire form: type, bytes, ...) the signature of msg by key? ERR_FORMAT:
 * key or signature is malformed or of a kind that is not taken; ERR_INTEGRITY:
 * it is somebody else's, or of another message. */
int sign_check(const struct wire *key, const struct wire *sig, const void *msg,
	       size_t len, struct error *err) MUST_CHECK;

#endif
