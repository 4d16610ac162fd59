/* A block of lines at the bottom of the terminal: one for each of the oldest
 * running files, then the sum. Redrawn in place, at most 10 times a second. */
#include "cmd/render.h"
#include "base/attr.h"
#include "base/human.h"
#include "base/mem.h"
#include "cmd/progress.h"
#include "cmd/text.h"

#include <stdlib.h>
#include <string.h>

#define DRAW_MS	    100
#define BAR_MIN	    10
#define NUMBERS_MAX 22 /* columns of " 100%  1023.99 GiB    " */

struct tty {
	const struct render_io *io;
	struct progress progress;
	unsigned drawn; /* lines that stand above the cursor */
	uint64_t last_ms;
	bool ever;		/* drawn at all */
	char *status, *details; /* a line instead of the block, or NULL */
};

static void *tty_open(const struct render_io *io)
{
	struct tty *t = xcalloc(1, sizeof(*t));

	t->io = io;
	return t;
}

static unsigned percent(uint64_t done, uint64_t total)
{
	return total ? (unsigned)((double)done * 100.0 / (double)total) : 0;
}

/* "  name......  45%  3.24 GiB" */
static void add_item(struct str *out, const struct progress_item *it,
		     unsigned columns)
{
	struct str name CLEANUP(str_release) = STR_INIT;
	size_t room = columns > NUMBERS_MAX + 12 ? columns - NUMBERS_MAX - 2
						 : 10;
	char size[HUMAN_MAX];

	text_clean(&name, it->name, strlen(it->name));
	if (it->text) {
		str_adds(&name, ": ");
		text_clean(&name, it->text, strlen(it->text));
	}
	str_adds(out, "  ");
	text_fit(out, name.ptr, room);
	str_addf(out, " %3u%%  %s", percent(it->done, it->total),
		 human_size(it->total, size));
}

static void add_source(struct str *out, const struct progress_source *s,
		       unsigned columns)
{
	struct str line CLEANUP(str_release) = STR_INIT;
	size_t used;

	str_adds(&line, "  ");
	render_source(&line, s);
	used = text_columns(line.ptr);
	text_fit(out, line.ptr, used < columns ? used : columns);
}

static void add_bar(struct str *out, unsigned pc, size_t room)
{
	size_t full = (room - 2) * pc / 100;

	str_addc(out, '[');
	str_fill(out, '#', full);
	str_fill(out, '-', room - 2 - full);
	str_addc(out, ']');
}

/* What the sum tells, the first to be left out where it does not fit first. */
enum detail { DETAIL_FILES, DETAIL_BYTES, DETAIL_RATE, DETAIL_LEFT };

/* " 45%  3.7 of 8.3 GiB  12/24 files  52 MiB/s  1:23 left" */
static void add_numbers(struct str *out, const struct progress *g, uint64_t now,
			enum detail from)
{
	uint64_t done = progress_done(g), rate = progress_rate(g, now), left;
	char a[HUMAN_MAX], b[HUMAN_MAX];

	if (g->bytes)
		str_addf(out, " %3u%%", percent(done, g->bytes));
	if (g->bytes && from <= DETAIL_BYTES)
		str_addf(out, "  %s of %s", human_size(done, a),
			 human_size(g->bytes, b));
	if (!g->bytes || from <= DETAIL_FILES)
		str_addf(out, "  %llu/%llu %s", (unsigned long long)g->finished,
			 (unsigned long long)g->items,
			 human_plural(g->items, "file", "files"));
	if (g->failed)
		str_addf(out, ", %llu failed", (unsigned long long)g->failed);
	if (rate && from <= DETAIL_RATE)
		str_addf(out, "  %s/s", human_size(rate, a));
	if (progress_left(g, now, &left))
		str_addf(out, "  %s left", human_time(left, a));
}

/* "fetch [####----]" and the numbers, on exactly one line. */
static void add_sum(struct str *out, const struct progress *g, uint64_t now,
		    unsigned columns)
{
	struct str numbers CLEANUP(str_release) = STR_INIT;
	struct str line CLEANUP(str_release) = STR_INIT;
	size_t used = 0;

	for (unsigned from = DETAIL_FILES; from <= DETAIL_LEFT; from++) {
		str_clear(&numbers);
		add_numbers(&numbers, g, now, (enum detail)from);
		used = text_columns(g->phase) + text_columns(numbers.ptr);
		/* a bar says more than how many files */
		if (used + (g->bytes && from == DETAIL_FILES ? BAR_MIN + 2
							     : 0) <=
		    columns)
			break;
	}
	str_adds(&line, g->phase);
	used += 2;
	if (g->bytes && used + BAR_MIN <= columns) {
		str_addc(&line, ' ');
		add_bar(&line, percent(progress_done(g), g->bytes),
			columns - used > 30 ? 30 : columns - used);
	}
	str_adds(&line, numbers.ptr);
	used = text_columns(line.ptr);
	text_fit(out, line.ptr, used < columns ? used : columns);
}

