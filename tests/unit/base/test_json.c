#include "tests/unit/base/unit.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

static int parse(struct json **doc, const char *text, struct error *err)
{
	/* exactly as long as it is, so that ASan sees a read beyond */
	size_t len = strlen(text);
	char *copy CLEANUP(free_ptr) = xmalloc(len);

	memcpy(copy, text, len);
	return json_parse(doc, copy, len, err);
}

static void test_good(void **state)
{
	static const char *const table[] = {
		"{}",
		"[]",
		" [ ] \n",
		"0",
		"-0.5e+10",
		"\"x\"",
		"true",
		"false",
		"null",
		"[1,[2,[3]],{\"a\":{\"b\":[]}}]",
		"{\"a\":1,\"b\":{\"a\":2}}",
		"\"\\ud83d\\ude00 \\u00e9 \\n\\/\"",
		"\"\xF0\x9F\x98\x80\"",
		"\"\x7f\"",
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct json *doc CLEANUP(json_free) = NULL;

		assert_ok(parse(&doc, table[i], &err), &err);
		assert_non_null(doc);
	}
}

static const struct {
	const char *text, *why;
} refused[] = {
	{ "", "too early" },
	{ "  ", "too early" },
	{ "{", "too early" },
	{ "{\"1\":1,", "too early" },
	{ "[1", "too early" },
	{ "]", "bracket" },
	{ "[}", "bracket" },
	{ "{]", "bracket" },
	{ "[1}", "bracket" },
	{ ",", "unexpected" },
	{ "[1,]", "malformed" },
	{ "[,1]", "malformed" },
	{ "[1 2]", "malformed" },
	{ "{\"a\"}", "malformed" },
	{ "{\"a\":}", "malformed" },
	{ "{\"a\":1,}", "malformed" },
	{ "{a:1}", "unexpected" },
	{ "{1:2}", "malformed" },
	{ "[1:2]", "malformed" },
	{ "{\"a\",1}", "malformed" },
	{ "1 2", "behind the end" },
	{ "{}{}", "behind the end" },
	{ "[]]", "behind the end" },
	{ "tru", "unexpected" },
	{ "True", "unexpected" },
	{ "truefalse", "unexpected" },
	{ "NaN", "unexpected" },
	{ "Infinity", "unexpected" },
	{ "-Infinity", "malformed number" },
	{ "+1", "unexpected" },
	{ "01", "unexpected" },
	{ "-01", "unexpected" },
	{ "1.", "malformed number" },
	{ ".5", "unexpected" },
	{ "1e", "malformed number" },
	{ "1e+", "malformed number" },
	{ "-", "malformed number" },
	{ "0x10", "unexpected" },
	{ "1_000", "unexpected" },
	{ "'a'", "unexpected" },
	{ "// c\n1", "unexpected" },
	{ "\xEF\xBB\xBF{}", "byte order mark" },
	{ "\v1", "unexpected" },
	{ "\"", "without an end" },
	{ "\"\\", "without an end" },
	{ "\"\\\"", "without an end" },
	{ "\"a\nb\"", "control byte" },
	{ "\"\\x41\"", "unknown escape" },
	{ "\"\\u12\"", "four hex" },
	{ "\"\\u12g4\"", "four hex" },
	{ "\"\\u0000\"", "NUL" },
	{ "{\"a\\u0000b\":1}", "NUL" },
	{ "\"\\ud800\"", "surrogate" },
	{ "\"\\udc00\"", "surrogate" },
	{ "\"\\ud800\\ud800\"", "surrogate" },
	{ "\"\\ud800x\"", "surrogate" },
	{ "\"\\ud83d\\u00e9\"", "surrogate" },
	{ "\"\xFF\"", "UTF-8" },
	{ "\"\xC3\"", "UTF-8" },
	{ "\"\xED\xA0\x80\"", "UTF-8" },
	{ "{\"a\":1,\"a\":2}", "key \"a\" appears twice" },
	{ "{\"a\":1,\"\\u0061\":2}", "key \"a\" appears twice" },
	{ "[{\"x\":[{\"b\":1,\"c\":1,\"b\":1}]}]", "\"b\" appears" },
};

