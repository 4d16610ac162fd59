#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "fetch/reach.h"

static void lost(void **state)
{
	struct reach r CLEANUP(reach_release) = { 0 };

	(void)state;
	assert_false(reach_is_lost(&r, "https://cdn"));
	reach_answered(&r, "https://cdn/x");
	reach_failed(&r, "https://CDN:443/a?sig=1");
	assert_false(reach_is_lost(&r, "https://cdn"));
	reach_failed(&r, "https://cdn/b");
	assert_true(reach_is_lost(&r, "https://cdn"));
	assert_false(reach_is_lost(&r, "http://cdn"));
	assert_false(reach_is_lost(&r, "https://cdn:444"));
	reach_answered(&r, "https://other/b");
	assert_true(reach_is_lost(&r, "https://cdn"));
	reach_answered(&r, "https://cdn/b");
	assert_false(reach_is_lost(&r, "https://cdn"));
	reach_failed(&r, "https://cdn/b");
	assert_false(reach_is_lost(&r, "https://cdn"));
	reach_failed(&r, "no URL");
}

/* A server that thinks up hosts does not fill the memory. */
static void many(void **state)
{
	struct reach r CLEANUP(reach_release) = { 0 };

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		char *url CLEANUP(free_ptr) = xasprintf("https://h%u/", i);

		reach_failed(&r, url);
		reach_failed(&r, url);
	}
	assert_int_equal(r.count, 64);
	assert_true(reach_is_lost(&r, "https://h63"));
	assert_false(reach_is_lost(&r, "https://h64"));
}

int run_reach_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
