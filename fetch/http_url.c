/* Parts of URLs, split as libcurl itself splits them. */
#include "fetch/http.h"

#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

static void free_url(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void free_part(char **p)
{
	curl_free(*p);
}

static char *url_part(CURLU *u, CURLUPart what)
{
	char *part CLEANUP(free_part) = NULL;

	if (curl_url_get(u, what, &part, 0) != CURLUE_OK)
		return xstrdup("");
	return xstrdup(part);
}

static void lower(char *s)
{
	for (; *s; s++)
		*s = (char)tolower((unsigned char)*s);
}

static void add_origin(struct str *out, CURLU *u)
{
	char *scheme CLEANUP(free_ptr) = url_part(u, CURLUPART_SCHEME);
	char *host CLEANUP(free_ptr) = url_part(u, CURLUPART_HOST);
	char *port CLEANUP(free_ptr) = url_part(u, CURLUPART_PORT);
	const char *usual = strcmp(scheme, "https") == 0 ? "443" : "80";

	lower(host);
	str_addf(out, "%s://%s", scheme, host);
	if (*port && strcmp(port, usual) != 0)
		str_addf(out, ":%s", port);
}

static bool parse_url(CURLU *u, const char *url)
{
	if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
		return false;
	return strncasecmp(url, "http://", 7) == 0 ||
	       strncasecmp(url, "https://", 8) == 0;
}

/* A host alone, as it is written in the instructions of mirrors? */
static bool lacks_scheme(const char *url)
{
	return strchr(url, '.') && isalnum((unsigned char)*url) &&
	       !strstr(url, "://") && !strpbrk(url, " \t");
}

int http_origin(const char *url, char **out, struct error *err)
{
	CURLU *u CLEANUP(free_url) = curl_url();
	struct str origin CLEANUP(str_release) = STR_INIT;

	if (!parse_url(u, url)) {
		char *shown CLEANUP(free_ptr) = http_redact(url);

		err_set(err, ERR_USAGE, "%s: not a http or https URL", shown);
		return lacks_scheme(shown)
			       ? err_hint(err, "write https://%s", shown)
			       : -1;
	}
	add_origin(&origin, u);
	*out = str_detach(&origin);
	return 0;
}

char *http_redact(const char *url)
{
	const char *sep = strstr(url, "://");
	const char *rest = sep ? sep + 3 : url;
	size_t authority = strcspn(rest, "/?#");
	struct str out CLEANUP(str_release) = STR_INIT;
	const char *at = memrchr(rest, '@', authority);

	str_add(&out, url, (size_t)(rest - url));
	if (at) {
		authority -= (size_t)(at + 1 - rest);
		rest = at + 1;
	}
	str_add(&out, rest, authority + strcspn(rest + authority, "?#"));
	return str_detach(&out);
}
