#include "doctor/redact.h"

#include "base/attr.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define ENDS " \t\r\n\"'&,;<>)]}"
/* Of what stands before such a word: longer ones are no names. */
#define LONGEST 64

static void stars(char *from, size_t n)
{
	memset(from, '*', n);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool is_name(char c)
{
	return is_word(c) || c == '-';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

/* --- tokens that are known by how they begin -------------------------------------- */

/* "hf_cache", "hf_hub" and "sk-learn" are names: what is behind has a least length, and
 * where names that long are usual, digits and letters. */
static const struct {
	const char *begin;
	size_t least;
	const char *also; /* characters beside letters and digits */
	bool mixed;
} tokens[] = {
	{ "hf_", 8, "", false },       { "api_org_", 16, "", false },
	{ "ghp_", 20, "", false },     { "gho_", 20, "", false },
	{ "ghs_", 20, "", false },     { "github_pat_", 20, "_", false },
	{ "glpat-", 16, "-_", false }, { "xoxb-", 20, "-", true },
	{ "xoxp-", 20, "-", true },    { "sk-", 20, "-_", true },
	{ "ms-", 32, "-", true },      { "AKIA", 16, "", true },
	{ "eyJ", 30, "-_.=", true },   { "AIza", 30, "-_", true },
};

static size_t token_len(const char *p, const char *also, bool *mixed)
{
	bool digit = false, letter = false;
	size_t n = 0;

	for (; isalnum((unsigned char)p[n]) || (p[n] && strchr(also, p[n]));
	     n++) {
		digit |= isdigit((unsigned char)p[n]) != 0;
		letter |= isalpha((unsigned char)p[n]) != 0;
	}
	*mixed = digit && letter;
	return n;
}

static void hide_tokens(char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		size_t skip = strlen(tokens[i].begin);

		for (char *p = strstr(text, tokens[i].begin); p;
		     p = strstr(p + 1, tokens[i].begin)) {
			bool mixed;
			size_t n = token_len(p + skip, tokens[i].also, &mixed);

			if (n >= tokens[i].least &&
			    (mixed || !tokens[i].mixed) &&
			    (p == text || !is_word(p[-1])))
				stars(p + skip, n);
		}
	}
}

/* --- behind a word ----------------------------------------------------------------- */

/* NAME=VALUE, NAME: VALUE, "NAME": "VALUE", --NAME VALUE, where NAME ends so. */
static const struct {
	const char *name;
	bool colon;  /* before ':', too, at the end of any word */
	bool alone;  /* nothing before it: "sig", not "config_sig" */
	bool option; /* of an option alone */
} names[] = {
	{ "token", false, false, false },
	{ "password", true, false, false },
	{ "passwd", true, false, false },
	{ "passphrase", true, false, false },
	{ "secret", true, false, false },
	{ "signature", false, false, false },
	{ "credential", false, false, false },
	{ "api_key", true, false, false },
	{ "api-key", true, false, false },
	{ "apikey", true, false, false },
	{ "access_key", true, false, false },
	{ "access-key", true, false, false },
	{ "sig", false, true, false },
	{ "auth", false, false, true },
};

/* Up to the quote that it stands in, or to what cannot be part of it. */
static void hide_value(char *p, char quote)
{
	char end[2] = { quote };

	p += *p == '\\'; /* JSON in JSON */
	if (is_quote(*p))
		*end = *p++;
	stars(p, *end ? strcspn(p, end) : strcspn(p, ENDS));
}

/* What is behind a name that ends at p; word: where the name begins. */
static void hide_behind(char *text, char *word, char *name, char *p, size_t i)
{
	char quote = '\0';
	bool is_option = *word == '-';

	if (word > text && is_quote(word[-1]))
		quote = word[-1];
	if (names[i].alone && word != name)
		return;
	p += *p == '\\';
	if (*p == ' ' && is_option) {
		p += strspn(p, " ");
		if (*p != '-')
			hide_value(p, '\0');
		return;
	}
	if (names[i].option && !is_option)
		return;
	if (quote && *p == quote) {
		p++;
		quote = '\0';
		if (*p != ':')
			return;
	} else if (*p == ':' && !names[i].colon &&
		   (word == name || !strchr("_-", name[-1]))) {
		return; /* "unknown token: x" */
	}
	if (*p != '=' && *p != ':')
		return;
	p++;
	if (p[-1] == ':')
		p += strspn(p, " ");
	hide_value(p, quote);
}

static void hide_named(char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		for (char *p = strcasestr(text, names[i].name); p;
		     p = strcasestr(p, names[i].name)) {
			char *name = p, *word = p;

			while (word > text && name - word < LONGEST &&
			       is_name(word[-1]))
				word--;
			p += strlen(names[i].name);
			hide_behind(text, word, name, p, i);
		}
}

/* "Bearer VALUE" */
static void hide_schemes(char *text)
{
	static const char *const schemes[] = { "bearer ", "basic ",
					       "authorization: token " };

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		for (char *p = strcasestr(text, schemes[i]); p;
		     p = strcasestr(p, schemes[i])) {
			p += strlen(schemes[i]);
			stars(p, strcspn(p, ENDS));
		}
}

/* --- in URLs ------------------------------------------------------------------------ */

/* Bytes in front of the '@' behind user:password. A password may have any byte, '/' too,
 * though it should be written as %2F; "host:443/a@b" has none. */
static size_t userinfo_len(const char *p)
{
	size_t end = strcspn(p, " \t\"'<>"), host = strcspn(p, "/?#" ENDS);
	const char *colon = memchr(p, ':', host);
	bool has_port = !colon || strspn(colon + 1, "0123456789") ==
					  (size_t)(p + host - colon) - 1;

	if (has_port || memchr(p, '@', host))
		end = host;
	while (end && p[end - 1] != '@')
		end--;
	return end ? end - 1 : 0;
}

/* How our own advice says where a password belongs: nobody's. */
static bool is_placeholder(const char *p, size_t len)
{
	return len == strlen("USER:PASSWORD") &&
	       !memcmp(p, "USER:PASSWORD", len);
}

/* scheme://user:password@host */
static void hide_userinfo(char *text)
{
	for (char *p = strstr(text, "://"); p; p = strstr(p, "://")) {
		size_t len;

		p += 3;
		len = userinfo_len(p);
		if (!is_placeholder(p, len))
			stars(p, len);
	}
}

void redact_secrets(char *text)
{
	hide_userinfo(text);
	hide_tokens(text);
	hide_schemes(text);
	hide_named(text);
}

/* --- words of a command line ----------------------------------------------------- */

static bool is_secret(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = strlen(names[i].name);

		if (len >= n &&
		    !strncasecmp(name + len - n, names[i].name, n) &&
		    (!names[i].alone || len == n) &&
		    (!names[i].option || *name == '-'))
			return true;
	}
	return false;
}

