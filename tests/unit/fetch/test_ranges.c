/* Which answers are believed, as far as the bytes tell: what is refused by its
 * header never gets into the part, so no digest has to find it out. */
#include "tests/unit/fetch/download_fixture.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* Bytes from..to-1 of total are said; "" is sent as they are. */
struct lie {
	int from, to, total; /* added to what would be right */
	const char *range;   /* in place of all that */
	const char *extra;
};

static const struct lie lies[] = {
	{ .from = 1 },
	{ .from = -1 },
	{ .to = 1 },
	{ .to = -1 },
	{ .total = 1 },
	{ .range = "bytes 1048576-3145727/*" },
	{ .range = "bytes */3145728" },
	{ .range = "1048576-3145727/3145728" },
	{ .extra = "Content-Encoding: gzip\r\n" },
	{ .extra = "Content-Encoding: gzip\r\nContent-Encoding: identity\r\n" },
};
static const struct lie *lie;

/* Bytes of nobody, for a range of which the header says something else. */
static bool tell_lie(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	char line[300], said[100];
	char *junk CLEANUP(free_ptr) = xcalloc(1, BIG);

	(void)keep;
	if (x->server != h->cdn || !strstr(x->head, "Range: bytes=1048576-"))
		return false;
	snprintf(said, sizeof(said), "bytes %d-%d/%d", (int)BLOCK + lie->from,
		 (int)BIG - 1 + lie->to, (int)BIG + lie->total);
	snprintf(line, sizeof(line), "Content-Range: %s\r\n%s",
		 lie->range ? lie->range : said, lie->extra ? lie->extra : "");
	return answer(x, "206 Partial Content", line, junk, BIG - BLOCK);
}

static void wrong_ranges(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = tell_lie;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		lie = &lies[i];
		fixture_empty(f);
		strlist_release(&f->events);
		leave_part(f, f->bytes, BLOCK);
		assert_ok(download(f), &f->err);
		assert_all_right(f);
		assert_int_equal(
			events_with(f, "retry org/name model.bin the digest"),
			0);
		assert_int_equal(f->stats.retries, 1);
		assert_int_equal(f->stats.resumed_bytes, BLOCK);
	}
}

/* 206 where all was asked for, once. */
static bool part_of_nothing(struct fake_hub *h, const struct exchange *x,
			    bool *keep)
{
	char line[100];
	char *junk CLEANUP(free_ptr) = xcalloc(1, BIG);

	(void)keep;
	if (x->server != h->cdn || h->number++ > 0)
		return false;
	assert_null(strstr(x->head, "Range:"));
	snprintf(line, sizeof(line), "Content-Range: bytes 0-%d/%d\r\n",
		 (int)BIG - 1, (int)BIG);
	return answer(x, "206 Partial Content", line, junk, BIG);
}

static void not_asked_for(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = part_of_nothing;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.retries, 1);
	assert_int_equal(events_with(f, "retry org/name model.bin the digest"),
			 0);
}

/* A weak ETag says nothing of bytes: it is not sent back, and may change. */
static bool weak(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);
	char line[100];

	*keep = h->number > 0;
	if (x->server != h->cdn)
		return false;
	snprintf(line, sizeof(line), "ETag: W/\"%u\"\r\n", h->number);
	if (h->number++ > 0)
		return serve_file(x, line, file->bytes, file->len);
	send_text(x, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", line,
		  file->len);
	send_bytes(x, file->bytes, BLOCK + 1000);
	return true;
}

static void weak_validators(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = weak;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.retries, 1);
	assert_int_equal(f->stats.wasted_bytes, 0);
	assert_int_equal(server_saw(f->hub.cdn, "Range: bytes=1049576-"), 1);
	assert_int_equal(server_saw(f->hub.cdn, "If-Range"), 0);
}

/* Wrong bytes first; then the file has become the right one, and If-Range says so. */
static bool replaced(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);
	char *junk CLEANUP(free_ptr) = xcalloc(1, BIG);

	*keep = h->number > 0;
	if (x->server != h->cdn)
		return false;
	if (h->number++ > 0)
		return answer(x, "200 OK", "ETag: \"new\"\r\n", file->bytes,
			      file->len);
	send_text(x,
		  "HTTP/1.1 200 OK\r\nETag: \"old\"\r\nContent-Length: "
		  "%zu\r\n\r\n",
		  file->len);
	send_bytes(x, junk, BLOCK + 1000);
	return true;
}

static void replaced_on_the_way(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = replaced;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(server_saw(f->hub.cdn, "If-Range: \"old\""), 1);
	/* what came before is not mixed with what came then */
	assert_int_equal(f->stats.retries, 1);
	assert_in_range(f->stats.wasted_bytes, BLOCK, BLOCK + 1000);
}

/* A small file cut in the middle; then all of it in one answer. */
static bool cut_small(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);

	*keep = false;
	if (!file || strcmp(file->path, "README.md") != 0)
		return false;
	if (x->count > 1)
		return answer(x, "200 OK", "", file->bytes, file->len);
	send_text(x, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
		  file->len);
	send_bytes(x, file->bytes, 3);
	return true;
}

static void small_from_its_start(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = cut_small;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(server_saw(f->hub.front, "Range: bytes=3-"), 1);
	assert_int_equal(f->stats.retries, 1);
	assert_int_equal(f->stats.wasted_bytes, 3);
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, fixture_set_up, fixture_tear_down)

int run_ranges_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrong_ranges),	    TEST(not_asked_for),
		TEST(weak_validators),	    TEST(replaced_on_the_way),
		TEST(small_from_its_start),
	};

	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
