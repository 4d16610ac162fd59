#include "tests/unit/cmd/unit.h"

#include "base/attr.h"
#include "base/event.h"
#include "cmd/progress.h"
#include "cmd/render.h"

#include <string.h>

#define MIB ((uint64_t)1 << 20)

/* A terminal and a clock that tests can read and set. */
struct screen {
	struct str text;
	uint64_t now;
	unsigned columns, rows;
};

static void screen_release(struct screen *s)
{
	str_release(&s->text);
}

static void screen_write(void *ctx, const char *text, size_t len)
{
	struct screen *s = ctx;

	str_add(&s->text, text, len);
}

static uint64_t screen_clock(void *ctx)
{
	const struct screen *s = ctx;

	return s->now;
}

static void screen_size(void *ctx, unsigned *columns, unsigned *rows)
{
	const struct screen *s = ctx;

	*columns = s->columns;
	*rows = s->rows;
}

static struct render *open_on(struct screen *s, enum render_kind kind,
			      bool quiet, bool verbose)
{
	struct render_io io = { .write = screen_write,
				.clock_ms = screen_clock,
				.size = screen_size,
				.ctx = s,
				.quiet = quiet,
				.verbose = verbose };

	return render_open(kind, &io);
}

#define SCREEN_INIT                                                      \
	{                                                                \
		.text = STR_INIT, .now = 1000, .columns = 80, .rows = 24 \
	}

/* A fetch of two files, seen by any renderer. */
static void play(struct screen *s, struct render *r)
{
	static const struct {
		uint64_t now;
		struct event ev;
	} steps[] = {
		{ 1000,
		  { .type = EVENT_PLAN,
		    .name = "fetch",
		    .items = 3,
		    .total = 40 * MIB } },
		{ 1000,
		  { .type = EVENT_START,
		    .id = 1,
		    .name = "org/a model.pt",
		    .source = "https://h",
		    .total = 30 * MIB } },
		{ 1200,
		  { .type = EVENT_START,
		    .id = 2,
		    .name = "org/b x\x1b[2J",
		    .total = 10 * MIB } },
		{ 3000,
		  { .type = EVENT_PROGRESS,
		    .id = 1,
		    .done = 10 * MIB,
		    .total = 30 * MIB } },
		{ 3050,
		  { .type = EVENT_PROGRESS,
		    .id = 1,
		    .done = 11 * MIB,
		    .total = 30 * MIB } },
		{ 3100,
		  { .type = EVENT_RETRY,
		    .id = 2,
		    .name = "org/b x",
		    .text = "time-out",
		    .delay_ms = 500 } },
		{ 3200,
		  { .type = EVENT_RETRY,
		    .id = 2,
		    .name = "org/b x",
		    .text = "busy",
		    .delay_ms = 300000 } },
		{ 5000, { .type = EVENT_INFO, .text = "hello" } },
		{ 6500,
		  { .type = EVENT_DONE,
		    .id = 1,
		    .name = "org/a model.pt",
		    .total = 30 * MIB } },
		{ 6600,
		  { .type = EVENT_FAIL,
		    .id = 2,
		    .name = "org/b x",
		    .text = "gone" } },
		{ 6700, { .type = EVENT_WARN, .text = "take care" } },
		{ 6800,
		  { .type = EVENT_START, .id = 3, .name = "c", .total = 12 } },
		{ 6800, { .type = EVENT_DONE, .id = 3, .total = 12 } },
	};
	struct event_sink sink = render_sink(r);

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		s->now = steps[i].now;
		event_emit(&sink, &steps[i].ev);
	}
}

static void test_plain(void **state)
{
	struct screen s CLEANUP(screen_release) = SCREEN_INIT;
	struct render *r CLEANUP(render_close) = open_on(&s, RENDER_PLAIN,
							 false, false);

	(void)state;
	play(&s, r);
	assert_string_equal(
		s.text.ptr,
		"fetch: 3 files, 40.00 MiB\n"
		"start: org/a model.pt (30.00 MiB) from https://h\n"
		"start: org/b x?[2J (10.00 MiB)\n"
		"retry: org/b x: time-out\n"
		"retry: org/b x: busy; asking again in 5:00\n"
		"hello\n"
		"done: org/a model.pt (30.00 MiB)\n"
		"fetch: 75%, 30.00 MiB of 40.00 MiB, 1 of 3 files, 5.45 MiB/s, "
		"0:02 left\n"
		"failed: org/b x: gone\n"
		"warning: take care\n");
}

