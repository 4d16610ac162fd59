/*
 * Work for an endpoint that has a connection to spare, in this order: a file that
 * has none yet; the lowest free blocks of the file that has fewest; blocks that
 * have to be compared; at the end, when all is on its way, what the slowest
 * connection has not begun, and then the block that it is at, beside it.
 */
#include "fetch/download_pump.h"

#include "base/clock.h"
#include "fetch/download_lane.h"
#include "fetch/download_repair.h"

#include <limits.h>

/* Files from this size on come from all endpoints at once. */
#define SHARED_MIN  (8u << 20)
#define REPAIR_MOST 8u /* blocks of one request that compares */
/* A connection is slow if it takes this many times longer than another would. */
#define SLOW_TIMES 2
#define SLOW_MS	   300 /* and what that would need to begin */

static struct job_endpoint *endpoint_of(struct job_common *c, size_t k)
{
	return &c->endpoints[k];
}

static uint64_t block_size(const struct job *j)
{
	return blocks_journal(j->blocks)->block_size;
}

static uint64_t end_of(const struct job *j, struct segment run)
{
	uint64_t end = (uint64_t)(run.first + run.count) * block_size(j);

	return end < j->blob->file->size ? end : j->blob->file->size;
}

/* --- how fast they are ---------------------------------------------------------------- */

/* How long another connection to this endpoint would need for a block. */
static uint64_t ms_elsewhere(const struct job *j, const struct job_endpoint *e)
{
	return e->rate ? block_size(j) * 1000 / e->rate : 1000;
}

/* While the user's limit is what holds all of them, none is slow, and what is asked
 * twice would only take from it. */
static uint64_t at_it(const struct lane *l, uint64_t now)
{
	uint64_t since = l->block_ms > l->asked_ms ? l->block_ms : l->asked_ms;
	uint64_t held = http_held_ms(l->job->common->hub->http);

	since = held > since ? held : since;
	return now > since ? now - since : 0;
}

/* Longer than that, and a connection is slow. */
static uint64_t slow_ms(const struct job *j, const struct job_endpoint *e)
{
	return SLOW_TIMES * ms_elsewhere(j, e) + SLOW_MS;
}

/* What the connections to other endpoints bring in a second, those that hang not
 * counted. */
static uint64_t rate_of_others(const struct job_common *c, size_t but)
{
	uint64_t sum = 0, now = clock_ms();

	for (const struct lane *l = c->lanes; l < c->lanes + JOB_LANES; l++) {
		const struct job_endpoint *e;
		size_t k;

		if (!l->job || l->job->state != JOB_FILLING)
			continue;
		k = job_index(l->job, l->endpoint);
		e = &c->endpoints[k];
		if (k != but && at_it(l, now) <= slow_ms(l->job, e))
			sum += e->rate;
	}
	return sum;
}

/* Would one block take this endpoint longer than the others need for all that is
 * free? Then the whole file would wait for it. */
static bool comes_too_late(const struct job *j, uint64_t rate, uint64_t others)
{
	return rate && others > rate && others / rate > j->segments.free_count;
}

/* Blocks that the others bring while this endpoint is at so many of its own, if one
 * of them is clearly faster. */
static uint32_t ahead_of(const struct job *j, size_t k, uint64_t others,
			 uint32_t blocks)
{
	const struct job_common *c = j->common;
	uint64_t rate = c->endpoints[k].rate, ahead;
	bool slow = false;

	for (size_t i = 0; i < c->hub->count; i++)
		slow |= c->endpoints[i].lanes > 0 &&
			c->endpoints[i].rate > rate + rate / 2;
	if (!rate || !slow)
		return 0;
	ahead = others / rate * blocks;
	return ahead < UINT32_MAX ? (uint32_t)ahead : UINT32_MAX;
}

/* --- new work -------------------------------------------------------------------- */