/* "NAME=VALUE", "Header: VALUE": what is in the rest of the word, nobody can tell from
 * where the secret ends. Where it begins, or NULL. */
static char *secret_rest(char *word)
{
	static const char *const headers[] = { "authorization", "cookie" };
	size_t len = strcspn(word, "=: \t\n");
	bool header = word[len] == ':' && word[len + 1] == ' ';

	for (size_t i = 0; header && i < ARRAY_LEN(headers); i++)
		if (len >= strlen(headers[i]) &&
		    !strncasecmp(word + len - strlen(headers[i]), headers[i],
				 strlen(headers[i])))
			return word + len + 2;
	if ((word[len] != '=' && !header) || !is_secret(word, len))
		return NULL;
	return word + len + 1 + header;
}

/* curl -u me:secret; python -u has no word of its own: what follows has no colon. */
static bool names_user(const char *word)
{
	return !strcmp(word, "-u") || !strcmp(word, "--user") ||
	       !strcmp(word, "--proxy-user");
}

void redact_word(char *word, const char *before)
{
	char *colon = strchr(word, ':'), *rest = secret_rest(word);

	if (*before == '-' && *word != '-' && is_secret(before, strlen(before)))
		rest = word;
	else if (names_user(before) && colon)
		rest = colon + 1;
	if (rest)
		stars(rest, strlen(rest));
	else
		redact_secrets(word);
}
