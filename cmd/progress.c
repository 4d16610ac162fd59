#include "cmd/progress.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void item_release(struct progress_item *it)
{
	free_ptr(&it->name);
	free_ptr(&it->text);
}

static void drop_items(struct progress *p)
{
	for (size_t i = 0; i < p->count; i++)
		item_release(&p->running[i]);
	p->count = 0;
}

void progress_release(struct progress *p)
{
	drop_items(p);
	free_ptr(&p->running);
	for (size_t i = 0; i < p->source_count; i++)
		free_ptr(&p->sources[i].name);
	free_ptr(&p->sources);
	free_ptr(&p->phase);
	*p = (struct progress){ 0 };
}

static size_t find(const struct progress *p, unsigned id)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->running[i].id == id)
			return i;
	return SIZE_MAX;
}

const struct progress_item *progress_find(const struct progress *p, unsigned id)
{
	size_t i = find(p, id);

	return i == SIZE_MAX ? NULL : &p->running[i];
}

static void sample(struct progress *p, uint64_t now_ms)
{
	size_t last = (p->sample_next + PROGRESS_SAMPLES - 1) %
		      PROGRESS_SAMPLES;

	if (p->sample_count &&
	    now_ms < p->samples[last].at_ms + PROGRESS_SAMPLE_MS)
		return;
	p->samples[p->sample_next].at_ms = now_ms;
	p->samples[p->sample_next].received = p->received;
	p->sample_next = (p->sample_next + 1) % PROGRESS_SAMPLES;
	if (p->sample_count < PROGRESS_SAMPLES)
		p->sample_count++;
}

static void begin_phase(struct progress *p, const struct event *ev)
{
	progress_release(p);
	p->phase = xstrdup(ev->name ? ev->name : "");
	p->items = ev->items;
	p->bytes = ev->total;
}

static struct progress_item *begin_item(struct progress *p,
					const struct event *ev)
{
	size_t i = find(p, ev->id);

	if (i == SIZE_MAX) {
		p->running = xgrow(p->running, &p->cap, p->count + 1,
				   sizeof(*p->running));
		i = p->count++;
		p->running[i] = (struct progress_item){
			.id = ev->id, .name = xstrdup(ev->name ? ev->name : "")
		};
	}
	p->running[i].done = ev->done;
	p->running[i].total = ev->total;
	return &p->running[i];
}

static void advance(struct progress *p, const struct event *ev)
{
	size_t i = find(p, ev->id);
	struct progress_item *it;

	if (i == SIZE_MAX) {
		begin_item(p, ev);
		return;
	}
	it = &p->running[i];
	if (ev->done > it->done)
		p->received += ev->done - it->done;
	it->done = ev->done;
	it->total = ev->total;
	free_ptr(&it->text);
}

static void end_item(struct progress *p, const struct event *ev)
{
	size_t i = find(p, ev->id);
	uint64_t total = ev->total;

	if (i != SIZE_MAX) {
		struct progress_item *it = &p->running[i];

		total = it->total;
		if (ev->type == EVENT_DONE && total > it->done)
			p->received += total - it->done;
		item_release(it);
		p->count--;
		memmove(it, it + 1, (p->count - i) * sizeof(*it));
	}
	if (ev->type == EVENT_FAIL) {
		p->failed_bytes += total;
		p->failed++;
	} else {
		p->finished_bytes += total;
		p->finished++;
	}
}

static void retry_item(struct progress *p, const struct event *ev)
{
	size_t i = find(p, ev->id);

	if (i == SIZE_MAX || !ev->text)
		return;
	free_ptr(&p->running[i].text);
	p->running[i].text = xstrdup(ev->text);
}

static void take_source(struct progress *p, const struct event *ev)
{
	struct progress_source *s;
	size_t i = 0;

	while (i < p->source_count && p->sources[i].id != ev->id)
		i++;
	if (i == p->source_count) {
		p->sources = xgrow(p->sources, &p->source_cap, i + 1,
				   sizeof(*p->sources));
		p->sources[p->source_count++] = (struct progress_source){
			.id = ev->id,
			.name = xstrdup(ev->source ? ev->source : "")
		};
	}
	s = &p->sources[i];
	s->done = ev->done;
	s->rate = ev->rate;
	s->connections = ev->items;
}

void progress_event(struct progress *p, const struct event *ev, uint64_t now_ms)
{
	switch (ev->type) {
	case EVENT_PLAN:
		begin_phase(p, ev);
		break;
	case EVENT_START:
		begin_item(p, ev);
		break;
	case EVENT_PROGRESS:
		advance(p, ev);
		break;
	case EVENT_DONE:
	case EVENT_FAIL:
		end_item(p, ev);
		break;
	case EVENT_RETRY:
		retry_item(p, ev);
		break;
	case EVENT_SOURCE:
		take_source(p, ev);
		break;
	case EVENT_INFO:
	case EVENT_WARN:
	case EVENT_STATUS:
		break;
	}
	sample(p, now_ms);
}

uint64_t progress_done(const struct progress *p)
{
	uint64_t done = p->finished_bytes;

	for (size_t i = 0; i < p->count; i++)
		done += p->running[i].done;
	return p->bytes && done > p->bytes ? p->bytes : done;
}

uint64_t progress_rate(const struct progress *p, uint64_t now_ms)
{
	size_t first = p->sample_count < PROGRESS_SAMPLES ? 0 : p->sample_next;
	uint64_t ms;

	if (p->sample_count == 0)
		return 0;
	ms = now_ms - p->samples[first].at_ms;
	if (ms < PROGRESS_SAMPLE_MS)
		return 0;
	return (p->received - p->samples[first].received) * 1000 / ms;
}

bool progress_left(const struct progress *p, uint64_t now_ms, uint64_t *ms)
{
	uint64_t rate = progress_rate(p, now_ms);
	uint64_t done = progress_done(p) + p->failed_bytes;

	if (rate == 0 || p->bytes == 0)
		return false;
	if (done > p->bytes)
		done = p->bytes;
	/* whole seconds, rounded up: what is not done is never "0:00 left" */
	*ms = (p->bytes - done + rate - 1) / rate * 1000;
	return true;
}