static void test_bad(void **state)
{
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct json *doc = NULL;

		assert_fails(parse(&doc, refused[i].text, &err), &err,
			     ERR_FORMAT, refused[i].why);
		assert_null(doc);
	}
}

static void test_place(void **state)
{
	struct error err = { 0 };
	struct json *doc = NULL;

	(void)state;
	assert_fails(parse(&doc, "{\n \"a\": 1,\n \"b\": 01\n}", &err), &err,
		     ERR_FORMAT, "line 3, column 8: ");
	assert_fails(parse(&doc, "{\n  \"a\" 1}", &err), &err, ERR_FORMAT,
		     "line 2, column 7: malformed");
	assert_fails(json_parse(&doc, "1\0", 2, &err), &err, ERR_FORMAT,
		     "line 1, column 2: ");
}

static void test_depth(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct json *doc CLEANUP(json_free) = NULL;
	struct error err = { 0 };

	(void)state;
	str_fill(&s, '[', JSON_MAX_DEPTH);
	str_fill(&s, ']', JSON_MAX_DEPTH);
	assert_ok(json_parse(&doc, s.ptr, s.len, &err), &err);
	json_free(&doc);
	str_clear(&s);
	str_fill(&s, '[', JSON_MAX_DEPTH + 1);
	str_fill(&s, ']', JSON_MAX_DEPTH + 1);
	assert_fails(json_parse(&doc, s.ptr, s.len, &err), &err, ERR_FORMAT,
		     "too deeply");
	str_clear(&s);
	str_fill(&s, '[', 100000);
	assert_fails(json_parse(&doc, s.ptr, s.len, &err), &err, ERR_FORMAT,
		     "too deeply");
	/* brackets in strings are none */
	str_clear(&s);
	str_addc(&s, '"');
	str_fill(&s, '[', 1000);
	str_addc(&s, '"');
	assert_ok(json_parse(&doc, s.ptr, s.len, &err), &err);
}

static void test_walk(void **state)
{
	struct json *doc CLEANUP(json_free) = NULL;
	struct error err = { 0 };
	const struct json *n;

	(void)state;
	assert_ok(parse(&doc, "{\"a\":[1,\"x\"],\"B\":{\"c\":null}}", &err),
		  &err);
	assert_true(json_is_object(doc));
	assert_int_equal(json_count(doc), 2);
	n = json_first(doc);
	assert_string_equal(json_key(n), "a");
	assert_true(json_is_array(n));
	assert_int_equal(json_count(n), 2);
	assert_string_equal(json_string_or(json_next(json_first(n)), "?"), "x");
	assert_string_equal(json_string_or(json_first(n), "?"), "?");
	assert_null(json_next(json_next(json_first(n))));
	n = json_next(n);
	assert_string_equal(json_key(n), "B");
	assert_null(json_next(n));
	assert_null(json_member(doc, "b"));
	assert_null(json_member(NULL, "b"));
	assert_null(json_member(json_member(doc, "a"), "b"));
	assert_null(json_first(NULL));
	assert_null(json_next(NULL));
	assert_int_equal(json_count(NULL), 0);
	assert_string_equal(json_string_or(NULL, "none"), "none");
}

