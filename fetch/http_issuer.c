/*
 * Who has issued the certificate that a server shows. Verification is off here, for a
 * certificate that is not trusted is what this is about: the connection ends behind the
 * handshake, nothing is sent over it and nothing of it is believed.
 */
#include "fetch/http_internal.h"

#include "base/str.h"

#include <ctype.h>
#include <string.h>

static void no_curl(CURL **easy)
{
	curl_easy_cleanup(*easy);
	*easy = NULL;
}

/* libcurl asks at least once a second, also while it waits for a connection. */
static int has_to_stop(void *http, curl_off_t a, curl_off_t b, curl_off_t c,
		       curl_off_t d)
{
	const struct cancel in_time = http_in_time(http);

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return cancel_is_set(&in_time);
}

static bool prepare(CURL *easy, const struct http_settings *s, const char *url)
{
	const struct {
		CURLoption option;
		long value;
	} longs[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_CONNECT_ONLY, 1 },
		{ CURLOPT_CERTINFO, 1 },
		{ CURLOPT_SSL_VERIFYPEER, 0 },
		{ CURLOPT_SSL_VERIFYHOST, 0 },
		{ CURLOPT_CONNECTTIMEOUT_MS, s->connect_timeout_ms },
		{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
		{ CURLOPT_NOPROGRESS, 0 },
	};
	const struct {
		CURLoption option;
		const char *value;
	} texts[] = {
		{ CURLOPT_URL, url },
		{ CURLOPT_PROTOCOLS_STR, "https" },
		{ CURLOPT_PROXY, http_proxy_for(s, url) },
		{ CURLOPT_NOPROXY, s->no_proxy },
	};
	CURLcode rc = CURLE_OK;

	for (size_t i = 0; i < ARRAY_LEN(longs) && rc == CURLE_OK; i++)
		rc = curl_easy_setopt(easy, longs[i].option, longs[i].value);
	for (size_t i = 0; i < ARRAY_LEN(texts) && rc == CURLE_OK; i++)
		rc = curl_easy_setopt(easy, texts[i].option, texts[i].value);
	return rc == CURLE_OK;
}

/* What a stranger wrote, fit to be shown. */
static void take(const char *text, char *out, size_t cap)
{
	size_t n = 0;

	for (; *text && n + 1 < cap; text++)
		out[n++] = iscntrl((unsigned char)*text) ? '?' : *text;
	out[n] = '\0';
}

bool http_issuer(struct http *h, const char *url, char *out, size_t cap)
{
	CURL *easy CLEANUP(no_curl) = curl_easy_init();
	struct curl_certinfo *certs = NULL;

	if (!easy || !prepare(easy, &h->settings, url) ||
	    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, has_to_stop) !=
		    CURLE_OK ||
	    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, h) != CURLE_OK ||
	    curl_easy_perform(easy) != CURLE_OK ||
	    curl_easy_getinfo(easy, CURLINFO_CERTINFO, &certs) != CURLE_OK ||
	    !certs || certs->num_of_certs < 1)
		return false;
	for (const struct curl_slist *l = certs->certinfo[0]; l; l = l->next)
		if (str_starts(l->data, "Issuer:")) {
			take(l->data + strlen("Issuer:"), out, cap);
			return *out != '\0';
		}
	return false;
}
