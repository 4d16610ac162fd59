#include "tests/unit/fetch/unit.h"

#include "fetch/segment.h"

/* Takes a run and says where it begins; -1: none. */
static long take(struct segments *s, uint32_t most, uint32_t want)
{
	struct segment run;

	if (!segments_take(s, most, 0, &run))
		return -1;
	assert_int_equal(run.count, want);
	return (long)run.first;
}

static void have(struct segments *s, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		segments_have(s, i);
}

static void lowest_first(void **state)
{
	struct segments s CLEANUP(segments_release) = { 0 };

	(void)state;
	segments_init(&s, 10);
	assert_int_equal(take(&s, 3, 3), 0);
	assert_int_equal(take(&s, 3, 3), 3);
	/* what is given back is the lowest again */
	segments_give_back(&s, (struct segment){ 0, 3 });
	segments_have(&s, 1);
	assert_int_equal(take(&s, 8, 1), 0);
	assert_int_equal(take(&s, 8, 1), 2);
	assert_int_equal(take(&s, 8, 4), 6);
	assert_int_equal(take(&s, 8, 0), -1);
	assert_int_equal(s.free_count, 0);
	assert_int_equal(s.front, 0);
	have(&s, 0, 10);
	assert_int_equal(s.front, 10);
	assert_int_equal(s.have_count, 10);
}

static void not_beyond_the_window(void **state)
{
	struct segments s CLEANUP(segments_release) = { 0 };
	uint32_t taken = 0;

	(void)state;
	segments_init(&s, 10 * SEGMENT_WINDOW);
	while (take(&s, 16, 16) >= 0)
		taken += 16;
	assert_int_equal(taken, SEGMENT_WINDOW);
	have(&s, 1, SEGMENT_WINDOW - 1);
	assert_int_equal(take(&s, 16, 0), -1);
	have(&s, 0, 1);
	assert_int_equal(take(&s, 16, 16), SEGMENT_WINDOW);
}

/* What is slow works where the others get later. */
static void ahead(void **state)
{
	static const struct {
		uint32_t count, ahead, most, first, got;
	} rows[] = {
		{ 1000, 100, 4, 128, 4 }, /* from the beginning of a group */
		{ 1000, 97, 4, 132, 4 },  /* beside the one before */
		{ 1000, 129, 4, 160, 4 },
		{ 1000, 990, 4, 996, 4 }, /* too far: the last */
		{ 1000, UINT32_MAX, 16, 980, 16 },
		{ 1000, 1, 16, 32, 16 },
		{ 1000, 0, 16, 0, 16 },
	};
	struct segments s CLEANUP(segments_release) = { 0 };
	struct segment run;

	(void)state;
	segments_init(&s, 1000);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(
			segments_take(&s, rows[i].most, rows[i].ahead, &run));
		assert_int_equal(run.first, rows[i].first);
		assert_int_equal(run.count, rows[i].got);
	}
	/* all is taken in the end, whatever is asked for */
	for (uint32_t i = 0; segments_take(&s, 3, i * 7, &run); i++)
		assert_in_range(run.count, 1, 3);
	assert_int_equal(s.free_count, 0);
}

static void ahead_in_the_window(void **state)
{
	struct segments s CLEANUP(segments_release) = { 0 };
	struct segment run;

	(void)state;
	segments_init(&s, 10 * SEGMENT_WINDOW);
	assert_true(segments_take(&s, 4, 5000, &run));
	assert_int_equal(run.first, SEGMENT_WINDOW - 4);
	assert_int_equal(run.count, 4);
	while (segments_take(&s, 16, 5000, &run))
		;
	assert_int_equal(s.free_count, 9 * SEGMENT_WINDOW);
}

static void losing(void **state)
{
	struct segments s CLEANUP(segments_release) = { 0 };

	(void)state;
	segments_init(&s, 4);
	assert_int_equal(take(&s, 4, 4), 0);
	have(&s, 0, 4);
	segments_lose(&s, 2);
	assert_int_equal(s.front, 2);
	/* giving back does not touch what is there */
	segments_give_back(&s, (struct segment){ 0, 4 });
	assert_int_equal(s.free_count, 1);
	assert_true(segments_take_one(&s, 2));
	assert_false(segments_take_one(&s, 2));
	segments_have(&s, 2);
	assert_int_equal(s.front, 4);
}

static void how_much(void **state)
{
	static const struct {
		uint64_t rate, others;
		uint32_t free_count;
		unsigned lanes;
		uint32_t want;
	} rows[] = {
		{ 0, 0, 3, 0, 4 },	    /* small: whole */
		{ 0, 0, 1000, 0, 4 },	    /* nothing is known yet */
		{ 0, 0, 6, 0, 3 },	    /* */
		{ 8 << 20, 0, 1000, 4, 8 }, /* a second's worth */
		{ 100, 0, 1000, 4, 1 },	    /* slow: one */
		{ 1u << 30, 0, 1000, 4, SEGMENT_MOST },
		{ 8 << 20, 0, 32, 8, 2 }, /* near the end: shares */
		{ 8 << 20, 0, 3, 8, 1 },
		/* the others are done with all that is free when a slow one has
		 * brought one or two: no more than that */
		{ 4 << 20, 320 << 20, 1000, 16, 4 },
		{ 4 << 20, 320 << 20, 400, 16, 2 },
		{ 4 << 20, 320 << 20, 100, 16, 1 },
		{ 20 << 20, 64 << 20, 400, 16, 10 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(segment_blocks(rows[i].rate, rows[i].others,
						1 << 20, rows[i].free_count,
						rows[i].lanes),
				 rows[i].want);
}

int run_segment_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowest_first),
		cmocka_unit_test(not_beyond_the_window),
		cmocka_unit_test(ahead),
		cmocka_unit_test(ahead_in_the_window),
		cmocka_unit_test(losing),
		cmocka_unit_test(how_much),
	};

	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
