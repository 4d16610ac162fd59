#include "fetch/download_job.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fetch/download_answer.h"
#include "fetch/endpoint.h"
#include "fetch/retry.h"

#include <assert.h>
#include <string.h>

#define RESUMABLE_MIN (1u << 20)  /* smaller files are not worth a part */
#define CREDIT	      (64u << 10) /* progress that earns new attempts */
#define SOON_MS	      100
#define TELL_MS	      100
#define MAX_LIES      2
#define MAX_FAILURES  2
/* On a connection that fails, while another endpoint is at hand. */
#define ATTEMPTS_OF_MANY 2

static void submit(struct job *j, unsigned delay_ms);
static void ask_first(struct job *j);

/* --- telling ---------------------------------------------------------------- */

static void tell(const struct job *j, enum event_type type, const char *text,
		 unsigned delay_ms)
{
	struct event ev = { .type = type,
			    .id = j->id,
			    .name = j->name,
			    .text = text,
			    .source = j->endpoint ? j->endpoint->origin : NULL,
			    .done = j->part.offset,
			    .total = j->blob->file->size,
			    .delay_ms = delay_ms };
	event_emit(j->common->sink, &ev);
}

void job_tell_progress(struct job *j)
{
	uint64_t now = clock_ms();

	if (now - j->told_ms < TELL_MS)
		return;
	j->told_ms = now;
	tell(j, EVENT_PROGRESS, NULL, 0);
}

/* --- ending ----------------------------------------------------------------- */

void job_release(struct job *j)
{
	hfcache_part_close(&j->part);
	free_ptr(&j->name);
	*j = (struct job){ .part = HFCACHE_PART_INIT };
}

static void end_with(struct job *j, const struct error *err, bool in_batch)
{
	struct job_common *common = j->common;
	struct job_end e = { .blob = j->blob,
			     .id = j->id,
			     .source = j->endpoint ? j->endpoint->origin : NULL,
			     .resumed = j->resumed,
			     .in_batch = in_batch };

	/* the slot may be used for the next file at once */
	job_release(j);
	common->ended(common->ctx, &e, err);
}

static void end(struct job *j, const struct error *err)
{
	struct error named = *err;

	if (err->code != ERR_CANCELLED)
		tell(j, EVENT_FAIL, err->msg, 0);
	/* what the engine says names the host only */
	if (!strstr(err->msg, j->name))
		err_wrap(&named, "%s", j->name);
	end_with(j, &named, false);
}

/* --- endpoints -------------------------------------------------------------- */

static size_t index_of(const struct job *j, const struct hub_endpoint *e)
{
	return (size_t)(e - j->common->hub->endpoints);
}

/* The first in the user's order that this file has not been refused by. */
static struct hub_endpoint *find_endpoint(const struct job *j)
{
	struct hub *h = j->common->hub;

	for (size_t i = 0; i < h->count; i++)
		if (!j->tried[i] && !h->endpoints[i].dropped &&
		    &h->endpoints[i] != j->endpoint &&
		    endpoint_has(h, &h->endpoints[i], j->blob->repo,
				 j->blob->file))
			return &h->endpoints[i];
	return NULL;
}

static bool others_in_use(const struct hub *h, const struct hub_endpoint *but)
{
	for (size_t i = 0; i < h->count; i++)
		if (&h->endpoints[i] != but && !h->endpoints[i].dropped)
			return true;
	return false;
}

static void drop(struct job *j, struct hub_endpoint *e, const char *why)
{
	if (e->dropped)
		return;
	e->dropped = true;
	event_warn(j->common->sink, "%s is not asked any more: %s", e->origin,
		   why);
}

/* This endpoint has failed the job; what does that say of it? */
static void blame(struct job *j, const struct error *why)
{
	struct hub_endpoint *e = j->endpoint;

	if (why->code == ERR_NET && ++e->failures >= MAX_FAILURES)
		drop(j, e, why->msg);
	/* digests protect us from a liar, so the last one may stay */
	if ((why->code == ERR_INTEGRITY || why->code == ERR_FORMAT) &&
	    ++e->lies >= MAX_LIES && others_in_use(j->common->hub, e))
		drop(j, e, "what it sends is not what it should be");
}

static void use_endpoint(struct job *j, struct hub_endpoint *e)
{
	j->endpoint = e;
	j->attempt = 0;
	j->credit = j->part.offset;
	j->validator[0] = '\0';
}

