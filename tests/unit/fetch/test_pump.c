/* Who is given which blocks, and what becomes of lanes that end early. No byte goes
 * over a wire here: the requests wait, and rates are what a test says. */
#include "tests/unit/fetch/unit.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fetch/download_lane.h"
#include "fetch/download_pump.h"
#include "fetch/download_renew.h"
#include "fetch/endpoint.h"

#include <sched.h>
#include <string.h>

#define MIB    ((uint64_t)1 << 20)
#define BLOCKS 96u
#define LARGE  (BLOCKS * MIB - 500) /* its last block is a short one */
#define BATCH  "http://127.0.0.1:1/r.git/info/lfs/objects/batch"

struct scene {
	char dir[TEMP_PATH_MAX];
	struct http *http;
	struct hfcache *store;
	struct lock lock;
	struct plan plan;
	struct hub hub;
	struct download_stats stats;
	struct job_common common;
	struct job jobs[2];
	unsigned ended;
	struct error err;
};

static void note_end(void *ctx, const struct job_end *end,
		     const struct error *err)
{
	struct scene *s = ctx;

	(void)end;
	(void)err;
	s->ended++;
}

static void add_file(struct scene *s, const char *path, uint64_t size)
{
	struct lock_file *f = lock_add_file(&s->lock.repos[0], path);

	f->size = size;
	digest_buf(DIGEST_SHA256, path, strlen(path), &f->sha256);
	f->etag = f->sha256;
}

/* One repository with a large file and two small ones, nothing of it there. */
static int set_up(void **state)
{
	struct scene *s = xcalloc(1, sizeof(*s));
	const struct http_config cfg = { .user_agent = "itts-test" };
	struct lock_repo *r = lock_add_repo(&s->lock);

	*state = s;
	temp_dir(s->dir);
	r->id = xstrdup("org/name");
	r->revision = xstrdup("main");
	memset(r->commit, 'a', 40);
	add_file(s, "large", LARGE);
	add_file(s, "middle", 4 * MIB);
	add_file(s, "small", 1000);
	plan_make(&s->plan, &s->lock, false);
	assert_ok(hfcache_open(&s->store, s->dir, true, &s->err), &s->err);
	assert_ok(http_open(&s->http, &cfg, NULL, &s->err), &s->err);
	s->hub.http = s->http;
	for (size_t i = 0; i < ARRAY_LEN(s->jobs); i++)
		s->jobs[i].part = (struct hfcache_part)HFCACHE_PART_INIT;
	s->common = (struct job_common){ .hub = &s->hub,
					 .store = s->store,
					 .stats = &s->stats,
					 .jobs = s->jobs,
					 .job_count = ARRAY_LEN(s->jobs),
					 .ended = note_end,
					 .ctx = s };
	s->common.lanes = xcalloc(JOB_LANES, sizeof(*s->common.lanes));
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(s->jobs); i++)
		job_release(&s->jobs[i]);
	free_ptr(&s->common.lanes);
	free_ptr(&s->common.endpoints);
	hub_release(&s->hub);
	http_close(&s->http);
	plan_release(&s->plan);
	hfcache_close(&s->store);
	lock_release(&s->lock);
	temp_dir_end(s->dir);
	free_ptr(&s);
	return 0;
}

/* So many endpoints, of which each may have so many connections. */
static void add_endpoints(struct scene *s, unsigned count, unsigned connections)
{
	for (unsigned i = 0; i < count; i++) {
		char *url CLEANUP(free_ptr) = xasprintf("http://127.0.0.1:%u",
							i + 1);

		assert_ok(hub_add_endpoint(&s->hub, url, false, &s->err),
			  &s->err);
	}
	s->hub.connections = connections;
	s->common.endpoints = xcalloc(s->hub.count + 1,
				      sizeof(*s->common.endpoints));
	for (size_t i = 0; i < s->hub.count; i++)
		pace_init(&s->common.endpoints[i].pace, connections,
			  clock_ms());
}

/* Until it is known what is there of the file: nothing. */
static struct job *begin(struct scene *s, unsigned slot, const char *path)
{
	struct job *j = &s->jobs[slot];
	size_t i = 0;

	while (strcmp(s->plan.blobs[i].file->path, path) != 0)
		i++;
	assert_int_equal(job_begin(j, &s->common, &s->plan.blobs[i], slot),
			 JOB_RUNS);
	while (j->state == JOB_CHECKING) {
		sched_yield();
		job_tick(j);
	}
	return j;
}

/* As if each had answered before, and its connections brought so much a second. */
static void know(struct scene *s, struct job *j, size_t k, uint64_t rate)
{
	j->sources[k].open = true;
	j->sources[k].opening = false;
	s->common.endpoints[k].rate = rate;
}

