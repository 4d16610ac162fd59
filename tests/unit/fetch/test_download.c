#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "fetch/download.h"
#include "tests/unit/fetch/fake_hub.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIG   (3u << 20)
#define TOKEN "hf_canary0123456789"

/* A hub (or two), a store and a lock of what the first hub has. */
struct fixture {
	char dir[TEMP_PATH_MAX];
	char *bytes; /* of model.bin */
	struct fake_file files[4];
	struct fake_hub hub, other;
	struct hub endpoints;
	struct http *http;
	struct hfcache *store;
	struct lock lock;
	struct download_stats stats;
	struct strlist events; /* "done model.bin", "info text" */
	struct event_sink sink;
	struct cancel cancel;
	struct error err;
};

static const char *const event_names[] = {
	"plan", "start", "progress", "done", "fail", "retry", "info", "warn"
};

static void record(void *ctx, const struct event *ev)
{
	struct fixture *f = ctx;

	strlist_take(&f->events, xasprintf("%s %s %s", event_names[ev->type],
					   ev->name ? ev->name : "-",
					   ev->text ? ev->text : ""));
	if (ev->type == EVENT_PROGRESS)
		assert_true(ev->done <= ev->total);
}

static unsigned events_with(const struct fixture *f, const char *start)
{
	unsigned n = 0;

	for (size_t i = 0; i < f->events.count; i++)
		n += str_starts(f->events.items[i], start);
	return n;
}

static void fill_files(struct fixture *f)
{
	const struct fake_file files[] = {
		{ "model.bin", f->bytes, BIG, true },
		{ "sub/config.json", "{\"a\":1}", 7, false },
		{ "empty.txt", "", 0, false },
		{ "README.md", "read me", 7, false },
	};

	f->bytes = xmalloc(BIG);
	for (size_t i = 0; i < BIG; i++)
		f->bytes[i] = (char)(i * 2654435761u >> 13);
	memcpy(f->files, files, sizeof(files));
	f->files[0].bytes = f->bytes;
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct http_config cfg = { .user_agent = "itts-test" };
	char *url;

	*state = f;
	temp_dir(f->dir);
	fill_files(f);
	f->hub = (struct fake_hub){ .id = "org/name",
				    .commit = FAKE_COMMIT,
				    .files = f->files,
				    .count = ARRAY_LEN(f->files) };
	f->other = f->hub;
	fake_start(&f->hub);
	fake_lock(&f->hub, &f->lock);
	assert_ok(lock_finish(&f->lock, &f->err), &f->err);
	f->sink = (struct event_sink){ .fn = record, .ctx = f };
	assert_ok(cancel_init(&f->cancel, &f->err), &f->err);
	assert_ok(hfcache_open(&f->store, f->dir, true, &f->err), &f->err);
	assert_ok(http_open(&f->http, &cfg, &f->cancel, &f->err), &f->err);
	f->endpoints.http = f->http;
	f->endpoints.token = TOKEN;
	f->endpoints.sink = &f->sink;
	url = server_url(f->hub.front, "");
	assert_ok(hub_add_endpoint(&f->endpoints, url, true, &f->err), &f->err);
	free(url);
	return 0;
}

static void add_other(struct fixture *f)
{
	char *url CLEANUP(free_ptr) = NULL;

	fake_start(&f->other);
	url = server_url(f->other.front, "");
	assert_ok(hub_add_endpoint(&f->endpoints, url, false, &f->err),
		  &f->err);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	hub_release(&f->endpoints);
	http_close(&f->http);
	hfcache_close(&f->store);
	lock_release(&f->lock);
	strlist_release(&f->events);
	fake_stop(&f->hub);
	if (f->other.front)
		fake_stop(&f->other);
	cancel_release(&f->cancel);
	temp_dir_end(f->dir);
	free(f->bytes);
	free(f);
	return 0;
}

static int download(struct fixture *f)
{
	struct download_options o = { .jobs = 2,
				      .cancel = &f->cancel,
				      .sink = &f->sink };

	return download_lock(&f->endpoints, f->store, &f->lock, &o, &f->stats,
			     &f->err);
}

/* Names below the repository's folder. */
static bool exists(const struct fixture *f, const char *name)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/models--org--name/%s",
						 f->dir, name);

	return access(path, F_OK) == 0;
}

static char *blob_path(const struct fixture *f, const char *path,
		       const char *suffix)
{
	const struct lock_file *file = lock_find_file(&f->lock.repos[0], path);
	char hex[DIGEST_HEX_MAX];

	return xasprintf("%s/models--org--name/blobs/%s%s", f->dir,
			 digest_hex(&file->etag, hex), suffix);
}

static bool is_right(const struct fixture *f, const char *path)
{
	const struct lock_repo *r = &f->lock.repos[0];
	enum blob_state state;
	struct error err = { .code = ERR_NONE };
	assert_ok(hfcache_blob_check(f->store, r, lock_find_file(r, path), NULL,
				     &state, &err),
		  &err);
	return state == BLOB_OK;
}

