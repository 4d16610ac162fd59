#include "tests/unit/doctor/unit.h"

#include "doctor/content.h"
#include "doctor/yamlscan.h"

#include <string.h>

static void test_sniff(void **state)
{
	static const char zeros[100];

	(void)state;
	assert_int_equal(
		content_sniff("version https://git-lfs.github.com", 34),
		CONTENT_POINTER);
	assert_int_equal(content_sniff("\n <!DOCTYPE HTML>", 17), CONTENT_HTML);
	assert_int_equal(content_sniff("<html>", 6), CONTENT_HTML);
	assert_int_equal(content_sniff(zeros, sizeof(zeros)), CONTENT_ZEROS);
	assert_int_equal(content_sniff(zeros, 8), CONTENT_GOOD);
	assert_int_equal(content_sniff("", 0), CONTENT_GOOD);
	assert_int_equal(content_sniff("PK\3\4", 4), CONTENT_GOOD);
	assert_int_equal(content_sniff("version", 7), CONTENT_GOOD);
}

static void test_yaml(void **state)
{
	const char *text = "a: 1\n"
			   "  b: \"/x y\" # c\n"
			   "# c: /no\n"
			   "d:\n"
			   "  - e: '/z'\r\n"
			   "f: g#h\n"
			   "url: http://h/p\n"
			   "win: C:\\models\n"
			   "no newline: at the end";
	struct yaml_scan s;
	struct yaml_line l;

	(void)state;
	yaml_scan_init(&s, text, strlen(text));
	assert_true(yaml_scan_next(&s, &l));
	assert_string_equal(l.key, "a");
	assert_string_equal(l.value, "1");
	assert_true(yaml_scan_next(&s, &l));
	assert_string_equal(l.value, "/x y");
	assert_int_equal(l.number, 2);
	assert_true(yaml_scan_next(&s, &l));
	assert_string_equal(l.key, "e");
	assert_string_equal(l.value, "/z");
	assert_true(yaml_scan_next(&s, &l));
	assert_string_equal(l.value, "g#h");
	assert_true(yaml_scan_next(&s, &l));
	assert_false(yaml_is_absolute(l.value));
	assert_true(yaml_scan_next(&s, &l));
	assert_true(yaml_is_absolute(l.value));
	assert_false(yaml_scan_next(&s, &l));
}

static void test_absolute(void **state)
{
	(void)state;
	assert_true(yaml_is_absolute("/cubefs/x"));
	assert_true(yaml_is_absolute("D:/x"));
	assert_true(yaml_is_absolute("\\\\server\\x"));
	assert_true(yaml_is_absolute("~/x"));
	assert_false(yaml_is_absolute("qwen0.6bemo4-merge/"));
	assert_false(yaml_is_absolute("nvidia/bigvgan"));
	assert_false(yaml_is_absolute(""));
	assert_false(yaml_is_absolute("a:b"));
}

int run_content_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sniff),
		cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_absolute),
	};

	return cmocka_run_group_tests_name("content", tests, NULL, NULL);
}
