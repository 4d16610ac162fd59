#include "tests/unit/base/unit.h"

#include "base/cancel.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>

static void test_cancel(void **state)
{
	struct cancel c CLEANUP(cancel_release) = { 0 };
	struct error err = { 0 };
	struct pollfd p = { .events = POLLIN };

	(void)state;
	assert_ok(cancel_init(&c, &err), &err);
	p.fd = c.fd;
	assert_false(cancel_is_set(&c));
	assert_ok(cancel_check(&c, &err), &err);
	assert_int_equal(poll(&p, 1, 0), 0);
	errno = 7;
	for (int i = 0; i < 3; i++)
		cancel_set(&c);
	assert_int_equal(errno, 7);
	assert_true(cancel_is_set(&c));
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_fails(cancel_check(&c, &err), &err, ERR_CANCELLED,
		     "interrupted");
	cancel_release(&c);
	cancel_release(&c);
}

static void test_none(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_false(cancel_is_set(NULL));
	assert_ok(cancel_check(NULL, &err), &err);
}

/* Set by the one behind it, or when its time has come. */
static void test_until(void **state)
{
	struct cancel c CLEANUP(cancel_release) = { 0 };
	struct cancel never, now, later, behind, alone;
	struct error err = { 0 };

	(void)state;
	assert_ok(cancel_init(&c, &err), &err);
	never = cancel_until(&c, 0);
	now = cancel_until(&c, clock_ms());
	later = cancel_until(&c, clock_ms() + 1000000);
	behind = cancel_until(&later, 0);
	alone = cancel_until(NULL, 0);
	assert_false(cancel_is_set(&never));
	assert_true(cancel_is_set(&now));
	assert_false(cancel_is_set(&later));
	assert_false(cancel_is_set(&behind));
	assert_fails(cancel_check(&now, &err), &err, ERR_CANCELLED, "");
	assert_false(cancel_is_set(&c));
	cancel_set(&c);
	assert_true(cancel_is_set(&never));
	assert_true(cancel_is_set(&later));
	assert_true(cancel_is_set(&behind));
	assert_false(cancel_is_set(&alone));
	assert_int_equal(later.fd, c.fd);
	assert_int_equal(alone.fd, -1);
}

static void test_clock(void **state)
{
	uint64_t before = clock_ms();
	uint32_t first = clock_jitter();
	int equal = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		equal += clock_jitter() == first;
	assert_true(equal < 3);
	assert_true(clock_ms() >= before);
}

int run_cancel_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_until),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests_name("cancel, clock", tests, NULL, NULL);
}
