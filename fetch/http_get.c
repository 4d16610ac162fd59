/* One request, waited for. */
#include "fetch/http.h"

#include "base/mem.h"
#include "fetch/http_response.h"

static char *copy_text(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

struct get {
	struct str *body;
	struct http_response *res;
	struct error err;
};

static int get_body(void *ctx, const void *p, size_t n, struct error *err)
{
	struct get *g = ctx;

	(void)err;
	if (g->body)
		str_add(g->body, p, n);
	return 0;
}

static void get_done(void *ctx, const struct http_response *res,
		     const struct error *err)
{
	struct get *g = ctx;

	*g->res = *res;
	g->res->url = NULL; /* dies with the transfer */
	g->res->link_next = copy_text(res->link_next);
	g->res->location = copy_text(res->location);
	g->err = *err;
}

int http_get(struct http *h, const struct http_request *rq, unsigned delay_ms,
	     struct str *body, struct http_response *res, struct error *err)
{
	struct get g = { .body = body, .res = res };
	struct http_request mine = *rq;

	mine.ctx = &g;
	mine.headers = NULL;
	mine.body = get_body;
	mine.done = get_done;
	http_response_init(res);
	if (http_submit(h, &mine, delay_ms, err) < 0 ||
	    http_run(h, NULL, NULL, err) < 0)
		return -1;
	if (g.err.code != ERR_NONE) {
		*err = g.err;
		return -1;
	}
	return 0;
}
