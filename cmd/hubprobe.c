#include "cmd/hubprobe.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define CONNECT_MS 5000

int hubprobe_open(struct hubprobe *p, struct app *app, struct error *err)
{
	if (config_network(&p->config, app->env, app->options, NULL, err) != 0)
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

	/* the host stands in front, and may be called hf-proxy */
	const char *what = strstr(err->msg, ": ");

	what = what ? what : err->msg;
	if (res->proxy_refused)
		return PROBE_PROXY;
	if (res->untrusted)
		return PROBE_INTERCEPTED;
	for (size_t i = 0; i < ARRAY_LEN(causes); i++)
		if (strcasestr(what, causes[i].words))
			return causes[i].state;
	return PROBE_OTHER;
}

struct ask {
	struct probe_result *out;
	bool enough; /* the answer is known, and its body is not wanted */
};

static void judge(struct probe_result *out, const struct http_response *res)
{
	out->state = res->proxy_refused
			     ? PROBE_PROXY
			     : probe_judge(res->status, res->commit[0] != '\0',
					   res->content_type);
	snprintf(out->detail, sizeof(out->detail),
		 "status %ld%s%.60s, %s commit in the headers; %.120s",
		 res->status, res->content_type[0] ? ", " : "",
		 res->content_type, res->commit[0] ? "a" : "no",
		 res->location ? res->location : "");
}

/* GET, not HEAD: signed addresses of other hosts are good for GET only. It ends
 * before the first byte of the file. */
static int on_headers(void *ctx, const struct http_response *res,
		      struct error *err)
{
	struct ask *a = ctx;

	judge(a->out, res);
	a->enough = true;
	return err_set(err, ERR_OTHER, "no more is wanted");
}

static void on_done(void *ctx, const struct http_response *res,
		    const struct error *err)
{
	struct ask *a = ctx;

	if (a->enough)
		return;
	if (err->code == ERR_NONE) {
		judge(a->out, res);
		return;
	}
	a->out->state = hubprobe_classify(err, res);
	snprintf(a->out->detail, sizeof(a->out->detail), "%s", err->msg);
}

/* The host that it is about stands in front of the error: it may be one that the hub
 * has redirected to. */
static void find_issuer(struct hubprobe *p, struct probe_result *out)
{
	char origin[sizeof(out->detail)];
	const char *end = strstr(out->detail, ": ");

	if (!end)
		return;
	snprintf(origin, sizeof(origin), "%.*s", (int)(end - out->detail),
		 out->detail);
	if (!http_issuer(p->http, origin, out->issuer, sizeof(out->issuer)))
		out->issuer[0] = '\0';
}

void hubprobe_ask(void *ctx, const char *url, struct probe_result *out)
{
	struct hubprobe *p = ctx;
	struct ask a = { .out = out };
	struct http_request rq = {
		.url = url, .ctx = &a, .headers = on_headers, .done = on_done
	};
	struct error err = { 0 };
	uint64_t start = clock_ms();

	out->state = PROBE_OTHER;
	if (http_submit(p->http, &rq, 0, &err) != 0 ||
	    http_run(p->http, NULL, NULL, &err) != 0)
		snprintf(out->detail, sizeof(out->detail), "%s", err.msg);
	out->ms = (unsigned)(clock_ms() - start);
	if (out->state == PROBE_INTERCEPTED)
		find_issuer(p, out);
}
