/* The engine's settings, and its beginning and end. */
#include "fetch/http_internal.h"

#include "base/clock.h"
#include "base/human.h"
#include "base/mem.h"

#include <errno.h>
#include <unistd.h>

#define DEFAULT(value, usual) ((value) ? (value) : (usual))

static char *text_or_null(const char *s)
{
	return s && *s ? xstrdup(s) : NULL;
}

static void take_settings(struct http_settings *s, const struct http_config *c)
{
	s->proxy_http = xstrdup(c->proxy_http ? c->proxy_http : "");
	s->proxy_https = xstrdup(c->proxy_https ? c->proxy_https : "");
	s->no_proxy = xstrdup(c->no_proxy ? c->no_proxy : "");
	s->ca_bundle = text_or_null(c->ca_bundle);
	s->ca_dir = text_or_null(c->ca_dir);
	s->user_agent = text_or_null(c->user_agent);
	s->connect_timeout_ms = (long)DEFAULT(c->connect_timeout_ms, 15000u);
	s->low_speed_bytes = (long)DEFAULT(c->low_speed_bytes, 1000u);
	s->low_speed_s = (long)DEFAULT(c->low_speed_s, 30u);
	s->max_connections = DEFAULT(c->max_connections, 128u);
	s->limit_rate = c->limit_rate;
	s->deadline_ms = c->deadline_ms;
}

static int check_readable(const char *path, struct error *err)
{
	if (path && access(path, R_OK) != 0)
		return err_set(err, ERR_USAGE, "cannot read the CA file %s",
			       path);
	return 0;
}

static int open_curl(struct http *h, struct error *err)
{
	long most = (long)h->settings.max_connections;

	h->tls_is_ours = http_tls_is_ours();
	h->multi = curl_multi_init();
	h->share = curl_share_init();
	/* idle connections to a hub must outlive the hops to its CDN */
	if (!h->multi || !h->share ||
	    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 2 * most) !=
		    CURLM_OK ||
	    curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) !=
		    CURLSHE_OK ||
	    curl_share_setopt(h->share, CURLSHOPT_SHARE,
			      CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK)
		return err_set(err, ERR_OTHER, "libcurl does not start");
	return http_wait_open(h, err);
}

int http_open(struct http **out, const struct http_config *cfg,
	      const struct cancel *cancel, struct error *err)
{
	struct http *h CLEANUP(http_close) = xcalloc(1, sizeof(*h));

	curl_global_init(CURL_GLOBAL_DEFAULT);
	h->cancel = cancel;
	h->opened_ms = clock_ms();
	h->epoll = h->wake = -1;
	take_settings(&h->settings, cfg);
	h->rate = (struct http_rate){ .limit = h->settings.limit_rate,
				      .at_ms = clock_ms() };
	if (check_readable(h->settings.ca_bundle, err) < 0 ||
	    open_curl(h, err) < 0)
		return -1;
	*out = take_ptr(h);
	return 0;
}

int http_late(const struct http *h, struct error *err)
{
	uint64_t limit = h->settings.deadline_ms;
	char text[HUMAN_MAX];

	if (!limit || clock_ms() - h->opened_ms < limit)
		return 0;
	err_set(err, ERR_NET, "not complete after %s, which was the deadline",
		human_time(limit, text));
	err->sys = ETIME;
	return err_hint(err, "what has come is kept: run the command again");
}

struct cancel http_in_time(const struct http *h)
{
	uint64_t limit = h->settings.deadline_ms;

	return cancel_until(h->cancel, limit ? h->opened_ms + limit : 0);
}

int http_say_late(const struct http *h, struct error *err)
{
	struct error late = { .code = ERR_NONE };

	if (err->code == ERR_CANCELLED && !cancel_is_set(h->cancel) &&
	    http_late(h, &late) < 0)
		*err = late;
	return -1;
}

static void release_settings(struct http_settings *s)
{
	free_ptr(&s->proxy_http);
	free_ptr(&s->proxy_https);
	free_ptr(&s->no_proxy);
	free_ptr(&s->ca_bundle);
	free_ptr(&s->ca_dir);
	free_ptr(&s->user_agent);
}

void http_close(struct http **http)
{
	struct http *h = *http;

	if (!h)
		return;
	*http = NULL;
	http_drop_all(h);
	while (h->idle_count > 0)
		curl_easy_cleanup(h->idle[--h->idle_count]);
	curl_multi_cleanup(h->multi);
	curl_share_cleanup(h->share);
	curl_global_cleanup();
	http_wait_close(h);
	release_settings(&h->settings);
	free_ptr(&h->idle);
	free_ptr(&h);
}
