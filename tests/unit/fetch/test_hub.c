#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "fetch/endpoint.h"
#include "tests/unit/fetch/fake_hub.h"

#include <stdio.h>
#include <string.h>

static const struct fake_file files[] = {
	{ "z.txt", "zzz", 3, false },
	{ "a/model.bin", "weights", 7, true },
	{ "config.json", "{}", 2, false },
	{ "empty", "", 0, false },
	{ "b", "b", 1, false },
};

#define HONEST                                                           \
	{                                                                \
		.id = "org/name", .commit = FAKE_COMMIT, .files = files, \
		.count = ARRAY_LEN(files)                                \
	}

static int list(struct fake_hub *f, const char *revision, struct lock *l,
		struct error *err)
{
	struct http_config cfg = { .max_connections = 2 };
	struct http *http CLEANUP(http_close) = NULL;
	struct hub h CLEANUP(hub_release) = { .max_attempts = 2,
					      .token = "hf_canary" };
	char *url CLEANUP(free_ptr) = NULL;
	struct lock_repo *repo;

	fake_start(f);
	url = server_url(f->front, "");
	assert_ok(http_open(&http, &cfg, NULL, err), err);
	h.http = http;
	assert_ok(hub_add_endpoint(&h, url, true, err), err);
	repo = lock_add_repo(l);
	repo->id = xstrdup(f->id);
	return endpoint_list(&h, &h.endpoints[0], revision, repo, err);
}

static void assert_listed(const struct lock *l)
{
	static const char *const paths[] = { "a/model.bin", "b", "config.json",
					     "empty", "z.txt" };
	const struct lock_repo *r = &l->repos[0];

	assert_string_equal(r->commit, FAKE_COMMIT);
	assert_int_equal(r->file_count, ARRAY_LEN(paths));
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_string_equal(r->files[i].path, paths[i]);
	assert_int_equal(r->files[0].etag.alg, DIGEST_SHA256);
	assert_int_equal(r->files[1].etag.alg, DIGEST_GIT_SHA1);
}

static void whole(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct fake_hub f = HONEST;

	(void)state;
	assert_ok(list(&f, "refs/pr/1", &l, &err), &err);
	assert_listed(&l);
	assert_int_equal(
		server_saw(f.front,
			   "GET /api/models/org/name/revision/refs%2Fpr%2F1 "),
		1);
	/* the commit, never the branch, once it is known */
	assert_int_equal(server_saw(f.front, "/tree/" FAKE_COMMIT), 1);
	assert_int_equal(server_saw(f.front, "Bearer hf_canary"), 2);
	fake_stop(&f);
}

/* Pages whose Link names the real Hub are asked from our endpoint. */
static void pages(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct fake_hub f = HONEST;

	(void)state;
	f.page = 2;
	f.link_host = "https://huggingface.co";
	assert_ok(list(&f, "main", &l, &err), &err);
	assert_listed(&l);
	assert_int_equal(server_saw(f.front, "/tree/"), 3);
	fake_stop(&f);
}

static void without_tree(void **state)
{
	(void)state;
	for (int web_page = 0; web_page < 2; web_page++) {
		struct lock l CLEANUP(lock_release) = { 0 };
		struct error err = { .code = ERR_NONE };
		struct fake_hub f = HONEST;

		f.no_tree = !web_page;
		f.web_page = web_page;
		assert_ok(list(&f, "main", &l, &err), &err);
		assert_listed(&l);
		assert_int_equal(server_saw(f.front, "?blobs=true"), 1);
		fake_stop(&f);
	}
}

static bool endless_pages(struct fake_hub *h, const struct exchange *x,
			  bool *keep)
{
	char link[256];

	(void)keep;
	if (!strstr(x->path, "/tree/"))
		return false;
	snprintf(link, sizeof(link),
		 "Link: </api/models/%s/tree/%s?cursor=%u>; rel=\"next\"\r\n",
		 h->id, h->commit, ++h->number);
	return answer(x, "200 OK", link, "[]", 2);
}

static bool evil_link(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)h;
	(void)keep;
	return strstr(x->path, "/tree/") &&
	       answer(x, "200 OK",
		      "Link: <https://evil.invalid/steal>; rel=\"next\"\r\n",
		      "[]", 2);
}

static bool busy_once(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)keep;
	return h->number++ == 0 &&
	       answer(x, "429 Slow Down", "Retry-After: 0\r\n", "", 0);
}

static bool always_503(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)h;
	(void)keep;
	return answer(x, "503 No", "Retry-After: 0\r\n", "", 0);
}

static bool login_page(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)h;
	(void)keep;
	return answer(x, "200 OK", "Content-Type: text/html\r\n",
		      "<html>log in</html>", 19);
}

static bool gated(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)h;
	(void)keep;
	return answer(x, "403 Forbidden", "X-Error-Code: GatedRepo\r\n", "", 0);
}

static void faults(void **state)
{
	static const struct {
		bool (*fault)(struct fake_hub *h, const struct exchange *x,
			      bool *keep);
		const char *revision;
		enum err_code code;
		const char *words;
		unsigned requests;
	} table[] = {
		{ endless_pages, "main", ERR_FORMAT, "no end", 0 },
		{ evil_link, "main", ERR_FORMAT, "not the Hub API", 2 },
		{ always_503, "main", ERR_HTTP, "server has a fault", 2 },
		{ login_page, "main", ERR_HTTP, "web page", 1 },
		{ gated, "main", ERR_AUTH, "accept the conditions", 1 },
		{ NULL, "gone", ERR_NOT_FOUND, "org/name@gone", 1 },
		{ NULL, "ffffffffffffffffffffffffffffffffffffffff",
		  ERR_INTEGRITY, "asked for commit ffff", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct lock l CLEANUP(lock_release) = { 0 };
		struct error err = { .code = ERR_NONE };
		struct fake_hub f = HONEST;

		f.fault = table[i].fault;
		assert_fails(list(&f, table[i].revision, &l, &err), &err,
			     table[i].code, table[i].words);
		if (table[i].requests)
			assert_int_equal(server_saw(f.front, ""),
					 table[i].requests);
		fake_stop(&f);
	}
}

static void rate_limited_once(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct fake_hub f = HONEST;

	(void)state;
	f.fault = busy_once;
	assert_ok(list(&f, "main", &l, &err), &err);
	assert_listed(&l);
	fake_stop(&f);
}

static void duplicate_path(void **state)
{
	static const struct fake_file twice[] = { { "a", "1", 1, false },
						  { "b", "2", 1, false },
						  { "a", "3", 1, false } };
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct fake_hub f = HONEST;

	(void)state;
	f.files = twice;
	f.count = ARRAY_LEN(twice);
	f.page = 1;
	assert_fails(list(&f, "main", &l, &err), &err, ERR_FORMAT, "a twice");
	fake_stop(&f);
}

int run_hub_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(pages),
		cmocka_unit_test(without_tree),
		cmocka_unit_test(faults),
		cmocka_unit_test(rate_limited_once),
		cmocka_unit_test(duplicate_path),
	};

	return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