static void try_elsewhere(struct job *j, const struct error *why)
{
	struct hub_endpoint *next;

	j->tried[index_of(j, j->endpoint)] = true;
	blame(j, why);
	next = find_endpoint(j);
	if (!next) {
		end(j, why);
		return;
	}
	j->common->stats->retries++;
	tell(j, EVENT_RETRY, why->msg, 0);
	use_endpoint(j, next);
	submit(j, 0);
}

/* --- the part --------------------------------------------------------------- */

/* ERR_BUSY where another process holds the blob. */
static int lock_blob(struct job *j, int *lockfd, struct error *err)
{
	return hfcache_blob_lock(j->common->store, j->blob->repo,
				 &j->blob->file->etag, 0, lockfd, err);
}

static int open_part(struct job *j, int *lockfd, struct error *err)
{
	bool resumable = j->blob->file->size >= RESUMABLE_MIN;

	return hfcache_part_open(&j->part, j->common->store, j->blob->repo,
				 j->blob->file, resumable, take_fd(lockfd),
				 err);
}

static int reopen_part(struct job *j, struct error *err)
{
	int lockfd CLEANUP(close_fd) = -1;

	hfcache_part_close(&j->part);
	j->part = (struct hfcache_part)HFCACHE_PART_INIT;
	j->resumed = 0;
	j->mixed = false;
	if (lock_blob(j, &lockfd, err) < 0)
		return -1;
	return open_part(j, &lockfd, err);
}

int job_restart_part(struct job *j, struct error *err)
{
	j->common->stats->wasted_bytes += j->part.offset;
	j->resumed = 0;
	j->mixed = false;
	j->validator[0] = '\0';
	return hfcache_part_restart(&j->part, err);
}

/* The bytes were wrong: once more from the start, then blame. */
static void wrong_bytes(struct job *j, struct error *why)
{
	struct error err = { .code = ERR_NONE };
	bool again = j->mixed && !j->restarted;

	j->common->stats->wasted_bytes += j->blob->file->size;
	if (reopen_part(j, &err) < 0) {
		end(j, &err);
	} else if (again) {
		j->restarted = true;
		j->common->stats->retries++;
		tell(j, EVENT_RETRY, why->msg, 0);
		ask_first(j);
	} else if (j->endpoint) {
		err_wrap(why, "%s", j->endpoint->origin);
		try_elsewhere(j, why);
	} else {
		end(j, why);
	}
}

static void complete(struct job *j)
{
	struct error err = { .code = ERR_NONE };
	bool alone = j->part.resumable;
	int rc = alone ? hfcache_part_commit(&j->part, NULL, &err)
		       : hfcache_batch_add(j->common->batch, &j->part, &err);

	if (rc < 0 && err.code == ERR_INTEGRITY) {
		wrong_bytes(j, &err);
		return;
	}
	if (rc < 0) {
		end(j, &err);
		return;
	}
	if (j->endpoint)
		j->endpoint->failures = 0;
	end_with(j, &err, !alone);
}

/* --- what comes of an answer ------------------------------------------------- */

static struct retry_decision decide(struct job *j,
				    const struct http_response *res,
				    const struct error *raw,
				    const struct error *err)
{
	const struct hub *h = j->common->hub;
	unsigned most = h->max_attempts ? h->max_attempts : RETRY_ATTEMPTS;
	/* a refusal is judged by its status, everything else by the error */
	const struct error *why = raw->code == ERR_NONE && res->status != 200 &&
						  res->status != 206
					  ? raw
					  : err;

	if (err->code == ERR_NET && find_endpoint(j) && most > ATTEMPTS_OF_MANY)
		most = ATTEMPTS_OF_MANY;
	if (j->part.offset < j->credit + CREDIT)
		return retry_decide(res, why, j->attempt, most, clock_jitter());
	/* it got further than ever before: no sign of trouble, on at once */
	j->credit = j->part.offset;
	j->attempt = 1;
	return retry_decide(res, why, 1, most, clock_jitter() % SOON_MS);
}

/* An endpoint that cannot continue this part (it has a shorter file, or gets
 * ranges wrong), and no other to ask: from the start, once. */
static bool restart_for_range(struct job *j, const struct http_response *res,
			      const struct error *raw)
{
	struct error err = { .code = ERR_NONE };
	bool refused = res->status == 416 ||
		       (res->status == 206 && raw->code == ERR_INTEGRITY);

	if (!refused || j->from == 0 || j->restarted || find_endpoint(j))
		return false;
	j->restarted = true;
	if (job_restart_part(j, &err) < 0)
		end(j, &err);
	else
		submit(j, 0);
	return true;
}

