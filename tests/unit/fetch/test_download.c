#include "tests/unit/fetch/download_fixture.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- what works ------------------------------------------------------------- */

static void whole(void **state)
{
	struct fixture *f = *state;
	unsigned asked;

	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.files, 4);
	assert_int_equal(f->stats.got_files, 4);
	assert_int_equal(f->stats.got_bytes, BIG + 14);
	assert_int_equal(f->stats.had_files, 0);
	assert_int_equal(events_with(f, "plan fetching"), 1);
	assert_int_equal(events_with(f, "start org/name model.bin"), 1);
	assert_int_equal(events_with(f, "done org/name"), 4);
	/* empty files need no request, and the CDN gets no token */
	assert_int_equal(server_saw(f->hub.front, "empty.txt"), 0);
	assert_int_equal(server_saw(f->hub.front, TOKEN), 3);
	assert_int_equal(server_saw(f->hub.cdn, "GET "), 1);
	assert_int_equal(server_saw(f->hub.cdn, TOKEN), 0);
	/* a second run finds all of it */
	asked = server_saw(f->hub.front, "");
	assert_ok(download(f), &f->err);
	assert_int_equal(server_saw(f->hub.front, ""), asked);
	assert_int_equal(f->stats.had_files, 4);
	assert_int_equal(f->stats.got_files, 0);
}

static void damaged_blob(void **state)
{
	struct fixture *f = *state;
	char *path CLEANUP(free_ptr) = NULL;
	int fd;

	assert_ok(download(f), &f->err);
	path = blob_path(f, "model.bin", "");
	assert_int_equal(chmod(path, 0644), 0);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 12345), 1);
	close(fd);
	assert_false(is_right(f, "model.bin"));
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.got_files, 1);
}

static void partial_repo(void **state)
{
	struct fixture *f = *state;

	f->lock.repos[0].complete = false;
	assert_ok(download(f), &f->err);
	assert_true(exists(f, "refs/main"));
	assert_false(exists(f, "trees/" FAKE_COMMIT ".json"));
}

static void learning(void **state)
{
	struct fixture *f = *state;
	struct download_options o = { .learn = true, .sink = &f->sink };
	struct lock_repo *r = &f->lock.repos[0];
	struct digest want[4];

	for (size_t i = 0; i < r->file_count; i++) {
		want[i] = r->files[i].sha256;
		if (!lock_file_is_lfs(&r->files[i]))
			r->files[i].sha256 =
				(struct digest){ .alg = DIGEST_NONE };
	}
	for (int run = 0; run < 2; run++) {
		assert_ok(download_lock(&f->endpoints, f->store, &f->lock, &o,
					&f->stats, &f->err),
			  &f->err);
		for (size_t i = 0; i < r->file_count; i++)
			assert_true(
				digest_equal(&want[i], &r->files[i].sha256));
	}
	/* only what had to be learned was fetched, and no names given */
	assert_false(is_right(f, "model.bin"));
	assert_false(exists(f, "refs/main"));
	assert_false(exists(f, "snapshots/" FAKE_COMMIT));
}

static void offline(void **state)
{
	struct fixture *f = *state;
	struct download_options o = { .offline = true, .sink = &f->sink };

	assert_fails(
		download_lock(NULL, f->store, &f->lock, &o, &f->stats, &f->err),
		&f->err, ERR_NOT_FOUND, "4 of 4 files (3.00 MiB) are not in");
	assert_ok(download(f), &f->err);
	assert_ok(
		download_lock(NULL, f->store, &f->lock, &o, &f->stats, &f->err),
		&f->err);
	assert_int_equal(f->stats.had_files, 4);
}

static void equal_bytes_once(void **state)
{
	struct fixture *f = *state;

	/* the same files in a second repository that nobody serves */
	f->hub.id = "org/twin";
	fake_lock(&f->hub, &f->lock);
	assert_ok(lock_finish(&f->lock, &f->err), &f->err);
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(server_saw(f->hub.cdn, "GET "), 1);
	assert_int_equal(f->stats.files, 8);
	assert_int_equal(f->stats.got_files + f->stats.had_files, 8);
}

/* --- others at work, and stopping ------------------------------------------- */

static void *release_later(void *arg)
{
	usleep(50000);
	close(*(int *)arg);
	return NULL;
}

static void other_process(void **state)
{
	struct fixture *f = *state;
	const struct lock_repo *r = &f->lock.repos[0];
	pthread_t thread;
	int fd = -1;

	assert_ok(hfcache_blob_lock(f->store, r,
				    &lock_find_file(r, "model.bin")->etag, 0,
				    &fd, &f->err),
		  &f->err);
	assert_int_equal(pthread_create(&thread, NULL, release_later, &fd), 0);
	assert_ok(download(f), &f->err);
	pthread_join(thread, NULL);
	assert_all_right(f);
	assert_int_equal(events_with(f, "info"), 1);
}

