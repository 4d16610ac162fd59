/*
 * Times of a hop. What libcurl 7.88 cannot say is whether a proxy was used where
 * no_proxy may have had its say; the peer's port tells, unless both are the same.
 */
#include "fetch/http_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static uint64_t time_of(const struct transfer *t, CURLINFO what)
{
	curl_off_t us = 0;

	if (curl_easy_getinfo(t->easy, what, &us) != CURLE_OK || us < 0)
		return 0;
	return (uint64_t)us;
}

static long long_of(const struct transfer *t, CURLINFO what)
{
	long value = 0;

	return curl_easy_getinfo(t->easy, what, &value) == CURLE_OK ? value : 0;
}

/* Of a URL or HOST:PORT; 0: not said. */
static long port_of(const char *url)
{
	const char *sep = strstr(url, "://");
	const char *host = sep ? sep + 3 : url;
	const char *end = host + strcspn(host, "/?#");
	const char *p = memrchr(host, ':', (size_t)(end - host));
	long port = 0;

	while (p && *++p >= '0' && *p <= '9' && port <= 65535)
		port = port * 10 + (*p - '0');
	return port;
}

static bool used_proxy(const struct transfer *t, const char *proxy,
		       const char *no_proxy)
{
	long peer = long_of(t, CURLINFO_PRIMARY_PORT);

	if (!*proxy)
		return false;
	if (long_of(t, CURLINFO_HTTP_CONNECTCODE) != 0 || peer == 0)
		return true;
	return !*no_proxy ||
	       (peer == port_of(proxy) && peer != port_of(t->origin));
}

/* Does it see what it passes on? A proxy of HTTP does, unless that is encrypted: then
 * the server itself has answered. */
static bool in_the_clear(const char *url, const char *proxy)
{
	return strncasecmp(url, "http:", 5) == 0 &&
	       strncasecmp(proxy, "socks", 5) != 0;
}

void http_find_proxy(struct transfer *t, const struct http_settings *s)
{
	const char *proxy = http_proxy_for(s, t->url);
	char *shown CLEANUP(free_ptr) = http_redact(proxy);
	struct http_response *res = &t->res;

	if (res->status == 0 || !in_the_clear(t->url, proxy) ||
	    !used_proxy(t, proxy, s->no_proxy))
		return;
	snprintf(res->proxy, sizeof(res->proxy), "%s", shown);
	res->proxy_refused = res->status == 407 ||
			     (res->status >= 400 && res->made_on_the_way);
}

void http_tell_hop(const struct transfer *t, const struct http_settings *s)
{
	const char *proxy = http_proxy_for(s, t->url);
	char *shown CLEANUP(free_ptr) = http_redact(proxy);
	char *address = NULL;
	struct http_hop hop = {
		.origin = t->origin,
		.status = t->res.status,
		.proxy = used_proxy(t, proxy, s->no_proxy) ? shown : NULL,
		.name_us = time_of(t, CURLINFO_NAMELOOKUP_TIME_T),
		.connect_us = time_of(t, CURLINFO_CONNECT_TIME_T),
		.tls_us = time_of(t, CURLINFO_APPCONNECT_TIME_T),
		.first_us = time_of(t, CURLINFO_STARTTRANSFER_TIME_T),
		.total_us = time_of(t, CURLINFO_TOTAL_TIME_T),
		.bytes = time_of(t, CURLINFO_SIZE_DOWNLOAD_T),
		.token = t->rq.token && strcmp(t->origin, t->home) == 0,
	};

	if (curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &address) !=
	    CURLE_OK)
		address = NULL;
	hop.address = address ? address : "";
	t->rq.hop(t->rq.ctx, &hop);
}
