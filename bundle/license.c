#include "bundle/license.h"

#include "base/attr.h"
#include "base/mem.h"
#include "bundle/spdx.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum token { END, OPEN, CLOSE, AND, OR, WITH, ID, BAD };

struct parse {
	const char *p;	   /* behind the token */
	enum token token;  /* what comes next */
	const char *start; /* of it */
	size_t len;
	unsigned depth;
	const struct strlist *allowed; /* may be empty */
	struct str *out;	       /* spelt as in the list */
	size_t ids;
	bool known; /* each of them */
};

static bool is_id_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' ||
	       c == '+';
}

/* Operators are written in upper or, from SPDX 3 on, in lower case. */
static enum token word(const char *s, size_t len)
{
	static const struct {
		const char *upper, *lower;
		enum token token;
	} words[] = { { "AND", "and", AND },
		      { "OR", "or", OR },
		      { "WITH", "with", WITH } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (len == strlen(words[i].upper) &&
		    (!memcmp(s, words[i].upper, len) ||
		     !memcmp(s, words[i].lower, len)))
			return words[i].token;
	/* a "+" is the end of an identifier, and not all of it */
	for (size_t i = 0; i < len; i++)
		if (s[i] == '+' && (i == 0 || i + 1 < len))
			return BAD;
	return ID;
}

static void next(struct parse *x)
{
	while (*x->p == ' ')
		x->p++;
	x->start = x->p;
	x->len = 0;
	while (is_id_char(x->start[x->len]))
		x->len++;
	if (x->len > 0) {
		x->token = word(x->start, x->len);
		x->p += x->len;
		return;
	}
	x->token = *x->p == '\0'  ? END
		   : *x->p == '(' ? OPEN
		   : *x->p == ')' ? CLOSE
				  : BAD;
	if (*x->p)
		x->p++;
}

static bool has_ref(const char *id)
{
	const char *colon = strchr(id, ':');

	if (colon)
		return str_starts(id, "DocumentRef-") &&
		       str_starts(colon + 1, "LicenseRef-");
	return str_starts(id, "LicenseRef-");
}

/* The names of exceptions that are known here. */
static const char *exception_id(const char *id)
{
	static const char *const ids[] = {
		"Autoconf-exception-3.0",  "Bison-exception-2.2",
		"Classpath-exception-2.0", "Font-exception-2.0",
		"GCC-exception-2.0",	   "GCC-exception-3.1",
		"LLVM-exception",	   "OpenJDK-assembly-exception-1.0",
		"Qt-GPL-exception-1.0",	   "Universal-FOSS-exception-1.0",
	};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		if (!strcasecmp(ids[i], id))
			return ids[i];
	return NULL;
}

/* Adds the identifier at hand to *one, and goes on behind it. */
static void take_id(struct parse *x, const char *(*find)(const char *id),
		    struct str *one)
{
	char *id CLEANUP(free_ptr) = xstrndup(x->start, x->len);
	bool plus = find == spdx_id && str_ends(id, "+");
	const char *listed;

	if (plus)
		id[x->len - 1] = '\0';
	listed = find(id);
	if (!listed && !(find == spdx_id && !plus && has_ref(id)))
		x->known = false;
	str_adds(one, listed ? listed : id);
	if (plus)
		str_addc(one, '+');
	x->ids++;
	next(x);
}

static bool is_listed(const struct strlist *l, const char *s)
{
	for (size_t i = 0; i < l->count; i++)
		if (!strcasecmp(l->items[i], s))
			return true;
	return false;
}

/* ID or ID WITH EXCEPTION. */
static bool parse_license(struct parse *x, bool *allowed)
{
	struct str one CLEANUP(str_release) = STR_INIT;

	take_id(x, spdx_id, &one);
	if (x->token == WITH) {
		next(x);
		if (x->token != ID)
			return false;
		str_adds(&one, " WITH ");
		take_id(x, exception_id, &one);
	}
	*allowed = is_listed(x->allowed, one.ptr);
	str_adds(x->out, one.ptr);
	return true;
}

static bool parse_or(struct parse *x, bool *allowed);

static bool parse_term(struct parse *x, bool *allowed)
{
	if (x->token == ID)
		return parse_license(x, allowed);
	if (x->token != OPEN || ++x->depth > LICENSE_DEPTH)
		return false;
	next(x);
	str_addc(x->out, '(');
	if (!parse_or(x, allowed) || x->token != CLOSE)
		return false;
	x->depth--;
	next(x);
	str_addc(x->out, ')');
	return true;
}

static bool parse_and(struct parse *x, bool *allowed)
{
	bool one;

	if (!parse_term(x, allowed))
		return false;
	while (x->token == AND) {
		next(x);
		str_adds(x->out, " AND ");
		if (!parse_term(x, &one))
			return false;
		*allowed = *allowed && one;
	}
	return true;
}

static bool parse_or(struct parse *x, bool *allowed)
{
	bool one;

	if (!parse_and(x, allowed))
		return false;
	while (x->token == OR) {
		next(x);
		str_adds(x->out, " OR ");
		if (!parse_and(x, &one))
			return false;
		*allowed = *allowed || one;
	}
	return true;
}

static bool parse(struct parse *x, const char *license, bool *allowed)
{
	x->p = license;
	x->known = true;
	next(x);
	return parse_or(x, allowed) && x->token == END;
}

bool license_allowed(const char *license, const struct strlist *allowed)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct parse x = { .allowed = allowed, .out = &text };
	bool ok = false;

	return is_listed(allowed, license) || (parse(&x, license, &ok) && ok);
}

bool license_expression(const char *license, struct str *out)
{
	const struct strlist none = { 0 };
	struct parse x = { .allowed = &none, .out = out };
	bool ok;

	str_clear(out);
	return parse(&x, license, &ok) && x.known &&
	       (x.ids > 1 || str_ends(out->ptr, "+"));
}