/* May this endpoint send blocks of the file now? */
static bool may_fill(const struct job *j, size_t k)
{
	const struct job_source *s = &j->sources[k];

	if (j->state != JOB_FILLING || !job_may_use(j, k))
		return false;
	if (j->blob->file->size < SHARED_MIN && k != job_first(j))
		return false;
	/* a redirect is followed once; one stream is enough */
	return !s->opening && !(s->streams && s->lanes > 0);
}

static bool fill(struct job *j, size_t k)
{
	struct job_endpoint *e = endpoint_of(j->common, k);
	struct segment run = { 0, 0 };
	struct lane *l;
	uint32_t most;
	uint64_t others;

	if (!may_fill(j, k) || j->segments.free_count == 0)
		return false;
	others = rate_of_others(j->common, k);
	if (comes_too_late(j, e->rate, others))
		return false;
	if (j->sources[k].streams) {
		l = lane_take(j, k, LANE_STREAM);
		if (!l)
			return false;
		lane_begin(l, 0, j->blob->file->size);
		return true;
	}
	most = segment_blocks(e->rate, others, block_size(j),
			      j->segments.free_count, e->pace.limit);
	/* nobody waits long for one of whom nothing is known */
	if (!e->rate && j->blob->file->size >= SHARED_MIN &&
	    job_has_other(j, &j->common->hub->endpoints[k]))
		most = 1;
	if (!segments_take(&j->segments, most, ahead_of(j, k, others, most),
			   &run))
		return false;
	l = lane_take(j, k, LANE_RANGE);
	if (!l) {
		segments_give_back(&j->segments, run);
		return false;
	}
	l->run = run;
	lane_begin(l, run.first * block_size(j), end_of(j, run));
	return true;
}

static bool compare(struct job *j, size_t k)
{
	struct segment run = { 0, 0 };
	struct lane *l;

	if (j->state != JOB_FILLING || !job_may_use(j, k) ||
	    (j->sources[k].streams && j->sources[k].lanes > 0) ||
	    j->sources[k].opening ||
	    !repair_take(j, k, j->sources[k].streams ? UINT32_MAX : REPAIR_MOST,
			 &run))
		return false;
	l = lane_take(j, k, LANE_COPY);
	if (!l)
		return false;
	l->run = run;
	lane_begin(l, run.first * block_size(j), end_of(j, run));
	return true;
}

static bool small(struct job *j, size_t k)
{
	struct error err = { .code = ERR_NONE };
	struct lane *l;

	if (j->state != JOB_SMALL || j->lanes > 0 || k != job_first(j))
		return false;
	/* somebody sent all of it and then more: that is another file */
	if (j->part.offset == j->blob->file->size &&
	    job_restart_part(j, &err) < 0) {
		job_end(j, &err);
		return true;
	}
	l = lane_take(j, k, LANE_SMALL);
	if (!l)
		return false;
	lane_begin(l, j->part.offset, j->blob->file->size);
	return true;
}

static bool give(struct job *j, size_t k)
{
	return small(j, k) || fill(j, k) || compare(j, k);
}

/* To the job that has fewest lanes and can use one. */
static bool give_work(struct job_common *c, size_t k)
{
	unsigned least = 0;

	while (least < UINT_MAX) {
		unsigned next = UINT_MAX;

		for (unsigned i = 0; i < c->job_count; i++) {
			struct job *j = &c->jobs[i];

			if (j->state == JOB_UNUSED)
				continue;
			if (j->lanes == least && give(j, k))
				return true;
			if (j->lanes > least && j->lanes < next)
				next = j->lanes;
		}
		least = next;
	}
	return false;
}

/* --- the end of it ------------------------------------------------------------------ */

/* Milliseconds until the lane has sent `bytes` more, if it goes on as it did. */
static uint64_t ms_for(const struct lane *l, uint64_t bytes, uint64_t now)
{
	uint64_t ms = now > l->began_ms ? now - l->began_ms : 0;

	if (l->got == 0)
		return 2 * ms;
	return bytes * ms / l->got;
}

/* Blocks that it has not begun? */
static bool may_shorten(const struct lane *l)
{
	uint32_t i;
	uint64_t start = job_block_at(l->job, l->pos, &i);

	return l->kind == LANE_RANGE && l->end > start + block_size(l->job);
}

