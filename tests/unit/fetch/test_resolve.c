#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "base/str.h"
#include "fetch/resolve.h"
#include "tests/unit/fetch/fake_hub.h"

#include <stdlib.h>
#include <string.h>

#define OTHER_COMMIT "fedcba9876543210fedcba9876543210fedcba98"

static const struct fake_file files[] = {
	{ "README.md", "read me", 7, false },
	{ "config.json", "{}", 2, false },
	{ "sub/model.bin", "weights", 7, true },
	{ "extra.txt", "extra", 5, false },
};

struct fixture {
	char dir[TEMP_PATH_MAX];
	struct fake_hub a, b;
	struct hub hub;
	struct http *http;
	struct hfcache *store;
	struct lock lock;
	struct event_sink sink;
	struct strlist warnings;
	struct error err;
};

static void record(void *ctx, const struct event *ev)
{
	struct fixture *f = ctx;

	if (ev->type == EVENT_WARN)
		strlist_add(&f->warnings, ev->text);
}

static void add_endpoint(struct fixture *f, const char *url)
{
	assert_ok(hub_add_endpoint(&f->hub, url, false, &f->err), &f->err);
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct http_config cfg = { .user_agent = "itts-test" };
	char *url;

	*state = f;
	temp_dir(f->dir);
	f->a = (struct fake_hub){ .id = "org/name",
				  .commit = FAKE_COMMIT,
				  .files = files,
				  .count = ARRAY_LEN(files) };
	f->b = f->a;
	fake_start(&f->a);
	fake_start(&f->b);
	f->sink = (struct event_sink){ .fn = record, .ctx = f };
	assert_ok(hfcache_open(&f->store, f->dir, true, &f->err), &f->err);
	assert_ok(http_open(&f->http, &cfg, NULL, &f->err), &f->err);
	f->hub.http = f->http;
	f->hub.max_attempts = 1;
	url = server_url(f->a.front, "");
	add_endpoint(f, url);
	free(url);
	return 0;
}

static void add_second(struct fixture *f)
{
	char *url CLEANUP(free_ptr) = server_url(f->b.front, "");

	add_endpoint(f, url);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	hub_release(&f->hub);
	http_close(&f->http);
	hfcache_close(&f->store);
	lock_release(&f->lock);
	strlist_release(&f->warnings);
	fake_stop(&f->a);
	fake_stop(&f->b);
	temp_dir_end(f->dir);
	free(f);
	return 0;
}

/* model: members of the model beside its id */
static int resolve(struct fixture *f, const char *model)
{
	char *text CLEANUP(free_ptr) = xasprintf(
		"{\"format\":\"itts-manifest\",\"version\":1,\"name\":\"t\","
		"\"groups\":{\"more\":{\"default\":false,\"about\":\"x\"}},"
		"\"models\":[{\"id\":\"org/name\",%s}]}",
		model);
	struct manifest m CLEANUP(manifest_release) = { 0 };
	struct strlist groups CLEANUP(strlist_release) = { 0 };
	const struct resolve_options o = { .groups = &groups,
					   .jobs = 2,
					   .sink = &f->sink };

	assert_ok(manifest_parse(&m, text, strlen(text), &f->err), &f->err);
	lock_release(&f->lock);
	return resolve_manifest(&f->hub, f->store, &m, &o, &f->lock, &f->err);
}

static void good(void **state)
{
	struct fixture *f = *state;
	const struct lock_repo *r;
	struct digest d;

	assert_ok(resolve(f, "\"include\":[\"*.json\",\"sub/*\"],"
			     "\"license\":\"MIT\",\"notice\":\"n\","
			     "\"hub_view\":\"hf\","
			     "\"views\":[{\"files\":\"*\",\"to\":\"x/\"}]"),
		  &f->err);
	assert_int_equal(f->lock.repo_count, 1);
	r = &f->lock.repos[0];
	assert_string_equal(r->commit, FAKE_COMMIT);
	assert_string_equal(r->revision, "main");
	assert_string_equal(r->refs.items[0], "main");
	assert_string_equal(r->license, "MIT");
	assert_string_equal(r->notice, "n");
	assert_string_equal(r->hub_view, "hf");
	assert_false(r->complete);
	assert_int_equal(r->file_count, 2);
	assert_string_equal(r->files[0].path, "config.json");
	assert_string_equal(r->files[0].views[0], "x/config.json");
	assert_string_equal(r->files[1].views[0], "x/sub/model.bin");
	/* learned by fetching config.json; the weights stayed where they are */
	digest_buf(DIGEST_SHA256, "{}", 2, &d);
	assert_true(digest_equal(&d, &r->files[0].sha256));
	assert_int_equal(server_saw(f->a.front, "/resolve/"), 1);
	/* nothing to learn the second time */
	assert_ok(resolve(f, "\"include\":[\"*.json\",\"sub/*\"]"), &f->err);
	assert_int_equal(server_saw(f->a.front, "/resolve/"), 1);
	assert_ok(resolve(f, "\"revision\":\"main\""), &f->err);
	assert_true(f->lock.repos[0].complete);
}

