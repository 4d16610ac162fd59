#include "tests/unit/fetch/download_fixture.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* --- resuming --------------------------------------------------------------- */

static void resume(void **state)
{
	struct fixture *f = *state;

	leave_part(f, f->bytes, BIG / 2);
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	/* what is no whole block is not taken up */
	assert_int_equal(f->stats.resumed_bytes, BLOCK);
	assert_int_equal(f->stats.got_bytes, BIG - BLOCK + 14);
	assert_int_equal(server_saw(f->hub.cdn, "Range: bytes=1048576-"), 1);
	assert_int_equal(server_saw(f->hub.cdn, "Range: bytes=0-"), 0);
}

static void complete_part(void **state)
{
	struct fixture *f = *state;

	leave_part(f, f->bytes, BIG);
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(server_saw(f->hub.cdn, ""), 0);
	assert_int_equal(f->stats.resumed_bytes, BIG);
}

/* Bytes of another file that the journal vouches for: the digest finds out, and
 * all is compared. Nobody of this run is blamed. */
static void wrong_part(void **state)
{
	struct fixture *f = *state;
	size_t sizes[] = { BLOCK, BIG };
	char *junk CLEANUP(free_ptr) = xcalloc(1, BIG);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		fixture_empty(f);
		leave_part(f, junk, sizes[i]);
		assert_ok(download(f), &f->err);
		assert_all_right(f);
		assert_int_equal(f->endpoints.endpoints[0].lies, 0);
	}
}

/* One bad block of three: the others are not fetched again. */
static void bad_block(void **state)
{
	struct fixture *f = *state;
	char *bytes CLEANUP(free_ptr) = xmalloc(BIG);

	memcpy(bytes, f->bytes, BIG);
	bytes[BLOCK + 5] ^= 1;
	leave_part(f, bytes, BIG);
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.resumed_bytes, BIG - BLOCK);
	/* the first was compared for nothing */
	assert_in_range(f->stats.wasted_bytes, 0, BIG - BLOCK);
}

/* A part that no journal vouches for is no beginning. */
static void lost_journal(void **state)
{
	struct fixture *f = *state;
	char *journal CLEANUP(free_ptr) = blob_path(f, "model.bin",
						    ".journal.itts-part");

	leave_part(f, f->bytes, BIG);
	assert_int_equal(remove(journal), 0);
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.resumed_bytes, 0);
	assert_int_equal(server_saw(f->hub.cdn, "GET "), 1);
}

static bool cut_bytes(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);

	*keep = false;
	if (x->server != h->cdn || h->number >= 2)
		return false;
	if (h->number++ == 0) {
		send_text(x,
			  "HTTP/1.1 200 OK\r\nETag: "
			  "\"strong\"\r\nContent-Length: "
			  "%zu\r\n\r\n",
			  file->len);
		send_bytes(x, file->bytes, 1000000);
	} else {
		send_text(x,
			  "HTTP/1.1 206 Partial\r\nETag: "
			  "\"strong\"\r\nContent-Range: "
			  "bytes 1000000-%zu/%zu\r\n\r\n",
			  file->len - 1, file->len);
		send_bytes(x, (const char *)file->bytes + 1000000, 500000);
	}
	return true;
}

static void cut(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = cut_bytes;
	/* cuts after progress do not count: two attempts are enough for three */
	f->endpoints.max_attempts = 2;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.retries, 2);
	assert_int_equal(f->stats.wasted_bytes, 0);
	assert_int_equal(server_saw(f->hub.cdn, "If-Range: \"strong\""), 2);
	assert_int_equal(server_saw(f->hub.cdn, "Range: bytes=1500000-"), 1);
}

/* Begins anew each time and never comes further: that is no progress. */
static bool same_start(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);

	*keep = false;
	if (x->server != h->cdn)
		return false;
	send_text(x, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
		  file->len);
	send_bytes(x, file->bytes, 1000000);
	return true;
}

static void no_progress(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = same_start;
	f->endpoints.max_attempts = 2;
	assert_fails(download(f), &f->err, ERR_NET, "cut off before the end");
	assert_int_equal(server_saw(f->hub.cdn, ""), 2);
}

static bool ignore_range(struct fake_hub *h, const struct exchange *x,
			 bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);

	(void)keep;
	return x->server == h->cdn &&
	       answer(x, "200 OK", "", file->bytes, file->len);
}

/* All of it each time, cut in the second block, then in the third. */
static bool cut_streams(struct fake_hub *h, const struct exchange *x,
			bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);
	unsigned turn;

	if (x->server != h->cdn)
		return false;
	turn = h->number++;
	if (turn >= 4)
		return answer(x, "200 OK", "", file->bytes, file->len);
	*keep = false;
	send_text(x, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
		  file->len);
	send_bytes(x, file->bytes, turn / 2 * BLOCK + BLOCK + 1000);
	return true;
}

/* The block that a stream was cut in is the next stream's. */
static void cut_streams_go_on(void **state)
{
	struct fixture *f = *state;

	f->hub.fault = cut_streams;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.retries, 4);
}

static bool wrong_range(struct fake_hub *h, const struct exchange *x,
			bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);
	char line[100];

	(void)keep;
	if (x->server != h->cdn || !strstr(x->head, "Range:"))
		return false;
	snprintf(line, sizeof(line), "Content-Range: bytes 0-%zu/%zu\r\n",
		 file->len - 1, file->len);
	return answer(x, "206 Partial Content", line, file->bytes, file->len);
}

static bool no_range(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)keep;
	return x->server == h->cdn && strstr(x->head, "Range:") &&
	       answer(x, "416 Range Not Satisfiable", "", "", 0);
}

static void ranges_that_fail(void **state)
{
	static bool (*const faults[])(
		struct fake_hub * h, const struct exchange *x,
		bool *keep) = { ignore_range, wrong_range, no_range };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		fixture_empty(f);
		leave_part(f, f->bytes, BIG / 2);
		f->hub.fault = faults[i];
		assert_ok(download(f), &f->err);
		assert_all_right(f);
		/* what the part had was skipped in the stream; the range that
		 * was not asked for came no further than to the first look */
		assert_in_range(f->stats.wasted_bytes, BLOCK,
				faults[i] == wrong_range ? BLOCK + BLOCK / 4
							 : BLOCK);
		assert_int_equal(f->stats.resumed_bytes, BLOCK);
	}
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, fixture_set_up, fixture_tear_down)

int run_resume_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(resume),
		TEST(complete_part),
		TEST(wrong_part),
		TEST(bad_block),
		TEST(lost_journal),
		TEST(cut),
		TEST(no_progress),
		TEST(ranges_that_fail),
		TEST(cut_streams_go_on),
	};

	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
