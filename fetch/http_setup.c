/*
 * Every option of a request. An easy handle is reset before each hop, so that
 * nothing of one hop (above all the token) can reach another.
 *
 * libcurl reads proxy variables of the environment unless CURLOPT_PROXY and
 * CURLOPT_NOPROXY are set: both always are.
 */
#include "fetch/http_internal.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BUFFER_BYTES (256u << 10)
#define BUFFER_SMALL (16u << 10)
#define BUFFER_LEAST (4u << 10)

struct setter {
	CURL *easy;
	CURLcode rc; /* of the first option that was refused */
};

static void set_long(struct setter *s, CURLoption option, long value)
{
	if (s->rc == CURLE_OK)
		s->rc = curl_easy_setopt(s->easy, option, value);
}

static void set_text(struct setter *s, CURLoption option, const char *value)
{
	if (s->rc == CURLE_OK)
		s->rc = curl_easy_setopt(s->easy, option, value);
}

static void set_ptr(struct setter *s, CURLoption option, void *value)
{
	if (s->rc == CURLE_OK)
		s->rc = curl_easy_setopt(s->easy, option, value);
}

static void set_callback(struct setter *s, CURLoption option,
			 size_t (*fn)(char *, size_t, size_t, void *))
{
	if (s->rc == CURLE_OK)
		s->rc = curl_easy_setopt(s->easy, option, fn);
}

const char *http_proxy_for(const struct http_settings *s, const char *url)
{
	return strncasecmp(url, "https:", 6) == 0 ? s->proxy_https
						  : s->proxy_http;
}

/* Under a limit small, so that no connection takes more than its share; no larger
 * than what may come, as 128 connections may ask for small files. */
static long buffer_bytes(const struct transfer *t,
			 const struct http_settings *cfg)
{
	uint64_t bytes = BUFFER_BYTES, share = cfg->limit_rate / 64;

	if (bytes > t->rq.max_body)
		bytes = t->rq.max_body < BUFFER_SMALL ? BUFFER_SMALL
						      : t->rq.max_body;
	if (cfg->limit_rate && bytes > share)
		bytes = share < BUFFER_LEAST ? BUFFER_LEAST : share;
	return (long)bytes;
}

