#include "cmd/text.h"

#include "base/attr.h"
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

struct range {
	uint32_t from, to;
};

static bool in_ranges(uint32_t cp, const struct range *r, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (cp >= r[i].from && cp <= r[i].to)
			return true;
	return false;
}

void text_clean(struct str *out, const char *s, size_t len)
{
	while (len > 0) {
		uint32_t cp = 0;
		size_t n = utf8_decode(s, len, &cp);

		if (n == 0 || (utf8_is_control(cp) && cp != '\n'))
			str_addc(out, '?');
		else
			str_add(out, s, n);
		n = n ? n : 1;
		s += n;
		len -= n;
	}
}

static size_t width_of(uint32_t cp)
{
	static const struct range none[] = {
		{ 0x0300, 0x036f },
		{ 0x200b, 0x200d },
		{ 0xfe00, 0xfe0f },
	};
	static const struct range wide[] = {
		{ 0x1100, 0x115f },   { 0x2e80, 0x303e }, { 0x3041, 0xa4cf },
		{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff }, { 0xfe30, 0xfe6f },
		{ 0xff00, 0xff60 },   { 0xffe0, 0xffe6 }, { 0x1f300, 0x1faff },
		{ 0x20000, 0x3fffd },
	};

	if (in_ranges(cp, none, ARRAY_LEN(none)))
		return 0;
	return in_ranges(cp, wide, ARRAY_LEN(wide)) ? 2 : 1;
}

/* Bytes and columns of the character at s. */
static size_t step(const char *s, size_t *columns)
{
	uint32_t cp = 0;
	size_t n = utf8_decode(s, strlen(s), &cp);

	*columns = n ? width_of(cp) : 1;
	return n ? n : 1;
}

size_t text_columns(const char *s)
{
	size_t total = 0;

	while (*s) {
		size_t columns;

		s += step(s, &columns);
		total += columns;
	}
	return total;
}

/* Appends the characters of s that fit into n columns; returns those used. */
static size_t add_head(struct str *out, const char *s, size_t n)
{
	size_t used = 0;

	while (*s) {
		size_t columns, bytes = step(s, &columns);

		if (used + columns > n)
			break;
		str_add(out, s, bytes);
		used += columns;
		s += bytes;
	}
	return used;
}

void text_fit(struct str *out, const char *s, size_t n)
{
	size_t have = text_columns(s), used;

	if (have <= n || n < 8) {
		used = add_head(out, s, n);
	} else {
		size_t tail = (n - 3) / 2, left = have;

		used = add_head(out, s, n - 3 - tail) + 3;
		str_adds(out, "...");
		while (left > tail) {
			size_t columns;

			s += step(s, &columns);
			left -= columns;
		}
		used += add_head(out, s, tail);
	}
	str_fill(out, ' ', n - used);
}

/* The part of *p that fits, broken at a space; moves *p behind it. */
static void add_line(struct str *out, const char **p, size_t room)
{
	const char *end = *p, *space = NULL;
	size_t used = 0;

	while (*end && *end != '\n') {
		size_t columns, bytes = step(end, &columns);

		if (*end == ' ')
			space = end;
		if (used + columns > room && space) {
			end = space;
			break;
		}
		used += columns;
		end += bytes;
	}
	str_add(out, *p, (size_t)(end - *p));
	*p = end;
	if (**p == ' ' || **p == '\n')
		(*p)++;
}

void text_wrap(struct str *out, const char *text, size_t indent, size_t width,
	       size_t at)
{
	bool first = true;

	while (*text) {
		size_t room = width > indent + 10 ? width - indent : 10;

		if (*text == '\n') {
			text++;
			str_addc(out, '\n');
			continue;
		}
		str_fill(out, ' ',
			 first && at < indent ? indent - at
			 : first	      ? 0
					      : indent);
		add_line(out, &text, room);
		str_addc(out, '\n');
		first = false;
	}
}

void quote_sh(struct str *out, const char *s)
{
	str_add_sh(out, s);
}

void quote_fish(struct str *out, const char *s)
{
	str_addc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			str_addc(out, '\\');
		str_addc(out, *s);
	}
	str_addc(out, '\'');
}

void quote_systemd(struct str *out, const char *name, const char *value)
{
	str_addf(out, "\"%s=", name);
	for (; *value; value++) {
		if ((unsigned char)*value <
		    ' ') { /* an assignment is one line */
			str_addf(out, "\\x%02x", (unsigned)*value);
			continue;
		}
		if (*value == '"' || *value == '\\')
			str_addc(out, '\\');
		else if (*value == '%') /* a specifier else */
			str_addc(out, '%');
		str_addc(out, *value);
	}
	str_addc(out, '"');
}

size_t text_terminal(int fd)
{
	struct winsize ws = { 0 };

	return ioctl(fd, TIOCGWINSZ, &ws) == 0 ? ws.ws_col : 0;
}
