#include "tests/unit/base/unit.h"

#include "base/pool.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ITEMS 500

struct run {
	unsigned char times[ITEMS];
	pthread_t caller;
	int ticks, foreign_ticks, here;
	struct cancel *cancel;
};

static void count_item(void *ctx, size_t item)
{
	struct run *run = ctx;

	__atomic_add_fetch(&run->times[item], 1, __ATOMIC_RELAXED);
	if (pthread_equal(pthread_self(), run->caller))
		__atomic_add_fetch(&run->here, 1, __ATOMIC_RELAXED);
}

static void count_tick(void *ctx)
{
	struct run *run = ctx;

	run->ticks++;
	run->foreign_ticks += !pthread_equal(pthread_self(), run->caller);
}

static void test_each_once(void **state)
{
	static const unsigned threads[] = { 0, 1, 2, 7, 1000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		struct run run = { .caller = pthread_self() };
		struct pool_job job = { .items = ITEMS,
					.threads = threads[i],
					.work = count_item,
					.tick = count_tick,
					.ctx = &run };

		pool_run(&job);
		for (size_t n = 0; n < ITEMS; n++)
			assert_int_equal(run.times[n], 1);
		assert_int_equal(run.here, 0);
		assert_true(run.ticks > 0);
		assert_int_equal(run.foreign_ticks, 0);
	}
}

static void test_nothing(void **state)
{
	struct pool_job job = { .threads = 4, .work = count_item };

	(void)state;
	pool_run(&job);
}

static void cancel_early(void *ctx, size_t item)
{
	struct run *run = ctx;

	count_item(ctx, item);
	if (item == 5)
		cancel_set(run->cancel);
}

static void test_cancelled(void **state)
{
	struct cancel c CLEANUP(cancel_release) = { 0 };
	struct error err = { 0 };
	struct run run = { .caller = pthread_self(), .cancel = &c };
	struct pool_job job = { .items = ITEMS,
				.threads = 1,
				.cancel = &c,
				.work = cancel_early,
				.ctx = &run };

	(void)state;
	assert_ok(cancel_init(&c, &err), &err);
	pool_run(&job);
	assert_int_equal(run.times[5], 1);
	assert_int_equal(run.times[6], 0);
}

static void slow_item(void *ctx, size_t item)
{
	const struct timespec t = { .tv_nsec = 190000000L };

	nanosleep(&t, NULL);
	count_item(ctx, item);
}

static void test_tick_while_busy(void **state)
{
	struct run run = { .caller = pthread_self() };
	struct pool_job job = { .items = 1,
				.threads = 1,
				.work = slow_item,
				.tick = count_tick,
				.ctx = &run };

	(void)state;
	pool_run(&job);
	/* one after 100 ms and one at the end; more would be a busy loop */
	assert_in_range(run.ticks, 2, 6);
}

static void test_cores(void **state)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	assert_in_range(pool_cores(), 1, online);
}

int run_pool_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_tick_while_busy),
		cmocka_unit_test(test_cores),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
