#include "tests/unit/cmd/unit.h"

#include "base/attr.h"
#include "cmd/report.h"

static void test_table(void **state)
{
	struct table t CLEANUP(table_release) = { .columns = 3 };
	struct str s CLEANUP(str_release) = STR_INIT;

	(void)state;
	table_format(&t, &s);
	assert_string_equal(s.ptr, "");
	table_add(&t, "STATE");
	table_add(&t, "PATH");
	table_add(&t, "DETAIL");
	table_add(&t, "wrong digest");
	table_add(&t, "a\nb\x1b[0m");
	table_add(&t, "");
	table_format(&t, &s);
	assert_string_equal(s.ptr, "STATE         PATH     DETAIL\n"
				   "wrong digest  a?b?[0m\n");
}

/* A terminal that is too narrow: rows go on in a second line, at a column. */
static void test_narrow_table(void **state)
{
	static const char *const cells[] = {
		"NAME", "COMMIT", "SIZE", "NOTE", "a", "0123456789",
		"5 B",	"",	  "b",	  "",	  "",  "a note",
	};
	struct table t CLEANUP(table_release) = { .columns = 4 };
	struct str s CLEANUP(str_release) = STR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		table_add(&t, cells[i]);
	table_lay(&t, 30, &s);
	assert_string_equal(s.ptr, "NAME  COMMIT      SIZE  NOTE\n"
				   "a     0123456789  5 B\n"
				   "b                       a note\n");
	str_clear(&s);
	table_lay(&t, 16, &s);
	assert_string_equal(s.ptr, "NAME  COMMIT\n"
				   "    SIZE  NOTE\n"
				   "a     0123456789\n"
				   "    5 B\n"
				   "b\n"
				   "          a note\n");
}

static void test_notice(void **state)
{
	struct lock_repo r = { .id = (char[]){ "org/name" } };
	struct str s CLEANUP(str_release) = STR_INIT;

	(void)state;
	assert_false(report_notice(&r, &s));
	r.notice = (char[]){ "not for sale" };
	assert_true(report_notice(&r, &s));
	assert_string_equal(s.ptr, "org/name: not for sale");
	str_clear(&s);
	r.notice = (char[]){ "org/name is not for sale" };
	assert_true(report_notice(&r, &s));
	assert_string_equal(s.ptr, "org/name is not for sale");
}

int run_report_tests(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table),
					    cmocka_unit_test(test_narrow_table),
					    cmocka_unit_test(test_notice) };

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