static void test_plain_verbose(void **state)
{
	struct screen s CLEANUP(screen_release) = SCREEN_INIT;
	struct render *r CLEANUP(render_close) = open_on(&s, RENDER_PLAIN,
							 false, true);

	(void)state;
	play(&s, r);
	assert_non_null(
		strstr(s.text.ptr, "start: c (12 B)\ndone: c (12 B)\n"));
}

static void test_none(void **state)
{
	struct screen s CLEANUP(screen_release) = SCREEN_INIT;
	struct render *r CLEANUP(render_close) = open_on(&s, RENDER_NONE, true,
							 false);

	(void)state;
	play(&s, r);
	assert_string_equal(s.text.ptr,
			    "failed: org/b x: gone\nwarning: take care\n");
}

static void test_json(void **state)
{
	struct screen s CLEANUP(screen_release) = SCREEN_INIT;
	struct render *r CLEANUP(render_close) = open_on(&s, RENDER_JSON, false,
							 false);

	(void)state;
	play(&s, r);
	assert_string_equal(
		s.text.ptr,
		"{\"v\":1,\"type\":\"plan\",\"name\":\"fetch\",\"items\":3,"
		"\"total\":41943040}\n"
		"{\"v\":1,\"type\":\"start\",\"id\":1,\"name\":\"org/a "
		"model.pt\",\"source\":\"https://h\",\"done\":0,"
		"\"total\":31457280}\n"
		"{\"v\":1,\"type\":\"start\",\"id\":2,\"name\":\"org/b "
		"x\\u001b[2J\",\"done\":0,\"total\":10485760}\n"
		"{\"v\":1,\"type\":\"progress\",\"id\":1,\"done\":10485760,"
		"\"total\":31457280}\n"
		"{\"v\":1,\"type\":\"progress\",\"id\":1,\"done\":11534336,"
		"\"total\":31457280}\n"
		"{\"v\":1,\"type\":\"retry\",\"id\":2,\"name\":\"org/b x\","
		"\"text\":\"time-out\",\"delay_ms\":500}\n"
		"{\"v\":1,\"type\":\"retry\",\"id\":2,\"name\":\"org/b x\","
		"\"text\":\"busy\",\"delay_ms\":300000}\n"
		"{\"v\":1,\"type\":\"info\",\"text\":\"hello\"}\n"
		"{\"v\":1,\"type\":\"done\",\"id\":1,\"name\":\"org/a "
		"model.pt\",\"total\":31457280}\n"
		"{\"v\":1,\"type\":\"fail\",\"id\":2,\"name\":\"org/b x\","
		"\"text\":\"gone\",\"total\":0}\n"
		"{\"v\":1,\"type\":\"warn\",\"text\":\"take care\"}\n"
		"{\"v\":1,\"type\":\"start\",\"id\":3,\"name\":\"c\",\"done\":"
		"0,"
		"\"total\":12}\n"
		"{\"v\":1,\"type\":\"done\",\"id\":3,\"total\":12}\n");
}

/* What a terminal shows: lines, a cursor, and the three sequences in use. */
struct terminal {
	char line[32][128];
	unsigned row, column, highest;
};

