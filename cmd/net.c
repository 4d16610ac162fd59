#include "cmd/net.h"

#include "base/human.h"
#include "base/mem.h"
#include "cmd/text.h"
#include "fetch/endpoint.h"

#include <string.h>

static void say_proxy(struct app *app, const char *scheme, const char *url)
{
	char *shown CLEANUP(free_ptr) = NULL;

	if (!url)
		return;
	shown = http_redact(url);
	event_info(&app->sink, "proxy for %s: %s", scheme, shown);
}

static void say_settings(struct app *app, const struct net *n)
{
	const struct config_network *c = &n->config;

	for (size_t i = 0; i < n->hub.count; i++)
		event_info(&app->sink, "endpoint: %s, from %s%s",
			   n->hub.endpoints[i].name, c->endpoints_from,
			   endpoint_token(&n->hub, &n->hub.endpoints[i])
				   ? ", with token"
				   : "");
	if (c->token)
		event_info(&app->sink, "token: from %s", c->token_from);
	say_proxy(app, "http", c->http.proxy_http);
	say_proxy(app, "https", c->http.proxy_https);
	if (c->http.ca_bundle || c->http.ca_dir)
		event_info(&app->sink, "certificates: %s",
			   c->http.ca_bundle ? c->http.ca_bundle
					     : c->http.ca_dir);
}

int net_open(struct net *n, struct app *app, const struct strlist *suggested,
	     struct error *err)
{
	struct config_network *c = &n->config;
	uint64_t seconds = 0;

	if (config_offline(app->env, app->options))
		return 0;
	if (config_network(c, app->env, app->options, suggested, err) != 0)
		return -1;
	for (size_t i = 0; i < c->endpoints.count; i++) {
		const char *url = c->endpoints.items[i];

		if (hub_add_endpoint(&n->hub, url, strlist_has(&c->named, url),
				     err) != 0)
			return err_wrap(err, "%s", c->endpoints_from);
	}
	if (endpoint_keep_only(&n->hub, &app->options->only_mirrors, err) != 0)
		return err_wrap(err, "--only-mirror");
	if (app->options->limit_rate &&
	    human_parse_size(app->options->limit_rate, &c->http.limit_rate,
			     err) != 0)
		return err_wrap(err, "--limit-rate");
	if (app->options->deadline) {
		if (human_parse_time(app->options->deadline, &seconds, err) !=
		    0)
			return err_wrap(err, "--deadline");
		c->http.deadline_ms = seconds < UINT32_MAX ? seconds * 1000 : 0;
	}
	if (http_open(&n->http, &c->http, &app->cancel, err) != 0)
		return -1;
	n->hub.http = n->http;
	n->hub.connections = (unsigned)app->options->connections;
	if (app->options->retries != UINT64_MAX)
		n->hub.max_attempts = (unsigned)app->options->retries + 1;
	n->hub.token = c->token;
	n->hub.modelscope_token = c->modelscope_token;
	n->hub.sink = &app->sink;
	if (app->options->verbose)
		say_settings(app, n);
	return 0;
}

void net_close(struct net *n)
{
	hub_release(&n->hub);
	http_close(&n->http);
	config_network_release(&n->config);
}

/* It is of this endpoint that the error tells. */
static bool is_blamed(const struct hub_endpoint *e, const struct error *err)
{
	char *blamed CLEANUP(free_ptr) = xasprintf("%s: ", e->name);

	return strstr(err->msg, blamed);
}

/* No answer, or not all of it. */
static int advise_silence(const struct net *n, struct error *err)
{
	struct str word CLEANUP(str_release) = STR_INIT;
	struct error late = { 0 };

	/* a deadline is the user's own */
	if (n->http && http_late(n->http, &late) != 0)
		return -1;
	for (size_t i = 0; i < n->hub.count; i++) {
		const struct hub_endpoint *e = &n->hub.endpoints[i];

		if (e->kind == ENDPOINT_DIRECT || !is_blamed(e, err))
			continue;
		quote_sh(&word, e->name);
		return err_hint(err,
				"itts-pack mirrors --endpoint %s shows where "
				"it fails; another hub is named with "
				"--endpoint, a proxy with --proxy",
				word.ptr);
	}
	/* a host of the manifest's or the lock's: of git, of a file's own URL */
	return err_hint(err,
			"check the address; a proxy is named with --proxy");
}

int net_advise(const struct net *n, struct error *err)
{
	if (err->code == ERR_NET)
		return advise_silence(n, err);
	if (err->code != ERR_AUTH || err->http != 401 || !n->config.token)
		return -1;
	for (size_t i = 0; i < n->hub.count; i++) {
		const struct hub_endpoint *e = &n->hub.endpoints[i];

		if (e->kind == ENDPOINT_HUGGINGFACE && is_blamed(e, err) &&
		    !endpoint_token(&n->hub, e))
			return err_hint(err,
					"the token from %s was not sent to %s: "
					"that takes --token-for",
					n->config.token_from, e->name);
	}
	return -1;
}

void net_note_sources(struct app *app, const struct hub *h)
{
	char size[HUMAN_MAX];

	if (!app->options->verbose && !app->options->per_mirror)
		return;
	for (size_t i = 0; i < h->count; i++)
		app_note(app, "from %s: %s%s", h->endpoints[i].name,
			 human_size(h->endpoints[i].bytes, size),
			 h->endpoints[i].dropped ? ", then no more" : "");
}
