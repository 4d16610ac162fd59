/* Base64 (RFC 4648, section 4): one text for each sequence of bytes. */
#ifndef ITTS_BASE64_H
#define ITTS_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

/* Appends the bytes. Newlines between the characters are skipped if asked for,
 * nothing else is; padding is needed, bits left over are zero. false: it is not
 * that, and out has what came before. */
bool base64_decode(const char *text, size_t len, bool newlines, struct str *out)
	MUST_CHECK;
void base64_encode(const void *p, size_t n, bool padding, struct str *out);

#endif