static const char *interpret_escape(struct terminal *t, const char *p)
{
	unsigned n = 0;

	assert_true(p[1] == '[');
	for (p += 2; *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (unsigned)(*p - '0');
	switch (*p) {
	case 'A':
		assert_true(n > 0 && n <= t->row);
		t->row -= n;
		break;
	case 'K':
		t->line[t->row][t->column] = '\0';
		break;
	case 'J':
		t->line[t->row][t->column] = '\0';
		for (unsigned i = t->row + 1; i < 32; i++)
			t->line[i][0] = '\0';
		break;
	default:
		fail_msg("unknown sequence ends in %c", *p);
	}
	return p + 1;
}

static void interpret(struct terminal *t, const char *p)
{
	memset(t, 0, sizeof(*t));
	while (*p) {
		if (*p == '\x1b') {
			p = interpret_escape(t, p);
		} else if (*p == '\r') {
			t->column = 0;
			p++;
		} else if (*p == '\n') {
			t->row++;
			t->column = 0;
			assert_true(t->row < 31);
			p++;
		} else {
			char *line = t->line[t->row];

			if (!line[t->column])
				line[t->column + 1] = '\0';
			line[t->column++] = *p++;
			assert_true(t->column < 127);
		}
		if (t->row > t->highest)
			t->highest = t->row;
	}
}

/* What endpoints have sent stands below the sum, and goes with the phase. */
static void send_sources(struct screen *s, struct render *r)
{
	static const struct event events[] = {
		{ .type = EVENT_PLAN,
		  .name = "fetch",
		  .items = 1,
		  .total = 40 * MIB },
		{ .type = EVENT_START,
		  .id = 0,
		  .name = "a",
		  .total = 40 * MIB },
		{ .type = EVENT_SOURCE,
		  .id = 1,
		  .source = "https://b",
		  .done = MIB,
		  .items = 1 },
		{ .type = EVENT_SOURCE,
		  .id = 0,
		  .source = "https://a",
		  .done = 5 * MIB,
		  .items = 4,
		  .rate = 2 * MIB },
		{ .type = EVENT_SOURCE,
		  .id = 1,
		  .source = "https://b",
		  .done = 2 * MIB },
		{ .type = EVENT_PROGRESS,
		  .id = 0,
		  .name = "a",
		  .done = 20 * MIB,
		  .total = 40 * MIB },
	};
	struct event_sink sink = render_sink(r);

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		s->now += 1001;
		event_emit(&sink, &events[i]);
	}
}

static void test_sources(void **state)
{
	struct screen s CLEANUP(screen_release) = SCREEN_INIT;
	struct render *plain CLEANUP(render_close) = open_on(&s, RENDER_PLAIN,
							     false, false);
	struct screen j CLEANUP(screen_release) = SCREEN_INIT;
	struct render *json CLEANUP(render_close) = open_on(&j, RENDER_JSON,
							    false, false);
	struct screen v CLEANUP(screen_release) = SCREEN_INIT;
	struct render *tty CLEANUP(render_close) = open_on(&v, RENDER_TTY,
							   false, false);
	struct terminal t;

	(void)state;
	send_sources(&s, plain);
	assert_true(str_ends(s.text.ptr,
			     "  2.00 MiB from https://b\n"
			     "  5.00 MiB from https://a, 4 connections, "
			     "2.00 MiB/s\n"));
	send_sources(&j, json);
	assert_non_null(strstr(
		j.text.ptr, "{\"v\":1,\"type\":\"source\",\"source\":\"https://"
			    "a\",\"done\":"
			    "5242880,\"rate\":2097152,\"connections\":4}\n"));
	send_sources(&v, tty);
	interpret(&t, v.text.ptr);
	assert_string_equal(t.line[1], "  2.00 MiB from https://b");
	assert_string_equal(
		t.line[2],
		"  5.00 MiB from https://a, 4 connections, 2.00 MiB/s");
	assert_true(str_starts(t.line[3], "fetch [#"));
	assert_non_null(strstr(t.line[3], "]  50%  "));
}

static void test_tty(void **state)
{
	struct screen s CLEANUP(screen_release) = SCREEN_INIT;
	struct render *r CLEANUP(render_close) = open_on(&s, RENDER_TTY, false,
							 false);
	struct terminal t;

	(void)state;
	play(&s, r);
	interpret(&t, s.text.ptr);
	assert_string_equal(t.line[0], "hello");
	assert_string_equal(t.line[1], "failed: org/b x: gone");
	assert_string_equal(t.line[2], "warning: take care");
	/* the start was drawn; the end came less than 0.1 s later */
	assert_true(str_starts(t.line[3], "  c "));
	assert_true(str_ends(t.line[3], "   0%  12 B"));
	/* a bar says more than how many files */
	assert_true(str_starts(t.line[4], "fetch [#"));
	/* what failed has not come */
	assert_non_null(
		strstr(t.line[4], "]  75%  30.00 MiB of 40.00 MiB, 1 failed"));
	assert_string_equal(t.line[5], "");
	assert_int_equal(t.row, 5);
	render_hide(r);
	interpret(&t, s.text.ptr);
	assert_string_equal(t.line[3], "");
	assert_int_equal(t.row, 3);
}