static void set_network(struct setter *s, const struct transfer *t,
			const struct http_settings *cfg)
{
	set_long(s, CURLOPT_NOSIGNAL, 1L);
	set_long(s, CURLOPT_CONNECTTIMEOUT_MS, cfg->connect_timeout_ms);
	set_long(s, CURLOPT_LOW_SPEED_LIMIT, cfg->low_speed_bytes);
	set_long(s, CURLOPT_LOW_SPEED_TIME, cfg->low_speed_s);
	set_long(s, CURLOPT_TCP_KEEPALIVE, 1L);
	set_long(s, CURLOPT_BUFFERSIZE, buffer_bytes(t, cfg));
	set_text(s, CURLOPT_PROXY, http_proxy_for(cfg, t->url));
	set_text(s, CURLOPT_NOPROXY, cfg->no_proxy);
	set_long(s, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	set_long(s, CURLOPT_HEADEROPT, CURLHEADER_SEPARATE);
}

/* A file or directory that is given stands for all: the system's CAs do not
 * count any more. */
static void set_trust(struct setter *s, const struct http_settings *cfg)
{
	if (!cfg->ca_bundle && !cfg->ca_dir)
		return;
	set_text(s, CURLOPT_CAINFO, cfg->ca_bundle);
	set_text(s, CURLOPT_CAPATH, cfg->ca_dir);
	set_text(s, CURLOPT_PROXY_CAINFO, cfg->ca_bundle);
	set_text(s, CURLOPT_PROXY_CAPATH, cfg->ca_dir);
}

static int add_line(struct transfer *t, const char *line, struct error *err)
{
	struct curl_slist *more = curl_slist_append(t->lines, line);

	if (!more)
		return err_set(err, ERR_OTHER, "libcurl: out of memory");
	t->lines = more;
	return 0;
}

static bool is_home(const struct transfer *t)
{
	return strcmp(t->origin, t->home) == 0;
}

static int make_lines(struct transfer *t, struct error *err)
{
	struct str line CLEANUP(str_release) = STR_INIT;

	curl_slist_free_all(t->lines);
	t->lines = NULL;
	/* said by hand: with CURLOPT_ACCEPT_ENCODING libcurl would decode what
	 * a server compresses all the same, and lengths would lie */
	if (!t->rq.api && add_line(t, "Accept-Encoding: identity", err) < 0)
		return -1;
	for (size_t i = 0; is_home(t) && i < t->extra.count; i++)
		if (add_line(t, t->extra.items[i], err) < 0)
			return -1;
	if (t->rq.accept) {
		str_addf(&line, "Accept: %s", t->rq.accept);
		if (add_line(t, line.ptr, err) < 0)
			return -1;
		str_clear(&line);
	}
	if (!t->rq.if_range)
		return 0;
	str_addf(&line, "If-Range: %s", t->rq.if_range);
	return add_line(t, line.ptr, err);
}

static void set_token(struct setter *s, const struct transfer *t)
{
	struct str cookie CLEANUP(str_release) = STR_INIT;

	if (!t->rq.token || !is_home(t))
		return;
	set_long(s, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
	set_text(s, CURLOPT_XOAUTH2_BEARER, t->rq.token);
	if (!t->rq.cookie)
		return;
	str_addf(&cookie, "%s=%s", t->rq.cookie, t->rq.token);
	set_text(s, CURLOPT_COOKIE, cookie.ptr);
}

/* libcurl does not copy the body: it lives as long as the transfer. */
static void set_method(struct setter *s, struct transfer *t)
{
	if (t->rq.post) {
		set_long(s, CURLOPT_POST, 1L);
		set_long(s, CURLOPT_POSTFIELDSIZE, (long)t->rq.post_len);
		set_text(s, CURLOPT_POSTFIELDS, t->rq.post);
	} else if (t->rq.head) {
		set_long(s, CURLOPT_NOBODY, 1L);
	} else {
		set_long(s, CURLOPT_HTTPGET, 1L);
	}
}

static void set_range(struct setter *s, const struct http_request *rq)
{
	char range[64];

	if (rq->range_to > 0)
		snprintf(range, sizeof(range), "%llu-%llu",
			 (unsigned long long)rq->range_from,
			 (unsigned long long)rq->range_to - 1);
	else if (rq->range_from > 0)
		snprintf(range, sizeof(range), "%llu-",
			 (unsigned long long)rq->range_from);
	else
		return;
	set_text(s, CURLOPT_RANGE, range);
}

static void set_request(struct setter *s, struct transfer *t,
			const struct http_settings *cfg)
{
	set_text(s, CURLOPT_URL, t->url);
	set_text(s, CURLOPT_PROTOCOLS_STR, "http,https");
	set_long(s, CURLOPT_FOLLOWLOCATION, 0L);
	set_long(s, CURLOPT_NETRC, CURL_NETRC_IGNORED);
	set_text(s, CURLOPT_USERAGENT, cfg->user_agent);
	set_method(s, t);
	if (t->rq.hop)
		set_long(s, CURLOPT_FRESH_CONNECT, 1L);
	if (t->rq.api)
		set_text(s, CURLOPT_ACCEPT_ENCODING, "");
	/* files: one connection each, so that one slow file holds up no other */
	set_long(s, CURLOPT_HTTP_VERSION,
		 t->rq.api ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
	set_range(s, &t->rq);
	set_token(s, t);
}

int http_setup(struct transfer *t, const struct http_settings *cfg,
	       struct error *err)
{
	struct setter s = { .easy = t->easy };

	curl_easy_reset(t->easy);
	if (make_lines(t, err) < 0)
		return -1;
	set_network(&s, t, cfg);
	set_trust(&s, cfg);
	set_request(&s, t, cfg);
	set_ptr(&s, CURLOPT_HTTPHEADER, t->lines);
	set_ptr(&s, CURLOPT_PRIVATE, t);
	set_ptr(&s, CURLOPT_ERRORBUFFER, t->detail);
	set_ptr(&s, CURLOPT_HEADERDATA, t);
	set_ptr(&s, CURLOPT_WRITEDATA, t);
	set_callback(&s, CURLOPT_HEADERFUNCTION, http_on_header);
	set_callback(&s, CURLOPT_WRITEFUNCTION, http_on_body);
	t->http->reads_ahead |= http_tls_read_ahead(t, cfg);
	t->detail[0] = '\0';
	if (s.rc != CURLE_OK)
		return err_set(err, ERR_OTHER, "libcurl refuses an option: %s",
			       curl_easy_strerror(s.rc));
	return 0;
}
