/*
 * Python's fnmatch.translate(), read by what it matches: one character is one
 * Unicode code point; "[" without an end is itself; in a set "]" may stand
 * first, "!" first negates, "a-c" is a range and a backslash nothing special.
 */
#include "manifest/glob.h"

#include "base/attr.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Length of the UTF-8 sequence at s (not at its end). A byte that begins no
 * complete sequence counts as one character. */
static size_t char_len(const char *s)
{
	unsigned char c = (unsigned char)*s;
	size_t want = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;

	for (size_t i = 1; i < want; i++)
		if (((unsigned char)s[i] & 0xC0) != 0x80)
			return 1;
	return want;
}

/* Orders as the code points do, which is all that ranges need. */
static uint32_t char_at(const char *s)
{
	size_t len = char_len(s);
	uint32_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | (unsigned char)s[i];
	return value;
}

/* The ']' that ends the set whose first character is at s, or NULL. */
static const char *set_end(const char *s)
{
	if (*s == '!')
		s++;
	return *s ? strchr(s + 1, ']') : NULL;
}

static bool set_has(const char *s, const char *end, uint32_t c)
{
	bool negated = *s == '!', found = false;

	if (negated)
		s++;
	while (s < end) {
		uint32_t low = char_at(s), high = low;

		s += char_len(s);
		if (*s == '-' && s + 1 < end) {
			high = char_at(s + 1);
			s += 1 + char_len(s + 1);
		}
		found = found || (low <= c && c <= high);
	}
	return found != negated;
}

/* Matches one element of the pattern (not '*') with the character at path;
 * returns what follows the element, or NULL. */
static const char *match_one(const char *pattern, const char *path)
{
	if (*pattern == '?')
		return pattern + 1;
	if (*pattern == '[') {
		const char *end = set_end(pattern + 1);

		if (end)
			return set_has(pattern + 1, end, char_at(path))
				       ? end + 1
				       : NULL;
	}
	if (char_at(pattern) != char_at(path))
		return NULL;
	return pattern + char_len(pattern);
}

bool glob_match(const char *pattern, const char *path)
{
	bool folder = str_ends(pattern, "/");
	const char *star = NULL;  /* behind the last '*' that was met */
	const char *retry = NULL; /* where that one stops for now */

	for (;;) {
		const char *next = NULL;

		if (*pattern == '*') {
			star = ++pattern;
			retry = path;
			continue;
		}
		if (!*pattern && (!*path || folder))
			return true;
		if (*pattern && *path)
			next = match_one(pattern, path);
		if (next) {
			pattern = next;
			path += char_len(path);
		} else if (star && *retry) {
			retry += char_len(retry);
			pattern = star;
			path = retry;
		} else {
			return false;
		}
	}
}

bool glob_is_pattern(const char *pattern)
{
	return strpbrk(pattern, "*?[") || str_ends(pattern, "/");
}

bool glob_match_any(const struct strlist *patterns, const char *path)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (glob_match(patterns->items[i], path))
			return true;
	return false;
}

bool glob_select(const struct strlist *allow, const struct strlist *ignore,
		 const char *path)
{
	if (allow->count && !glob_match_any(allow, path))
		return false;
	return !glob_match_any(ignore, path);
}
