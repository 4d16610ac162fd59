#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "base/str.h"
#include "fetch/modelscope.h"

#include <string.h>

#define SHA	 "ea9c2815ecc3874577c7ac158b97248c027250e5b05972fbbb1216b6d6539081"
#define COMMIT	 "0123456789abcdef0123456789abcdef01234567"
#define OK(data) "{\"Code\":200,\"Success\":true,\"Data\":" data "}"
#define ROW(path, size, more)                                      \
	"{\"Type\":\"blob\",\"Path\":\"" path "\",\"Size\":" #size \
	",\"Sha256\":\"" SHA "\"" more "}"

static int parse(const char *text, struct lock *l, size_t *rows,
		 struct error *err)
{
	return modelscope_parse_files(text, strlen(text), lock_add_repo(l),
				      rows, err);
}

static void test_files(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	const struct lock_file *f;
	size_t rows;

	(void)state;
	assert_ok(parse("{\"Data\":{\"x\":[1],\"Files\":["
			"{\"Type\":\"tree\",\"Path\":\"d\",\"Size\":0}," ROW(
				"d/a", 7,
				",\"IsLfs\":true") "," ROW("b", 8,
							   "") "]},"
							       "\"Code\":200,"
							       "\"Success\":"
							       "true,"
							       "\"Message\":"
							       "\"success\"}",
			&l, &rows, &err),
		  &err);
	f = l.repos[0].files;
	assert_int_equal(rows, 3);
	assert_int_equal(l.repos[0].file_count, 2);
	assert_string_equal(f[0].path, "d/a");
	assert_int_equal(f[0].size, 7);
	assert_true(digest_equal(&f[0].etag, &f[0].sha256));
	assert_int_equal(f[1].sha256.alg, DIGEST_SHA256);
	assert_int_equal(f[1].etag.alg, DIGEST_NONE);
}

static void test_no_files(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	size_t rows;

	(void)state;
	assert_ok(parse(OK("{\"Files\":null}"), &l, &rows, &err), &err);
	assert_int_equal(rows, 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *words;
	} table[] = {
		{ "{\"Code\":10010205001,\"Success\":false,\"Message\":"
		  "\"gone\","
		  "\"Data\":null}",
		  ERR_NOT_FOUND, "the server says: gone" },
		{ "{\"Code\":200,\"Success\":false,\"Data\":\"\"}",
		  ERR_NOT_FOUND, "no success" },
		{ "{\"Code\":500,\"Success\":true,\"Data\":{\"Files\":[]}}",
		  ERR_NOT_FOUND, "no success" },
		{ "{\"Code\":2000,\"Success\":true,\"Data\":{\"Files\":[]}}",
		  ERR_NOT_FOUND, "no success" },
		{ OK("{}"), ERR_FORMAT, "Files is missing" },
		{ OK("{\"Files\":[],\"Files\":[]}"), ERR_FORMAT, "twice" },
		{ OK("{\"Files\":[1]}"), ERR_FORMAT, "not an object" },
		{ OK("{\"Files\":[" ROW("../a", 1, "") "]}"), ERR_UNSAFE,
		  ".." },
		{ OK("{\"Files\":[" ROW("a", -1, "") "]}"), ERR_FORMAT,
		  "Size" },
		{ OK("{\"Files\":[" ROW("a", 1, ",\"IsLFS\":7") "]}"),
		  ERR_FORMAT, "IsLFS" },
		{ OK("{\"Files\":[{\"Type\":\"blob\",\"Path\":\"a\","
		     "\"Size\":1}]}"),
		  ERR_FORMAT, "Sha256" },
		{ OK("{\"Files\":[{\"Type\":\"blob\",\"Path\":\"a\",\"Size\":1,"
		     "\"Sha256\":\"" COMMIT "\"}]}"),
		  ERR_FORMAT, "Sha256" },
		{ "<html>", ERR_FORMAT, "" },
		{ OK("{\"Files\":[]}") "x", ERR_FORMAT, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct lock l CLEANUP(lock_release) = { 0 };
		struct error err = { .code = ERR_NONE };
		size_t rows;
		int rc = parse(table[i].text, &l, &rows, &err);

		assert_fails(rc, &err, table[i].code, table[i].words);
	}
}

static void test_commit(void **state)
{
	static const struct {
		const char *text, *words; /* NULL: it is COMMIT */
	} table[] = {
		{ OK("{\"Commit\":[{\"Id\":\"" COMMIT "\"},{\"Id\":\"x\"}],"
		     "\"TotalCount\":2}"),
		  NULL },
		{ OK("{\"Commit\":[]}"), "there is no commit" },
		{ OK("{\"Commit\":null}"), "there is no commit" },
		{ OK("{\"Commit\":[{\"Id\":\"master\"}]}"), "not a commit id" },
		{ OK("{}"), "Commit is missing" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct error err = { .code = ERR_NONE };
		char commit[41];
		int rc = modelscope_parse_commit(
			table[i].text, strlen(table[i].text), commit, &err);

		if (table[i].words) {
			assert_fails(rc, &err, ERR_FORMAT, table[i].words);
			continue;
		}
		assert_ok(rc, &err);
		assert_string_equal(commit, COMMIT);
	}
}

int run_modelscope_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_commit),
	};

	return cmocka_run_group_tests_name("modelscope", tests, NULL, NULL);
}
