#include "fetch/download_renew.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fetch/download_pump.h"
#include "fetch/endpoint.h"
#include "fetch/lfs.h"
#include "fetch/retry.h"

#define ATTEMPTS 3
#define WAIT_MS	 200 /* of lanes that come while another one asks */

struct lane_renewal {
	struct hub_link *link;
	struct str question, answer;
	unsigned attempt;
};

void renew_release(struct lane *l)
{
	struct lane_renewal *r = l->renewal;

	if (!r)
		return;
	r->link->asking = false;
	str_release(&r->question);
	str_release(&r->answer);
	free_ptr(&l->renewal);
}

static int ask(struct lane *l, unsigned delay_ms, struct error *err);

static int on_body(void *ctx, const void *p, size_t n, struct error *err)
{
	struct lane *l = ctx;

	(void)err;
	str_add(&l->renewal->answer, p, n);
	return 0;
}

static void give_up(struct lane *l, const struct error *err)
{
	struct job *j = l->job;
	struct hub_endpoint *e = l->endpoint;

	lane_release(l);
	job_refuse(j, e, err);
}

/* 1: asked again. */
static int judge(struct lane *l, const struct http_response *res,
		 struct error *err)
{
	struct lane_renewal *r = l->renewal;
	unsigned given = l->job->common->hub->max_attempts;
	struct retry_decision d = retry_decide(
		res, err, r->attempt, given ? given : ATTEMPTS, clock_jitter());

	if (d.verdict == RETRY_OK)
		return lfs_take_link(r->link, r->answer.ptr, r->answer.len,
				     err);
	if (d.verdict != RETRY_AGAIN)
		return err->code != ERR_NONE
			       ? -1
			       : retry_explain_as(RETRY_GIT, res, l->job->name,
						  "Git LFS", err);
	err_clear(err);
	return ask(l, d.delay_ms, err) < 0 ? -1 : 1;
}

static void on_done(void *ctx, const struct http_response *res,
		    const struct error *raw)
{
	struct lane *l = ctx;
	struct job_common *c = l->job->common;
	struct error err = *raw;
	int rc = judge(l, res, &err);

	if (rc < 0) {
		err_wrap(&err, "asking Git LFS anew");
		give_up(l, &err);
	} else if (rc == 0) {
		renew_release(l);
		c->endpoints[job_index(l->job, l->endpoint)].wait_ms = 0;
		lane_again(l);
	}
	pump(c);
}

static int ask(struct lane *l, unsigned delay_ms, struct error *err)
{
	struct lane_renewal *r = l->renewal;
	struct strlist lines CLEANUP(strlist_release) = { 0 };
	struct http_request rq = { .url = r->link->batch,
				   .lines = &lines,
				   .post = r->question.ptr,
				   .post_len = r->question.len,
				   .api = true,
				   .ctx = l,
				   .body = on_body,
				   .done = on_done };

	str_clear(&r->answer);
	r->attempt++;
	lfs_add_lines(&lines);
	return http_submit(l->job->common->hub->http, &rq, delay_ms, err);
}

bool renew_link(struct lane *l)
{
	struct job_common *c = l->job->common;
	const struct lock_file *f = l->job->blob->file;
	struct hub_link *link = endpoint_link(c->hub, l->endpoint, &f->sha256);
	struct error err = { .code = ERR_NONE };

	if (!link || !link->batch)
		return false;
	if (link->turn != l->turn) {
		/* another lane has asked meanwhile */
		lane_again(l);
		return true;
	}
	if (link->asking) {
		c->endpoints[job_index(l->job, l->endpoint)].wait_ms =
			clock_ms() + WAIT_MS;
		lane_release(l);
		return true;
	}
	c->stats->retries++;
	job_tell(l->job, EVENT_RETRY, "its URL has expired; asking Git LFS", 0);
	l->renewal = xcalloc(1, sizeof(*l->renewal));
	*l->renewal = (struct lane_renewal){ .link = link,
					     .question = STR_INIT,
					     .answer = STR_INIT };
	link->asking = true;
	lfs_put_question(&l->renewal->question, &f, 1);
	if (ask(l, 0, &err) < 0)
		give_up(l, &err);
	return true;
}
