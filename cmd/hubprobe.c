#include "cmd/hubprobe.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define CONNECT_MS 5000

int hubprobe_open(struct hubprobe *p, struct app *app, struct error *err)
{
	if (config_network(&p->config, app->env, app->options, err) != 0)
		return -1;
	p->config.http.connect_timeout_ms = CONNECT_MS;
	return http_open(&p->http, &p->config.http, &app->cancel, err);
}

void hubprobe_close(struct hubprobe *p)
{
	http_close(&p->http);
	config_network_release(&p->config);
}

enum probe_state hubprobe_classify(const struct error *err,
				   const struct http_response *res)
{
	/* in the words of fetch/http_error.c and of the system */
	static const struct {
		const char *words;
		enum probe_state state;
	} causes[] = {
		{ "proxy", PROBE_PROXY },
		{ "cannot find the host", PROBE_NO_NAME },
		{ "refused", PROBE_REFUSED },
		{ "No route to host", PROBE_UNREACHABLE },
		{ "Network is unreachable", PROBE_UNREACHABLE },
		{ "timed out", PROBE_DROPPED },
		{ "TLS failed", PROBE_TLS },
		{ "not an HTTP answer", PROBE_CAPTIVE },
		{ "malformed answer", PROBE_CAPTIVE },
	};

	if (res->proxy_refused)
		return PROBE_PROXY;
	if (res->untrusted)
		return PROBE_INTERCEPTED;
	for (size_t i = 0; i < ARRAY_LEN(causes); i++)
		if (strcasestr(err->msg, causes[i].words))
			return causes[i].state;
	return PROBE_OTHER;
}

void hubprobe_ask(void *ctx, const char *url, struct probe_result *out)
{
	struct hubprobe *p = ctx;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct http_request rq = { .url = url, .head = true };
	struct error err = { 0 };
	uint64_t start = clock_ms();

	if (http_get(p->http, &rq, 0, NULL, &res, &err) != 0) {
		out->state = hubprobe_classify(&err, &res);
		snprintf(out->detail, sizeof(out->detail), "%.255s", err.msg);
	} else {
		out->state = probe_judge(res.status, res.commit[0] != '\0',
					 res.content_type);
		snprintf(out->detail, sizeof(out->detail),
			 "status %ld%s%.60s, %s commit in the headers; %.120s",
			 res.status, res.content_type[0] ? ", " : "",
			 res.content_type, res.commit[0] ? "a" : "no",
			 res.location ? res.location : url);
	}
	out->ms = (unsigned)(clock_ms() - start);
}