/* Cursor to the first line of the block. */
static void add_home(const struct tty *t, struct str *out)
{
	if (t->drawn)
		str_addf(out, "\r\x1b[%uA", t->drawn);
}

static void put(struct tty *t, const struct str *text)
{
	t->io->write(t->io->ctx, text->ptr, text->len);
}

static void add_block(struct tty *t, struct str *out, uint64_t now)
{
	const struct progress *g = &t->progress;
	unsigned columns = 80, rows = 24, limit, lines = 0;

	t->io->size(t->io->ctx, &columns, &rows);
	/* a line that fills the last column wraps on some terminals */
	columns = columns > 20 ? columns - 1 : 19;
	limit = rows / 4 > 1 ? rows / 4 : 1;
	for (size_t i = 0; i < g->count && lines < limit; i++, lines++) {
		add_item(out, &g->running[i], columns);
		str_adds(out, "\x1b[K\n");
	}
	for (size_t i = 0; i < g->source_count && i < limit; i++, lines++) {
		add_source(out, &g->sources[i], columns);
		str_adds(out, "\x1b[K\n");
	}
	add_sum(out, g, now, columns);
	str_adds(out, "\x1b[K\n\x1b[J");
	t->drawn = lines + 1;
	t->last_ms = now;
	t->ever = true;
}

/* Those of "a, b, c" that have room, each whole. */
static void add_details(struct str *out, const char *details, size_t room)
{
	size_t end = strlen(details);

	while (end + 2 > room) {
		while (end && details[end - 1] != ',')
			end--;
		if (!end)
			return;
		end--;
	}
	str_adds(out, "; ");
	str_add(out, details, end);
}

/* The last line, where no files are counted. */
static void add_status(struct tty *t, struct str *out, uint64_t now)
{
	unsigned columns = 80, rows = 24;
	struct str line CLEANUP(str_release) = STR_INIT;
	size_t used;

	t->io->size(t->io->ctx, &columns, &rows);
	columns = columns > 20 ? columns - 1 : 19;
	text_clean(&line, t->status, strlen(t->status));
	used = text_columns(line.ptr);
	if (used + 2 < columns)
		add_details(&line, t->details, columns - used);
	used = text_columns(line.ptr);
	text_fit(out, line.ptr, used < columns ? used : columns);
	str_adds(out, "\x1b[K\n\x1b[J");
	t->drawn = 1;
	t->last_ms = now;
	t->ever = true;
}

static void tty_hide(void *state)
{
	struct tty *t = state;
	struct str text CLEANUP(str_release) = STR_INIT;

	if (!t->drawn)
		return;
	add_home(t, &text);
	str_adds(&text, "\x1b[J");
	put(t, &text);
	t->drawn = 0;
}

static bool is_message(const struct tty *t, const struct event *ev)
{
	return ev->type == EVENT_FAIL || ev->type == EVENT_INFO ||
	       ev->type == EVENT_WARN ||
	       (ev->type == EVENT_RETRY && t->io->verbose);
}

static void tty_event(void *state, const struct event *ev)
{
	struct tty *t = state;
	uint64_t now = t->io->clock_ms(t->io->ctx);
	bool message = is_message(t, ev);
	struct str text CLEANUP(str_release) = STR_INIT;

	progress_event(&t->progress, ev, now);
	if (ev->type == EVENT_STATUS) {
		free(t->status);
		free(t->details);
		t->status = xstrdup(ev->text);
		t->details = xstrdup(ev->name ? ev->name : "");
	}
	if (!message && t->ever && now - t->last_ms < DRAW_MS)
		return;
	if (!message && !t->progress.phase && !t->status)
		return;
	add_home(t, &text);
	if (message) {
		str_adds(&text, "\x1b[J");
		render_message(&text, t->io, ev);
		t->drawn = 0;
	}
	if (t->progress.phase)
		add_block(t, &text, now);
	else if (t->status)
		add_status(t, &text, now);
	put(t, &text);
}

static void tty_close(void *state)
{
	struct tty *t = state;

	progress_release(&t->progress);
	free(t->status);
	free(t->details);
	free(t);
}

const struct renderer renderer_tty = {
	.open = tty_open,
	.event = tty_event,
	.hide = tty_hide,
	.close = tty_close,
};
