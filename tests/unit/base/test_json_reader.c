#include "tests/unit/base/unit.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

/* Reads {"key": [n, ...], ...} and writes what it saw: "key=n+n;" */
static int read_lists(struct json_reader *r, struct str *seen,
		      struct error *err)
{
	int more;

	if (json_enter_object(r, err))
		return -1;
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;

		more = json_next_key(r, &key, err);
		if (more <= 0)
			break;
		str_addf(seen, "%s=", key);
		if (json_enter_array(r, err))
			return -1;
		while ((more = json_next_item(r, err)) > 0) {
			struct json *n CLEANUP(json_free) = NULL;

			if (json_read_value(r, &n, err))
				return -1;
			str_addf(seen, "%s+", json_string_or(n, "?"));
		}
		if (more < 0)
			return -1;
		str_addc(seen, ';');
	}
	return more ? -1 : json_reader_end(r, err);
}

static int read_text(const char *text, struct str *seen, struct error *err)
{
	struct json_reader r;
	size_t len = strlen(text);
	char *copy CLEANUP(free_ptr) = xmalloc(len);

	memcpy(copy, text, len);
	json_reader_init(&r, copy, len);
	return read_lists(&r, seen, err);
}

static void test_reads(void **state)
{
	static const struct {
		const char *text, *seen;
	} table[] = {
		{ "{}", "" },
		{ " { } ", "" },
		{ "{\"a\":[]}", "a=;" },
		{ "{\"a\":[\"x\"],\"b\\u0062\":[ \"y\" , \"z\" ]}\n",
		  "a=x+;bb=y+z+;" },
		{ "{\"a\":[{\"b\":[1,2]},3],\"c\":[[]]}", "a=?+?+;c=?+;" },
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str seen CLEANUP(str_release) = STR_INIT;

		assert_ok(read_text(table[i].text, &seen, &err), &err);
		assert_string_equal(seen.ptr, table[i].seen);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{ "", "an object" },
		{ "[]", "an object" },
		{ "\xEF\xBB\xBF{}", "an object" },
		{ "{", "a key" },
		{ "{,", "a key" },
		{ "{]", "a key" },
		{ "{a", "a key" },
		{ "{\"a\"", "a colon" },
		{ "{\"a\":", "a list" },
		{ "{\"a\":1}", "a list" },
		{ "{\"a\":[", "too early" },
		{ "{\"a\":[1", "a comma" },
		{ "{\"a\":[1}", "a comma" },
		{ "{\"a\":[1 2]}", "a comma" },
		{ "{\"a\":[,1]}", "unexpected" },
		{ "{\"a\":[1,]}", "bracket" },
		{ "{\"a\":[1,,1]}", "unexpected" },
		{ "{\"a\":[]", "a comma" },
		{ "{\"a\":[] \"b\":[]}", "a comma" },
		{ "{\"a\":[],}", "a key" },
		{ "{\"a\":[]}x", "the end" },
		{ "{\"a\":[]}{}", "the end" },
		{ "{\"a\\u0000\":[]}", "NUL" },
		{ "{\"a\":[01]}", "unexpected" },
		{ "{\"a\":[{\"b\":1,\"b\":1}]}", "twice" },
		{ "{\"a\":[{\"b\":1]}", "bracket" },
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str seen CLEANUP(str_release) = STR_INIT;

		assert_fails(read_text(table[i].text, &seen, &err), &err,
			     ERR_FORMAT, table[i].why);
	}
}

static void test_depth(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct json *v CLEANUP(json_free) = NULL;
	struct error err = { 0 };
	struct json_reader r;

	(void)state;
	/* the containers that were entered count too */
	str_fill(&s, '[', JSON_MAX_DEPTH + 1);
	str_fill(&s, ']', JSON_MAX_DEPTH + 1);
	json_reader_init(&r, s.ptr, s.len);
	assert_ok(json_enter_array(&r, &err), &err);
	assert_int_equal(json_next_item(&r, &err), 1);
	assert_fails(json_read_value(&r, &v, &err), &err, ERR_FORMAT,
		     "too deeply");
	json_reader_init(&r, s.ptr, s.len);
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		assert_ok(json_enter_array(&r, &err), &err);
	assert_fails(json_enter_array(&r, &err), &err, ERR_FORMAT,
		     "too deeply");
}

static void test_place(void **state)
{
	struct str seen CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	assert_fails(read_text("{\n\"a\": [\n\n  \"x\", ~]}", &seen, &err),
		     &err, ERR_FORMAT, "line 4, column 8: ");
}

