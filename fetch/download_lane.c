#include "fetch/download_lane.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fetch/download_answer.h"
#include "fetch/download_pump.h"
#include "fetch/download_renew.h"
#include "fetch/download_repair.h"
#include "fetch/endpoint.h"
#include "fetch/retry.h"

#include <assert.h>
#include <string.h>

#define CREDIT	   (64u << 10) /* progress that earns new attempts */
#define SOON_MS	   100
#define RATE_LEAST (256u << 10) /* bytes that a rate can be told from */
/* On a connection that fails, while another endpoint is at hand. */
#define ATTEMPTS_OF_MANY 2
/* Of the file behind one endpoint; then all of it in one answer. */
#define MOST_CHANGES 2
#define PATIENCE_MS  1000 /* longer waits are better spent elsewhere */
/* Written at once: whole pages of the file, and they are still in the processor's
 * cache; a page that comes in two pieces costs the kernel twice. */
#define WRITE_BYTES ((size_t)128 << 10)
/* Blocks in memory of all lanes that compare. */
#define COPY_BYTES (16u << 20)

static void submit(struct lane *l, unsigned delay_ms);

static struct job_endpoint *common_endpoint(const struct lane *l)
{
	return &l->job->common->endpoints[job_index(l->job, l->endpoint)];
}

/* --- taking and giving ---------------------------------------------------------- */

static bool has_memory(const struct job *j)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < JOB_LANES; i++) {
		const struct lane *l = &j->common->lanes[i];

		if (l->job && l->kind == LANE_COPY)
			bytes += blocks_journal(l->job->blocks)->block_size;
	}
	return bytes == 0 ||
	       bytes + blocks_journal(j->blocks)->block_size <= COPY_BYTES;
}

struct lane *lane_take(struct job *j, size_t endpoint, enum lane_kind kind)
{
	struct job_common *c = j->common;
	struct lane *l = c->lanes;

	while (l < c->lanes + JOB_LANES && l->job)
		l++;
	if (l == c->lanes + JOB_LANES || (kind == LANE_COPY && !has_memory(j)))
		return NULL;
	*l = (struct lane){ .job = j,
			    .endpoint = &c->hub->endpoints[endpoint],
			    .source = &j->sources[endpoint],
			    .kind = kind };
	if (kind != LANE_SMALL) {
		l->buffer_size =
			kind == LANE_COPY
				? (size_t)blocks_journal(j->blocks)->block_size
				: WRITE_BYTES;
		l->buffer = xmalloc(l->buffer_size);
	}
	l->source->lanes++;
	l->source->opening |= !l->source->open;
	c->endpoints[endpoint].lanes++;
	j->lanes++;
	return l;
}

void lane_give_back(struct lane *l)
{
	struct segment rest = l->run;
	uint32_t i;
	uint64_t start = job_block_at(l->job, l->pos, &i);

	if (l->pos >= l->end)
		return;
	if (l->kind == LANE_RANGE) {
		rest.first = i;
		rest.count = l->run.first + l->run.count - i;
	} else {
		rest = (struct segment){ i, l->own && l->pos > start };
	}
	segments_give_back(&l->job->segments, rest);
}

void lane_waste(struct lane *l, uint64_t bytes)
{
	assert(bytes <= l->loose);
	l->loose -= bytes;
	job_waste(l->job, job_index(l->job, l->endpoint), bytes);
}

void lane_release(struct lane *l)
{
	struct job *j = l->job;

	lane_waste(l, l->loose);
	renew_release(l);
	if (l->kind == LANE_COPY)
		repair_give_back(l);
	else if (l->kind != LANE_SMALL)
		lane_give_back(l);
	if (!l->source->open)
		l->source->opening = false;
	l->source->lanes--;
	common_endpoint(l)->lanes--;
	j->lanes--;
	free_ptr(&l->buffer);
	*l = (struct lane){ 0 };
}

void lane_abandon(struct lane *l)
{
	struct job *j = l->job;

	http_drop(j->common->hub->http, l);
	/* what came of its request came, if in vain; a request that ends says it
	 * itself */
	l->endpoint->bytes += l->got;
	lane_release(l);
}

void lane_shorten(struct lane *l)
{
	struct segment rest = l->run;
	uint32_t here;
	uint64_t start = job_block_at(l->job, l->pos, &here);

	l->run.count = here + 1 - l->run.first;
	rest.count -= l->run.count;
	rest.first = here + 1;
	l->end = start +
		 journal_block_len(blocks_journal(l->job->blocks), here);
	segments_give_back(&l->job->segments, rest);
}

