/*
 * One limit for all bodies together. Who receives while the bucket is empty is
 * paused; libcurl does not count a pause as low speed.
 */
#include "fetch/http_internal.h"

#include "base/clock.h"

void http_rate_spend(struct transfer *t, size_t n)
{
	struct http_rate *r = &t->http->rate;

	if (!r->limit)
		return;
	r->credit -= (int64_t)n;
	if (r->credit > 0)
		return;
	t->paused = true;
	r->held_ms = clock_ms();
	curl_easy_pause(t->easy, CURLPAUSE_RECV);
}

static void refill(struct http_rate *r)
{
	uint64_t now = clock_ms(), ms = now - r->at_ms;
	int64_t most = (int64_t)(r->limit / 10 + 1);

	if (ms == 0)
		return;
	r->at_ms = now;
	r->credit += (int64_t)(r->limit * (ms < 1000 ? ms : 1000) / 1000);
	if (r->credit > most)
		r->credit = most;
}

uint64_t http_held_ms(const struct http *h)
{
	return h->rate.held_ms;
}

bool http_rate_refill(struct http *h)
{
	bool waiting = false;

	if (!h->rate.limit)
		return false;
	refill(&h->rate);
	for (struct transfer *t = h->active; t; t = t->next) {
		if (t->paused && h->rate.credit > 0) {
			t->paused = false;
			curl_easy_pause(t->easy, CURLPAUSE_CONT);
		}
		waiting |= t->paused;
	}
	if (waiting)
		h->rate.held_ms = clock_ms();
	return waiting;
}
