#include "tests/unit/base/unit.h"

#include "base/human.h"

#include <string.h>

static void test_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} table[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1.00 KiB" },
		{ 1536, "1.50 KiB" },
		{ 1048575, "1.00 MiB" },
		{ (uint64_t)3481 << 20, "3.40 GiB" },
		{ (uint64_t)9 << 30, "9.00 GiB" },
		{ UINT64_MAX, "16.00 EiB" },
	};
	char out[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		assert_string_equal(human_size(table[i].bytes, out),
				    table[i].text);
}

static void test_time(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} table[] = {
		{ 0, "0:00" },		{ 7999, "0:07" },
		{ 60000, "1:00" },	{ 3599999, "59:59" },
		{ 3723000, "1:02:03" }, { (uint64_t)360000000, "100:00:00" },
		{ UINT64_MAX, NULL },
	};
	char out[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; table[i].text; i++)
		assert_string_equal(human_time(table[i].ms, out),
				    table[i].text);
	assert_true(strlen(human_time(UINT64_MAX, out)) < HUMAN_MAX);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} table[] = {
		{ "0", 0 },
		{ "500", 500 },
		{ "500B", 500 },
		{ "64K", 65536 },
		{ "64k", 65536 },
		{ "64KiB", 65536 },
		{ "64 KiB", 65536 },
		{ "2KB", 2000 },
		{ "1.5G", (uint64_t)3 << 29 },
		{ "1.5GB", 1500000000 },
		{ "0.25M", 262144 },
		{ "4T", (uint64_t)4 << 40 },
		{ "7E", (uint64_t)7 << 60 },
	};
	struct error err = { 0 };
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_ok(human_parse_size(table[i].text, &bytes, &err), &err);
		assert_int_equal(bytes, table[i].bytes);
	}
}

static void test_parse_bad(void **state)
{
	static const char *const table[] = {
		"",
		"K",
		"-1",
		"+1",
		"1.",
		".5G",
		"1.5",
		"1.5B",
		"1,5G",
		"0x10",
		"1KK",
		"1  G",
		"1G ",
		" 1",
		"1Q",
		"1iB",
		"9E",
		"99E",
		"1000000000000000000",
		"nan",
		"1e3",
	};
	struct error err = { 0 };
	uint64_t bytes = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		assert_fails(human_parse_size(table[i], &bytes, &err), &err,
			     ERR_USAGE, table[i]);
	assert_int_equal(bytes, 77);
}

static void test_parse_time(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} good[] = { { "0", 0 },       { "90", 90 },   { "90s", 90 },
		     { "30m", 1800 },  { "2h", 7200 }, { "7d", 604800 },
		     { "1w", 604800 }, { "007", 7 } };
	static const char *const bad[] = {
		"",	"h",   "-1",
		"1.5h", "1hh", " 1",
		"1 h",	"1y",  "999999999999999999d"
	};
	struct error err = { 0 };
	uint64_t seconds = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(human_parse_time(bad[i], &seconds, &err), &err,
			     ERR_USAGE, bad[i]);
	assert_int_equal(seconds, 77);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(human_parse_time(good[i].text, &seconds, &err), &err);
		assert_int_equal(seconds, good[i].seconds);
	}
}

static void test_plural(void **state)
{
	(void)state;
	assert_string_equal(human_plural(0, "file", "files"), "files");
	assert_string_equal(human_plural(1, "file", "files"), "file");
	assert_string_equal(human_plural(2, "file", "files"), "files");
	assert_string_equal(human_plural(UINT64_MAX, "is", "are"), "are");
}

static void test_ago(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} table[] = { { 0, "now" },
		      { 4, "now" },
		      { 5, "5 seconds" },
		      { 119, "119 seconds" },
		      { 120, "2 minutes" },
		      { 7200, "2 hours" },
		      { 172800, "2 days" },
		      { 60 * 86400, "2 months" },
		      { 730 * 86400, "2 years" } };
	char text[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		assert_string_equal(human_ago(table[i].seconds, text),
				    table[i].text);
}

int run_human_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_parse_time),
		cmocka_unit_test(test_ago),
		cmocka_unit_test(test_plural),
	};

	return cmocka_run_group_tests_name("human", tests, NULL, NULL);
}
