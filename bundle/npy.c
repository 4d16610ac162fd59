/*
 * The text is a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape':
 * (3, 4), }, blanks, a line feed. A type is a text such as '<f4' or, for records,
 * a list of (name, type) and (name, type, shape). numpy lets Python evaluate it, in
 * which 'O' can be written in many ways: what is not exactly as numpy writes it is
 * not guessed at.
 */
#include "bundle/npy.h"

#include "base/attr.h"

#include <stdbool.h>
#include <string.h>

struct parse {
	const unsigned char *p, *end;
	unsigned depth;
	bool objects;
};

static void skip_blanks(struct parse *x)
{
	while (x->p < x->end && *x->p == ' ')
		x->p++;
}

/* Is c next? Then it is taken. */
static bool take(struct parse *x, char c)
{
	skip_blanks(x);
	if (x->p == x->end || *x->p != (unsigned char)c)
		return false;
	x->p++;
	return true;
}

static bool take_word(struct parse *x, const char *word)
{
	size_t len = strlen(word);

	skip_blanks(x);
	if ((size_t)(x->end - x->p) < len || memcmp(x->p, word, len) != 0)
		return false;
	x->p += len;
	return true;
}

/* In single or double quotes, without escapes. Borrowed. */
static bool take_text(struct parse *x, const char **s, size_t *len)
{
	unsigned char quote;

	if (take(x, '\''))
		quote = '\'';
	else if (take(x, '"'))
		quote = '"';
	else
		return false;
	*s = (const char *)x->p;
	for (; x->p < x->end && *x->p != quote; x->p++)
		if (*x->p < ' ' || *x->p == 0x7f || *x->p == '\\')
			return false;
	*len = (size_t)(x->p - (const unsigned char *)*s);
	return take(x, (char)quote);
}

static bool take_digits(struct parse *x, uint64_t *value)
{
	const unsigned char *begin = x->p;

	*value = 0;
	for (; x->p < x->end && *x->p >= '0' && *x->p <= '9'; x->p++)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, *x->p - '0', value))
			return false;
	return x->p > begin && (*begin != '0' || x->p == begin + 1);
}

/* (3, 4), (3,), (): *count is their product. Python 2 wrote 3L. */
static bool take_shape(struct parse *x, uint64_t *count)
{
	uint64_t n;

	*count = 1;
	if (!take(x, '('))
		return false;
	while (!take(x, ')')) {
		skip_blanks(x);
		if (!take_digits(x, &n) ||
		    __builtin_mul_overflow(*count, n, count))
			return false;
		(void)take(x, 'L');
		if (!take(x, ',') && (x->p == x->end || *x->p != ')'))
			return false;
	}
	return true;
}

/* '<f4', '|S10', '<U5', '|V8', '<M8[ns]', '|O'. */
static bool judge_type(struct parse *x, const char *s, size_t len,
		       uint64_t *size)
{
	struct parse t = { .p = (const unsigned char *)s,
			   .end = (const unsigned char *)s + len };
	unsigned char kind;

	if (t.p < t.end && strchr("<>|=", *t.p) && *t.p)
		t.p++;
	if (t.p == t.end)
		return false;
	kind = *t.p++;
	*size = 0;
	if (kind == 'O') {
		x->objects = true;
		return t.p == t.end || (take_digits(&t, size) && t.p == t.end);
	}
	if (!kind || !strchr("biufcSaUVmM", kind) || !take_digits(&t, size))
		return false;
	if (kind == 'U' && __builtin_mul_overflow(*size, 4, size))
		return false;
	if ((kind == 'm' || kind == 'M') && t.p < t.end) {
		if (*t.p != '[' || t.end[-1] != ']')
			return false;
		for (t.p++; t.p < t.end - 1; t.p++)
			if (!(*t.p >= 'a' && *t.p <= 'z') &&
			    !(*t.p >= 'A' && *t.p <= 'Z') &&
			    !(*t.p >= '0' && *t.p <= '9'))
				return false;
		t.p++;
	}
	return t.p == t.end;
}

static bool take_type(struct parse *x, uint64_t *size);

/* 'name', or ('title', 'name') */
static bool take_name(struct parse *x)
{
	const char *s;
	size_t len;

	if (!take(x, '('))
		return take_text(x, &s, &len);
	return take_text(x, &s, &len) && take(x, ',') &&
	       take_text(x, &s, &len) && take(x, ')');
}

static bool take_field(struct parse *x, uint64_t *size)
{
	uint64_t one, count = 1;

	if (!take(x, '(') || !take_name(x) || !take(x, ',') ||
	    !take_type(x, &one))
		return false;
	if (take(x, ',') && !take_shape(x, &count))
		return false;
	return take(x, ')') && !__builtin_mul_overflow(one, count, &one) &&
	       !__builtin_add_overflow(*size, one, size);
}

static bool take_type(struct parse *x, uint64_t *size)
{
	const char *s;
	size_t len;

	*size = 0;
	if (!take(x, '['))
		return take_text(x, &s, &len) && judge_type(x, s, len, size);
	if (++x->depth > NPY_DEPTH)
		return false;
	while (!take(x, ']')) {
		if (!take_field(x, size))
			return false;
		if (!take(x, ',') && (x->p == x->end || *x->p != ']'))
			return false;
	}
	x->depth--;
	return true;
}

/* Each of the three once, in any order. */
static bool take_dict(struct parse *x, uint64_t *size)
{
	static const char *const keys[] = { "descr", "fortran_order", "shape" };
	uint64_t one = 0, count = 0;
	unsigned seen = 0;
	const char *s;
	size_t len, k;

	if (!take(x, '{'))
		return false;
	while (!take(x, '}')) {
		if (!take_text(x, &s, &len) || !take(x, ':'))
			return false;
		for (k = 0; k < ARRAY_LEN(keys); k++)
			if (len == strlen(keys[k]) && !memcmp(s, keys[k], len))
				break;
		if (k == ARRAY_LEN(keys) || (seen & 1u << k))
			return false;
		seen |= 1u << k;
		if (k == 0   ? !take_type(x, &one)
		    : k == 1 ? !take_word(x, "True") && !take_word(x, "False")
			     : !take_shape(x, &count))
			return false;
		if (!take(x, ',') && (x->p == x->end || *x->p != '}'))
			return false;
	}
	return seen == 7 && !__builtin_mul_overflow(one, count, size);
}

enum npy_kind npy_judge(const void *text, size_t len, uint64_t *size)
{
	struct parse x = { .p = text,
			   .end = (const unsigned char *)text + len };

	*size = 0;
	if (len > NPY_HEADER_MAX || !take_dict(&x, size))
		return NPY_UNKNOWN;
	skip_blanks(&x);
	if (x.p < x.end && *x.p == '\n')
		x.p++;
	if (x.p != x.end)
		return NPY_UNKNOWN;
	return x.objects ? NPY_OBJECTS : NPY_NUMBERS;
}
