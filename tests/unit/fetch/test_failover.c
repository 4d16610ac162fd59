#include "tests/unit/fetch/download_fixture.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- endpoints that lie ----------------------------------------------------- */

static bool page(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)h;
	(void)keep;
	return answer(x, "200 OK", "Content-Type: text/html\r\n",
		      "<!doctype html><p>hello", 23);
}

static bool pointer(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	static const char text[] =
		"version https://git-lfs.github.com/spec/v1\noid sha256:";

	(void)keep;
	return x->server == h->cdn &&
	       answer(x, "200 OK", "", text, sizeof(text) - 1);
}

static bool too_long(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	char block[65536] = { 0 };

	if (x->server != h->cdn)
		return false;
	send_text(x, "HTTP/1.1 200 OK\r\n\r\n");
	for (unsigned i = 0; i < 2 * BIG / sizeof(block); i++)
		send_bytes(x, block, sizeof(block));
	*keep = false;
	return true;
}

static bool wrong_length(struct fake_hub *h, const struct exchange *x,
			 bool *keep)
{
	(void)keep;
	return x->server == h->cdn && answer(x, "200 OK", "", "short", 5);
}

static bool compressed(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);

	(void)keep;
	return x->server == h->cdn &&
	       answer(x, "200 OK", "Content-Encoding: gzip\r\n", file->bytes,
		      file->len);
}

static bool flipped(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);
	char *bytes CLEANUP(free_ptr) = NULL;

	(void)keep;
	if (x->server != h->cdn)
		return false;
	bytes = xmalloc(file->len);
	memcpy(bytes, file->bytes, file->len);
	bytes[file->len / 2] ^= 1;
	return serve_file(x, "", bytes, file->len);
}

static bool withheld(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)h;
	(void)keep;
	return answer(x, "451 Legal", "", "", 0);
}

static bool gated(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)h;
	(void)keep;
	return answer(x, "403 No", "X-Error-Code: GatedRepo\r\n", "", 0);
}

static const struct {
	bool (*fault)(struct fake_hub *h, const struct exchange *x, bool *keep);
	enum err_code code;
	const char *words;
} lies[] = {
	{ page, ERR_INTEGRITY, "sent a web page instead of the file" },
	{ pointer, ERR_INTEGRITY, "model.bin: sent a Git LFS pointer" },
	{ too_long, ERR_FORMAT, "longer than 3145728 bytes" },
	{ wrong_length, ERR_INTEGRITY, "has 5 bytes, expected 3145728" },
	{ compressed, ERR_INTEGRITY, "sent compressed" },
	{ flipped, ERR_INTEGRITY, "model.bin: sha256 " },
	{ withheld, ERR_HTTP, "legal reasons" },
	{ gated, ERR_AUTH, "accept the conditions" },
};

static void nothing_wrong_gets_in(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		f->hub.fault = lies[i].fault;
		assert_int_equal(download(f), -1);
		assert_fails(-1, &f->err, lies[i].code, lies[i].words);
		assert_true(f->stats.failed_files > 0);
		assert_false(is_right(f, "model.bin"));
		assert_false(exists(f, "refs/main"));
		assert_false(exists(f, "trees/" FAKE_COMMIT ".json"));
		f->endpoints.endpoints[0].dropped = false;
	}
	f->hub.fault = NULL;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
}

static void another_endpoint_heals(void **state)
{
	struct fixture *f = *state;

	fixture_add_hub(f);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		fixture_empty(f);
		f->hub.fault = lies[i].fault;
		f->endpoints.endpoints[0].dropped = false;
		f->endpoints.endpoints[0].lies = 0;
		assert_ok(download(f), &f->err);
		assert_all_right(f);
	}
	/* the second was not named for the token */
	assert_int_equal(server_saw(f->other.front, TOKEN), 0);
}

static void liars_are_dropped(void **state)
{
	struct fixture *f = *state;

	fixture_add_hub(f);
	f->hub.fault = page;
	assert_ok(download(f), &f->err);
	assert_true(f->endpoints.endpoints[0].dropped);
	assert_int_equal(events_with(f, "warn"), 1);
	/* two jobs had asked it before the second lie was known */
	assert_in_range(server_saw(f->hub.front, ""), 2, 3);
}