static void selection(void **state)
{
	static const struct {
		const char *model;
		enum err_code code; /* ERR_NONE: resolves */
		const char *words;
		size_t repos, warnings;
	} table[] = {
		{ "\"include\":[\"nothing/*\"]", ERR_NOT_FOUND,
		  "no file of commit", 0, 0 },
		{ "\"include\":[\"config.json\",\"absent.bin\"]", ERR_NOT_FOUND,
		  "has no file absent.bin", 0, 0 },
		{ "\"include\":[\"config.json\",\"LICENSE\"]", ERR_NONE, "", 1,
		  1 },
		{ "\"include\":[\"extra.txt\"],\"groups\":{\"more\":[\"extra."
		  "txt\"]}",
		  ERR_NONE, "", 0, 0 },
		{ "\"groups\":{\"more\":[\"*\"]}", ERR_NONE, "", 0, 0 },
		{ "\"groups\":{\"more\":[\"sub/*\"]}", ERR_NONE, "", 1, 0 },
		{ "\"revision\":\"gone\"", ERR_NOT_FOUND, "no such revision", 0,
		  0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		size_t before = f->warnings.count;
		int rc = resolve(f, table[i].model);

		if (table[i].code != ERR_NONE) {
			assert_fails(rc, &f->err, table[i].code,
				     table[i].words);
			continue;
		}
		assert_ok(rc, &f->err);
		assert_int_equal(f->lock.repo_count, table[i].repos);
		assert_int_equal(f->warnings.count - before, table[i].warnings);
	}
}

#define PIN(path, what) "\"digests\":{\"" path "\":{" what "}}"

static void pins(void **state)
{
	struct fixture *f = *state;
	char sha[DIGEST_HEX_MAX], git[DIGEST_HEX_MAX];
	struct digest d;
	char *good_pin CLEANUP(free_ptr) = NULL;

	digest_buf(DIGEST_SHA256, "{}", 2, &d);
	digest_hex(&d, sha);
	digest_buf(DIGEST_GIT_SHA1, "{}", 2, &d);
	digest_hex(&d, git);
	good_pin = xasprintf("\"digests\":{\"config.json\":{\"size\":2,"
			     "\"sha256\":\"%s\",\"git\":\"%s\"}}",
			     sha, git);
	assert_ok(resolve(f, good_pin), &f->err);
	assert_fails(resolve(f, PIN("config.json", "\"size\":3")), &f->err,
		     ERR_INTEGRITY, "pins 3 bytes");
	assert_fails(
		resolve(f, PIN("config.json", "\"git\":\"" OTHER_COMMIT "\"")),
		&f->err, ERR_INTEGRITY, "pins " OTHER_COMMIT);
	/* of a small file: known only once it was learned */
	assert_fails(
		resolve(f, PIN("config.json",
			       "\"sha256\":\"00000000000000000000000000000000"
			       "00000000000000000000000000000000\"")),
		&f->err, ERR_INTEGRITY, "config.json: the manifest pins 0000");
	assert_fails(
		resolve(f, PIN("sub/model.bin",
			       "\"sha256\":\"00000000000000000000000000000000"
			       "00000000000000000000000000000000\"")),
		&f->err, ERR_INTEGRITY, "sub/model.bin");
	assert_fails(resolve(f, PIN("absent", "\"size\":3")), &f->err,
		     ERR_INTEGRITY, "does not have it");
	assert_ok(resolve(f, "\"include\":[\"config.json\"]," PIN(
				     "extra.txt", "\"size\":3")),
		  &f->err);
}

static void agreement(void **state)
{
	static const struct fake_file fewer[] = { { "README.md", "read me", 7,
						    false } };
	static const struct fake_file changed[] = {
		{ "README.md", "read me", 7, false },
		{ "config.json", "{}", 2, false },
		{ "sub/model.bin", "WEIGHTS", 7, true },
		{ "extra.txt", "extra", 5, false },
	};
	struct fixture *f = *state;

	add_second(f);
	assert_ok(resolve(f, "\"revision\":\"main\""), &f->err);
	assert_int_equal(f->warnings.count, 0);
	assert_int_equal(server_saw(f->b.front, "/tree/"), 1);

	f->b.commit = OTHER_COMMIT;
	assert_int_equal(resolve(f, "\"revision\":\"main\""), -1);
	assert_contains(f->err.msg, FAKE_COMMIT);
	assert_contains(f->err.msg, OTHER_COMMIT);
	assert_contains(f->err.msg, f->hub.endpoints[0].origin);
	assert_fails(-1, &f->err, ERR_INTEGRITY, f->hub.endpoints[1].origin);

	f->b.commit = FAKE_COMMIT;
	f->b.files = fewer;
	f->b.count = 1;
	assert_fails(resolve(f, "\"revision\":\"main\""), &f->err,
		     ERR_INTEGRITY, "does not have it");
	f->b.files = changed;
	f->b.count = ARRAY_LEN(changed);
	assert_fails(resolve(f, "\"revision\":\"main\""), &f->err,
		     ERR_INTEGRITY, "disagree on org/name sub/model.bin");
}

static bool absent(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)h;
	(void)keep;
	return answer(x, "404 No", "X-Error-Code: RepoNotFound\r\n", "", 0);
}

static void silence(void **state)
{
	struct fixture *f = *state;

	add_second(f);
	add_endpoint(f, "http://127.0.0.1:1");
	f->a.fault = absent;
	assert_ok(resolve(f, "\"revision\":\"main\""), &f->err);
	assert_int_equal(f->warnings.count, 2);
	assert_contains(f->warnings.items[0], "no such repository");
	assert_contains(f->warnings.items[1], "http://127.0.0.1:1");
	assert_false(f->hub.endpoints[0].dropped);
	assert_true(f->hub.endpoints[2].dropped);
	/* nobody at all */
	f->b.fault = absent;
	assert_fails(resolve(f, "\"revision\":\"main\""), &f->err,
		     ERR_NOT_FOUND, "no such repository");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int run_resolve_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(good),	 TEST(selection), TEST(pins),
		TEST(agreement), TEST(silence),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