/* --- what comes of an answer ------------------------------------------------------ */

/* How fast such connections are, from those that have just ended. What had come
 * before we looked came in no time: so not from the first byte that we saw. */
static void learn_rate(struct lane *l)
{
	struct job_endpoint *e = common_endpoint(l);
	uint64_t ms = clock_ms() - l->asked_ms, rate;

	if (l->got < RATE_LEAST)
		return;
	rate = l->got * 1000 / (ms ? ms : 1);
	e->rate = e->rate ? (e->rate * 3 + rate) / 4 : rate;
}

static unsigned max_attempts(const struct lane *l)
{
	const struct hub *h = l->job->common->hub;

	return h->max_attempts ? h->max_attempts : RETRY_ATTEMPTS;
}

/* Too many requests, but others of them were answered since it was refused last: it
 * has its turn yet, and that was no attempt. */
static void wait_for_turn(struct lane *l, const struct http_response *res)
{
	unsigned answered = common_endpoint(l)->answered;

	if (res->status == 429 && l->attempt > 1 && l->answered != answered)
		l->attempt--;
	l->answered = answered;
}

static struct retry_decision decide(struct lane *l,
				    const struct http_response *res,
				    const struct error *raw,
				    const struct error *err)
{
	unsigned most = max_attempts(l);
	/* a refusal is judged by its status, everything else by the error */
	const struct error *why = raw->code == ERR_NONE && res->status != 200 &&
						  res->status != 206
					  ? raw
					  : err;

	if (err->code == ERR_NET && job_has_other(l->job, l->endpoint) &&
	    most > ATTEMPTS_OF_MANY)
		most = ATTEMPTS_OF_MANY;
	if (l->barred)
		return (struct retry_decision){ RETRY_ELSEWHERE, 0 };
	wait_for_turn(l, res);
	if (l->pos < l->credit + CREDIT)
		return retry_decide(res, why, l->attempt, most, clock_jitter());
	/* it got further than ever before: no sign of trouble, on at once */
	l->credit = l->pos;
	l->attempt = 1;
	return retry_decide(res, why, 1, most, clock_jitter() % SOON_MS);
}

/* Without the advice that belongs to a final refusal. */
static void tell_again(const struct lane *l, const struct http_response *res,
		       const struct error *raw, const struct error *err,
		       unsigned delay_ms)
{
	char *text CLEANUP(free_ptr) = NULL;

	if (raw->code == ERR_NONE && res->status != 200 && res->status != 206)
		text = xasprintf("%s: %s (status %ld)", l->endpoint->name,
				 retry_meaning(res), res->status);
	job_tell(l->job, EVENT_RETRY, text ? text : err->msg, delay_ms);
}

/* Too much for it? */
static void ease(struct lane *l, const struct http_response *res,
		 unsigned delay_ms)
{
	struct job_endpoint *e = common_endpoint(l);
	bool busy = res->status == 429 || res->status == 503;
	uint64_t now = clock_ms();

	if (!busy && (res->status != 0 || l->got > 0))
		return;
	pace_answer(&e->pace, true, now);
	if (busy && res->retry_after_ms != UINT64_MAX &&
	    e->wait_ms < now + delay_ms)
		e->wait_ms = now + delay_ms;
}

/* A long wait where somebody else can be asked: this file's bytes are for others,
 * and the endpoint may be asked again later, but not for ever. */
static bool waits_aside(struct lane *l, unsigned delay_ms)
{
	struct job_endpoint *e = common_endpoint(l);
	uint64_t until = clock_ms() + delay_ms;

	if (delay_ms <= PATIENCE_MS || !job_has_other(l->job, l->endpoint) ||
	    ++l->source->waits > max_attempts(l))
		return false;
	if (e->wait_ms < until)
		e->wait_ms = until;
	lane_release(l);
	return true;
}

/* There are to be fewer of them: its part is for those that stay. */
static bool makes_room(struct lane *l)
{
	const struct job_endpoint *e = common_endpoint(l);

	if ((l->kind != LANE_RANGE && l->kind != LANE_SMALL) ||
	    e->lanes <= e->pace.limit)
		return false;
	lane_release(l);
	return true;
}

static int follows(void *ctx, const char *origin, struct error *err)
{
	struct lane *l = ctx;

	if (!reach_is_lost(&l->job->common->reach, origin))
		return 0;
	l->barred = true;
	return err_set(err, ERR_NET,
		       "%s: redirects to %s, which cannot be reached",
		       l->endpoint->name, origin);
}

/* The endpoint itself has answered: what is behind it does not speak against it,
 * others of its files may be elsewhere. */