/* The n-th lane of an endpoint, or one without a job if there is none. */
static struct lane *lane_of(const struct scene *s, size_t k, unsigned n)
{
	static struct lane none;

	for (unsigned i = 0; i < JOB_LANES; i++) {
		struct lane *l = &s->common.lanes[i];

		if (l->job && l->endpoint == &s->hub.endpoints[k] && n-- == 0)
			return l;
	}
	none = (struct lane){ .job = NULL };
	return &none;
}

static bool has_lane(const struct scene *s, size_t k, unsigned n)
{
	return lane_of(s, k, n)->job != NULL;
}

static void assert_run(const struct scene *s, size_t k, uint32_t first,
		       uint32_t count)
{
	const struct lane *l = lane_of(s, k, 0);

	assert_non_null(l->job);
	assert_int_equal(l->kind, LANE_RANGE);
	assert_int_equal(l->run.first, first);
	assert_int_equal(l->run.count, count);
}

/* --- new work ------------------------------------------------------------------------ */

/* Nobody waits for more than a block of one of whom nothing is known, if there is
 * somebody else. */
static void unknown_rates(void **state)
{
	struct scene *s = *state;
	struct job *j;

	add_endpoints(s, 2, 1);
	j = begin(s, 0, "large");
	pump(&s->common);
	assert_run(s, 0, 0, 1);
	assert_run(s, 1, 1, 1);
	/* once it is known it is a second's worth */
	lane_abandon(lane_of(s, 0, 0));
	know(s, j, 0, 8 * MIB);
	pump(&s->common);
	assert_run(s, 0, 0, 1);
	segments_have(&j->segments, 0);
	lane_abandon(lane_of(s, 0, 0));
	pump(&s->common);
	assert_run(s, 0, 2, 8);
}

static void unknown_but_alone(void **state)
{
	struct scene *s = *state;

	struct job *j;

	add_endpoints(s, 1, 4);
	j = begin(s, 0, "large");
	pump(&s->common);
	assert_run(s, 0, 0, 4);
	/* until it has answered, one connection asks */
	assert_false(has_lane(s, 0, 1));
	know(s, j, 0, 0);
	pump(&s->common);
	assert_true(has_lane(s, 0, 3));
}

/* What its own connections bring is no reason to leave one of them without work. */
static void last_blocks(void **state)
{
	struct scene *s = *state;
	struct job *j;

	add_endpoints(s, 1, 8);
	s->common.endpoints[0].pace.limit = 8;
	j = begin(s, 0, "large");
	know(s, j, 0, MIB);
	for (uint32_t i = 0; i < BLOCKS - 10; i++)
		segments_have(&j->segments, i);
	pump(&s->common);
	assert_true(has_lane(s, 0, 7));
	assert_int_equal(j->segments.free_count, 2);
}

/* What is not worth sharing comes from the first endpoint, and whole. */
static void not_shared(void **state)
{
	struct scene *s = *state;
	struct job *j;

	add_endpoints(s, 2, 1);
	j = begin(s, 0, "middle");
	pump(&s->common);
	assert_run(s, 0, 0, 4);
	lane_abandon(lane_of(s, 0, 0));
	know(s, j, 0, MIB);
	pump(&s->common);
	assert_run(s, 0, 0, 1);
	assert_false(has_lane(s, 1, 0));
}

/* A slow endpoint gets no block while the others bring all that is free before that
 * one would have come. */
static void too_late(void **state)
{
	/* the first takes 16 blocks a second's worth of 64: 80 are free then */
	static const struct {
		uint64_t rate;
		bool hangs; /* the first one: it counts no more */
		bool works;
	} rows[] = {
		{ 64 * MIB / 79, false, true }, { 64 * MIB / 82, false, false },
		{ 1000, false, false },		{ 1000, true, true },
		{ 64 * MIB, false, true },	{ 0, false, true },
	};
	struct scene *s = *state;

	add_endpoints(s, 2, 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct job *j = begin(s, 0, "large");
		struct lane *l;

		know(s, j, 0, 64 * MIB);
		know(s, j, 1, rows[i].rate);
		s->hub.endpoints[1].dropped = true;
		pump(&s->common);
		assert_run(s, 0, 0, 16);
		l = lane_of(s, 0, 0);
		if (rows[i].hangs)
			l->asked_ms = l->block_ms = 0;
		s->hub.endpoints[1].dropped = false;
		pump(&s->common);
		assert_int_equal(has_lane(s, 1, 0), rows[i].works);
		job_release(j);
	}
}

/* A slower endpoint works where the others get while it is at its blocks, at the
 * beginning of 32; the faster one where it is. */
