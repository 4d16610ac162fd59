#include "tests/unit/base/unit.h"

#include "base/mem.h"
#include "base/near.h"

#include <string.h>

static void test_distance(void **state)
{
	static const struct {
		const char *a, *b;
		size_t d;
	} rows[] = {
		{ "", "", 0 },		 { "a", "", 1 },
		{ "cache", "cahce", 1 }, { "cache", "cach", 1 },
		{ "pack", "back", 1 },	 { "kitten", "sitting", 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *a = rows[i].a, *b = rows[i].b;

		assert_int_equal(edit_distance(a, strlen(a), b, strlen(b)),
				 rows[i].d);
		assert_int_equal(edit_distance(b, strlen(b), a, strlen(a)),
				 rows[i].d);
	}
	/* too long to be compared, and no overflow of the table */
	assert_int_equal(edit_distance("a", 33, "a", 1), SIZE_MAX);
}

static void test_nearest(void **state)
{
	static const char *const words[] = { "cache", "model-dir", "lock",
					     "locked", "verbose" };
	static const struct {
		const char *word, *best;
	} rows[] = {
		{ "cahce", "cache" }, { "modeldir", "model-dir" },
		{ "lokc", "lock" },   { "verb", "verbose" },
		{ "xyzzy", NULL },    { "o", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct nearest n;

		nearest_begin(&n, rows[i].word, strlen(rows[i].word));
		for (size_t k = 0; k < ARRAY_LEN(words); k++)
			nearest_offer(&n, words[k]);
		if (rows[i].best)
			assert_string_equal(n.best, rows[i].best);
		else
			assert_null(n.best);
	}
}

static void test_fail(void **state)
{
	static const struct {
		const char *word, *all, *want;
	} rows[] = {
		{ "acme/voise", "acme/other acme/voice",
		  "x.tar: there is no acme/voise in it; did you mean "
		  "acme/voice?" },
		{ "zzz/q", "a b",
		  "x.tar: there is no zzz/q in it; it has a, b" },
		{ "zzz/q", "a b c d e f g",
		  "x.tar: there is no zzz/q in it; it has a, b, c, d, e and 2 "
		  "more" },
		{ "zzz/q", "", "x.tar: there is no zzz/q in it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strlist all CLEANUP(strlist_release) = { 0 };
		struct error err = { 0 };
		const char *p = rows[i].all;

		while (*p) {
			size_t n = strcspn(p, " ");

			strlist_take(&all, xstrndup(p, n));
			p += n + (p[n] == ' ');
		}
		assert_int_equal(near_fail(rows[i].word, &all, "x.tar", &err),
				 -1);
		assert_int_equal(err.code, ERR_NOT_FOUND);
		assert_string_equal(err.msg, rows[i].want);
	}
}

int run_near_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_fail),
	};

	return cmocka_run_group_tests_name("near", tests, NULL, NULL);
}
