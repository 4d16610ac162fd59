#include "tests/unit/fetch/unit.h"

#include "fetch/segment.h"

/* Takes a run and says where it begins; -1: none. */
static long take(struct segments *s, uint32_t most, uint32_t want)
{
	struct segment run;

	if (!segments_take(s, most, &run))
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
		uint64_t rate;
		uint32_t free_count;
		unsigned lanes;
		uint32_t want;
	} rows[] = {
		{ 0, 3, 0, 4 },		 /* small: whole */
		{ 0, 1000, 0, 4 },	 /* nothing is known yet */
		{ 0, 6, 0, 3 },		 /* */
		{ 8 << 20, 1000, 4, 8 }, /* a second's worth */
		{ 100, 1000, 4, 1 },	 /* slow: one */
		{ 1u << 30, 1000, 4, SEGMENT_MOST },
		{ 8 << 20, 32, 8, 2 }, /* near the end: shares */
		{ 8 << 20, 3, 8, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(segment_blocks(rows[i].rate, 1 << 20,
						rows[i].free_count,
						rows[i].lanes),
				 rows[i].want);
}

int run_segment_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lowest_first),
		cmocka_unit_test(not_beyond_the_window),
		cmocka_unit_test(losing),
		cmocka_unit_test(how_much),
	};

	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