static void ahead_of_the_others(void **state)
{
	static const struct {
		uint64_t fast, slow;
		unsigned connections;  /* of the fast one, each as fast */
		uint32_t first, count; /* of the slow one */
	} rows[] = {
		{ 16 * MIB, 4 * MIB, 1, 32, 4 }, /* 16, and 16 ahead */
		/* 32, and 24 ahead: with 4 it would be the last to end */
		{ 16 * MIB, 4 * MIB, 2, 64, 3 },
		/* 12, 10, 9 and 8, and 16 ahead */
		{ 16 * MIB, 4 * MIB, 4, 64, 1 },
		/* 36, and 32 ahead: the last there is */
		{ 16 * MIB, 4 * MIB, 8, BLOCKS - 1, 1 },
		{ 16 * MIB, 2 * MIB, 1, 32, 2 },
		{ 16 * MIB, 1 * MIB, 1, 32, 1 },
		/* not clearly slower, or not known: beside the other */
		{ 6 * MIB, 4 * MIB, 1, 6, 4 },
		{ 4 * MIB, 4 * MIB, 1, 4, 4 },
		{ 16 * MIB, 0, 1, 16, 1 },
	};
	struct scene *s = *state;

	add_endpoints(s, 2, 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct job *j = begin(s, 0, "large");

		s->common.endpoints[0].pace.limit = rows[i].connections;
		know(s, j, 0, rows[i].fast);
		know(s, j, 1, rows[i].slow);
		pump(&s->common);
		assert_int_equal(lane_of(s, 0, 0)->run.first, 0);
		assert_run(s, 1, rows[i].first, rows[i].count);
		/* of the two it is the slower one that gives way */
		lane_abandon(lane_of(s, 0, 0));
		pump(&s->common);
		assert_run(s, 0, 0, lane_of(s, 0, 0)->run.count);
		job_release(j);
	}
}

/* One that is at nothing is not ahead of anybody, however fast it was. */
static void ahead_of_nobody(void **state)
{
	struct scene *s = *state;
	struct job *j;

	add_endpoints(s, 3, 1);
	j = begin(s, 0, "large");
	know(s, j, 0, 16 * MIB);
	know(s, j, 1, 4 * MIB);
	know(s, j, 2, 4 * MIB);
	s->hub.endpoints[0].dropped = true;
	pump(&s->common);
	assert_run(s, 1, 0, 4);
	assert_run(s, 2, 4, 4);
}

static void assert_caps(const struct scene *s, unsigned cap)
{
	for (size_t k = 0; k < s->hub.count; k++)
		assert_int_equal(s->common.endpoints[k].pace.cap, cap);
}

/* Small files wait more than they receive: more of them at once, but not beside a
 * large one, and not where the user says how many. */
static void caps(void **state)
{
	struct scene *s = *state;
	struct job *large;

	add_endpoints(s, 2, 0);
	assert_caps(s, PACE_CAP);
	begin(s, 1, "small");
	pump_tick(&s->common);
	assert_caps(s, PACE_CAP_SMALL);
	large = begin(s, 0, "large");
	pump_tick(&s->common);
	assert_caps(s, PACE_CAP);
	job_release(large);
	pump_tick(&s->common);
	assert_caps(s, PACE_CAP_SMALL);
	s->hub.connections = 5;
	for (size_t k = 0; k < s->hub.count; k++)
		pace_set_cap(&s->common.endpoints[k].pace, 5);
	pump_tick(&s->common);
	assert_caps(s, 5);
}

/* --- lanes that end early --------------------------------------------------------------- */

/* Of what an abandoned lane had brought, the block that it was at is wasted. */
static void abandoned(void **state)
{
	static const struct {
		uint64_t pos, got, wasted;
	} rows[] = {
		{ 0, 0, 0 },
		{ 1000, 1000, 1000 },
		{ 3 * MIB, 3 * MIB, 0 },
		{ 3 * MIB + 7, 3 * MIB + 7, 7 },
		{ 4 * MIB - 1, 4 * MIB - 1, MIB - 1 },
		/* the request before this one brought it */
		{ 3 * MIB + 9, 0, 9 },
	};
	struct scene *s = *state;

	add_endpoints(s, 1, 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct job *j = begin(s, 0, "large");
		struct lane *l;
		uint32_t whole = (uint32_t)(rows[i].pos / MIB);

		s->stats.wasted_bytes = 0;
		s->hub.endpoints[0].bytes = 0;
		pump(&s->common);
		assert_run(s, 0, 0, 4);
		l = lane_of(s, 0, 0);
		for (uint32_t k = 0; k < whole; k++)
			segments_have(&j->segments, k);
		l->pos = rows[i].pos;
		l->got = rows[i].got;
		l->loose = rows[i].pos % MIB;
		lane_abandon(l);
		assert_int_equal(s->stats.wasted_bytes, rows[i].wasted);
		assert_int_equal(s->hub.endpoints[0].bytes, rows[i].got);
		/* and free again, but for what is there */
		assert_int_equal(j->segments.free_count, BLOCKS - whole);
		assert_int_equal(j->lanes, 0);
		job_release(j);
	}
}

