/* CURLcode -> one message: who, what, through which proxy. */
#include "fetch/http_internal.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct cause {
	CURLcode rc;
	enum err_code code;
	const char *text; /* NULL: libcurl's own is enough */
} causes[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_NET, "cannot find the host" },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERR_NET, "cannot find the proxy" },
	{ CURLE_COULDNT_CONNECT, ERR_NET, "cannot connect" },
	{ CURLE_OPERATION_TIMEDOUT, ERR_NET, "timed out" },
	{ CURLE_PARTIAL_FILE, ERR_NET, "cut off before the end" },
	{ CURLE_GOT_NOTHING, ERR_NET, "closed without an answer" },
	{ CURLE_SSL_CONNECT_ERROR, ERR_NET, "TLS failed" },
	{ CURLE_PEER_FAILED_VERIFICATION, ERR_NET, "certificate refused" },
	{ CURLE_SSL_ISSUER_ERROR, ERR_NET, "certificate refused" },
	{ CURLE_SSL_CACERT_BADFILE, ERR_USAGE, "cannot use the CA file" },
	{ CURLE_UNSUPPORTED_PROTOCOL, ERR_FORMAT, "not an HTTP answer" },
	{ CURLE_WEIRD_SERVER_REPLY, ERR_FORMAT, "malformed answer" },
	{ CURLE_BAD_CONTENT_ENCODING, ERR_FORMAT, "malformed answer" },
	{ CURLE_URL_MALFORMAT, ERR_USAGE, "malformed URL" },
	/* what it says of a line of header beyond its own limit */
	{ CURLE_OUT_OF_MEMORY, ERR_FORMAT, "a header line without end" },
};

/* A SOCKS server that wants a user and password, or others. */
static bool wants_credentials(long proxy_error)
{
	return proxy_error == CURLPX_NO_AUTH ||
	       proxy_error == CURLPX_USER_REJECTED;
}

static struct cause find_cause(CURLcode rc, long proxy_error)
{
	if (rc == CURLE_PROXY && wants_credentials(proxy_error))
		return (struct cause){ rc, ERR_AUTH,
				       "the proxy wants a user name and "
				       "password" };
	for (size_t i = 0; i < ARRAY_LEN(causes); i++)
		if (causes[i].rc == rc)
			return causes[i];
	return (struct cause){ rc, ERR_NET, NULL };
}

/* host and port of a proxy setting, which may lack "http://" */
static char *proxy_name(const char *proxy)
{
	char *name = http_redact(proxy);
	char *sep = strstr(name, "://");
	char *host = sep ? sep + 3 : name;

	host[strcspn(host, "/")] = '\0';
	return name;
}

static long info_long(CURL *easy, CURLINFO what)
{
	long value = 0;

	return curl_easy_getinfo(easy, what, &value) == CURLE_OK ? value : 0;
}

/* Did this transfer go through the proxy? no_proxy may have kept it out;
 * libcurl 7.88 does not say, so its traces decide. */
static bool went_through(const struct transfer *t, const char *name,
			 const char *no_proxy)
{
	const char *sep = strstr(name, "://");
	const char *host = sep ? sep + 3 : name;
	size_t host_len = strcspn(host, ":");
	char *bare CLEANUP(free_ptr) = xstrndup(host, host_len);
	char port[24];

	if (!*no_proxy || strstr(t->detail, bare))
		return true;
	snprintf(port, sizeof(port), ":%ld",
		 info_long(t->easy, CURLINFO_PRIMARY_PORT));
	return !strcmp(host + host_len, port);
}

/* libcurl's own words, or the system's where those say more. */
static const char *detail_of(const struct transfer *t, CURLcode rc)
{
	int errnum = (int)info_long(t->easy, CURLINFO_OS_ERRNO);
	const char *reason = errnum ? strerrordesc_np(errnum) : NULL;

	if (rc == CURLE_COULDNT_CONNECT && reason)
		return reason;
	return *t->detail ? t->detail : curl_easy_strerror(rc);
}

static void add_proxy(const struct transfer *t, const struct http_settings *s,
		      struct error *err)
{
	const char *proxy = http_proxy_for(s, t->url);
	char *name CLEANUP(free_ptr) = proxy_name(proxy);

	if (*proxy && went_through(t, name, s->no_proxy))
		err_hint(err, "through the proxy %s", name);
}

/* The proxy's own answer to CONNECT. */
static int explain_connect(const struct transfer *t,
			   const struct http_settings *s, long status,
			   struct error *err)
{
	char *name CLEANUP(free_ptr) = proxy_name(http_proxy_for(s, t->url));

	if (http_is_login(status)) {
		err_set(err, ERR_AUTH,
			"the proxy %s wants a user name and password for %s",
			name, t->origin);
		err_hint(err, "give it as http://USER:PASSWORD@HOST:PORT");
	} else if (status >= 500) {
		err_set(err, ERR_NET,
			"the proxy %s cannot connect to %s (status %ld)", name,
			t->origin, status);
		err_hint(err, "check the address; " HTTP_PAST_PROXY);
	} else {
		err_set(err, ERR_AUTH,
			"the proxy %s refuses to connect to %s (status %ld)",
			name, t->origin, status);
		err_hint(err, "ask who runs it to allow the address, "
			      "or " HTTP_PAST_PROXY);
	}
	err->http = status;
	return -1;
}

static void add_trust_hint(const struct http_settings *s, struct error *err)
{
	const char *first = s->ca_bundle ? s->ca_bundle : s->ca_dir;
	const char *second = s->ca_bundle ? s->ca_dir : NULL;

	err_hint(err,
		 "checked against %s%s%s; where the network has a CA of its "
		 "own, give its certificate with --ca-bundle FILE",
		 first ? first : "the system's CAs", second ? " and " : "",
		 second ? second : "");
}

int http_explain(const struct transfer *t, const struct http_settings *s,
		 CURLcode rc, struct http_response *res, struct error *err)
{
	struct cause cause = find_cause(
		rc, info_long(t->easy, CURLINFO_PROXY_ERROR));
	long connect = info_long(t->easy, CURLINFO_HTTP_CONNECTCODE);
	const char *detail = detail_of(t, rc);

	if (connect >= 300) {
		res->proxy_refused = true;
		return explain_connect(t, s, connect, err);
	}
	res->proxy_refused = rc == CURLE_PROXY;
	if (cause.text)
		err_set(err, cause.code, "%s: %s: %s", t->origin, cause.text,
			detail);
	else
		err_set(err, cause.code, "%s: %s", t->origin, detail);
	if (rc == CURLE_PEER_FAILED_VERIFICATION ||
	    rc == CURLE_SSL_ISSUER_ERROR) {
		res->untrusted = true;
		add_trust_hint(s, err);
	}
	add_proxy(t, s, err);
	return -1;
}
