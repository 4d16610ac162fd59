#include "doctor/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Words behind which a secret stands, up to a blank, quote or '&'. */
static const char *const before[] = {
	"bearer ",   "token=",	"hf_token:",	     "signature=",
	"password=", "passwd=", "x-amz-credential=", "secret=",
	"api_key=",  "basic ",	"access_token:",     "x-amz-security-token=",
};

#define ENDS " \t\r\n\"'&,;<>)]}"

static void stars(char *from, size_t n)
{
	memset(from, '*', n);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* hf_ and at least eight letters or digits: "hf_cache" and "hf_hub" are names. */
static void hide_tokens(char *text)
{
	for (char *p = strstr(text, "hf_"); p; p = strstr(p + 1, "hf_")) {
		size_t n = 3;

		while (isalnum((unsigned char)p[n]))
			n++;
		if (n - 3 >= 8 && (p == text || !is_word(p[-1])))
			stars(p + 3, n - 3);
	}
}

static void hide_behind(char *text, const char *word)
{
	size_t len = strlen(word);

	for (char *p = strcasestr(text, word); p; p = strcasestr(p, word)) {
		p += len;
		stars(p, strcspn(p, ENDS));
	}
}

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

/* scheme://user:password@host */
static void hide_userinfo(char *text)
{
	for (char *p = strstr(text, "://"); p; p = strstr(p, "://")) {
		p += 3;
		stars(p, userinfo_len(p));
	}
}

void redact_secrets(char *text)
{
	hide_userinfo(text);
	hide_tokens(text);
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		hide_behind(text, before[i]);
}