/* The last block of a file may be short and is whole all the same. */
static void abandoned_at_the_end(void **state)
{
	struct scene *s = *state;
	struct lane *l;

	add_endpoints(s, 1, 1);
	begin(s, 0, "large");
	pump(&s->common);
	l = lane_of(s, 0, 0);
	l->pos = l->end = LARGE;
	l->got = MIB - 500;
	lane_abandon(l);
	assert_int_equal(s->stats.wasted_bytes, 0);
}

/* Who will not give the file ends with all that it was sending of it. */
static void refused(void **state)
{
	struct scene *s = *state;
	struct job *j;
	const struct error why = { .code = ERR_HTTP, .msg = "no" };

	add_endpoints(s, 2, 2);
	j = begin(s, 0, "large");
	know(s, j, 0, 4 * MIB);
	know(s, j, 1, 4 * MIB);
	pump(&s->common);
	for (unsigned n = 0; n < 2; n++) {
		struct lane *l = lane_of(s, 0, n);

		l->pos += 100;
		l->got = l->loose = 100;
	}
	job_refuse(j, &s->hub.endpoints[0], &why);
	assert_false(has_lane(s, 0, 0));
	assert_true(has_lane(s, 1, 1));
	assert_int_equal(s->stats.wasted_bytes, 200);
	assert_int_equal(s->common.endpoints[0].lanes, 0);
	assert_int_equal(j->segments.free_count, BLOCKS - 8);
	/* it gets nothing more of this file */
	pump(&s->common);
	assert_false(has_lane(s, 0, 0));
}

/* --- links that expire -------------------------------------------------------------------- */

/* The large file has one source: where Git LFS has said that it is. */
static struct hub_link *link_large(struct scene *s, const char *batch)
{
	struct lock_file *f = &s->lock.repos[0].files[0];
	struct hub_link link = { .sha256 = f->sha256,
				 .url = xstrdup("http://127.0.0.1:1/a"),
				 .batch = batch ? xstrdup(batch) : NULL };

	f->url = arena_strdup(&s->lock.repos[0].strings,
			      "http://127.0.0.1:1/a");
	assert_ok(endpoint_add_link(&s->hub, &link, &s->err), &s->err);
	add_endpoints(s, 0, 4);
	return &s->hub.links[0];
}

/* One lane asks, those that find out beside it wait; who was sent to the old URL when
 * there is a new one goes on with that. */
static void renewing(void **state)
{
	struct scene *s = *state;
	struct hub_link *link = link_large(s, BATCH);
	struct job *j = begin(s, 0, "large");
	struct lane *first, *second, *third;

	know(s, j, 0, 0);
	pump(&s->common);
	first = lane_of(s, 0, 0);
	second = lane_of(s, 0, 1);
	third = lane_of(s, 0, 2);
	assert_true(renew_link(first));
	assert_true(link->asking);
	assert_non_null(first->renewal);
	assert_int_equal(s->stats.retries, 1);
	assert_int_equal(s->common.endpoints[0].wait_ms, 0);

	assert_true(renew_link(second));
	assert_null(second->job);
	assert_int_equal(s->stats.retries, 1);
	assert_true(s->common.endpoints[0].wait_ms > clock_ms());

	/* as an answer does it */
	link->turn++;
	renew_release(first);
	assert_false(link->asking);
	assert_true(renew_link(third));
	assert_null(third->renewal);
	assert_false(link->asking);
	assert_int_equal(third->turn, 1);
	assert_int_equal(third->attempt, 2);
	assert_int_equal(s->stats.retries, 1);
	/* if that one is no good any more either, it asks in its turn */
	assert_true(renew_link(third));
	assert_non_null(third->renewal);
	assert_int_equal(s->stats.retries, 2);
	/* whoever asks and ends lets others ask */
	lane_abandon(third);
	assert_false(link->asking);
}

static void nobody_to_ask(void **state)
{
	struct scene *s = *state;
	const struct hub_link *link = link_large(s, NULL);
	struct lane *l;

	begin(s, 0, "large");
	pump(&s->common);
	l = lane_of(s, 0, 0);
	assert_false(renew_link(l));
	assert_false(link->asking);
	assert_ptr_equal(lane_of(s, 0, 0), l);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int run_pump_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unknown_rates), TEST(unknown_but_alone),
		TEST(last_blocks),   TEST(ahead_of_nobody),
		TEST(not_shared),    TEST(too_late),
		TEST(caps),	     TEST(ahead_of_the_others),
		TEST(abandoned),     TEST(abandoned_at_the_end),
		TEST(refused),	     TEST(renewing),
		TEST(nobody_to_ask),
	};

	return cmocka_run_group_tests_name("pump", tests, NULL, NULL);
}
