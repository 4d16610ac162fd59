#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "base/str.h"
#include "fetch/endpoint.h"
#include "fetch/hub.h"

#include <string.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define GIT    "9ad7b74e4cba7355811a595a2e179963435b6384"
#define SHA    "b80935b80935b80935b80935b80935b80935b80935b80935b80935b80935b809"

static int parse(bool tree, const char *text, struct lock *l, struct error *err)
{
	struct lock_repo *repo = lock_add_repo(l);

	return tree ? hub_parse_tree(text, strlen(text), repo, NULL, err)
		    : hub_parse_info(text, strlen(text), true, NULL, repo, err);
}

static void assert_files(const struct lock_repo *r)
{
	char hex[DIGEST_HEX_MAX];

	assert_int_equal(r->file_count, 2);
	assert_string_equal(r->files[0].path, "config.json");
	assert_int_equal(r->files[0].size, 22);
	assert_string_equal(digest_hex(&r->files[0].etag, hex), GIT);
	assert_int_equal(r->files[0].sha256.alg, DIGEST_NONE);
	assert_string_equal(r->files[1].path, "sub/model.bin");
	assert_int_equal(r->files[1].size, 70000);
	assert_string_equal(digest_hex(&r->files[1].etag, hex), SHA);
	assert_true(digest_equal(&r->files[1].etag, &r->files[1].sha256));
}

static void good(void **state)
{
	struct error err = { .code = ERR_NONE };
	struct lock l CLEANUP(lock_release) = { 0 };

	(void)state;
	assert_ok(parse(true,
			"[{\"type\":\"directory\",\"oid\":\"4b82\",\"size\":0,"
			"\"path\":\"sub\"},"
			"{\"type\":\"file\",\"oid\":\"" GIT
			"\",\"size\":22,\"path\":\"config.json\",\"lfs\":null},"
			"{\"type\":\"file\",\"oid\":\"" GIT
			"\",\"size\":70000,\"path\":\"sub/model.bin\","
			"\"lfs\":{\"oid\":\"" SHA
			"\",\"size\":70000,\"pointerSize\":130},\"xetHash\":"
			"\"x\"}]",
			&l, &err),
		  &err);
	assert_files(&l.repos[0]);
	assert_ok(parse(false,
			"{\"_id\":\"65a0\",\"sha\":\"" COMMIT
			"\",\"tags\":[\"a\"],\"siblings\":["
			"{\"rfilename\":\"config.json\",\"size\":22,\"blobId\":"
			"\"" GIT
			"\"},{\"rfilename\":\"sub/model.bin\",\"size\":70000,"
			"\"blobId\":\"" GIT "\",\"lfs\":{\"sha256\":\"" SHA
			"\",\"size\":70000}}]}",
			&l, &err),
		  &err);
	assert_files(&l.repos[1]);
	assert_string_equal(l.repos[1].commit, COMMIT);
}