static void assert_all_right(const struct fixture *f)
{
	for (size_t i = 0; i < ARRAY_LEN(f->files); i++)
		assert_true(is_right(f, f->files[i].path));
	assert_true(exists(f, "snapshots/" FAKE_COMMIT "/model.bin"));
	assert_true(exists(f, "snapshots/" FAKE_COMMIT "/sub/config.json"));
	assert_true(exists(f, "trees/" FAKE_COMMIT ".json"));
	assert_true(exists(f, "refs/main"));
}

/* What an earlier run left of model.bin. */
static void leave_part(struct fixture *f, const void *bytes, size_t n)
{
	char *blobs CLEANUP(free_ptr) = xasprintf("%s/models--org--name/blobs",
						  f->dir);
	char *path CLEANUP(free_ptr) = blob_path(f, "model.bin", ".itts-part");
	char *folder CLEANUP(free_ptr) = xasprintf("%s/models--org--name",
						   f->dir);
	FILE *file;
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(mkdir(blobs, 0755), 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

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
	assert_false(exists(f, "snapshots"));
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

/* --- resuming --------------------------------------------------------------- */

static void resume(void **state)
{
	struct fixture *f = *state;

	leave_part(f, f->bytes, BIG / 2);
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_int_equal(f->stats.resumed_bytes, BIG / 2);
	assert_int_equal(f->stats.got_bytes, BIG - BIG / 2 + 14);
	assert_int_equal(server_saw(f->hub.cdn, "Range: bytes=1572864-"), 1);
	assert_int_equal(server_saw(f->hub.cdn, "If-Range"), 0);
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

/* Bytes of another file in front: found out, fetched anew, nobody blamed. */
static void wrong_part(void **state)
{
	struct fixture *f = *state;
	size_t sizes[] = { BIG / 2, BIG };
	char *junk CLEANUP(free_ptr) = xcalloc(1, BIG);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char *folder CLEANUP(free_ptr) = xasprintf(
			"%s/models--org--name", f->dir);

		if (i > 0)
			temp_dir_end(folder);
		leave_part(f, junk, sizes[i]);
		assert_ok(download(f), &f->err);
		assert_all_right(f);
		assert_int_equal(f->stats.resumed_bytes, 0);
		assert_int_equal(f->endpoints.endpoints[0].lies, 0);
	}
}

static bool cut_bytes(struct fake_hub *h, const struct exchange *x, bool *keep)
{
	const struct fake_file *file = fake_find(h, x->path);

	*keep = false;
	if (x->server != h->cdn || h->number >= 2)
		return false;
	if (h->number++ == 0) {
		send_text(x,
			  "HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: "
			  "%zu\r\n\r\n",
			  file->len);
		send_bytes(x, file->bytes, 1000000);
	} else {
		send_text(
			x,
			"HTTP/1.1 206 Partial\r\nETag: \"v\"\r\nContent-Range: "
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
	assert_int_equal(server_saw(f->hub.cdn, "If-Range: \"v\""), 2);
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
		char *folder CLEANUP(free_ptr) = xasprintf(
			"%s/models--org--name", f->dir);

		if (i > 0)
			temp_dir_end(folder);
		leave_part(f, f->bytes, BIG / 2);
		f->hub.fault = faults[i];
		assert_ok(download(f), &f->err);
		assert_all_right(f);
		assert_int_equal(f->stats.wasted_bytes, BIG / 2);
		assert_int_equal(f->stats.resumed_bytes, 0);
	}
}

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

	add_other(f);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		char *folder CLEANUP(free_ptr) = xasprintf(
			"%s/models--org--name", f->dir);

		if (i > 0)
			temp_dir_end(folder);
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

	add_other(f);
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

	add_other(f);
	f->endpoints.endpoints[0].url = xstrdup("http://127.0.0.1:1");
	free(alive);
	f->endpoints.max_attempts = 1;
	assert_ok(download(f), &f->err);
	assert_all_right(f);
	assert_true(f->endpoints.endpoints[0].dropped);
	/* with nobody left it ends soon */
	f->endpoints.endpoints[1].dropped = true;
	{
		char *folder CLEANUP(free_ptr) = xasprintf(
			"%s/models--org--name", f->dir);

		temp_dir_end(folder);
	}
	assert_fails(download(f), &f->err, ERR_NET, "no endpoint is left");
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
	/* the part stays for the next run */
	assert_int_equal(stat(part, &st), 0);
	assert_int_equal(st.st_size, BIG / 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int run_download_tests(void)
{
	const struct CMUnitTest tests[] = { TEST(whole),
					    TEST(damaged_blob),
					    TEST(partial_repo),
					    TEST(learning),
					    TEST(offline),
					    TEST(equal_bytes_once),
					    TEST(resume),
					    TEST(complete_part),
					    TEST(wrong_part),
					    TEST(cut),
					    TEST(no_progress),
					    TEST(ranges_that_fail),
					    TEST(nothing_wrong_gets_in),
					    TEST(another_endpoint_heals),
					    TEST(liars_are_dropped),
					    TEST(dead_endpoint),
					    TEST(passing_trouble),
					    TEST(expired_link),
					    TEST(one_fails_others_come),
					    TEST(other_process),
					    TEST(cancelling) };

	return cmocka_run_group_tests_name("download", tests, NULL, NULL);
}