static void note_reach(struct lane *l, const struct http_response *res,
		       const struct error *raw)
{
	char *origin CLEANUP(free_ptr) = NULL;
	struct error ignored = { .code = ERR_NONE };
	bool away = l->barred;

	if (raw->code != ERR_NET || l->got > 0)
		return;
	if ((res->redirected || l->direct) &&
	    http_origin(res->url, &origin, &ignored) == 0 &&
	    strcmp(origin, l->endpoint->origin) != 0) {
		reach_failed(&l->job->common->reach, res->url);
		away = true;
	}
	if (away)
		l->endpoint->failures = 0;
}

static void go_on(struct lane *l, const struct http_response *res,
		  const struct error *raw, const struct error *err)
{
	struct retry_decision d = decide(l, res, raw, err);
	struct job *j = l->job;
	struct hub_endpoint *e = l->endpoint;

	switch (d.verdict) {
	case RETRY_AGAIN:
	case RETRY_REFRESH:
		ease(l, res, d.delay_ms);
		tell_again(l, res, raw, err, d.delay_ms);
		j->common->stats->retries++;
		if (!waits_aside(l, d.delay_ms) && !makes_room(l))
			submit(l, d.delay_ms);
		break;
	case RETRY_ELSEWHERE:
		note_reach(l, res, raw);
		lane_release(l);
		job_refuse(j, e, err);
		break;
	case RETRY_OK:
	case RETRY_NEVER:
		lane_release(l);
		job_end(j, err);
		break;
	}
}

/* Where the redirect led to does not serve it (any more): ask the endpoint, whose
 * answers are counted. */
static bool asks_anew(struct lane *l, const struct http_response *res,
		      const struct error *raw, const struct error *err)
{
	bool expired = l->direct && raw->code == ERR_NONE &&
		       (res->status == 401 || res->status == 403 ||
			res->status == 404 || res->status == 410);

	/* a place that has sent something may be asked again */
	if (l->got == 0)
		free_ptr(&l->source->direct);
	if (!expired)
		return false;
	l->job->common->stats->retries++;
	tell_again(l, res, raw, err, 0);
	submit(l, 0);
	return true;
}

/* The URL that Git LFS gave is not good any more. */
static bool renews(struct lane *l, const struct http_response *res,
		   const struct error *raw)
{
	return raw->code == ERR_NONE &&
	       (res->status == 401 || res->status == 403) &&
	       l->attempt <= max_attempts(l) && renew_link(l);
}

/* It gets ranges wrong, or has a file now that is shorter or another: all of it
 * in one answer, if there is nobody else. */
static bool streams_instead(struct lane *l, const struct http_response *res,
			    const struct error *raw)
{
	bool refused = res->status == 416 ||
		       (res->status == 206 && raw->code == ERR_INTEGRITY);
	struct job *j = l->job;
	struct error err = { .code = ERR_NONE };

	if (refused && l->kind == LANE_COPY && !j->repair.on) {
		/* whose block it was to bring as well finds out himself */
		lane_release(l);
		return true;
	}
	if (!refused || l->kind == LANE_COPY)
		return false;
	if (l->source->streams && l->kind == LANE_RANGE) {
		/* another lane has found out already */
		lane_release(l);
		return true;
	}
	if (l->source->streams)
		return false;
	if (l->changed && ++l->source->changes <= MOST_CHANGES) {
		l->source->validator[0] = '\0';
		if (job_forget_source(j, l->source, &err) < 0) {
			lane_release(l);
			job_end(j, &err);
			return true;
		}
	} else if (job_has_other(j, l->endpoint)) {
		return false;
	} else {
		l->source->streams = true;
	}
	j->common->stats->retries++;
	if (j->blocks) {
		lane_release(l);
		return true;
	}
	if (job_restart_part(j, &err) < 0) {
		lane_release(l);
		job_end(j, &err);
		return true;
	}
	l->pos = 0;
	submit(l, 0);
	return true;
}

static void complete(struct lane *l)
{
	struct job *j = l->job;
	struct hub_endpoint *e = l->endpoint;
	struct pace *p = &common_endpoint(l)->pace;
	uint64_t now = clock_ms(), waited = l->began_ms - l->asked_ms;

	e->failures = 0;
	common_endpoint(l)->answered++;
	l->source->waits = 0;
	pace_answer(p, false, now);
	if (waited > now - l->began_ms)
		pace_waited(p, waited, now);
	learn_rate(l);
	lane_release(l);
	if (j->state == JOB_SMALL)
		job_small_complete(j, e);
}