/* Without the advice that belongs to a final refusal. */
static void tell_again(const struct job *j, const struct http_response *res,
		       const struct error *raw, const struct error *err,
		       unsigned delay_ms)
{
	char *text CLEANUP(free_ptr) = NULL;

	if (raw->code == ERR_NONE && res->status != 200 && res->status != 206)
		text = xasprintf("%s: %s (status %ld)", j->endpoint->origin,
				 retry_meaning(res), res->status);
	tell(j, EVENT_RETRY, text ? text : err->msg, delay_ms);
}

static void go_on(struct job *j, const struct http_response *res,
		  const struct error *raw, const struct error *err)
{
	struct retry_decision d = decide(j, res, raw, err);

	switch (d.verdict) {
	case RETRY_AGAIN:
	case RETRY_REFRESH:
		j->common->stats->retries++;
		tell_again(j, res, raw, err, d.delay_ms);
		submit(j, d.delay_ms);
		break;
	case RETRY_ELSEWHERE:
		try_elsewhere(j, err);
		break;
	case RETRY_OK:
	case RETRY_NEVER:
		end(j, err);
		break;
	}
}

static void on_done(void *ctx, const struct http_response *res,
		    const struct error *raw)
{
	struct job *j = ctx;
	struct error err = *raw;

	j->endpoint->bytes += res->body_bytes;
	answer_judge(j, res, &err);
	answer_keep_validator(j, res);
	if (err.code == ERR_NONE)
		complete(j);
	else if (!restart_for_range(j, res, raw))
		go_on(j, res, raw, &err);
}

/* --- asking ----------------------------------------------------------------- */

static void submit(struct job *j, unsigned delay_ms)
{
	struct hub_endpoint *e = j->endpoint;
	struct hub *h = j->common->hub;
	struct error err = { .code = ERR_NONE };
	struct endpoint_file file CLEANUP(endpoint_file_release) = { 0 };
	struct http_request rq = { .max_body = j->blob->file->size,
				   .ctx = j,
				   .headers = answer_headers,
				   .body = answer_body,
				   .done = on_done };

	endpoint_file(h, e, j->blob->repo, j->blob->file, &file);
	endpoint_request(&file, &rq);
	if (!file.whole)
		rq.range_from = j->part.offset;
	if (rq.range_from > 0 && j->validator[0])
		rq.if_range = j->validator;
	j->mixed |= j->part.offset > 0;
	j->from = j->part.offset;
	j->foreign = false;
	j->head_len = 0;
	j->attempt++;
	if (http_submit(h->http, &rq, delay_ms, &err) < 0)
		end(j, &err);
}

/* Stays with the endpoint that the job has, if it has one. */
static void ask_first(struct job *j)
{
	struct error err = { .code = ERR_NONE };
	struct hub_endpoint *e = j->endpoint ? j->endpoint : find_endpoint(j);

	if (!e) {
		err_set(&err, ERR_NET, "%s: no endpoint is left to ask",
			j->name);
		end(j, &err);
		return;
	}
	use_endpoint(j, e);
	submit(j, 0);
}

static enum job_start begin(struct job *j, struct error *err)
{
	int lockfd CLEANUP(close_fd) = -1;

	if (lock_blob(j, &lockfd, err) < 0)
		return err->code == ERR_BUSY ? JOB_BUSY : JOB_ENDED;
	/* while we looked at others, another process may have brought it */
	if (hfcache_blob_check(j->common->store, j->blob->repo, j->blob->file,
			       NULL, &j->blob->state, err) < 0)
		return JOB_ENDED;
	if (j->blob->state == BLOB_OK)
		return JOB_HAD;
	return open_part(j, &lockfd, err) < 0 ? JOB_ENDED : JOB_RUNS;
}

enum job_start job_begin(struct job *j, struct job_common *common,
			 struct plan_blob *blob, unsigned id)
{
	struct error err = { .code = ERR_NONE };
	enum job_start rc;

	assert(!j->used);
	*j = (struct job){ .common = common,
			   .blob = blob,
			   .id = id,
			   .used = true,
			   .name = plan_blob_name(blob),
			   .part = HFCACHE_PART_INIT };
	rc = begin(j, &err);
	if (rc == JOB_BUSY || rc == JOB_HAD)
		job_release(j);
	if (rc == JOB_ENDED)
		end(j, &err);
	if (rc != JOB_RUNS)
		return rc;
	j->resumed = j->part.offset;
	j->mixed = j->part.offset > 0;
	tell(j, EVENT_START, NULL, 0);
	if (j->part.offset == j->part.size)
		complete(j);
	else
		ask_first(j);
	return JOB_RUNS;
}