static void dead_endpoint(void **state)
{
	struct fixture *f = *state;
	char *alive = f->endpoints.endpoints[0].url;

	fixture_add_hub(f);
	f->endpoints.endpoints[0].url = xstrdup("http://127.0.0.1:1");
	free(alive);
	f->endpoints.max_attempts = 1;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_true(f->endpoints.endpoints[0].dropped);
	/* with nobody left it ends soon */
	f->endpoints.endpoints[1].dropped = true;
	fixture_empty(f);
	assert_fails(download(f), &f->err, ERR_NET, "no endpoint is left");
}

static bool strlist_has_start(const struct strlist *l, const char *start,
			      const char *part)
{
	for (size_t i = 0; i < l->count; i++)
		if (str_starts(l->items[i], start) && strstr(l->items[i], part))
			return true;
	return false;
}

/* --- both at once ------------------------------------------------------------- */

static bool flip_second_block(struct fake_hub *h, const struct exchange *x,
			      bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);
	char *bytes CLEANUP(free_ptr) = NULL;

	(void)keep;
	if (x->server != h->cdn)
		return false;
	bytes = xmalloc(file->len);
	memcpy(bytes, file->bytes, file->len);
	bytes[BLOCK + 1] ^= 1;
	return serve_file(x, "ETag: \"strong\"\r\n", bytes, file->len);
}

/* One block of three was wrong: it is found by what the other endpoint sends, the
 * liar is named and not asked any more. */
static void wrong_block_is_replaced(void **state)
{
	struct fixture *f = *state;

	fixture_add_hub(f);
	f->hub.fault = flip_second_block;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_true(f->endpoints.endpoints[0].dropped);
	assert_false(f->endpoints.endpoints[1].dropped);
	assert_int_equal(events_with(f, "warn"), 1);
	assert_true(strlist_has_start(&f->events, "warn", "1 of 3 blocks"));
	/* the wrong one, and what was compared with it: the third block was not
	 * asked of the other, or not for nothing */
	assert_in_range(f->stats.wasted_bytes, 2 * BLOCK, 3 * BLOCK);
	assert_int_equal(f->endpoints.endpoints[0].wasted, BLOCK);
}

/* Wrong the first time only: comparing with itself finds it. */
static bool flip_once(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	if (x->server != h->cdn || h->number++ > 0)
		return false;
	return flip_second_block(h, x, keep);
}

static void stumbled_once(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = flip_once;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_false(f->endpoints.endpoints[0].dropped);
}

/* What was wrong is kept out of the store, and kept as a part: the next run has
 * only to find the block that differs. */
static void healed_later(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = flip_second_block;
	assert_fails(download(f), &f->err, ERR_INTEGRITY, "sha256");
	assert_false(is_right(f, "model.bin"));
	f->hub.fault = NULL;
	f->endpoints.endpoints[0].dropped = false;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.resumed_bytes, BIG - BLOCK);
}

/* --- endpoints that stumble ------------------------------------------------- */

static bool stumble(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	static const char *const statuses[] = { "429 Slow Down", "503 Busy",
						"500 Oops", "504 Late" };

	(void)keep;
	if (x->server != h->front || x->count > ARRAY_LEN(statuses))
		return false;
	return answer(x, statuses[x->count - 1], "Retry-After: 0\r\n", "", 0);
}

static bool expire_once(struct fake_hub *h, const struct exchange *x,
			bool *keep)
{
	(void)keep;
	return x->server == h->cdn && x->count == 1 &&
	       answer(x, "403 Forbidden", "", "expired", 7);
}

static void passing_trouble(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = stumble;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.retries, 12);
	assert_int_equal(events_with(f, "retry"), 12);
}

/* Some of what was asked for and then the end, three times; then one refusal. */
static bool shaky(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);
	size_t from = (size_t)h->number * (BLOCK / 2);

	if (x->server != h->cdn || h->number > 3)
		return false;
	if (h->number++ == 3)
		return answer(x, "503 Busy", "Retry-After: 0\r\n", "", 0);
	*keep = false;
	if (from == 0)
		send_text(x, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
			  file->len);
	else
		send_text(x,
			  "HTTP/1.1 206 Partial Content\r\n"
			  "Content-Range: bytes %zu-%zu/%zu\r\n"
			  "Content-Length: %zu\r\n\r\n",
			  from, file->len - 1, file->len, file->len - from);
	send_bytes(x, (const char *)file->bytes + from, BLOCK / 2);
	return true;
}

/* Attempts that got further do not count when it fails for another reason. */
static void progress_earns_attempts(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = shaky;
	f->endpoints.connections = 1;
	f->endpoints.max_attempts = 3;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.retries, 4);
}

static atomic_uint others; /* that were answered */