static void test_getters(void **state)
{
	static const char text[] =
		"{\"s\":\"text\",\"n\":12,\"f\":1.5,\"m\":-1,"
		"\"b\":true,\"l\":[\"x\",\"y\"],\"o\":{},"
		"\"mixed\":[\"x\",1]}";
	struct json *doc CLEANUP(json_free) = NULL;
	struct strlist l CLEANUP(strlist_release) = { 0 };
	struct error err = { 0 };
	const char *s = "before";
	uint64_t n = 99;
	bool b = false;

	(void)state;
	assert_ok(parse(&doc, text, &err), &err);
	assert_ok(json_opt_string(doc, "none", &s, "", &err), &err);
	assert_string_equal(s, "before");
	assert_ok(json_get_string(doc, "s", &s, "", &err), &err);
	assert_string_equal(s, "text");
	assert_fails(json_get_string(doc, "none", &s, "models[0]", &err), &err,
		     ERR_FORMAT, "models[0].none: is missing");
	assert_fails(json_get_string(doc, "n", &s, "", &err), &err, ERR_FORMAT,
		     "n: must be a string");
	assert_ok(json_opt_u64(doc, "none", &n, NULL, &err), &err);
	assert_int_equal(n, 99);
	assert_ok(json_get_u64(doc, "n", &n, NULL, &err), &err);
	assert_int_equal(n, 12);
	assert_fails(json_get_u64(doc, "none", &n, NULL, &err), &err,
		     ERR_FORMAT, "none: is missing");
	assert_ok(json_opt_bool(doc, "none", &b, "", &err), &err);
	assert_false(b);
	assert_ok(json_opt_bool(doc, "b", &b, "", &err), &err);
	assert_true(b);
	assert_fails(json_opt_bool(doc, "n", &b, "", &err), &err, ERR_FORMAT,
		     "n: must be true or false");
	assert_ok(json_opt_strings(doc, "none", &l, "", &err), &err);
	assert_ok(json_opt_strings(doc, "l", &l, "", &err), &err);
	assert_int_equal(l.count, 2);
	assert_string_equal(l.items[1], "y");
	assert_fails(json_opt_strings(doc, "s", &l, "w", &err), &err,
		     ERR_FORMAT, "w.s: must be a list of strings");
	assert_fails(json_opt_strings(doc, "mixed", &l, "w", &err), &err,
		     ERR_FORMAT, "w.mixed: must be a list of strings");
}

static void test_whole_numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t value; /* -1: refused */
	} table[] = {
		{ "0", 0 },
		{ "-0", 0 },
		{ "1.0", 1 },
		{ "2e3", 2000 },
		{ "4294967296", 4294967296 },
		{ "9007199254740991", 9007199254740991 },
		{ "9007199254740992", -1 },
		{ "9007199254740993", -1 },
		{ "18446744073709551616", -1 },
		{ "1e400", -1 },
		{ "-1", -1 },
		{ "0.5", -1 },
		{ "\"1\"", -1 },
		{ "null", -1 },
		{ "true", -1 },
		{ "[1]", -1 },
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct json *doc CLEANUP(json_free) = NULL;
		char *text CLEANUP(free_ptr) = xasprintf("{\"n\":%s}",
							 table[i].text);
		uint64_t n = 77;
		int result;

		assert_ok(parse(&doc, text, &err), &err);
		result = json_get_u64(doc, "n", &n, "", &err);
		if (table[i].value >= 0) {
			assert_ok(result, &err);
			assert_int_equal(n, table[i].value);
		} else {
			assert_fails(result, &err, ERR_FORMAT, "whole number");
			assert_int_equal(n, 77);
		}
	}
}

static void test_only_keys(void **state)
{
	static const char *const keys[] = { "name", "models", NULL };
	struct json *doc CLEANUP(json_free) = NULL;
	struct error err = { 0 };

	(void)state;
	assert_ok(parse(&doc, "{\"models\":1,\"naem\":2}", &err), &err);
	assert_fails(json_only_keys(doc, keys, "models[2]", &err), &err,
		     ERR_FORMAT,
		     "models[2].naem: unknown key; known here: name, models");
	json_free(&doc);
	assert_ok(parse(&doc, "{\"models\":1}", &err), &err);
	assert_ok(json_only_keys(doc, keys, "", &err), &err);
}

int run_json_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_whole_numbers),
		cmocka_unit_test(test_only_keys),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