static void bad_trees(void **state)
{
#define FILE(rest) "[{\"type\":\"file\"," rest "}]"
	static const struct {
		const char *text;
		enum err_code code;
		const char *words;
	} table[] = {
		{ "", ERR_FORMAT, "" },
		{ "{}", ERR_FORMAT, "" },
		{ "[", ERR_FORMAT, "" },
		{ "[] x", ERR_FORMAT, "" },
		{ "[1]", ERR_FORMAT, "not an object" },
		{ "[{}]", ERR_FORMAT, "type" },
		{ FILE("\"size\":1,\"oid\":\"" GIT "\""), ERR_FORMAT, "path" },
		{ FILE("\"path\":\"../x\",\"size\":1,\"oid\":\"" GIT "\""),
		  ERR_UNSAFE, "" },
		{ FILE("\"path\":\"/etc/x\",\"size\":1,\"oid\":\"" GIT "\""),
		  ERR_UNSAFE, "" },
		{ FILE("\"path\":\"a\\u0000b\",\"size\":1,\"oid\":\"" GIT "\""),
		  ERR_FORMAT, "" },
		{ FILE("\"path\":\"a\",\"oid\":\"" GIT "\""), ERR_FORMAT,
		  "size" },
		{ FILE("\"path\":\"a\",\"size\":-1,\"oid\":\"" GIT "\""),
		  ERR_FORMAT, "size" },
		{ FILE("\"path\":\"a\",\"size\":1.5,\"oid\":\"" GIT "\""),
		  ERR_FORMAT, "size" },
		{ FILE("\"path\":\"a\",\"size\":1e300,\"oid\":\"" GIT "\""),
		  ERR_FORMAT, "size" },
		{ FILE("\"path\":\"a\",\"size\":1"), ERR_FORMAT, "oid" },
		{ FILE("\"path\":\"a\",\"size\":1,\"oid\":\"" SHA "\""),
		  ERR_FORMAT, "git SHA-1" },
		{ FILE("\"path\":\"a\",\"size\":1,\"oid\":\"../../x\""),
		  ERR_FORMAT, "git SHA-1" },
		{ FILE("\"path\":\"a\",\"size\":1,\"oid\":\"" GIT
		       "\",\"lfs\":{\"oid\":\"" GIT "\",\"size\":1}"),
		  ERR_FORMAT, "SHA-256" },
		{ FILE("\"path\":\"a\",\"size\":1,\"oid\":\"" GIT
		       "\",\"lfs\":{\"oid\":\"" SHA "\",\"size\":2}"),
		  ERR_FORMAT, "size is 2, not 1" },
		{ FILE("\"path\":\"a\",\"size\":1,\"oid\":\"" GIT
		       "\",\"lfs\":{\"size\":1}"),
		  ERR_FORMAT, "oid" },
	};
	struct error err = { .code = ERR_NONE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct lock l CLEANUP(lock_release) = { 0 };

		assert_fails(parse(true, table[i].text, &l, &err), &err,
			     table[i].code, table[i].words);
	}
}

static void bad_infos(void **state)
{
	static const struct {
		const char *text, *words;
	} table[] = {
		{ "[]", "" },
		{ "{}", "sha is missing" },
		{ "{\"sha\":\"main\",\"siblings\":[]}", "not a commit" },
		{ "{\"sha\":7,\"siblings\":[]}", "not a commit" },
		{ "{\"sha\":\"" COMMIT "\"}", "siblings is missing" },
		{ "{\"sha\":\"" COMMIT "\",\"sha\":\"" COMMIT "\"}", "twice" },
		{ "{\"sha\":\"" COMMIT "\",\"siblings\":{}}", "" },
		{ "{\"sha\":\"" COMMIT
		  "\",\"siblings\":[{\"rfilename\":\"a\"}]}",
		  "size" },
		{ "{\"sha\":\"" COMMIT "\",\"siblings\":[]}]", "" },
	};
	struct error err = { .code = ERR_NONE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct lock l CLEANUP(lock_release) = { 0 };

		assert_fails(parse(false, table[i].text, &l, &err), &err,
			     ERR_FORMAT, table[i].words);
	}
}

static void too_many(void **state)
{
	struct error err = { .code = ERR_NONE };
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;

	(void)state;
	str_addc(&text, '[');
	for (unsigned i = 0; i <= LOCK_MAX_FILES; i++)
		str_addf(&text,
			 "%s{\"type\":\"file\",\"path\":\"%u\",\"size\":1,"
			 "\"oid\":\"" GIT "\"}",
			 i ? "," : "", i);
	str_addc(&text, ']');
	assert_fails(parse(true, text.ptr, &l, &err), &err, ERR_FORMAT,
		     "more than 100000 files");
}

