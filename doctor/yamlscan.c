#include "doctor/yamlscan.h"

#include <ctype.h>
#include <string.h>

void yaml_scan_init(struct yaml_scan *s, const char *text, size_t len)
{
	*s = (struct yaml_scan){ .p = text, .end = text + len };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts a value: to its closing quote, or to a comment or the line's end. */
static size_t value_len(const char *p, size_t len, size_t *skip)
{
	size_t n = 0;

	*skip = 0;
	if (len && (*p == '"' || *p == '\'')) {
		const char *close = memchr(p + 1, *p, len - 1);

		*skip = 1;
		return close ? (size_t)(close - p) - 1 : len - 1;
	}
	while (n < len && !(p[n] == '#' && (n == 0 || is_blank(p[n - 1]))))
		n++;
	while (n && is_blank(p[n - 1]))
		n--;
	return n;
}

static void copy(char *to, size_t cap, const char *from, size_t len)
{
	if (len >= cap)
		len = cap - 1;
	memcpy(to, from, len);
	to[len] = '\0';
}

static bool read_line(const char *p, size_t len, struct yaml_line *out)
{
	size_t key = 0, n, skip;

	while (len && (is_blank(*p) || *p == '-')) {
		p++;
		len--;
	}
	while (key < len && (isalnum((unsigned char)p[key]) || p[key] == '_' ||
			     p[key] == '.' || p[key] == '-'))
		key++;
	if (key == 0 || key >= len || p[key] != ':')
		return false;
	copy(out->key, sizeof(out->key), p, key);
	p += key + 1;
	len -= key + 1;
	while (len && is_blank(*p)) {
		p++;
		len--;
	}
	n = value_len(p, len, &skip);
	copy(out->value, sizeof(out->value), p + skip, n);
	return out->value[0] != '\0';
}

bool yaml_scan_next(struct yaml_scan *s, struct yaml_line *out)
{
	while (s->p < s->end) {
		const char *line = s->p;
		const char *nl = memchr(line, '\n', (size_t)(s->end - line));
		size_t len = (size_t)((nl ? nl : s->end) - line);

		s->p = nl ? nl + 1 : s->end;
		out->number = ++s->number;
		if (read_line(line, len, out))
			return true;
	}
	return false;
}

bool yaml_is_absolute(const char *value)
{
	bool drive = isalpha((unsigned char)value[0]) && value[1] == ':' &&
		     (value[2] == '\\' || value[2] == '/');

	return value[0] == '/' || drive || strncmp(value, "\\\\", 2) == 0 ||
	       strncmp(value, "~/", 2) == 0;
}
