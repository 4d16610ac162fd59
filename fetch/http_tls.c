/*
 * TLS brings records of 16 KiB, and OpenSSL asks the kernel twice for each: for its
 * head and for the rest. Reading ahead it takes several at a time, which costs less
 * on both sides, as the kernel also acknowledges what is taken.
 *
 * libcurl does not know of it: it asks for SSL_pending(), which does not count what
 * is not decrypted yet, and waits for the socket, which may have nothing more. So
 * whoever waits looks here first, and only answers that can be watched that way
 * are read ahead: not HTTP/2, where one socket is many requests, none that may be
 * paused, and no TLS inside that of a proxy.
 */
#include "fetch/http_internal.h"

#include <openssl/opensslv.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Of a connection, while it has some: whole records of TLS 1.3, so that none has to
 * be moved in memory, and what OpenSSL leaves free before the first. */
#define AHEAD_RECORDS 4
#define AHEAD_BYTES \
	(AHEAD_RECORDS * (SSL3_RT_HEADER_LENGTH + (16u << 10) + 1 + 16) + 8)

bool http_tls_is_ours(void)
{
	const char *name = curl_version_info(CURLVERSION_NOW)->ssl_version;
	char ours[32];

	snprintf(ours, sizeof(ours), "OpenSSL/%d.", OPENSSL_VERSION_MAJOR);
	return name && strncmp(name, ours, strlen(ours)) == 0;
}

static CURLcode on_context(CURL *easy, void *context, void *unused)
{
	(void)easy;
	(void)unused;
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, AHEAD_BYTES);
	return CURLE_OK;
}

bool http_tls_read_ahead(const struct transfer *t,
			 const struct http_settings *cfg)
{
	if (!t->http->tls_is_ours || t->rq.api || cfg->limit_rate ||
	    strncasecmp(t->url, "https:", 6) != 0 ||
	    strncasecmp(http_proxy_for(cfg, t->url), "https:", 6) == 0)
		return false;
	return curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_FUNCTION,
				on_context) == CURLE_OK;
}

bool http_tls_has_more(const struct transfer *t)
{
	struct curl_tlssessioninfo *tls = NULL;
	const SSL *ssl;

	if (curl_easy_getinfo(t->easy, CURLINFO_TLS_SSL_PTR, &tls) !=
		    CURLE_OK ||
	    !tls || tls->backend != CURLSSLBACKEND_OPENSSL || !tls->internals)
		return false;
	ssl = tls->internals;
	/* part of a record waits for the rest of it, and the socket tells */
	return SSL_has_pending(ssl) && !SSL_want_read(ssl);
}
