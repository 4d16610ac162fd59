#include "tests/unit/manifest/tests.h"

#include "base/mem.h"
#include "base/str.h"
#include "manifest/twins.h"

#include <string.h>

static const struct {
	const char *names[4];
	const char *why; /* NULL: fine */
} cases[] = {
	{ { "a", "b", "a.b", "ab" }, NULL },
	{ { "a/b", "a/c", "a-b", "a b/c" }, NULL },
	{ { "a", "a-b/c", "a!/c", "a.b/c" }, NULL },
	{ { "x/a", "y/a", "X1" }, NULL },
	{ { "b", "a", "b" }, "b is there twice" },
	{ { "Readme.md", "z", "README.md" },
	  "README.md and Readme.md differ only by case or Unicode form" },
	{ { "caf\xc3\xa9", "cafe\xcc\x81" }, "differ only by" },
	{ { "x/\xc3\x89", "X/\xc3\xa9" }, "differ only by" },
	{ { "a/b/c", "a-b", "a" }, "a stands where a/b/c needs a directory" },
	{ { "A/x", "a!b", "a" }, "a stands where A/x needs a directory" },
	{ { "a/b", "a/b/c/d", "a/b0" },
	  "a/b stands where a/b/c/d needs a directory" },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct twins t CLEANUP(twins_release) = TWINS_INIT;
		struct error err = { 0 };
		int status;

		for (size_t k = 0; k < 4 && cases[i].names[k]; k++)
			twins_add(&t, cases[i].names[k]);
		status = twins_check(&t, &err);
		if (!cases[i].why) {
			if (status)
				fail_msg("case %zu: %s", i, err.msg);
			continue;
		}
		assert_int_equal(status, -1);
		assert_int_equal(err.code, ERR_FORMAT);
		if (!strstr(err.msg, cases[i].why))
			fail_msg("case %zu: \"%s\"", i, err.msg);
	}
}

static void test_empty(void **state)
{
	struct twins t CLEANUP(twins_release) = TWINS_INIT;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(twins_check(&t, &err), 0);
}

/* Of many names no two meet by chance, and the one pair that does is found wherever
 * it stands; which two are named does not depend on it. */
static void test_many(void **state)
{
	enum { MANY = 20000 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct strlist names CLEANUP(strlist_release) = { 0 };

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		strlist_take(&names, xasprintf("d%u/e%u/name-%u", i / 100,
					       i / 10, i * 7919 % MANY));
	for (unsigned place = 0; place < 3; place++) {
		struct twins t CLEANUP(twins_release) = TWINS_INIT;
		struct error err = { 0 };

		for (unsigned i = 0; i < MANY; i++) {
			if (i == place * (MANY / 3))
				twins_add(&t, "D7/E70");
			twins_add(&t, names.items[i]);
		}
		assert_int_equal(twins_check(&t, &err), -1);
		str_clear(&text);
		str_addf(&text, "D7/E70 stands where %s needs a directory",
			 names.items[706]);
		assert_string_equal(err.msg, text.ptr);
	}
	for (unsigned round = 0; round < 3; round++) {
		struct twins t CLEANUP(twins_release) = TWINS_INIT;
		struct error err = { 0 };

		for (unsigned i = 0; i < MANY; i++)
			twins_add(&t, names.items[i]);
		assert_int_equal(twins_check(&t, &err), 0);
	}
}

int run_twins_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("twins", tests, NULL, NULL);
}
