#include "tests/unit/base/unit.h"

#include "base/json.h"

#include <math.h>

static void write_sample(struct json_writer *w)
{
	struct strlist l CLEANUP(strlist_release) = { 0 };

	strlist_add(&l, "x");
	strlist_add(&l, "y");
	json_begin_object(w);
	json_put_kv(w, "name", "a");
	json_put_kv_u64(w, "n", UINT64_MAX);
	json_put_kv_bool(w, "b", true);
	json_put_key(w, "list");
	json_begin_array(w);
	json_put_i64(w, -5);
	json_put_null(w);
	json_begin_object(w);
	json_end_object(w);
	json_begin_array(w);
	json_end_array(w);
	json_end_array(w);
	json_put_kv_strings(w, "l", &l);
	json_put_key(w, "files");
	json_begin_array(w);
	for (int i = 0; i < 2; i++) {
		json_one_line(w);
		json_begin_object(w);
		json_put_kv_u64(w, "i", (uint64_t)i);
		json_put_kv_strings(w, "v", &l);
		json_end_object(w);
	}
	json_end_array(w);
	json_put_kv(w, "end", "");
	json_end_object(w);
}

static void test_styles(void **state)
{
	static const char *const want[] = {
		[JSON_COMPACT] =
			"{\"name\":\"a\",\"n\":18446744073709551615,\"b\":true,"
			"\"list\":[-5,null,{},[]],\"l\":[\"x\",\"y\"],"
			"\"files\":[{\"i\":0,\"v\":[\"x\",\"y\"]},"
			"{\"i\":1,\"v\":[\"x\",\"y\"]}],\"end\":\"\"}",
		[JSON_PRETTY] =
			"{\n  \"name\": \"a\",\n  \"n\": 18446744073709551615,"
			"\n  \"b\": true,\n  \"list\": [\n    -5,\n    null,\n"
			"    {},\n    []\n  ],\n  \"l\": [\"x\", \"y\"],\n"
			"  \"files\": [\n"
			"    {\"i\": 0, \"v\": [\"x\", \"y\"]},\n"
			"    {\"i\": 1, \"v\": [\"x\", \"y\"]}\n  ],\n"
			"  \"end\": \"\"\n}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;
		struct json *doc CLEANUP(json_free) = NULL;
		struct error err = { 0 };
		struct json_writer w;

		json_writer_init(&w, &s, (enum json_style)i);
		write_sample(&w);
		assert_string_equal(s.ptr, want[i]);
		assert_ok(json_parse(&doc, s.ptr, s.len, &err), &err);
	}
}

/* json.dump({"format_version": 1, "entries": [{"path": "\u00e9 \U0001f600 \x7f",
 * "lfs": None}, 5], "none": []}, f, indent=1) */
static void test_python(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct json_writer w;

	(void)state;
	json_writer_init(&w, &s, JSON_PYTHON1);
	json_begin_object(&w);
	json_put_kv_u64(&w, "format_version", 1);
	json_put_key(&w, "entries");
	json_begin_array(&w);
	json_begin_object(&w);
	json_put_kv(&w, "path", "\xC3\xA9 \xF0\x9F\x98\x80 \x7f");
	json_put_key(&w, "lfs");
	json_put_null(&w);
	json_end_object(&w);
	json_put_u64(&w, 5);
	json_end_array(&w);
	json_put_key(&w, "none");
	json_begin_array(&w);
	json_end_array(&w);
	json_end_object(&w);
	assert_string_equal(
		s.ptr, "{\n \"format_version\": 1,\n \"entries\": [\n  {\n"
		       "   \"path\": \"\\u00e9 \\ud83d\\ude00 \\u007f\",\n"
		       "   \"lfs\": null\n  },\n  5\n ],\n \"none\": []\n}");
}

static void test_strings(void **state)
{
	static const struct {
		const char *text, *bytes;
	} table[] = {
		{ "", "\"\"" },
		{ "a/b", "\"a/b\"" },
		{ "\"\\", "\"\\\"\\\\\"" },
		{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
		{ "\x01\x1b\x1f", "\"\\u0001\\u001b\\u001f\"" },
		{ "\x7f\xC2\x80\xC2\x9F", "\"\\u007f\\u0080\\u009f\"" },
		{ "\xC2\xA0\xC3\xA9 语", "\"\xC2\xA0\xC3\xA9 语\"" },
		{ "\xF0\x9F\x98\x80", "\"\xF0\x9F\x98\x80\"" },
		{ "a\xFFz\xC3", "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\"" },
		{ "\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;
		struct json_writer w;

		json_writer_init(&w, &s, JSON_COMPACT);
		json_put_string(&w, table[i].text);
		assert_string_equal(s.ptr, table[i].bytes);
	}
}

static void test_doubles(void **state)
{
	static const struct {
		double v;
		const char *bytes;
	} table[] = {
		{ 0, "0.000" },	     { 1.5, "1.500" },
		{ -0.25, "-0.250" }, { 1234.5678, "1234.568" },
		{ 0.0004, "0.000" }, { -0.0004, "0.000" },
		{ 1e16, "null" },    { INFINITY, "null" },
		{ NAN, "null" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;
		struct json_writer w;

		json_writer_init(&w, &s, JSON_COMPACT);
		json_put_double(&w, table[i].v);
		assert_string_equal(s.ptr, table[i].bytes);
	}
}

struct drained {
	struct str all;
	size_t pieces, largest;
};

static void take(void *ctx, const void *p, size_t n)
{
	struct drained *d = ctx;

	str_add(&d->all, p, n);
	d->pieces++;
	if (n > d->largest)
		d->largest = n;
}

static void put_numbers(struct json_writer *w)
{
	json_begin_array(w);
	for (uint64_t i = 0; i < 50000; i++)
		json_put_u64(w, i);
	json_end_array(w);
}

/* The same bytes in pieces, none of them much larger than 64 KiB. */
static void test_drain(void **state)
{
	struct str whole CLEANUP(str_release) = STR_INIT;
	struct str part CLEANUP(str_release) = STR_INIT;
	struct drained d = { .all = STR_INIT };
	struct json_writer w;

	(void)state;
	json_writer_init(&w, &whole, JSON_PRETTY);
	put_numbers(&w);
	json_writer_init(&w, &part, JSON_PRETTY);
	json_writer_drain(&w, take, &d);
	put_numbers(&w);
	assert_true(d.pieces >= 5);
	assert_true(d.largest < 66000);
	str_add(&d.all, part.ptr, part.len);
	assert_string_equal(d.all.ptr, whole.ptr);
	str_release(&d.all);
}

int run_json_writer_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_styles),	cmocka_unit_test(test_python),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_drain),
	};

	return cmocka_run_group_tests_name("json_writer", tests, NULL, NULL);
}