static void on_done(void *ctx, const struct http_response *res,
		    const struct error *raw)
{
	struct lane *l = ctx;
	struct job_common *c = l->job->common;
	struct error err = *raw;

	l->endpoint->bytes += res->body_bytes;
	/* what was no part of the file */
	job_waste(l->job, job_index(l->job, l->endpoint),
		  res->body_bytes - l->got);
	answer_judge(l, res, &err);
	if (l->got > 0)
		reach_answered(&c->reach, res->url);
	if (err.code == ERR_NONE)
		complete(l);
	else if (err.code == ERR_CANCELLED)
		lane_release(l); /* it was not needed after all */
	else if (!asks_anew(l, res, raw, &err) && !renews(l, res, raw) &&
		 !streams_instead(l, res, raw))
		go_on(l, res, raw, &err);
	pump(c);
}

/* --- asking ------------------------------------------------------------------------ */

/* A block that came from elsewhere meanwhile need not be asked for. */
static void pass_over(struct lane *l)
{
	uint32_t i;
	uint64_t start;

	if (l->kind != LANE_RANGE)
		return;
	while (l->pos < l->end) {
		start = job_block_at(l->job, l->pos, &i);
		if (l->job->segments.state[i] != SEGMENT_HAVE)
			break;
		l->pos = start +
			 journal_block_len(blocks_journal(l->job->blocks), i);
	}
}

/* Bytes of the block at pos that the next answer need not bring. */
static uint64_t begun(const struct lane *l)
{
	if (l->kind != LANE_RANGE && l->kind != LANE_COPY)
		return 0;
	return l->pos % blocks_journal(l->job->blocks)->block_size;
}

static void set_range(struct lane *l, struct http_request *rq)
{
	uint64_t size = l->job->blob->file->size;

	if (l->loose > begun(l))
		lane_waste(l, l->loose - begun(l));
	l->from = l->pos;
	l->to = l->end;
	if (l->kind == LANE_STREAM) {
		/* the block that it was at is whoever's gets there */
		lane_give_back(l);
		l->own = false;
		l->from = l->pos = 0;
	}
	if (l->kind == LANE_SMALL && l->source->streams)
		l->from = 0;
	if (l->kind == LANE_STREAM || (l->from == 0 && l->to == size))
		l->to = 0;
	rq->range_from = l->from;
	rq->range_to = l->to;
	if ((l->from > 0 || l->to > 0) && l->source->validator[0])
		rq->if_range = l->source->validator;
}

static int send(struct lane *l, unsigned delay_ms, struct error *err)
{
	struct job *j = l->job;
	struct hub *h = j->common->hub;
	struct endpoint_file file CLEANUP(endpoint_file_release) = { 0 };
	char *origin CLEANUP(free_ptr) = NULL;
	struct http_request rq = { .max_body = j->blob->file->size,
				   .ctx = l,
				   .rank = answer_rank,
				   .follows = follows,
				   .headers = answer_headers,
				   .body = answer_body,
				   .done = on_done };

	endpoint_file(h, l->endpoint, j->blob->repo, j->blob->file, &file);
	l->source->streams |= file.whole;
	l->turn = file.turn;
	endpoint_request(&file, &rq);
	set_range(l, &rq);
	l->direct = l->source->direct != NULL;
	if (l->direct) {
		if (http_origin(l->source->direct, &origin, err) < 0)
			return -1;
		/* what the endpoint may know is not for others */
		if (strcmp(origin, l->endpoint->origin) != 0) {
			rq.token = NULL;
			rq.cookie = NULL;
			rq.lines = NULL;
		}
		rq.url = l->source->direct;
	}
	return http_submit(h->http, &rq, delay_ms, err);
}

static void submit(struct lane *l, unsigned delay_ms)
{
	struct job *j = l->job;
	struct error err = { .code = ERR_NONE };

	pass_over(l);
	if (l->pos == l->end) {
		lane_release(l);
		return;
	}
	l->foreign = l->changed = false;
	l->head_len = 0;
	l->got = l->skip = 0;
	l->asked_ms = l->began_ms = clock_ms() + delay_ms;
	l->attempt++;
	j->mixed |= j->state == JOB_SMALL && l->pos > 0;
	if (send(l, delay_ms, &err) < 0) {
		lane_release(l);
		job_end(j, &err);
	}
}

void lane_again(struct lane *l)
{
	submit(l, 0);
}

void lane_begin(struct lane *l, uint64_t pos, uint64_t end)
{
	l->pos = l->credit = pos;
	l->end = end;
	l->block_ms = clock_ms();
	submit(l, 0);
}
