#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "base/str.h"
#include "fetch/endpoint.h"
#include "fetch/lfs.h"

#include <string.h>

#define SHA   "ea9c2815ecc3874577c7ac158b97248c027250e5b05972fbbb1216b6d6539081"
#define OTHER "0a9c2815ecc3874577c7ac158b97248c027250e5b05972fbbb1216b6d6539081"
#define V1    "version https://git-lfs.github.com/spec/v1\n"
#define OID   "oid sha256:" SHA "\n"

static void test_pointer(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} table[] = {
		{ V1 OID "size 3427000000\n", true },
		{ V1 OID "size 0\n", true },
		{ "version https://hawser.github.com/spec/v1\n" OID "size 1\n",
		  true },
		{ V1 OID "size 1", false },
		{ V1 OID "size 01\n", false },
		{ V1 OID "size -1\n", false },
		{ V1 OID "size 99999999999999999\n", false },
		{ V1 OID "size 1\nx y\n", false },
		{ V1 "ext-0-x sha256:" SHA "\n" OID "size 1\n", false },
		{ V1 "size 1\n" OID, false },
		{ OID "size 1\n", false },
		{ "version https://example.com/\n" OID "size 1\n", false },
		{ V1 "oid sha1:" SHA "\nsize 1\n", false },
		{ "", false },
		{ "{}\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct digest d;
		uint64_t size;

		assert_int_equal(lfs_parse_pointer(table[i].text,
						   strlen(table[i].text), &d,
						   &size),
				 table[i].good);
	}
}

static int parse(const char *text, struct lfs_answer *a, struct error *err)
{
	return lfs_parse_batch(text, strlen(text), a, err);
}

#define ONE(more) "{\"objects\":[{\"oid\":\"" SHA "\",\"size\":5," more "}]}"
#define GET(more) ONE("\"actions\":{\"download\":{" more "}}")

static void test_batch(void **state)
{
	struct lfs_answer a CLEANUP(lfs_answer_release) = { 0 };
	struct error err = { .code = ERR_NONE };

	(void)state;
	assert_ok(parse(GET("\"href\":\"https://c/x?s=1\",\"header\":{"
			    "\"Authorization\":\"Basic eA==\",\"Host\":\"h\"}"),
			&a, &err),
		  &err);
	assert_int_equal(a.count, 1);
	assert_string_equal(a.objects[0].url, "https://c/x?s=1");
	assert_int_equal(a.objects[0].lines.count, 1);
	assert_string_equal(a.objects[0].lines.items[0],
			    "Authorization: Basic eA==");
}

static void test_object_error(void **state)
{
	struct lfs_answer a CLEANUP(lfs_answer_release) = { 0 };
	struct error err = { .code = ERR_NONE };

	(void)state;
	assert_ok(parse(ONE("\"error\":{\"code\":404,\"message\":\"gone\"}"),
			&a, &err),
		  &err);
	assert_string_equal(a.objects[0].error, "gone");
	assert_null(a.objects[0].url);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
	} table[] = {
		{ "<html>", ERR_FORMAT },
		{ "{}", ERR_FORMAT },
		{ "{\"transfer\":\"xet\",\"objects\":[]}", ERR_FORMAT },
		{ "{\"objects\":[1]}", ERR_FORMAT },
		{ "{\"objects\":[{\"oid\":\"x\"}]}", ERR_FORMAT },
		{ ONE("\"actions\":{}"), ERR_FORMAT },
		{ GET("\"href\":\"file:///etc/passwd\""), ERR_UNSAFE },
		{ GET("\"href\":\"https://a/\\r\\nX: y\""), ERR_UNSAFE },
		{ GET("\"href\":\"https://a\",\"header\":{\"A\":\"b\\r\\nC: "
		      "d\"}"),
		  ERR_UNSAFE },
		{ GET("\"href\":\"https://a\",\"header\":{\"A b\":\"c\"}"),
		  ERR_UNSAFE },
		{ GET("\"href\":\"https://a\",\"header\":{\"A\":1}"),
		  ERR_UNSAFE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct lfs_answer a CLEANUP(lfs_answer_release) = { 0 };
		struct error err = { .code = ERR_NONE };

		assert_fails(parse(table[i].text, &a, &err), &err,
			     table[i].code, "");
	}
}

/* A link takes the new URL of the same object at the same host, and nothing else. */
static void test_take_link(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *words;
	} rows[] = {
		{ GET("\"href\":\"https://b/x?s=2\""), ERR_NET,
		  "it has moved from https://a to https://b; run" },
		{ GET("\"href\":\"https://a:444/x\""), ERR_NET, "moved" },
		{ ONE("\"error\":{\"message\":\"gone\"}"), ERR_NOT_FOUND,
		  "any more: gone" },
		{ "{\"objects\":[]}", ERR_NOT_FOUND, "no answer for it" },
		{ "{\"objects\":[{\"oid\":\"" OTHER "\",\"actions\":{"
		  "\"download\":{\"href\":\"https://a/x\"}}}]}",
		  ERR_NOT_FOUND, "no answer for it" },
		{ "no", ERR_FORMAT, "answer of Git LFS" },
	};
	static const char good[] = GET("\"href\":\"https://a/x?s=2\","
				       "\"header\":{\"K\":\"new\"}");
	struct hub hub CLEANUP(hub_release) = { .count = 0 };
	struct hub_link first = { .url = xstrdup("https://a/x?s=1") }, *l;
	struct error err = { .code = ERR_NONE };

	(void)state;
	assert_true(digest_from_hex(&first.sha256, SHA));
	strlist_add(&first.lines, "K: old");
	assert_ok(endpoint_add_link(&hub, &first, &err), &err);
	l = &hub.links[0];
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_fails(lfs_take_link(l, rows[i].text,
					   strlen(rows[i].text), &err),
			     &err, rows[i].code, rows[i].words);
		assert_string_equal(l->url, "https://a/x?s=1");
		assert_string_equal(l->lines.items[0], "K: old");
		assert_int_equal(l->turn, 0);
	}
	assert_ok(lfs_take_link(l, good, strlen(good), &err), &err);
	assert_string_equal(l->url, "https://a/x?s=2");
	assert_int_equal(l->lines.count, 1);
	assert_string_equal(l->lines.items[0], "K: new");
	assert_int_equal(l->turn, 1);
}

int run_lfs_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pointer),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_object_error),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_take_link),
	};

	return cmocka_run_group_tests_name("lfs", tests, NULL, NULL);
}
