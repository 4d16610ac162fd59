#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The last group: chars of it were read into bits, fill '=' came behind them. */
static bool finish(uint32_t bits, unsigned chars, unsigned fill,
		   struct str *out)
{
	if (chars == 0)
		return fill == 0;
	if (chars == 1 || chars + fill != 4 || (bits & (chars == 2 ? 15 : 3)))
		return false;
	bits <<= 6 * (4 - chars);
	str_addc(out, (char)(bits >> 16));
	if (chars == 3)
		str_addc(out, (char)(bits >> 8));
	return true;
}

bool base64_decode(const char *text, size_t len, bool newlines, struct str *out)
{
	uint32_t bits = 0;
	unsigned chars = 0, fill = 0;

	for (size_t i = 0; i < len; i++) {
		int v = value_of(text[i]);

		if (newlines && text[i] == '\n')
			continue;
		if (text[i] == '=') {
			fill++;
			continue;
		}
		if (v < 0 || fill > 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		if (++chars < 4)
			continue;
		for (int shift = 16; shift >= 0; shift -= 8)
			str_addc(out, (char)(bits >> shift));
		bits = chars = 0;
	}
	return finish(bits, chars, fill, out);
}

void base64_encode(const void *p, size_t n, bool padding, struct str *out)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t bits = (uint32_t)b[i] << 16;

		if (left > 1)
			bits |= (uint32_t)b[i + 1] << 8;
		if (left > 2)
			bits |= b[i + 2];
		for (size_t k = 0; k < 4; k++) {
			if (k <= left)
				str_addc(out,
					 digits[bits >> (18 - 6 * k) & 63]);
			else if (padding)
				str_addc(out, '=');
		}
	}
}
