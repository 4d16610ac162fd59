/* Lines for logs: what begins, ends and fails, and where things stand every
 * 5 seconds. Small files that went well are only counted, unless --verbose. */
#include "cmd/render.h"
#include "base/attr.h"
#include "base/human.h"
#include "base/mem.h"
#include "cmd/progress.h"
#include "cmd/text.h"

#include <stdlib.h>
#include <string.h>

#define EVERY_MS 5000
#define NOTABLE	 ((uint64_t)1 << 20) /* bytes from which a file gets lines */

struct plain {
	const struct render_io *io;
	struct progress progress;
	uint64_t last_ms; /* of the last line that says where things stand */
};

static void *plain_open(const struct render_io *io)
{
	struct plain *p = xcalloc(1, sizeof(*p));

	p->io = io;
	p->last_ms = io->clock_ms(io->ctx);
	return p;
}

static void put(struct plain *p, const struct str *text)
{
	p->io->write(p->io->ctx, text->ptr, text->len);
}

static void put_plan(struct plain *p, const struct event *ev)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	char size[HUMAN_MAX];

	str_addf(&text, "%s: %llu file%s", p->progress.phase,
		 (unsigned long long)ev->items, ev->items == 1 ? "" : "s");
	if (ev->total)
		str_addf(&text, ", %s", human_size(ev->total, size));
	str_addc(&text, '\n');
	put(p, &text);
}

static void put_item(struct plain *p, const char *what, const char *name,
		     uint64_t total, const char *source)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	char size[HUMAN_MAX];

	str_addf(&text, "%s: ", what);
	text_clean(&text, name, strlen(name));
	str_addf(&text, " (%s)", human_size(total, size));
	if (source) {
		str_adds(&text, " from ");
		text_clean(&text, source, strlen(source));
	}
	str_addc(&text, '\n');
	put(p, &text);
}

static void put_stand(struct plain *p, uint64_t now)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct progress *g = &p->progress;
	uint64_t done = progress_done(g), rate = progress_rate(g, now), left;
	char a[HUMAN_MAX], b[HUMAN_MAX];

	str_addf(&text, "%s: ", g->phase);
	if (g->bytes)
		str_addf(&text, "%u%%, %s of %s",
			 (unsigned)(done * 100.0 / (double)g->bytes),
			 human_size(done, a), human_size(g->bytes, b));
	else
		str_adds(&text, human_size(done, a));
	str_addf(&text, ", %llu of %llu %s", (unsigned long long)g->finished,
		 (unsigned long long)g->items,
		 human_plural(g->items, "file", "files"));
	if (g->failed)
		str_addf(&text, ", %llu failed", (unsigned long long)g->failed);
	if (rate)
		str_addf(&text, ", %s/s", human_size(rate, a));
	if (progress_left(g, now, &left))
		str_addf(&text, ", %s left", human_time(left, a));
	str_addc(&text, '\n');
	for (size_t i = 0; i < g->source_count; i++) {
		str_adds(&text, "  ");
		render_source(&text, &g->sources[i]);
		str_addc(&text, '\n');
	}
	put(p, &text);
	p->last_ms = now;
}

static void put_message(struct plain *p, const struct event *ev)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	render_message(&text, p->io, ev);
	put(p, &text);
}

static bool notable(const struct plain *p, uint64_t total)
{
	return p->io->verbose || total >= NOTABLE;
}

static void plain_event(void *state, const struct event *ev)
{
	struct plain *p = state;
	uint64_t now = p->io->clock_ms(p->io->ctx);
	const struct progress_item *it = progress_find(&p->progress, ev->id);
	uint64_t total = it ? it->total : 0;

	/* before the item is forgotten; one that never began was no work */
	if (ev->type == EVENT_DONE && it && notable(p, total))
		put_item(p, "done", it->name, total, NULL);
	progress_event(&p->progress, ev, now);
	if (ev->type == EVENT_PLAN) {
		if (ev->items)
			put_plan(p, ev);
		p->last_ms = now;
	} else if (ev->type == EVENT_START && notable(p, ev->total)) {
		put_item(p, "start", ev->name ? ev->name : "", ev->total,
			 ev->source);
	} else if (ev->type == EVENT_FAIL || ev->type == EVENT_RETRY ||
		   ev->type == EVENT_INFO || ev->type == EVENT_WARN) {
		put_message(p, ev);
	}
	if (p->progress.phase && now - p->last_ms >= EVERY_MS)
		put_stand(p, now);
}

static void plain_close(void *state)
{
	struct plain *p = state;

	progress_release(&p->progress);
	free(p);
}

const struct renderer renderer_plain = {
	.open = plain_open,
	.event = plain_event,
	.close = plain_close,
};