static bool cancel_midway(struct fake_hub *h, const struct exchange *x,
			  bool *keep)
{
	struct fixture *f = (struct fixture *)(void *)((char *)h -
						       offsetof(struct fixture,
								hub));
	const struct fake_file *file = fake_find(h, x->path);

	if (x->server != h->cdn || h->number++ > 0)
		return false;
	send_text(x, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
		  file->len);
	send_bytes(x, file->bytes, BIG / 2);
	usleep(50000);
	cancel_set(&f->cancel);
	*keep = true;
	return true;
}

static void cancelling(void **state)
{
	struct fixture *f = *state;
	char *part CLEANUP(free_ptr) = blob_path(f, "model.bin", ".itts-part");
	struct stat st;

	f->hub.fault = cancel_midway;
	assert_fails(download(f), &f->err, ERR_CANCELLED, "");
	assert_false(is_right(f, "model.bin"));
	/* what was complete is kept, the part stays for the next run */
	assert_true(is_right(f, "sub/config.json"));
	assert_true(is_right(f, "README.md"));
	assert_int_equal(stat(part, &st), 0);
	assert_int_equal(st.st_size, BIG / 2);
}

/* What is there has to be hashed first: that ends as well, before any of it is done. */
static void cancelling_the_check(void **state)
{
	struct fixture *f = *state;
	const char *checked[] = { "done", "fail" };

	assert_ok(download(f), &f->err);
	strlist_release(&f->events);
	cancel_set(&f->cancel);
	assert_fails(download(f), &f->err, ERR_CANCELLED, "");
	assert_int_equal(events_with(f, "plan checking what is there"), 1);
	for (size_t i = 0; i < ARRAY_LEN(checked); i++)
		assert_int_equal(events_with(f, checked[i]), 0);
}

/* Nothing comes any more, and nobody says so. */
static bool mute(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	(void)h;
	(void)keep;
	return strstr(x->path, "README.md") != NULL;
}

/* The deadline ends a run in which nothing moves. */
static void deadline(void **state)
{
	struct fixture *f = *state;
	const struct http_config cfg = { .deadline_ms = 300 };
	struct http *http CLEANUP(http_close) = NULL;

	f->hub.fault = mute;
	assert_ok(http_open(&http, &cfg, &f->cancel, &f->err), &f->err);
	f->endpoints.http = http;
	assert_fails(download(f), &f->err, ERR_NET,
		     "which was the deadline; what has come is kept");
	assert_false(exists(f, "refs/main"));
	f->endpoints.http = f->http;
	f->hub.fault = NULL;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
}

/* Past before it begins: nothing of what is there is hashed any more. */
static void deadline_of_the_check(void **state)
{
	struct fixture *f = *state;
	const struct http_config cfg = { .deadline_ms = 1 };
	struct http *http CLEANUP(http_close) = NULL;
	struct error late = { .code = ERR_NONE };

	assert_ok(download(f), &f->err);
	strlist_release(&f->events);
	assert_ok(http_open(&http, &cfg, &f->cancel, &f->err), &f->err);
	while (http_late(http, &late) == 0)
		sched_yield();
	f->endpoints.http = http;
	assert_fails(download(f), &f->err, ERR_NET, "which was the deadline");
	assert_int_equal(events_with(f, "plan checking what is there"), 1);
	assert_int_equal(events_with(f, "done"), 0);
	f->endpoints.http = f->http;
}

/* Another process has the file, and keeps it. */
static void deadline_of_waiting(void **state)
{
	struct fixture *f = *state;
	const struct http_config cfg = { .deadline_ms = 300 };
	const struct lock_repo *r = &f->lock.repos[0];
	struct http *http CLEANUP(http_close) = NULL;
	int fd CLEANUP(close_fd) = -1;

	assert_ok(hfcache_blob_lock(f->store, r,
				    &lock_find_file(r, "model.bin")->etag, 0,
				    &fd, &f->err),
		  &f->err);
	assert_ok(http_open(&http, &cfg, &f->cancel, &f->err), &f->err);
	f->endpoints.http = http;
	assert_fails(download(f), &f->err, ERR_NET, "which was the deadline");
	f->endpoints.http = f->http;
}

#define TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, fixture_set_up, fixture_tear_down)

int run_download_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole),
		TEST(damaged_blob),
		TEST(partial_repo),
		TEST(learning),
		TEST(offline),
		TEST(equal_bytes_once),
		TEST(other_process),
		TEST(cancelling),
		TEST(cancelling_the_check),
		TEST(deadline),
		TEST(deadline_of_the_check),
		TEST(deadline_of_waiting),
	};

	return cmocka_run_group_tests_name("download", tests, NULL, NULL);
}
