#include "cmd/render.h"

#include "base/attr.h"
#include "base/human.h"
#include "base/mem.h"
#include "cmd/progress.h"
#include "cmd/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct render {
	struct render_io io;
	const struct renderer *ops;
	void *state;
};

struct render *render_open(enum render_kind kind, const struct render_io *io)
{
	static const struct renderer *const kinds[] = {
		[RENDER_TTY] = &renderer_tty,
		[RENDER_PLAIN] = &renderer_plain,
		[RENDER_JSON] = &renderer_json,
		[RENDER_NONE] = &renderer_none,
	};
	struct render *r = xcalloc(1, sizeof(*r));

	assert(kind < ARRAY_LEN(kinds));
	r->io = *io;
	r->ops = kinds[kind];
	r->state = r->ops->open(&r->io);
	return r;
}

static void on_event(void *ctx, const struct event *ev)
{
	struct render *r = ctx;

	r->ops->event(r->state, ev);
}

struct event_sink render_sink(struct render *r)
{
	return (struct event_sink){ .fn = on_event, .ctx = r };
}

void render_hide(struct render *r)
{
	if (r && r->ops->hide)
		r->ops->hide(r->state);
}

void render_close(struct render **r)
{
	if (!*r)
		return;
	render_hide(*r);
	(*r)->ops->close((*r)->state);
	free(*r);
	*r = NULL;
}

void render_source(struct str *out, const struct progress_source *s)
{
	char size[HUMAN_MAX];

	str_addf(out, "%s from ", human_size(s->done, size));
	text_clean(out, s->name, strlen(s->name));
	if (s->connections)
		str_addf(out, ", %llu connection%s",
			 (unsigned long long)s->connections,
			 s->connections == 1 ? "" : "s");
	if (s->rate)
		str_addf(out, ", %s/s", human_size(s->rate, size));
}

void render_message(struct str *out, const struct render_io *io,
		    const struct event *ev)
{
	static const char *const words[] = {
		[EVENT_PLAN] = "",	 [EVENT_START] = "",
		[EVENT_PROGRESS] = "",	 [EVENT_DONE] = "",
		[EVENT_FAIL] = "failed", [EVENT_RETRY] = "retry",
		[EVENT_INFO] = "",	 [EVENT_WARN] = "warning",
	};
	const char *word = words[ev->type];
	char wait[HUMAN_MAX];

	if (*word && io->color)
		str_addf(out, "\x1b[%sm%s:\x1b[0m ",
			 ev->type == EVENT_FAIL ? "31" : "33", word);
	else if (*word)
		str_addf(out, "%s: ", word);
	if (ev->name && *ev->name && ev->type != EVENT_INFO &&
	    ev->type != EVENT_WARN) {
		text_clean(out, ev->name, strlen(ev->name));
		str_adds(out, ev->text ? ": " : "");
	}
	if (ev->text)
		text_clean(out, ev->text, strlen(ev->text));
	if (ev->type == EVENT_RETRY && ev->delay_ms >= 1000)
		str_addf(out, "; asking again in %s",
			 human_time(ev->delay_ms, wait));
	str_addc(out, '\n');
}

/* --- none: warnings and failures only ------------------------------------ */

static void *none_open(const struct render_io *io)
{
	return (void *)(uintptr_t)io;
}

static void none_event(void *state, const struct event *ev)
{
	const struct render_io *io = state;
	struct str text CLEANUP(str_release) = STR_INIT;

	if (ev->type != EVENT_WARN && ev->type != EVENT_FAIL &&
	    (ev->type != EVENT_INFO || io->quiet))
		return;
	render_message(&text, io, ev);
	io->write(io->ctx, text.ptr, text.len);
}

static void none_close(void *state)
{
	(void)state;
}

const struct renderer renderer_none = {
	.open = none_open,
	.event = none_event,
	.close = none_close,
};
