/*
 * What Windows' PowerShell writes with > or Tee-Object is UTF-16, with a byte order mark
 * that is gone when only the end of a long log is read. The mark is not needed: every
 * other byte of the text in such a log is zero, the same of each pair.
 */
#include "doctor/logtext.h"

#include "base/utf8.h"

#include <stdint.h>

#define LOOK 1024 /* bytes */

enum order { NO_UTF16, LOW_FIRST, HIGH_FIRST };

static enum order find_order(const unsigned char *p, size_t len)
{
	size_t look = len < LOOK ? len : LOOK, zeros[2] = { 0 };

	if (len >= 2 && p[0] == 0xff && p[1] == 0xfe)
		return LOW_FIRST;
	if (len >= 2 && p[0] == 0xfe && p[1] == 0xff)
		return HIGH_FIRST;
	for (size_t i = 0; i < look; i++)
		zeros[i % 2] += !p[i];
	if (zeros[1] > look / 4 && !zeros[0])
		return LOW_FIRST;
	return zeros[0] > look / 4 && !zeros[1] ? HIGH_FIRST : NO_UTF16;
}

bool log_text_from_utf16(const char *text, size_t len, struct str *out)
{
	const unsigned char *p = (const unsigned char *)text;
	enum order order = find_order(p, len);
	uint32_t high = 0; /* the first half of a surrogate pair, which waits */
	char bytes[4];

	if (order == NO_UTF16)
		return false;
	for (size_t i = 0; i + 1 < len; i += 2) {
		uint32_t low = p[i + (order == HIGH_FIRST)];
		uint32_t c = low | (uint32_t)p[i + (order == LOW_FIRST)] << 8;

		if (c >= 0xD800 && c < 0xDC00) {
			high = c;
			continue;
		}
		if (c >= 0xDC00 && c < 0xE000)
			c = high ? 0x10000 + ((high - 0xD800) << 10) +
					    (c - 0xDC00)
				 : 0xFFFD;
		high = 0;
		if (c != 0xFEFF)
			str_add(out, bytes, utf8_encode(c, bytes));
	}
	return true;
}
