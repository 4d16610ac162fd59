#include "tests/unit/cmd/unit.h"

#include "cmd/listing.h"

#include <string.h>

#define DAY 86400000000000LL

static const struct listing_row row = {
	.repo = &(struct census){ .folder = (char *)"datasets--o--n",
				  .type = REPO_DATASET },
	.size = 2048,
	.used = 10 * DAY,
	.changed = 5 * DAY,
	.whole = true,
};

static void test_filters(void **state)
{
	static const struct {
		const char *text;
		bool fits;
	} table[] = { { "size>1K", true },	{ "size<1K", false },
		      { "size>2K", false },	{ "size<2049", true },
		      { "used>9d", true },	{ "used>11d", false },
		      { "changed<1w", false },	{ "changed>1w", true },
		      { "type=dataset", true }, { "type=model", false },
		      { "complete", true },	{ "incomplete", false },
		      { "detached", false },	{ "claimed", false },
		      { "unclaimed", true } };
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct listing_filter f;

		assert_int_equal(listing_filter_parse(table[i].text, &f, &err),
				 0);
		assert_int_equal(listing_filter_fits(&f, &row, 20 * DAY),
				 table[i].fits);
	}
}

static void test_bad_filters(void **state)
{
	static const char *const table[] = {
		"",	  "size",   "size=1",  "size>",	 "size>x", ">1",
		"used>x", "type>x", "type=no", "Size>1", "com",	   "used=1d",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct listing_filter f;
		struct error err = { 0 };

		assert_int_equal(listing_filter_parse(table[i], &f, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void test_order(void **state)
{
	static const struct {
		const char *order, *want;
	} table[] = { { NULL, "abc" },
		      { "name", "abc" },
		      { "size", "bca" },
		      { "used", "cab" },
		      { "changed", "acb" } };
	static const struct census repos[] = { { .folder = (char *)"a" },
					       { .folder = (char *)"b" },
					       { .folder = (char *)"c" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct listing_row rows[] = {
			{ .repo = &repos[2],
			  .size = 2,
			  .used = 1,
			  .changed = 2 },
			{ .repo = &repos[0],
			  .size = 1,
			  .used = 2,
			  .changed = 1 },
			{ .repo = &repos[1],
			  .size = 3,
			  .used = 3,
			  .changed = 3 },
		};
		char got[4] = "";

		listing_sort(rows, 3, table[i].order);
		for (int k = 0; k < 3; k++)
			got[k] = *rows[k].repo->folder;
		assert_string_equal(got, table[i].want);
	}
}

int run_listing_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_bad_filters),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests_name("listing", tests, NULL, NULL);
}
