#include "base/str.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char str_empty_[1] = "";

void str_reserve(struct str *s, size_t more)
{
	size_t need, room;

	if (__builtin_add_overflow(s->len, more, &need) || need == SIZE_MAX)
		need = SIZE_MAX - 1; /* the allocation ends the program */
	if (need < s->cap)
		return;
	room = s->cap < SIZE_MAX / 2 ? s->cap * 2 : SIZE_MAX;
	if (room < need + 1)
		room = need + 1;
	if (room < 32)
		room = 32;
	s->ptr = xrealloc(s->cap ? s->ptr : NULL, room);
	s->ptr[s->len] = '\0';
	s->cap = room;
}

void str_release(struct str *s)
{
	if (s->cap)
		free_ptr(&s->ptr);
	*s = (struct str)STR_INIT;
}

void str_clear(struct str *s)
{
	str_truncate(s, 0);
}

void str_truncate(struct str *s, size_t len)
{
	assert(len <= s->len);
	s->len = len;
	if (s->cap)
		s->ptr[len] = '\0';
}

void str_add(struct str *s, const void *p, size_t len)
{
	if (!len)
		return;
	str_reserve(s, len);
	memcpy(s->ptr + s->len, p, len);
	s->len += len;
	s->ptr[s->len] = '\0';
}

void str_adds(struct str *s, const char *text)
{
	str_add(s, text, strlen(text));
}

void str_addc(struct str *s, char c)
{
	str_add(s, &c, 1);
}

void str_addf(struct str *s, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	assert(n >= 0);
	str_reserve(s, (size_t)n);
	va_start(args, fmt);
	vsnprintf(s->ptr + s->len, (size_t)n + 1, fmt, args);
	va_end(args);
	s->len += (size_t)n;
}

void str_fill(struct str *s, char c, size_t count)
{
	str_reserve(s, count);
	memset(s->ptr + s->len, c, count);
	s->len += count;
	s->ptr[s->len] = '\0';
}

void str_add_sh(struct str *out, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+=:,./@%";

	if (*s && strspn(s, plain) == strlen(s)) {
		str_adds(out, s);
		return;
	}
	str_addc(out, '\'');
	for (; *s; s++)
		if (*s == '\'')
			str_adds(out, "'\\''");
		else
			str_addc(out, *s);
	str_addc(out, '\'');
}

char *str_detach(struct str *s)
{
	char *p = s->cap ? s->ptr : xstrdup("");

	*s = (struct str)STR_INIT;
	return p;
}

bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

const char *str_digits(const char *s, uint64_t *value)
{
	uint64_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
	}
	*value = v;
	return s;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !memcmp(s + n - m, suffix, m);
}

void strlist_take(struct strlist *l, char *s)
{
	l->items = xgrow(l->items, &l->cap, l->count + 1, sizeof(*l->items));
	l->items[l->count++] = s;
}

void strlist_add(struct strlist *l, const char *s)
{
	strlist_take(l, xstrdup(s));
}

bool strlist_has(const struct strlist *l, const char *s)
{
	for (size_t i = 0; i < l->count; i++)
		if (!strcmp(l->items[i], s))
			return true;
	return false;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void strlist_sort(struct strlist *l)
{
	if (l->count)
		qsort(l->items, l->count, sizeof(*l->items), by_bytes);
}

bool strlist_sorted_has(const struct strlist *l, const char *s)
{
	return l->count &&
	       bsearch(&s, l->items, l->count, sizeof(*l->items), by_bytes);
}

void strlist_copy(struct strlist *to, const struct strlist *from)
{
	for (size_t i = 0; i < from->count; i++)
		strlist_add(to, from->items[i]);
}

void strlist_release(struct strlist *l)
{
	for (size_t i = 0; i < l->count; i++)
		free_ptr(&l->items[i]);
	free_ptr(&l->items);
	*l = (struct strlist){ 0 };
}
