/*
 * A line of allowed_signers: principals, options (may be missing), key type, key
 * in base64, comment. Options are comma-separated: namespaces="LIST",
 * valid-after="TIME", valid-before="TIME", cert-authority. TIME is
 * YYYYMMDD[HHMM[SS]] in local time, or with Z (or UTC) behind it in UTC.
 *
 * ssh-keygen skips lines that it cannot read. Here they are errors: a typing
 * mistake in a line that should have limited a key must not go unseen.
 */
#include "bundle/signers.h"

#include "base/base64.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define LINE_LIMIT 16384u

struct line {
	char *principals, *namespaces; /* namespaces: NULL if not given */
	struct str key;		       /* wire form */
	time_t after, before;	       /* 0: not given */
	bool authority;
};

static void line_release(struct line *l)
{
	free_ptr(&l->principals);
	free_ptr(&l->namespaces);
	str_release(&l->key);
}

/* --- patterns ---------------------------------------------------------------- */

/* '*' and '?' only; case counts. Linear but for one place to go back to. */
static bool match_one(const char *s, const char *p, size_t len)
{
	const char *end = p + len, *star = NULL, *back = NULL;

	while (*s) {
		if (p < end && *p == '*') {
			star = p++;
			back = s;
		} else if (p < end && (*p == '?' || *p == *s)) {
			p++;
			s++;
		} else if (star) {
			p = star + 1;
			s = ++back;
		} else {
			return false;
		}
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

bool signers_match(const char *identity, const char *patterns)
{
	bool found = false;

	while (*patterns) {
		size_t len = strcspn(patterns, ",");
		bool not = *patterns == '!';

		if (match_one(identity, patterns + not, len - not )) {
			if (not )
				return false;
			found = true;
		}
		patterns += len;
		patterns += *patterns == ',';
	}
	return found;
}

/* Patterns that are all negated fit no identity. */
static bool stands_for_nobody(const char *patterns)
{
	while (*patterns) {
		if (*patterns != '!' && *patterns != ',')
			return false;
		patterns += strcspn(patterns, ",");
		patterns += *patterns == ',';
	}
	return true;
}

/* --- one line ---------------------------------------------------------------- */

static size_t blanks(const char *p)
{
	return strspn(p, " \t");
}

static int number(const char *p, size_t digits)
{
	int v = 0;

	for (size_t i = 0; i < digits; i++)
		v = v * 10 + (p[i] - '0');
	return v;
}

static int parse_time(const char *text, time_t *out, struct error *err)
{
	size_t digits = strspn(text, "0123456789");
	bool utc = !strcasecmp(text + digits, "Z") ||
		   !strcasecmp(text + digits, "UTC");
	struct tm tm = { .tm_isdst = -1 }, back;
	time_t t;

	if ((text[digits] && !utc) ||
	    (digits != 8 && digits != 12 && digits != 14))
		return err_set(err, ERR_FORMAT,
			       "\"%s\" is no time as YYYYMMDD[HHMM[SS]][Z]",
			       text);
	tm.tm_year = number(text, 4) - 1900;
	tm.tm_mon = number(text + 4, 2) - 1;
	tm.tm_mday = number(text + 6, 2);
	if (digits >= 12) {
		tm.tm_hour = number(text + 8, 2);
		tm.tm_min = number(text + 10, 2);
	}
	if (digits == 14)
		tm.tm_sec = number(text + 12, 2);
	back = tm;
	t = utc ? timegm(&back) : mktime(&back);
	/* what is no day of the calendar comes back as another one; hours may,
	 * when clocks are put forward */
	if (t <= 0 || back.tm_mday != tm.tm_mday || back.tm_mon != tm.tm_mon ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
		return err_set(err, ERR_FORMAT, "\"%s\" is no time", text);
	*out = t;
	return 0;
}

/* A double-quoted value; \" stands for a quote. Moves *p behind it. */
static int dequote(const char **p, char **out, struct error *err)
{
	struct str value CLEANUP(str_release) = STR_INIT;
	const char *s = *p;

	if (*s++ != '"')
		return err_set(err, ERR_FORMAT, "a value has no quotes");
	while (*s && *s != '"') {
		if (s[0] == '\\' && s[1] == '"')
			s++;
		str_addc(&value, *s++);
	}
	if (*s++ != '"')
		return err_set(err, ERR_FORMAT, "a quote is not closed");
	*p = s;
	*out = str_detach(&value);
	return 0;
}

/* Is this the option that comes next? Then moves *p behind "name=". */
static bool has_option(const char **p, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(*p, name, len) != 0 || (*p)[len] != '=')
		return false;
	*p += len + 1;
	return true;
}

static int take_time(const char **p, time_t *out, const char *name,
		     struct error *err)
{
	char *text CLEANUP(free_ptr) = NULL;

	if (*out)
		return err_set(err, ERR_FORMAT, "%s appears twice", name);
	if (dequote(p, &text, err) || parse_time(text, out, err))
		return err_wrap(err, "%s", name);
	return 0;
}

static int take_option(const char **p, struct line *l, struct error *err)
{
	static const char authority[] = "cert-authority";
	size_t len = strlen(authority);

	if (has_option(p, "valid-after"))
		return take_time(p, &l->after, "valid-after", err);
	if (has_option(p, "valid-before"))
		return take_time(p, &l->before, "valid-before", err);
	if (has_option(p, "namespaces")) {
		if (l->namespaces)
			return err_set(err, ERR_FORMAT,
				       "namespaces appears twice");
		return dequote(p, &l->namespaces, err);
	}
	if (!strncasecmp(*p, authority, len) && strchr(", \t", (*p)[len]) &&
	    (*p)[len]) {
		l->authority = true;
		*p += len;
		return 0;
	}
	return err_set(err, ERR_FORMAT, "unknown option or key type \"%.*s\"",
		       (int)strcspn(*p, "=, \t"), *p);
}

static int take_options(const char **p, struct line *l, struct error *err)
{
	for (;;) {
		if (take_option(p, l, err))
			return -1;
		if (**p == ' ' || **p == '\t')
			return 0;
		if (**p != ',')
			return err_set(err, ERR_FORMAT,
				       "no comma behind an option");
		++*p;
	}
}

/* "TYPE BASE64 comment" with a type that the bytes have too. -1 without err
 * being set: it does not begin with a type. */
static bool begins_with_type(const char *p)
{
	size_t len = strcspn(p, " \t");
	char *word CLEANUP(free_ptr) = xstrndup(p, len);

	return sign_type_is_known(word) || str_starts(word, "ssh-") ||
	       str_starts(word, "ecdsa-") || str_starts(word, "sk-");
}

static int take_key(const char *p, struct str *key, struct error *err)
{
	size_t len = strcspn(p, " \t"), digits;
	char *type CLEANUP(free_ptr) = xstrndup(p, len);
	struct str inner CLEANUP(str_release) = STR_INIT;
	struct wire blob;

	p += len;
	p += blanks(p);
	digits = strcspn(p, " \t");
	if (digits == 0 || digits > SIGN_KEY_LIMIT * 2 ||
	    !base64_decode(p, digits, false, key))
		return err_set(err, ERR_FORMAT, "no key in base64 behind %s",
			       type);
	blob = (struct wire){ (unsigned char *)key->ptr, key->len };
	sign_key_type(&blob, &inner);
	if (strcmp(inner.ptr, type) != 0)
		return err_set(err, ERR_FORMAT,
			       "says %s, but the key is of type %s", type,
			       inner.ptr);
	return 0;
}

static int parse_line(const char *p, struct line *l, struct error *err)
{
	size_t len;

	/* principals may be quoted */
	if (*p == '"') {
		if (dequote(&p, &l->principals, err))
			return -1;
	} else {
		len = strcspn(p, " \t");
		l->principals = xstrndup(p, len);
		p += len;
	}
	if (!*l->principals || !blanks(p))
		return err_set(err, ERR_FORMAT,
			       "needs principals, options and a key");
	p += blanks(p);
	if (!begins_with_type(p) && take_options(&p, l, err))
		return -1;
	p += blanks(p);
	if (!begins_with_type(p))
		return err_set(err, ERR_FORMAT, "has no key");
	return take_key(p, &l->key, err);
}

/* --- files -------------------------------------------------------------------- */

static bool same_key(const struct str *a, const struct wire *b)
{
	return a->len == b->left && memcmp(a->ptr, b->p, a->len) == 0;
}

static bool stands_for_any(const struct line *l, const struct strlist *who)
{
	for (size_t i = 0; i < who->count; i++)
		if (signers_match(who->items[i], l->principals))
			return true;
	return false;
}

/* ERR_INTEGRITY: the line has the key, but does not let it count. */
static int judge(const struct line *l, const struct signers_query *q,
		 struct error *err)
{
	if (l->authority)
		return err_set(err, ERR_INTEGRITY,
			       "the key is there as cert-authority, which is "
			       "for certificates; these are not supported");
	if (stands_for_nobody(l->principals))
		return err_set(err, ERR_INTEGRITY,
			       "the key is there for \"%s\", which is nobody: "
			       "a line needs a principal without '!'",
			       l->principals);
	if (l->namespaces && !signers_match(q->name_space, l->namespaces))
		return err_set(
			err, ERR_INTEGRITY,
			"the key may sign for namespaces=\"%s\", not for "
			"\"%s\"",
			l->namespaces, q->name_space);
	if (l->after && q->now < l->after)
		return err_set(err, ERR_INTEGRITY,
			       "the key is not valid yet (valid-after)");
	if (l->before && q->now > l->before)
		return err_set(err, ERR_INTEGRITY,
			       "the key has expired (valid-before)");
	if (q->identities && !stands_for_any(l, q->identities))
		return err_set(err, ERR_INTEGRITY,
			       "the key is that of %s, who is not among the "
			       "signers that %s demands",
			       l->principals, q->identities_from);
	return 0;
}

/* The next line that says something, without its end; NULL behind the last. */
static char *next_line(const char **text, size_t *left, size_t *number_out)
{
	while (*left > 0) {
		const char *end = memchr(*text, '\n', *left);
		size_t len = end ? (size_t)(end - *text) : *left;
		char *line = xstrndup(*text, len);
		size_t n = strlen(line);

		*text += len + (end != NULL);
		*left -= len + (end != NULL);
		++*number_out;
		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		if (line[blanks(line)] && line[blanks(line)] != '#')
			return line;
		free_ptr(&line);
	}
	return NULL;
}

static int check_text(const char *text, size_t len, const char *name,
		      struct error *err)
{
	if (len > SIGNERS_LIMIT)
		return err_set(err, ERR_FORMAT, "%s: larger than %zu bytes",
			       name, SIGNERS_LIMIT);
	if (memchr(text, '\0', len))
		return err_set(err, ERR_FORMAT,
			       "%s: not a text; binary lists (KRL) are not "
			       "supported, list public keys, one a line",
			       name);
	return 0;
}

static int unknown_key(const struct wire *key, const char *name,
		       struct error *err)
{
	struct str print CLEANUP(str_release) = STR_INIT;
	struct str type CLEANUP(str_release) = STR_INIT;

	sign_fingerprint(key->p, key->left, &print);
	sign_key_type(key, &type);
	return err_set(err, ERR_INTEGRITY,
		       "the signer's key (%s %s) is not in %s", type.ptr,
		       print.ptr, name);
}

int signers_find(const char *text, size_t len, const char *name,
		 const struct signers_query *q, char **principals,
		 struct error *err)
{
	struct error refused = { 0 };
	size_t at = 0;

	if (check_text(text, len, name, err))
		return -1;
	for (;;) {
		char *copy CLEANUP(free_ptr) = next_line(&text, &len, &at);
		struct line l CLEANUP(line_release) = { .key = STR_INIT };
		struct error here = { 0 };

		if (!copy)
			break;
		if (parse_line(copy + blanks(copy), &l, err))
			return err_wrap(err, "%s: line %zu", name, at);
		if (!same_key(&l.key, &q->key))
			continue;
		if (judge(&l, q, &here) == 0) {
			free_ptr(principals);
			*principals = take_ptr(l.principals);
			return 0;
		}
		if (refused.code == ERR_NONE) {
			refused = here;
			err_wrap(&refused, "%s: line %zu", name, at);
		}
	}
	if (refused.code == ERR_NONE)
		return unknown_key(&q->key, name, err);
	*err = refused;
	return -1;
}

int signers_check_revoked(const char *text, size_t len, const char *name,
			  const struct wire *key, struct error *err)
{
	size_t at = 0;

	if (len >= 8 && memcmp(text, "SSHKRL\n\0", 8) == 0)
		return err_set(err, ERR_FORMAT,
			       "%s: a binary revocation list (KRL), which is "
			       "not supported; list public keys, one a line",
			       name);
	if (check_text(text, len, name, err))
		return -1;
	for (;;) {
		char *copy CLEANUP(free_ptr) = next_line(&text, &len, &at);
		struct str listed CLEANUP(str_release) = STR_INIT;
		const char *p;

		if (!copy)
			return 0;
		p = copy + blanks(copy);
		if (take_key(p, &listed, err))
			return err_wrap(err, "%s: line %zu", name, at);
		if (same_key(&listed, key))
			return err_set(err, ERR_INTEGRITY,
				       "%s: line %zu: the signer's key is "
				       "revoked",
				       name, at);
	}
}