/* Time must grow with the text, not with text times values. */
static void test_many_values(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct json_reader r;
	uint64_t begin, sum = 0, n;
	int more;

	(void)state;
	str_addc(&s, '[');
	for (int i = 0; i < 100000; i++)
		str_addf(&s,
			 "%s{\"path\":\"dir/file-%06d\",\"size\":%d,"
			 "\"lfs\":{\"oid\":\"%064d\"}}",
			 i ? ",\n" : "", i, i, i);
	str_addc(&s, ']');
	begin = clock_ms();
	json_reader_init(&r, s.ptr, s.len);
	assert_ok(json_enter_array(&r, &err), &err);
	while ((more = json_next_item(&r, &err)) > 0) {
		struct json *v CLEANUP(json_free) = NULL;

		assert_ok(json_read_value(&r, &v, &err), &err);
		assert_ok(json_get_u64(v, "size", &n, "", &err), &err);
		sum += n;
	}
	assert_int_equal(more, 0);
	assert_ok(json_reader_end(&r, &err), &err);
	assert_int_equal(sum, (uint64_t)99999 * 50000);
	/* 0.1 s without sanitizers; quadratic would be minutes */
	assert_true(clock_ms() - begin < 10000);
}

static int add_head(void *ctx, const struct json *doc, struct error *err)
{
	(void)err;
	str_addf(ctx, "%s:", json_string_or(json_member(doc, "a"), "-"));
	return 0;
}

static int add_item(void *ctx, const struct json *item, struct error *err)
{
	if (!json_is_string(item))
		return err_set(err, ERR_FORMAT, "no string");
	str_addf(ctx, "%s+", json_string_or(item, "?"));
	return 0;
}

static int read_listing(const char *text, struct str *seen, struct error *err)
{
	const struct json_listing listing = { .list = "l",
					      .limit = 40,
					      .head = add_head,
					      .item = add_item,
					      .ctx = seen };
	size_t len = strlen(text);
	char *copy CLEANUP(free_ptr) = xmalloc(len);

	memcpy(copy, text, len);
	return json_read_listing(copy, len, &listing, err);
}

static void test_listing(void **state)
{
	static const struct {
		const char *text, *seen;
	} table[] = {
		{ "{\"l\":[]}", "-:" },
		{ "{\"l\":[\"x\",\"y\"],\"a\":\"1\"}", "1:x+y+" },
		{ " { \"l\" : [ \"x\" ] , \"a\" : \"1\" , \"b\":2 } ", "1:x+" },
		{ "{\"a\":\"1\",\"b\":{\"l\":[]},\"l\":[\"x\"]}", "1:x+" },
		{ "{\"b\":2,\"\\u006c\":[\"x\"],\"a\":\"1\"}", "1:x+" },
	};
	static const struct {
		const char *text, *why, *seen;
	} bad[] = {
		{ "[]", "an object", "" },
		{ "{\"a\":\"1\"}", "l: is missing", "1:" },
		{ "{\"l\":[],\"l\":[]}", "\"l\" appears twice", "" },
		{ "{\"a\":1,\"l\":[],\"a\":1}", "a", "" },
		{ "{\"l\":[\"x\"],\"a\":\"1\"", "comma or the end", "" },
		{ "{\"l\":[\"x\"]} 1", "the end", "" },
		{ "{\"l\":{}}", "l: ", "" },
		{ "{\"l\":[\"x\",1],\"a\":\"1\"}", "l[1]: no string", "1:x+" },
		{ "{\"l\":[\"x\",\"0123456789012345678901234567890123456789\"]"
		  "}",
		  "l[1]: ", "" },
		{ "{\"a\":\"0123456789012345678901234567890123456789\",\"l\":[]"
		  "}",
		  "a: ", "" },
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str seen CLEANUP(str_release) = STR_INIT;

		assert_ok(read_listing(table[i].text, &seen, &err), &err);
		assert_string_equal(seen.ptr, table[i].seen);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct str seen CLEANUP(str_release) = STR_INIT;

		assert_fails(read_listing(bad[i].text, &seen, &err), &err,
			     ERR_FORMAT, bad[i].why);
		assert_string_equal(seen.ptr, bad[i].seen);
	}
}

static void test_listing_limit(void **state)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str seen CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	str_adds(&text, "{\"l\":[]");
	for (int i = 0; i < 100; i++)
		str_addf(&text, ",\"k%d\":%d", i, i);
	str_addc(&text, '}');
	assert_fails(read_listing(text.ptr, &seen, &err), &err, ERR_FORMAT,
		     "too many keys");
}

int run_json_reader_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_many_values),
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_listing_limit),
	};

	return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