static void test_tty_lines(void **state)
{
	struct screen s CLEANUP(screen_release) = SCREEN_INIT;
	struct render *r CLEANUP(render_close) = open_on(&s, RENDER_TTY, false,
							 false);
	struct event_sink sink = render_sink(r);
	struct terminal t;

	(void)state;
	s.rows = 12; /* so 3 lines for files */
	s.columns = 60;
	event_emit(&sink, &(struct event){ .type = EVENT_PLAN,
					   .name = "verify",
					   .items = 9,
					   .total = 9 * MIB });
	for (unsigned i = 0; i < 9; i++) {
		s.now += 200;
		event_emit(&sink,
			   &(struct event){ .type = EVENT_START,
					    .id = i,
					    .name = "organisation/repository a "
						    "very long path/of/a/file",
					    .done = MIB / 4,
					    .total = MIB });
	}
	interpret(&t, s.text.ptr);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(strlen(t.line[i]) < 60);
		assert_true(str_starts(t.line[i], "  organisation/"));
		assert_non_null(strstr(t.line[i], "...")); /* cut */
		assert_non_null(strstr(t.line[i], "/file  25%  1.00 MiB"));
	}
	assert_true(strlen(t.line[3]) < 60);
	assert_string_equal(t.line[4], "");
	/* the same lines again and again: nothing scrolls */
	assert_int_equal(t.highest, 4);
}

static void test_tty_rate_limit(void **state)
{
	struct screen s CLEANUP(screen_release) = SCREEN_INIT;
	struct render *r CLEANUP(render_close) = open_on(&s, RENDER_TTY, false,
							 false);
	struct event_sink sink = render_sink(r);
	struct event ev = { .type = EVENT_PROGRESS, .id = 1, .total = 1000 };
	size_t before, draws = 0;

	(void)state;
	event_emit(&sink, &(struct event){ .type = EVENT_PLAN,
					   .name = "pack",
					   .items = 1,
					   .total = 1000 });
	for (unsigned i = 0; i < 1000; i++) {
		before = s.text.len;
		s.now++;
		ev.done = i;
		event_emit(&sink, &ev);
		draws += s.text.len != before;
	}
	assert_int_equal(draws, 10);
}

static void test_rate(void **state)
{
	struct progress p CLEANUP(progress_release) = { 0 };
	struct event ev = { .type = EVENT_PLAN, .items = 1, .total = 100000 };
	uint64_t left, now = 0;

	(void)state;
	progress_event(&p, &ev, now);
	assert_int_equal(progress_rate(&p, now), 0);
	assert_false(progress_left(&p, now, &left));
	/* what an earlier run left does not count as speed */
	ev = (struct event){
		.type = EVENT_START, .id = 1, .done = 50000, .total = 100000
	};
	progress_event(&p, &ev, now);
	ev.type = EVENT_PROGRESS;
	for (now = 100; now <= 20000; now += 100) {
		ev.done += 100;
		progress_event(&p, &ev, now);
	}
	assert_int_equal(progress_rate(&p, 20000), 1000);
	assert_int_equal(progress_done(&p), 70000);
	assert_true(progress_left(&p, 20000, &left));
	assert_int_equal(left, 30000);
	/* it stalls: after 10 s nothing of the old speed is left */
	for (; now <= 40000; now += 100)
		progress_event(&p, &ev, now);
	assert_int_equal(progress_rate(&p, 40000), 0);
	/* a restart takes bytes back, but no negative rate */
	ev.done = 0;
	progress_event(&p, &ev, now);
	assert_int_equal(progress_done(&p), 0);
	assert_int_equal(progress_rate(&p, now), 0);
}

int run_render_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_plain_verbose),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_tty),
		cmocka_unit_test(test_tty_lines),
		cmocka_unit_test(test_tty_rate_limit),
		cmocka_unit_test(test_rate),
	};

	return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
