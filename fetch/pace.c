#include "fetch/pace.h"

#define MEASURE_MS 100
#define HOLD_MS	   3000 /* after a step back */
#define MOST_HOLDS 3	/* doublings of that */
#define TRIES	   10	/* measurements that a step has to show something */
#define FALLS	   3 /* of these that one counts for which shows the opposite */
#define REFUSED	   10 /* strain of a refusal; an answer takes away 1 */
#define STRAINED \
	40 /* one refusal in twenty, at random, hardly ever gets there */
#define QUIET_MS 1000 /* refusals that come together are one */
#define LATE_MS	 5 /* beyond twice the shortest wait: they stand in a queue */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static void measure_anew(struct pace *p, uint64_t now_ms)
{
	p->since_ms = now_ms;
	p->bytes = 0;
	p->busy = true;
	p->waited = false;
}

void pace_init(struct pace *p, unsigned cap, uint64_t now_ms)
{
	*p = (struct pace){ .cap = cap ? least(cap, PACE_MAX_CAP) : PACE_CAP };
	p->limit = least(PACE_START, p->cap);
	measure_anew(p, now_ms);
}

void pace_count(struct pace *p, uint64_t bytes)
{
	p->bytes += bytes;
}

/* The step up must have brought a tenth, or it is taken back. true: on trial yet,
 * or taken back. */
static bool try_step(struct pace *p, uint64_t rate, uint64_t now_ms)
{
	if (!p->best)
		return false;
	if (rate >= p->best + p->best / 10) {
		p->holds = 0;
		return false;
	}
	p->in_vain += rate < p->best - p->best / 20 ? FALLS : 1;
	if (p->in_vain < TRIES)
		return true;
	p->limit = p->limit / 2;
	p->best = 0;
	p->hold_ms = now_ms + ((uint64_t)HOLD_MS << p->holds);
	p->holds += p->holds < MOST_HOLDS;
	return true;
}

static void step(struct pace *p, uint64_t rate, uint64_t now_ms)
{
	if (try_step(p, rate, now_ms))
		return;
	p->best = 0;
	if (p->limit == p->cap || now_ms < p->hold_ms)
		return;
	p->best = rate;
	p->in_vain = 0;
	p->limit = least(p->limit * 2, p->cap);
}

void pace_tick(struct pace *p, unsigned in_use, uint64_t now_ms)
{
	uint64_t ms = now_ms - p->since_ms;

	p->busy &= in_use >= p->limit;
	if (p->busy && ms < MEASURE_MS)
		return;
	if (p->waited)
		p->best = 0;
	else if (p->busy && p->bytes > 0)
		step(p, p->bytes * 1000 / ms, now_ms);
	measure_anew(p, now_ms);
}

bool pace_answer(struct pace *p, bool refused, uint64_t now_ms)
{
	if (!refused) {
		p->strain -= p->strain > 0;
		return false;
	}
	/* those that were under way when it became too much say the same */
	if (p->hold_ms > now_ms + HOLD_MS - QUIET_MS)
		return false;
	p->strain += REFUSED;
	if (p->strain < STRAINED)
		return false;
	p->strain = 0;
	p->limit = p->limit > 1 ? p->limit / 2 : 1;
	p->best = 0;
	p->hold_ms = now_ms + HOLD_MS;
	measure_anew(p, now_ms);
	return true;
}

/* If each waits as long as when they were few, all of them together have become as
 * much faster as they have become more. */
void pace_waited(struct pace *p, uint64_t ms, uint64_t now_ms)
{
	if (!p->wait_ms || ms < p->wait_ms)
		p->wait_ms = ms ? ms : 1;
	if (p->limit >= p->cap || now_ms < p->hold_ms ||
	    ms > 2 * p->wait_ms + LATE_MS)
		return;
	p->limit = least(p->limit + 3, p->cap);
	p->waited = true;
}

void pace_set_cap(struct pace *p, unsigned cap)
{
	p->cap = least(cap, PACE_MAX_CAP);
	if (p->cap > PACE_CAP && p->limit == PACE_START && !p->wait_ms &&
	    !p->strain)
		p->limit = PACE_START_MANY;
	p->limit = least(p->limit, p->cap);
}
