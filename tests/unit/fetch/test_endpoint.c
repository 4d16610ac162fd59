#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "base/str.h"
#include "fetch/endpoint.h"

#include <string.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER  "89abcdef0123456789abcdef0123456789abcdef"

static void test_kinds(void **state)
{
	static const struct {
		const char *url;
		enum endpoint_kind kind;
		bool named, send;
		const char *token; /* that it may have */
	} table[] = {
		{ "https://huggingface.co", ENDPOINT_HUGGINGFACE, false, true,
		  "hf" },
		{ "https://hf-mirror.com", ENDPOINT_HUGGINGFACE, false, false,
		  NULL },
		{ "https://hf-mirror.com", ENDPOINT_HUGGINGFACE, true, true,
		  "hf" },
		{ "http://huggingface.co", ENDPOINT_HUGGINGFACE, false, false,
		  NULL },
		{ "https://modelscope.cn", ENDPOINT_MODELSCOPE, false, true,
		  "ms" },
		{ "https://www.modelscope.cn/", ENDPOINT_MODELSCOPE, false,
		  true, "ms" },
		{ "https://www.modelscope.ai", ENDPOINT_MODELSCOPE, false, true,
		  "ms" },
		{ "http://modelscope.cn", ENDPOINT_MODELSCOPE, false, false,
		  NULL },
		{ "https://x.modelscope.cn", ENDPOINT_MODELSCOPE, false, false,
		  NULL },
		{ "https://evilmodelscope.cn", ENDPOINT_HUGGINGFACE, false,
		  false, NULL },
		{ "modelscope=https://m/p", ENDPOINT_MODELSCOPE, false, false,
		  NULL },
		{ "modelscope=https://m/p", ENDPOINT_MODELSCOPE, true, true,
		  "ms" },
		{ "modelscope=https://huggingface.co", ENDPOINT_MODELSCOPE,
		  false, false, NULL },
		{ "huggingface=https://modelscope.cn", ENDPOINT_HUGGINGFACE,
		  false, false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct hub h CLEANUP(hub_release) = {
			.token = "hf", .modelscope_token = "ms"
		};
		struct error err = { .code = ERR_NONE };
		const char *token;

		assert_ok(hub_add_endpoint(&h, table[i].url, table[i].named,
					   &err),
			  &err);
		assert_int_equal(h.endpoints[0].kind, table[i].kind);
		assert_int_equal(h.endpoints[0].send_token, table[i].send);
		token = endpoint_token(&h, &h.endpoints[0]);
		assert_true(token ? table[i].token &&
					    strcmp(token, table[i].token) == 0
				  : !table[i].token);
	}
}

static void test_keep_only(void **state)
{
	static const char *const urls[] = { "https://a.org/hf",
					    "https://a.org:8443",
					    "modelscope=http://b.org",
					    "https://a.organic" };
	static const struct {
		const char *names[3];
		const char *kept; /* indexes; NULL: an error */
	} table[] = {
		{ { NULL }, "0123" },
		{ { "a.org" }, "01" },
		{ { "A.ORG" }, "01" },
		{ { "a.org:8443" }, "1" },
		{ { "https://a.org" }, "0" },
		{ { "https://a.org/hf/" }, "0" },
		{ { "https://A.org:443/hf" }, "0" },
		{ { "https://me:word@a.org/hf" }, "0" },
		{ { "modelscope=http://b.org" }, "2" },
		{ { "a.organic", "b.org" }, "23" },
		{ { "https://a.org/h" }, NULL },
		{ { "http://a.org" }, NULL },
		{ { "a.or" }, NULL },
		{ { "b.org", "c.org" }, NULL },
		{ { "" }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct hub h CLEANUP(hub_release) = { 0 };
		struct strlist names CLEANUP(strlist_release) = { 0 };
		struct error err = { .code = ERR_NONE };
		int rc;

		for (size_t k = 0; k < ARRAY_LEN(urls); k++)
			assert_ok(hub_add_endpoint(&h, urls[k], false, &err),
				  &err);
		for (size_t k = 0; table[i].names[k]; k++)
			strlist_add(&names, table[i].names[k]);
		rc = endpoint_keep_only(&h, &names, &err);
		if (!table[i].kept) {
			assert_fails(rc, &err, ERR_USAGE, "none of the end");
			assert_int_equal(h.count, ARRAY_LEN(urls));
			continue;
		}
		assert_ok(rc, &err);
		assert_int_equal(h.count, strlen(table[i].kept));
		for (size_t k = 0; k < h.count; k++)
			assert_string_equal(
				h.endpoints[k].url,
				endpoint_bare_url(
					urls[table[i].kept[k] - '0']));
	}
}

static void test_bare_url(void **state)
{
	(void)state;
	assert_string_equal(endpoint_bare_url("modelscope=http://a=b"),
			    "http://a=b");
	assert_string_equal(endpoint_bare_url("https://a"), "https://a");
	assert_string_equal(endpoint_bare_url("x=https://a"), "x=https://a");
}

static void test_is(void **state)
{
	static const struct {
		const char *a, *b;
		bool is;
	} table[] = {
		{ "https://h", "https://h", true },
		{ "https://H:443//", "https://h", true },
		{ "http://h:80/p", "http://h/p/", true },
		{ "https://me:word@h", "https://h", true },
		{ "modelscope=https://h", "https://h", true },
		{ "https://h:444", "https://h", false },
		{ "http://h", "https://h", false },
		{ "https://h/p", "https://h/P", false },
		{ "https://h/p", "https://h", false },
		{ "h", "https://h", false },
		{ "h", "h", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(endpoint_is(table[i].a, table[i].b),
				 table[i].is);
		assert_int_equal(endpoint_is(table[i].b, table[i].a),
				 table[i].is);
	}
}

struct row {
	const char *endpoint;
	enum repo_type type;
	const char *mirror, *hub;
	bool lfs;
	const char *url;
	bool whole;
};

static const struct row files[] = {
	{ "https://h/p", REPO_MODEL, NULL, NULL, true,
	  "https://h/p/a/b/resolve/" COMMIT "/d/x%20%2By", false },
	/* the Hub does not know commits of ModelScope */
	{ "https://h/p", REPO_DATASET, NULL, "modelscope", false,
	  "https://h/p/datasets/a/b/resolve/v1/d/x%20%2By", false },
	{ "modelscope=https://m/q/", REPO_MODEL, NULL, NULL, true,
	  "https://m/q/models/a/b/resolve/master/d/x%20%2By", false },
	{ "modelscope=https://m", REPO_MODEL, NULL, NULL, false,
	  "https://m/api/v1/models/a/b/repo?Revision=master&FilePath="
	  "d%2Fx%20%2By",
	  true },
	{ "modelscope=https://m", REPO_MODEL, "c/d", NULL, true,
	  "https://m/models/c/d/resolve/master/d/x%20%2By", false },
	{ "modelscope=https://m", REPO_MODEL, "c/d@v2", NULL, true,
	  "https://m/models/c/d/resolve/v2/d/x%20%2By", false },
	{ "modelscope=https://m", REPO_DATASET, "c/d@v2", "modelscope", true,
	  "https://m/datasets/c/d/resolve/" COMMIT "/d/x%20%2By", false },
};

static void fill_lock(const struct row *row, struct lock *l)
{
	struct error err = { .code = ERR_NONE };
	struct lock_repo *r = lock_add_repo(l);
	struct lock_file *f;

	r->type = row->type;
	r->id = xstrdup("a/b");
	r->revision = xstrdup("v1");
	r->hub = row->hub ? xstrdup(row->hub) : NULL;
	memcpy(r->commit, COMMIT, sizeof(r->commit));
	if (row->mirror)
		assert_ok(mirrors_add(&r->mirrors, MIRROR_MODELSCOPE,
				      row->mirror, &err),
			  &err);
	f = lock_add_file(r, "d/x +y");
	f->etag.alg = row->lfs ? DIGEST_SHA256 : DIGEST_GIT_SHA1;
}

static void test_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct hub h CLEANUP(hub_release) = { 0 };
		struct lock l CLEANUP(lock_release) = { 0 };
		struct endpoint_file f CLEANUP(endpoint_file_release) = { 0 };
		struct error err = { .code = ERR_NONE };

		fill_lock(&files[i], &l);
		assert_ok(hub_add_endpoint(&h, files[i].endpoint, false, &err),
			  &err);
		assert_true(endpoint_has(&h, &h.endpoints[0], &l.repos[0],
					 &l.repos[0].files[0]));
		endpoint_file(&h, &h.endpoints[0], &l.repos[0],
			      &l.repos[0].files[0], &f);
		assert_string_equal(f.url, files[i].url);
		assert_int_equal(f.whole, files[i].whole);
	}
}

static void test_has(void **state)
{
	struct hub_endpoint hub = { .kind = ENDPOINT_HUGGINGFACE };
	struct hub_endpoint site = { .kind = ENDPOINT_MODELSCOPE };
	struct lock_repo space = { .type = REPO_SPACE };
	struct lock_repo git = { .git = (char[]){ "https://g/x.git" } };
	struct lock_file file = { .path = NULL };
	struct lock_file own = { .url = (char[]){ "https://f/x" } };
	struct hub h = { .http = NULL };

	(void)state;
	assert_true(endpoint_has(&h, &hub, &space, &file));
	assert_false(endpoint_has(&h, &hub, &git, &file));
	assert_false(endpoint_has(&h, &hub, &space, &own));
	assert_false(endpoint_has(&h, &site, &space, &file));
}

static void test_message(void **state)
{
	static const char refusal[] = "{\"Code\":10010205003,\"Message\":"
				      "\"no such file\",\"Success\":false}";
	struct hub_endpoint site = { .kind = ENDPOINT_MODELSCOPE };
	struct hub_endpoint hub = { .kind = ENDPOINT_HUGGINGFACE };
	char *text CLEANUP(free_ptr) = NULL;

	(void)state;
	text = endpoint_message(&site, refusal, strlen(refusal));
	assert_string_equal(text, "no such file");
	assert_null(endpoint_message(&hub, refusal, strlen(refusal)));
	assert_null(endpoint_message(&site, "{\"a\":1}", 7));
	assert_null(endpoint_message(&site, "[1", 2));
}

int run_endpoint_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_keep_only),
		cmocka_unit_test(test_bare_url),
		cmocka_unit_test(test_is),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