/* At most five seconds. */
static void wait_until(const atomic_uint *count, unsigned least)
{
	for (int i = 0; i < 5000 && atomic_load(count) < least; i++)
		usleep(1000);
}

/* One file is refused three times, and before each of the last two another one is
 * answered; 0.2 s later that has been read. */
static bool one_by_one(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	unsigned refused;

	(void)keep;
	if (strstr(x->path, "README.md")) {
		refused = atomic_load(&h->number);
		wait_until(&others, refused);
		usleep(refused ? 200000 : 0);
		return atomic_fetch_add(&h->number, 1) < 3 &&
		       answer(x, "429 Slow Down", "Retry-After: 0\r\n", "", 0);
	}
	if (x->server == h->cdn || strstr(x->path, "config.json")) {
		wait_until(&h->number, x->server == h->cdn ? 2 : 1);
		atomic_fetch_add(&others, 1);
	}
	return false;
}

/* Too many requests are no sign that this file cannot be had, as long as others come. */
static void its_turn_comes(void **state)
{
	struct fixture *f = *state;

	atomic_store(&others, 0);
	f->hub.fault = one_by_one;
	f->endpoints.max_attempts = 3;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(atomic_load(&f->hub.number), 4);
}

static bool come_later(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)h;
	(void)keep;
	return answer(x, "429 Slow Down", "Retry-After: 60\r\n", "", 0);
}

/* Who asks for a long pause is not waited for while somebody else can be asked. */
static void waits_aside(void **state)
{
	struct fixture *f = *state;
	uint64_t began = clock_ms();

	fixture_add_hub(f);
	f->hub.fault = come_later;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_true(clock_ms() - began < 30000);
	assert_false(f->endpoints.endpoints[0].dropped);
}

/* A client that never gave up would get it in the end. */
static bool come_soon(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)keep;
	return strstr(x->path, "README.md") && h->number++ < 6 &&
	       answer(x, "429 Slow Down", "Retry-After: 2\r\n", "", 0);
}

static void waits_aside_have_an_end(void **state)
{
	struct fixture *f = *state;

	fixture_add_hub(f);
	f->hub.fault = f->other.fault = come_soon;
	f->endpoints.max_attempts = 2;
	assert_fails(download(f), &f->err, ERR_HTTP, "too many requests");
	assert_int_equal(f->stats.got_files, 3);
}

/* The first is refused, while the second takes longer than that. */
static uint64_t refused_ms, third_ms;
static bool pause_all(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	unsigned n = x->server == h->front ? ++h->number : 0;

	(void)keep;
	if (n == 1)
		refused_ms = clock_ms();
	if (n == 2)
		usleep(300000);
	if (n == 3)
		third_ms = clock_ms();
	return n == 1 &&
	       answer(x, "429 Slow Down", "Retry-After: 1\r\n", "", 0);
}

/* The pause that an endpoint asks for holds for the files that come next as well. */
static void pause_holds_for_all(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = pause_all;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_true(third_ms - refused_ms >= 900);
}

static void expired_link(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = expire_once;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(server_saw(f->hub.front, "model.bin"), 2);
}

static bool lacks_config(struct fake_hub *h, const struct exchange *x,
			 bool *keep)
{
	(void)h;
	(void)keep;
	return strstr(x->path, "config.json") &&
	       answer(x, "404 No", "X-Error-Code: EntryNotFound\r\n", "", 0);
}

static void one_fails_others_come(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = lacks_config;
	assert_fails(download(f), &f->err, ERR_NOT_FOUND,
		     "org/name sub/config.json: no such file");
	assert_int_equal(f->stats.failed_files, 1);
	assert_int_equal(f->stats.got_files, 3);
	assert_int_equal(events_with(f, "fail org/name sub/config.json"), 1);
	assert_true(is_right(f, "model.bin"));
	assert_true(is_right(f, "README.md"));
	assert_false(exists(f, "refs/main"));
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, fixture_set_up, fixture_tear_down)

int run_failover_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_wrong_gets_in),
		TEST(another_endpoint_heals),
		TEST(wrong_block_is_replaced),
		TEST(stumbled_once),
		TEST(healed_later),
		TEST(liars_are_dropped),
		TEST(dead_endpoint),
		TEST(passing_trouble),
		TEST(progress_earns_attempts),
		TEST(its_turn_comes),
		TEST(waits_aside),
		TEST(waits_aside_have_an_end),
		TEST(pause_holds_for_all),
		TEST(expired_link),
		TEST(one_fails_others_come),
	};

	return cmocka_run_group_tests_name("failover", tests, NULL, NULL);
}
