#include "tests/unit/fetch/download_fixture.h"

#include "base/mem.h"
#include "base/xxh64.h"
#include "cache/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const event_names[] = {
	[EVENT_PLAN] = "plan",	       [EVENT_START] = "start",
	[EVENT_PROGRESS] = "progress", [EVENT_DONE] = "done",
	[EVENT_FAIL] = "fail",	       [EVENT_RETRY] = "retry",
	[EVENT_INFO] = "info",	       [EVENT_WARN] = "warn",
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

unsigned events_with(const struct fixture *f, const char *start)
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

int fixture_set_up(void **state)
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

void fixture_add_hub(struct fixture *f)
{
	char *url CLEANUP(free_ptr) = NULL;

	fake_start(&f->other);
	url = server_url(f->other.front, "");
	assert_ok(hub_add_endpoint(&f->endpoints, url, false, &f->err),
		  &f->err);
}

int fixture_tear_down(void **state)
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

static uint64_t received(const struct fixture *f)
{
	uint64_t n = 0;

	for (size_t i = 0; i < f->endpoints.count; i++)
		n += f->endpoints.endpoints[i].bytes;
	return n;
}

int download(struct fixture *f)
{
	struct download_options o = { .jobs = 2,
				      .cancel = &f->cancel,
				      .sink = &f->sink };

	uint64_t before = received(f), got;
	int rc = download_lock(&f->endpoints, f->store, &f->lock, &o, &f->stats,
			       &f->err);

	/* each byte is in a file, or was in vain, or a later run's */
	got = received(f) - before - f->stats.wasted_bytes;
	if (rc == 0)
		assert_int_equal(got, f->stats.got_bytes);
	else
		assert_in_range(got, f->stats.got_bytes, UINT64_MAX / 2);
	return rc;
}

bool exists(const struct fixture *f, const char *name)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/models--org--name/%s",
						 f->dir, name);

	return access(path, F_OK) == 0;
}

char *blob_path(const struct fixture *f, const char *path, const char *suffix)
{
	const struct lock_file *file = lock_find_file(&f->lock.repos[0], path);
	char hex[DIGEST_HEX_MAX];

	return xasprintf("%s/models--org--name/blobs/%s%s", f->dir,
			 digest_hex(&file->etag, hex), suffix);
}

bool is_right(const struct fixture *f, const char *path)
{
	const struct lock_repo *r = &f->lock.repos[0];
	enum blob_state state;
	struct error err = { .code = ERR_NONE };

	assert_ok(hfcache_blob_check(f->store, r, lock_find_file(r, path), NULL,
				     &state, &err),
		  &err);
	return state == BLOB_OK;
}

void assert_all_right(const struct fixture *f)
{
	for (size_t i = 0; i < ARRAY_LEN(f->files); i++)
		assert_true(is_right(f, f->files[i].path));
	assert_true(exists(f, "snapshots/" FAKE_COMMIT "/model.bin"));
	assert_true(exists(f, "snapshots/" FAKE_COMMIT "/sub/config.json"));
	assert_true(exists(f, "trees/" FAKE_COMMIT ".json"));
	assert_true(exists(f, "refs/main"));
}

static void write_file(const char *path, const void *bytes, size_t n)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

/* What stands in the journal of such a part. */
static void journal_of(const struct fixture *f, const void *bytes, size_t n,
		       struct str *out)
{
	const struct lock_file *file = lock_find_file(&f->lock.repos[0],
						      "model.bin");
	struct journal j CLEANUP(journal_release) = { 0 };

	journal_init(&j, &file->etag, &file->sha256, BIG);
	strlist_add(&j.sources, "http://earlier -");
	for (uint32_t i = 0; (i + 1) * (size_t)BLOCK <= n; i++) {
		struct xxh64 x;

		xxh64_begin(&x, j.seed);
		xxh64_update(&x, (const char *)bytes + i * BLOCK, BLOCK);
		j.blocks[i].have = true;
		j.blocks[i].sum = xxh64_end(&x);
	}
	journal_format(&j, out);
}

void leave_part(struct fixture *f, const void *bytes, size_t n)
{
	char *folder CLEANUP(free_ptr) = xasprintf("%s/models--org--name",
						   f->dir);
	char *blobs CLEANUP(free_ptr) = xasprintf("%s/blobs", folder);
	char *path CLEANUP(free_ptr) = blob_path(f, "model.bin", ".itts-part");
	char *journal CLEANUP(free_ptr) = blob_path(f, "model.bin",
						    ".journal.itts-part");
	struct str text CLEANUP(str_release) = STR_INIT;

	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(mkdir(blobs, 0755), 0);
	journal_of(f, bytes, n, &text);
	write_file(path, bytes, n);
	write_file(journal, text.ptr, text.len);
}

void fixture_empty(const struct fixture *f)
{
	char *folder CLEANUP(free_ptr) = xasprintf("%s/models--org--name",
						   f->dir);

	if (access(folder, F_OK) == 0)
		temp_dir_end(folder);
}
