#include "tests/unit/cmd/unit.h"

#include "base/attr.h"
#include "cmd/text.h"

#include <string.h>

static void test_clean(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "plain", "plain" },
		{ "a\nb", "a\nb" },
		{ "a\x1b[2Jb\tc\r\x7f", "a?[2Jb?c??" },
		{ "caf\xc3\xa9 \xe4\xb8\xad", "caf\xc3\xa9 \xe4\xb8\xad" },
		{ "\xff\xfe", "??" },
		{ "\xc2\x9b"
		  "31m",
		  "?31m" },
		{ "x\xe2\x80\xaegnp.exe", "x?gnp.exe" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;

		text_clean(&s, rows[i].in, strlen(rows[i].in));
		assert_string_equal(s.ptr, rows[i].out);
	}
}

static void test_columns(void **state)
{
	(void)state;
	assert_int_equal(text_columns(""), 0);
	assert_int_equal(text_columns("abc"), 3);
	assert_int_equal(text_columns("\xe4\xb8\xad\xe6\x96\x87"), 4);
	assert_int_equal(text_columns("e\xcc\x81"), 1);
}

static void test_fit(void **state)
{
	static const struct {
		const char *in;
		size_t n;
		const char *out;
	} rows[] = {
		{ "abc", 5, "abc  " },
		{ "abcdefghij", 10, "abcdefghij" },
		{ "abcdefghijk", 10, "abcd...ijk" },
		{ "abcdefghijk", 4, "abcd" },
		/* a wide character that does not fit leaves a space */
		{ "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97", 5,
		  "\xe4\xb8\xad\xe6\x96\x87 " },
		{ "", 3, "   " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;

		text_fit(&s, rows[i].in, rows[i].n);
		assert_string_equal(s.ptr, rows[i].out);
	}
}

static void test_wrap(void **state)
{
	static const struct {
		const char *in;
		size_t indent, width, at;
		const char *out;
	} rows[] = {
		{ "one two three four", 0, 12, 0, "one two\nthree four\n" },
		{ "one two three four", 2, 14, 0, "  one two\n  three four\n" },
		/* the first line continues one that was begun */
		{ "one two three four", 4, 16, 3,
		  " one two\n    three four\n" },
		{ "one\n\ntwo", 0, 20, 0, "one\n\ntwo\n" },
		{ "averyveryverylongword and", 0, 12, 0,
		  "averyveryverylongword\nand\n" },
		{ "exactly ten", 0, 11, 0, "exactly ten\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;

		text_wrap(&s, rows[i].in, rows[i].indent, rows[i].width,
			  rows[i].at);
		assert_string_equal(s.ptr, rows[i].out);
	}
}

static void test_quote(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;

	(void)state;
	quote_sh(&s, "/srv/models_1.0");
	assert_string_equal(s.ptr, "/srv/models_1.0");
	str_clear(&s);
	quote_sh(&s, "");
	assert_string_equal(s.ptr, "''");
	str_clear(&s);
	quote_sh(&s, "it's $HOME `x` \"y\"");
	assert_string_equal(s.ptr, "'it'\\''s $HOME `x` \"y\"'");
	str_clear(&s);
	quote_sh(&s, "~/x");
	assert_string_equal(s.ptr, "'~/x'");
	str_clear(&s);
	quote_fish(&s, "it's \\ $x");
	assert_string_equal(s.ptr, "'it\\'s \\\\ $x'");
	str_clear(&s);
	quote_systemd(&s, "A", "x \"y\" \\ 100% $z\n\xc3\xbc");
	assert_string_equal(s.ptr,
			    "\"A=x \\\"y\\\" \\\\ 100%% $z\\x0a\xc3\xbc\"");
}

int run_text_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean), cmocka_unit_test(test_columns),
		cmocka_unit_test(test_fit),   cmocka_unit_test(test_wrap),

		cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
