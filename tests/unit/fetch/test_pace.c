#include "tests/unit/fetch/unit.h"

#include "fetch/pace.h"

/* One second in which each connection brings `each` bytes a second, but all
 * together at most `top`. */
static void second(struct pace *p, uint64_t *now, uint64_t each, uint64_t top)
{
	for (int i = 0; i < 10; i++) {
		uint64_t rate = p->limit * each;

		*now += 100;
		pace_count(p, (rate < top ? rate : top) / 10);
		pace_tick(p, p->limit, *now);
	}
}

static void limited_each(void **state)
{
	struct pace p;
	uint64_t now = 5000;

	(void)state;
	pace_init(&p, 0, now);
	assert_int_equal(p.limit, 4);
	second(&p, &now, 1000000, UINT64_MAX);
	assert_int_equal(p.limit, 16);
	second(&p, &now, 1000000, UINT64_MAX);
	assert_int_equal(p.limit, 16);
}

/* The line is full with four: eight bring nothing, so it goes back. */
static void limited_together(void **state)
{
	struct pace p;
	uint64_t now = 5000;
	unsigned eights = 0;

	(void)state;
	pace_init(&p, 16, now);
	for (int i = 0; i < 60; i++) {
		second(&p, &now, 1000000, 4000000);
		assert_in_range(p.limit, 4, 8);
		eights += p.limit == 8;
	}
	/* a look now and then whether more would help, ever more rarely */
	assert_in_range(eights, 2, 12);
	/* and when it does */
	for (int i = 0; i < 30; i++)
		second(&p, &now, 1000000, UINT64_MAX);
	assert_int_equal(p.limit, 16);
}

/* Where more of them are slower, a step is taken back sooner. */
static void slower_together(void **state)
{
	struct pace p;
	uint64_t now = 0;
	unsigned ticks = 0;

	(void)state;
	pace_init(&p, 16, now);
	do {
		now += 100;
		pace_count(&p, p.limit == 4 ? 400000 : 300000);
		pace_tick(&p, p.limit, now);
		assert_in_range(p.limit, 4, 8);
		ticks++;
	} while (ticks < 2 || p.limit == 8);
	assert_in_range(ticks, 4, 6);
}

static void caps(void **state)
{
	static const struct {
		unsigned cap, start, end;
	} rows[] = { { 1, 1, 1 }, { 3, 3, 3 }, { 6, 4, 6 }, { 1000, 4, 128 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pace p;
		uint64_t now = 0;

		pace_init(&p, rows[i].cap, now);
		assert_int_equal(p.limit, rows[i].start);
		for (int k = 0; k < 3; k++)
			second(&p, &now, 1000000, UINT64_MAX);
		assert_int_equal(p.limit, rows[i].end);
	}
}

static void idle(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 0, 0);
	for (uint64_t now = 100; now < 5000; now += 100) {
		pace_count(&p, 1000000);
		pace_tick(&p, 2, now); /* two of four have nothing to do */
	}
	assert_int_equal(p.limit, 4);
}

/* true if it backs off within so many refusals in a row. */
static bool refuse(struct pace *p, unsigned times, uint64_t now)
{
	bool backed_off = false;

	while (times-- > 0)
		backed_off |= pace_answer(p, true, now);
	return backed_off;
}

static void refused(void **state)
{
	struct pace p;
	uint64_t now = 0;

	(void)state;
	pace_init(&p, 0, now);
	second(&p, &now, 1000000, UINT64_MAX);
	assert_true(refuse(&p, 4, now));
	assert_int_equal(p.limit, 8);
	/* those that were under way say the same */
	assert_false(refuse(&p, 8, now + 500));
	assert_int_equal(p.limit, 8);
	assert_true(refuse(&p, 4, now + 1500));
	assert_int_equal(p.limit, 4);
	for (unsigned i = 2; i < 8; i++)
		assert_true(refuse(&p, 4, now + i * 1500));
	assert_int_equal(p.limit, 1);
	now += 8 * 1500;
	for (int i = 0; i < 8; i++)
		second(&p, &now, 1000000, UINT64_MAX);
	assert_int_equal(p.limit, 16);
}