static void rehosting(void **state)
{
	static const struct {
		const char *endpoint, *link, *url; /* NULL: refused */
	} table[] = {
		{ "https://m",
		  "https://huggingface.co/api/models/a/tree/c?cursor=x",
		  "https://m/api/models/a/tree/c?cursor=x" },
		{ "https://m/csg", "https://huggingface.co/api/x",
		  "https://m/csg/api/x" },
		{ "https://m/csg", "https://m/csg/api/x",
		  "https://m/csg/api/x" },
		{ "http://127.0.0.1:8/https://huggingface.co",
		  "https://huggingface.co/api/x",
		  "http://127.0.0.1:8/https://huggingface.co/api/x" },
		{ "https://m", "/api/models/a?cursor=1",
		  "https://m/api/models/a?cursor=1" },
		{ "https://m", "https://u:p@evil/api/x", "https://m/api/x" },
		{ "https://m", "https://m/other/x", NULL },
		{ "https://m", "https://m", NULL },
		{ "https://m", "", NULL },
		{ "https://m", "https://m/api", NULL },
		{ "https://m", "https://m/api/../admin", NULL },
		{ "https://m", "https://m/api/a b", NULL },
		{ "https://m", "https://m/api/a\r\nX: y", NULL },
		{ "https://m", "https://m/api/x#y", NULL },
		{ "https://m", "//evil/api/x", NULL },
		{ "https://m", "api/x", NULL },
	};
	struct error err = { .code = ERR_NONE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct hub h CLEANUP(hub_release) = { 0 };
		char *url CLEANUP(free_ptr) = NULL;
		int rc;

		assert_ok(hub_add_endpoint(&h, table[i].endpoint, false, &err),
			  &err);
		rc = hub_rehost(&h.endpoints[0], table[i].link, &url, &err);
		if (table[i].url) {
			assert_ok(rc, &err);
			assert_string_equal(url, table[i].url);
		} else {
			assert_fails(rc, &err, ERR_FORMAT, "next page");
		}
	}
}

static void endpoints(void **state)
{
	static const struct {
		const char *url;
		bool named;
		const char *kept, *origin;
		bool token;
	} table[] = {
		{ "https://huggingface.co", false, "https://huggingface.co",
		  "https://huggingface.co", true },
		{ "https://HuggingFace.co/", false, "https://HuggingFace.co",
		  "https://huggingface.co", true },
		{ "http://huggingface.co", false, "http://huggingface.co",
		  "http://huggingface.co", false },
		{ "https://huggingface.co:444", false,
		  "https://huggingface.co:444", "https://huggingface.co:444",
		  false },
		{ "https://hf-mirror.com//", false, "https://hf-mirror.com",
		  "https://hf-mirror.com", false },
		{ "https://hf-mirror.com", true, "https://hf-mirror.com",
		  "https://hf-mirror.com", true },
		{ "https://huggingface.co.evil/csg/", false,
		  "https://huggingface.co.evil/csg",
		  "https://huggingface.co.evil", false },
	};
	struct error err = { .code = ERR_NONE };
	struct hub h CLEANUP(hub_release) = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct hub one CLEANUP(hub_release) = { 0 };

		assert_ok(hub_add_endpoint(&one, table[i].url, table[i].named,
					   &err),
			  &err);
		assert_string_equal(one.endpoints[0].url, table[i].kept);
		assert_string_equal(one.endpoints[0].origin, table[i].origin);
		assert_int_equal(one.endpoints[0].send_token, table[i].token);
	}
	assert_fails(hub_add_endpoint(&h, "huggingface.co", false, &err), &err,
		     ERR_USAGE, "not a http");
	assert_fails(hub_add_endpoint(&h, "https://h/?x=1", false, &err), &err,
		     ERR_USAGE, "query");
	for (unsigned i = 0; i < HUB_MAX_ENDPOINTS; i++) {
		char *url CLEANUP(free_ptr) = xasprintf("http://h%u", i);

		assert_ok(hub_add_endpoint(&h, url, false, &err), &err);
	}
	assert_ok(hub_add_endpoint(&h, "http://h0/", false, &err), &err);
	assert_int_equal(h.count, HUB_MAX_ENDPOINTS);
	assert_fails(hub_add_endpoint(&h, "http://h", false, &err), &err,
		     ERR_USAGE, "more than");
}

/* One that is there already, however it is written; or another. */
static void endpoints_twice(void **state)
{
	static const struct {
		const char *url;
		bool same;
	} table[] = {
		{ "https://hub.example", true },
		{ "https://hub.example//", true },
		{ "HTTPS://Hub.Example:443/", true },
		{ "huggingface=https://hub.example", true },
		{ "http://hub.example", false },
		{ "https://hub.example:8443", false },
		{ "https://hub.example./", false },
		{ "https://hub.example/hf", false },
		{ "https://anna:s3cret@hub.example", false },
		{ "modelscope=https://hub.example", false },
	};
	struct error err = { .code = ERR_NONE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct hub h CLEANUP(hub_release) = { 0 };

		assert_ok(hub_add_endpoint(&h, "https://hub.example/", false,
					   &err),
			  &err);
		assert_ok(hub_add_endpoint(&h, table[i].url, true, &err), &err);
		assert_int_equal(h.count, table[i].same ? 1 : 2);
		assert_int_equal(h.endpoints[0].send_token, table[i].same);
	}
}

