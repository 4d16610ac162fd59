/*
 * cJSON takes more than RFC 8259 allows: 01, +1, 1., control bytes as white
 * space or in strings, \u0000 (which ends the C string early), \u with wrong
 * digits (taken as \u0000), a BOM, bytes that are not UTF-8, and 1000 levels.
 * This scan refuses all that, so that two readers of a file cannot see two
 * different things. It looks at tokens and brackets only; what follows what is
 * checked by cJSON.
 */
#include "base/json_value.h"

#include "base/utf8.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

_Static_assert(JSON_MAX_DEPTH <= 64, "one bit a level in a uint64_t");

const char *json_skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* Value of four hex digits, or -1. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];

		if (!isxdigit(c))
			return -1;
		v = v * 16 + (isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
	}
	return v;
}

/* *p is behind "\u" */
static const char *guard_unicode(const char **p, const char *end)
{
	int32_t unit = hex4(*p, end), low;

	if (unit < 0)
		return "\\u without four hex digits";
	if (!unit)
		return "a NUL character in a string";
	*p += 4;
	if (unit < 0xD800 || unit > 0xDFFF)
		return NULL;
	low = end - *p >= 2 && !memcmp(*p, "\\u", 2) ? hex4(*p + 2, end) : -1;
	if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
		return "half of a surrogate pair in a string";
	*p += 6;
	return NULL;
}

/* *p is at the opening quote, afterwards behind the closing one. */
static const char *guard_string(const char **p, const char *end)
{
	static const char escapes[] = {
		'"', '\\', '/', 'b', 'f', 'n', 'r', 't'
	};
	const char *begin = ++*p, *why;

	while (*p < end && **p != '"') {
		if ((unsigned char)**p < 0x20)
			return "a control byte in a string";
		if (*(*p)++ != '\\')
			continue;
		if (*p == end)
			break;
		if (*(*p)++ == 'u') {
			why = guard_unicode(p, end);
			if (why)
				return why;
		} else if (!memchr(escapes, (*p)[-1], sizeof(escapes))) {
			return "an unknown escape in a string";
		}
	}
	if (*p == end)
		return "a string without an end";
	if (!utf8_valid(begin, (size_t)(*p - begin))) {
		*p = begin;
		return "a string that is not UTF-8";
	}
	++*p;
	return NULL;
}

static bool skip_digits(const char **p, const char *end)
{
	const char *begin = *p;

	while (*p < end && isdigit((unsigned char)**p))
		++*p;
	return *p > begin;
}

static const char *guard_number(const char **p, const char *end)
{
	static const char bad[] = "a malformed number";

	if (**p == '-')
		++*p;
	if (*p < end && **p == '0')
		++*p;
	else if (!skip_digits(p, end))
		return bad;
	if (*p < end && **p == '.') {
		++*p;
		if (!skip_digits(p, end))
			return bad;
	}
	if (*p < end && (**p == 'e' || **p == 'E')) {
		++*p;
		if (*p < end && (**p == '+' || **p == '-'))
			++*p;
		if (!skip_digits(p, end))
			return bad;
	}
	return NULL;
}

static const char *guard_word(const char **p, const char *end)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(end - *p) >= n && !memcmp(*p, words[i], n)) {
			*p += n;
			return NULL;
		}
	}
	return "an unexpected character";
}

static const char *guard_scalar(const char **p, const char *end)
{
	const char *why;

	if (**p == '"')
		return guard_string(p, end);
	if (**p == '-' || isdigit((unsigned char)**p))
		why = guard_number(p, end);
	else
		why = guard_word(p, end);
	/* "01", "1x", "truefalse": cJSON reads as far as it likes */
	if (!why && *p < end && !strchr(" \t\r\n,:]}", **p))
		why = "an unexpected character";
	return why;
}

const char *json_guard(const char *p, const char *end, unsigned depth,
		       const char **stop)
{
	uint64_t objects = 0; /* one bit a level: '{' or '[' */
	unsigned level = 0;
	const char *why = NULL;

	do {
		p = json_skip_space(p, end);
		*stop = p;
		if (p == end)
			return "the text ends too early";
		if (end - p >= 3 && !memcmp(p, "\xEF\xBB\xBF", 3))
			return "a byte order mark (BOM), which JSON does not "
			       "have";
		if (*p == '{' || *p == '[') {
			if (depth + ++level > JSON_MAX_DEPTH)
				return "nested too deeply";
			objects = objects << 1 | (*p++ == '{');
		} else if (*p == '}' || *p == ']') {
			if (!level || (objects & 1) != (*p == '}'))
				return "a bracket that does not match";
			objects >>= 1;
			level--;
			p++;
		} else if (level && (*p == ',' || *p == ':')) {
			p++;
		} else {
			why = guard_scalar(&p, end);
		}
		*stop = p;
	} while (level && !why);
	return why;
}