/* One in twenty is bad luck, one in five is not. */
static void now_and_then(void **state)
{
	static const struct {
		unsigned every;
		bool backs_off;
	} rows[] = { { 20, false }, { 12, false }, { 5, true }, { 2, true } };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct pace p;
		bool backed_off = false;

		pace_init(&p, 0, 0);
		for (unsigned i = 1; i <= 400; i++)
			backed_off |= pace_answer(&p, i % rows[k].every == 0,
						  i * 10);
		assert_int_equal(backed_off, rows[k].backs_off);
	}
}

/* A round of small files: each of the connections gets an answer. */
static void round_trip(struct pace *p, uint64_t ms, uint64_t *now)
{
	unsigned limit = p->limit;

	*now += ms;
	for (unsigned i = 0; i < limit; i++)
		pace_waited(p, ms, *now);
	pace_count(p, limit * 1000);
	pace_tick(p, p->limit, *now);
}

/* Small files: three more for each answer, so four times as many each round trip,
 * whatever the bytes say; not while refusals are fresh. */
static void waited_for(void **state)
{
	struct pace p;
	uint64_t now = 1000;

	(void)state;
	pace_init(&p, PACE_CAP_SMALL, now);
	for (unsigned limit = 4; limit < 128; limit *= 4) {
		assert_int_equal(p.limit, limit);
		round_trip(&p, 20, &now);
	}
	assert_int_equal(p.limit, 128);
	round_trip(&p, 20, &now);
	assert_int_equal(p.limit, 128);
	assert_true(refuse(&p, 4, now));
	pace_waited(&p, 20, now + 100);
	assert_int_equal(p.limit, 64);
}

/* A server that does so many at a time and lets the others stand in a queue: no more
 * than keep it busy. */
static void waited_in_queue(void **state)
{
	static const struct {
		unsigned at_a_time, least, most;
	} rows[] = { { 8, 12, 72 }, { 128, 128, 128 } };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct pace p;
		uint64_t now = 1000;

		pace_init(&p, PACE_CAP_SMALL, now);
		for (unsigned i = 0; i < 100; i++) {
			unsigned rounds = (p.limit + rows[k].at_a_time - 1) /
					  rows[k].at_a_time;

			round_trip(&p, 20 * (uint64_t)rounds, &now);
		}
		assert_in_range(p.limit, rows[k].least, rows[k].most);
	}
}

static void other_cap(void **state)
{
	struct pace p;
	uint64_t now = 0;

	(void)state;
	pace_init(&p, 32, now);
	second(&p, &now, 1000000, UINT64_MAX);
	assert_int_equal(p.limit, 32);
	pace_set_cap(&p, 16);
	assert_int_equal(p.limit, 16);
	pace_set_cap(&p, 1000);
	assert_int_equal(p.cap, PACE_MAX_CAP);
}

/* Known to be small before anything has come: a few more to begin with; never
 * what would take a refusal back. */
static void begins_with_many(void **state)
{
	struct pace p;

	(void)state;
	pace_init(&p, 0, 0);
	pace_set_cap(&p, PACE_CAP_SMALL);
	assert_int_equal(p.limit, 8);
	pace_init(&p, 0, 0);
	pace_answer(&p, true, 10);
	pace_set_cap(&p, PACE_CAP_SMALL);
	assert_int_equal(p.limit, 4);
	pace_init(&p, 0, 0);
	pace_waited(&p, 20, 20);
	pace_set_cap(&p, PACE_CAP_SMALL);
	assert_int_equal(p.limit, 7);
}

int run_pace_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limited_each),
		cmocka_unit_test(limited_together),
		cmocka_unit_test(slower_together),
		cmocka_unit_test(caps),
		cmocka_unit_test(idle),
		cmocka_unit_test(refused),
		cmocka_unit_test(now_and_then),
		cmocka_unit_test(waited_for),
		cmocka_unit_test(waited_in_queue),
		cmocka_unit_test(other_cap),
		cmocka_unit_test(begins_with_many),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