/* What messages call an endpoint: one host may have several. */
static void endpoint_names(void **state)
{
	static const struct {
		const char *url, *name;
	} table[] = {
		{ "https://HuggingFace.co:443/", "https://huggingface.co" },
		{ "https://hub.opencsg.com/csg/",
		  "https://hub.opencsg.com/csg" },
		{ "https://anna:s3cret@h:8443/hf//", "https://h:8443/hf" },
		{ "http://127.0.0.1:8082/https://huggingface.co",
		  "http://127.0.0.1:8082/https://huggingface.co" },
		{ "modelscope=https://h/ms", "https://h/ms" },
	};
	struct error err = { .code = ERR_NONE };
	struct hub h CLEANUP(hub_release) = { 0 };
	char longest[600] = "https://h/";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_ok(hub_add_endpoint(&h, table[i].url, false, &err),
			  &err);
		assert_string_equal(h.endpoints[i].name, table[i].name);
	}
	memset(longest + 10, 'x', sizeof(longest) - 11);
	longest[512] = '\0';
	assert_ok(hub_add_endpoint(&h, longest, false, &err), &err);
	longest[512] = 'x';
	assert_fails(hub_add_endpoint(&h, longest, false, &err), &err,
		     ERR_USAGE, "more than 512 bytes");
}

/* Of the line, without a name; not what is our own fault. */
static void blamed(void **state)
{
	static const struct {
		enum err_code code;
		const char *before, *after;
	} table[] = {
		{ ERR_NET, "http://cdn: cut off",
		  "http://h/csg: http://cdn: cut off" },
		{ ERR_NET, "http://h: cut off",
		  "http://h/csg: http://h: cut off" },
		{ ERR_HTTP, "http://h/csg: it is away",
		  "http://h/csg: it is away" },
		{ ERR_IO, "/store: no room", "/store: no room" },
		{ ERR_NONE, "", "" },
	};
	struct error err = { .code = ERR_NONE };
	struct hub h CLEANUP(hub_release) = { 0 };

	(void)state;
	assert_ok(hub_add_endpoint(&h, "http://h/csg", false, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		err = (struct error){ .code = ERR_NONE };
		if (table[i].code != ERR_NONE)
			err_set(&err, table[i].code, "%s", table[i].before);
		endpoint_blame(&h.endpoints[0], &err);
		assert_string_equal(err.msg, table[i].after);
	}
}

static void resolve_urls(void **state)
{
	static const struct {
		enum repo_type type;
		const char *path, *url;
	} table[] = {
		{ REPO_MODEL, "config.json",
		  "https://m/p/org/name/resolve/" COMMIT "/config.json" },
		{ REPO_DATASET, "a b/c+d%.txt",
		  "https://m/p/datasets/org/name/resolve/" COMMIT
		  "/a%20b/c%2Bd%25.txt" },
		{ REPO_SPACE, "\xc3\xbc?#",
		  "https://m/p/spaces/org/name/resolve/" COMMIT
		  "/%C3%BC%3F%23" },
	};
	struct error err = { .code = ERR_NONE };
	struct hub h CLEANUP(hub_release) = { 0 };

	(void)state;
	assert_ok(hub_add_endpoint(&h, "https://m/p/", false, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char *url CLEANUP(free_ptr) = hub_resolve_url(
			&h.endpoints[0], table[i].type, "org/name", COMMIT,
			table[i].path);

		assert_string_equal(url, table[i].url);
	}
}

int run_hub_parse_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad_trees),
		cmocka_unit_test(bad_infos),
		cmocka_unit_test(too_many),
		cmocka_unit_test(rehosting),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(endpoints_twice),
		cmocka_unit_test(endpoint_names),
		cmocka_unit_test(blamed),
		cmocka_unit_test(resolve_urls),
	};

	return cmocka_run_group_tests_name("hub_parse", tests, NULL, NULL);
}