/* How long what another could do instead will take yet; 0: no longer than there.
 * Who was at a block for some time will be as long again. */
static uint64_t slowness(const struct lane *l, size_t k, uint64_t now)
{
	const struct job *j = l->job;
	uint64_t elsewhere = ms_elsewhere(j, &j->common->endpoints[k]);
	uint64_t spent = at_it(l, now), start, end, left;
	uint32_t i;

	if (l->kind == LANE_SMALL || l->kind == LANE_COPY || l->pos >= l->end)
		return 0;
	start = job_block_at(j, l->pos, &i);
	end = may_shorten(l)
		      ? l->end
		      : start + journal_block_len(blocks_journal(j->blocks), i);
	left = ms_for(l, end - l->pos, now);
	left = left > spent ? left : spent;
	if (left < slow_ms(j, &j->common->endpoints[k]) || spent < elsewhere)
		return 0;
	return left;
}

static bool may_hedge(const struct lane *l, size_t k)
{
	const struct job *j = l->job;
	const struct job_source *s = &j->sources[k];
	uint32_t i;

	job_block_at(j, l->pos, &i);
	return !l->hedged && job_may_use(j, k) && !s->streams && s->open &&
	       j->segments.state[i] == SEGMENT_TAKEN;
}

static struct lane *slowest(struct job_common *c, size_t k)
{
	struct lane *worst = NULL;
	uint64_t most = 0, now = clock_ms();

	for (struct lane *l = c->lanes; l < c->lanes + JOB_LANES; l++) {
		uint64_t ms;

		if (!l->job || l->job->state != JOB_FILLING)
			continue;
		ms = slowness(l, k, now);
		if (ms > most && (may_shorten(l) || may_hedge(l, k))) {
			worst = l;
			most = ms;
		}
	}
	return worst;
}

/* true: there is something to do now. */
static bool help_slowest(struct job_common *c, size_t k)
{
	struct lane *l = slowest(c, k), *copy;
	uint64_t start;
	uint32_t i;

	if (!l)
		return false;
	if (may_shorten(l)) {
		lane_shorten(l);
		return fill(l->job, k);
	}
	copy = lane_take(l->job, k, LANE_COPY);
	if (!copy)
		return false;
	l->hedged = true;
	start = job_block_at(l->job, l->pos, &i);
	copy->run = (struct segment){ i, 1 };
	lane_begin(copy, start, end_of(l->job, copy->run));
	return true;
}

/* --- all of it ------------------------------------------------------------------------ */

static bool has_room(const struct job_common *c, size_t k, uint64_t now)
{
	const struct job_endpoint *e = &c->endpoints[k];

	return !c->hub->endpoints[k].dropped && now >= e->wait_ms &&
	       e->lanes < e->pace.limit;
}

static void pump_once(struct job_common *c)
{
	uint64_t now = clock_ms();

	for (size_t k = 0; k < c->hub->count; k++)
		while (has_room(c, k, now) &&
		       (give_work(c, k) || help_slowest(c, k)))
			;
}

void pump(struct job_common *c)
{
	if (c->pumping)
		return;
	c->pumping = true;
	pump_once(c);
	c->pumping = false;
}

/* Small files wait more than they receive: more of them at once. */
static void choose_cap(struct job_common *c)
{
	unsigned cap = PACE_CAP_SMALL;

	for (unsigned i = 0; i < c->job_count; i++)
		if (c->jobs[i].state == JOB_FILLING)
			cap = PACE_CAP;
	for (size_t k = 0; !c->hub->connections && k < c->hub->count; k++)
		pace_set_cap(&c->endpoints[k].pace, cap);
}

void pump_tick(struct job_common *c)
{
	choose_cap(c);
	for (size_t k = 0; k < c->hub->count; k++)
		pace_tick(&c->endpoints[k].pace, c->endpoints[k].lanes,
			  clock_ms());
	pump(c);
}
