#include "fetch/measure.h"

#include "base/mem.h"
#include "fetch/endpoint.h"
#include "fetch/retry.h"

#include <stdlib.h>
#include <string.h>

void measure_release(struct measure *m)
{
	for (size_t i = 0; i < m->count; i++) {
		free(m->hops[i].origin);
		free(m->hops[i].address);
		free(m->hops[i].proxy);
	}
	free(m->hops);
	*m = (struct measure){ 0 };
}

/* One request and what is known of it. */
struct probe {
	struct measure *m;
	const struct hub *hub;
	struct hub_endpoint *e;
	const char *what;
	bool file;
	uint64_t size; /* of the file */
	size_t first;  /* hop */
	char head[64];
	size_t head_len;
	struct error err;
};

static uint64_t behind(uint64_t later, uint64_t earlier)
{
	return later > earlier ? later - earlier : 0;
}

static void on_hop(void *ctx, const struct http_hop *hop)
{
	struct probe *p = ctx;
	struct measure *m = p->m;
	uint64_t ready = hop->tls_us ? hop->tls_us : hop->connect_us;

	m->hops = xgrow(m->hops, &m->cap, m->count + 1, sizeof(*m->hops));
	m->hops[m->count++] = (struct measure_hop){
		.file = p->file,
		.origin = xstrdup(hop->origin),
		.address = xstrdup(hop->address),
		.proxy = hop->proxy ? xstrdup(hop->proxy) : NULL,
		.status = hop->status,
		.name_us = hop->name_us,
		.connect_us = behind(hop->connect_us, hop->name_us),
		.tls_us = behind(hop->tls_us, hop->connect_us),
		.first_us = behind(hop->first_us, ready),
		.bytes = hop->bytes,
		.rate = hop->bytes * 1000000 /
			(behind(hop->total_us, hop->first_us) + 1),
		.token = hop->token,
	};
}

static int on_body(void *ctx, const void *data, size_t n, struct error *err)
{
	struct probe *p = ctx;
	size_t room = sizeof(p->head) - p->head_len;

	(void)err;
	memcpy(p->head + p->head_len, data, n < room ? n : room);
	p->head_len += n < room ? n : room;
	return 0;
}

static bool is_range(const struct http_response *res, uint64_t want,
		     uint64_t size)
{
	return res->status == 206 && res->range_start == 0 &&
	       res->range_end == want - 1 && res->range_total == size;
}

static void judge_file(struct probe *p, const struct http_response *res)
{
	uint64_t want = p->size < MEASURE_BYTES ? p->size : MEASURE_BYTES;
	const char *foreign = retry_foreign_body(p->head, p->head_len);
	struct measure_hop *last = p->m->count > p->first
					   ? &p->m->hops[p->m->count - 1]
					   : NULL;

	if (foreign || res->encoded)
		err_set(&p->err, ERR_HTTP, "%s: %s: sent %s instead of it",
			p->e->name, p->what,
			foreign ? foreign : "something compressed");
	else if (res->status == 200 && res->length != UINT64_MAX &&
		 res->length != p->size)
		err_set(&p->err, ERR_HTTP,
			"%s: %s: the file there has %llu bytes, expected %llu",
			p->e->name, p->what, (unsigned long long)res->length,
			(unsigned long long)p->size);
	if (foreign)
		retry_add_proxy(res, &p->err);
	if (p->err.code != ERR_NONE || !last)
		return;
	last->ranges = is_range(res, want, p->size) ? RANGES_YES : RANGES_NO;
}

static void on_done(void *ctx, const struct http_response *res,
		    const struct error *err)
{
	struct probe *p = ctx;
	bool answered = res->status == 200 || res->status == 206;

	p->err = *err;
	/* a server without ranges sends more than we take */
	if (p->file && answered && err->code == ERR_FORMAT)
		err_clear(&p->err);
	if (p->err.code != ERR_NONE)
		return;
	if (!answered)
		endpoint_explain(p->hub, p->e, NULL, res, p->what, &p->err);
	else if (p->file)
		judge_file(p, res);
}

static int run(struct hub *h, struct probe *p, struct http_request *rq,
	       struct error *err)
{
	p->first = p->m->count;
	rq->ctx = p;
	rq->hop = on_hop;
	rq->body = on_body;
	rq->done = on_done;
	if (http_submit(h->http, rq, 0, err) < 0 ||
	    http_run(h->http, NULL, NULL, err) < 0)
		return -1;
	p->m->err = p->err;
	return p->err.code == ERR_NONE;
}

static int ask(struct hub *h, struct hub_endpoint *e,
	       const struct lock_repo *like, struct measure *m,
	       struct error *err)
{
	char *url CLEANUP(free_ptr) = endpoint_question(e, like,
							like->revision);
	struct probe p = { .m = m, .hub = h, .e = e, .what = like->id };
	struct http_request rq = { .url = url,
				   .token = endpoint_token(h, e),
				   .cookie = endpoint_cookie(e),
				   .api = true };

	return run(h, &p, &rq, err);
}

static const struct lock_file *largest(const struct lock_repo *repo)
{
	const struct lock_file *best = NULL;

	for (size_t i = 0; i < repo->file_count; i++)
		if (!best || repo->files[i].size > best->size)
			best = &repo->files[i];
	return best && best->size ? best : NULL;
}

static int fetch(struct hub *h, struct hub_endpoint *e,
		 const struct lock_repo *repo, const struct lock_file *f,
		 struct measure *m, struct error *err)
{
	struct endpoint_file file CLEANUP(endpoint_file_release) = { 0 };
	struct probe p = {
		.m = m,
		.hub = h,
		.e = e,
		.what = f->path,
		.file = true,
		.size = f->size,
	};
	struct http_request rq = { .range_to = f->size < MEASURE_BYTES
						       ? f->size
						       : MEASURE_BYTES };

	endpoint_file(h, e, repo, f, &file);
	endpoint_request(&file, &rq);
	rq.max_body = rq.range_to;
	return run(h, &p, &rq, err);
}

static int list(struct hub *h, struct hub_endpoint *e,
		const struct lock_repo *like, struct lock_repo *repo,
		struct measure *m, struct error *err)
{
	unsigned attempts = h->max_attempts;
	int rc;

	repo->type = like->type;
	repo->id = xstrdup(like->id);
	repo->revision = xstrdup(like->revision);
	mirrors_copy(&repo->mirrors, &like->mirrors);
	h->max_attempts = 1;
	rc = endpoint_list(h, e, like->revision, repo, &m->err);
	h->max_attempts = attempts;
	if (rc == 0)
		return 1;
	if (m->err.code != ERR_CANCELLED)
		return 0;
	*err = m->err;
	return -1;
}

int measure_endpoint(struct hub *h, struct hub_endpoint *e,
		     const struct lock_repo *like, struct measure *out,
		     struct error *err)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock_repo *repo = lock_add_repo(&l);
	const struct lock_file *f;
	int rc = ask(h, e, like, out, err);

	if (rc <= 0)
		return rc;
	rc = list(h, e, like, repo, out, err);
	if (rc <= 0)
		return rc;
	out->lists = true;
	f = largest(repo);
	if (!f) {
		err_set(&out->err, ERR_NOT_FOUND, "%s: %s has no file", e->name,
			like->id);
		return 0;
	}
	rc = fetch(h, e, repo, f, out, err);
	out->serves = rc > 0;
	return rc < 0 ? -1 : 0;
}
