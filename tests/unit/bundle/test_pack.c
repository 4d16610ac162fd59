#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/bmanifest.h"
#include "bundle/layout.h"
#include "bundle/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char path[TEMP_PATH_MAX];
	char store[TEMP_PATH_MAX + 8], out[TEMP_PATH_MAX + 8];
	int dir;
	struct lock lock;
	struct hfcache *cache;
};

static const struct pack_options options = { .serial = 7, .epoch = 1700000000 };

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct error err = { 0 };

	f->dir = temp_dir(f->path);
	snprintf(f->store, sizeof(f->store), "%s/hub", f->path);
	snprintf(f->out, sizeof(f->out), "%s/o.tar", f->path);
	assert_int_equal(mkdir(f->store, 0755), 0);
	sample_lock(&f->lock);
	sample_store(f->store, &f->lock);
	assert_ok(hfcache_open(&f->cache, f->store, false, &err), &err);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hfcache_close(&f->cache);
	lock_release(&f->lock);
	temp_dir_end(f->dir, f->path);
	free(f);
	return 0;
}

static int pack_file(struct fixture *f, struct pack_stats *stats,
		     struct error *err)
{
	return pack_lock(f->cache, &f->lock, f->out, -1, &options, stats, err);
}

/* Nothing but the store is left, not even a temporary name. */
static void assert_no_output(struct fixture *f)
{
	DIR *d = opendir(f->path);
	const struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (strcmp(e->d_name, "hub") && e->d_name[0] != '.')
			fail_msg("%s is left behind", e->d_name);
		else if (str_ends(e->d_name, ".tmp"))
			fail_msg("%s is left behind", e->d_name);
	closedir(d);
}

static void writes_the_layout(void **state)
{
	struct fixture *f = *state;
	struct str want CLEANUP(str_release) = STR_INIT;
	struct str got CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct pack_stats stats = { 0 };
	struct stat st;

	assert_ok(pack_file(f, &stats, &err), &err);
	sample_bundle(&f->lock, &want);
	assert_ok(file_read_all(f->dir, "o.tar", 64u << 20, &got, &err), &err);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.ptr, want.ptr, want.len);
	assert_int_equal(stats.bytes, want.len);
	assert_int_equal(stats.payloads, 8);
	assert_int_equal(stats.payload_bytes,
			 700 + 2900 + 70001 + 4096 + 20 + 3500000 + 4095);
	assert_int_equal(stat(f->out, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void digest_of(struct fixture *f, char hex[DIGEST_HEX_MAX])
{
	struct str got CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct digest d;

	assert_ok(file_read_all(f->dir, "o.tar", 64u << 20, &got, &err), &err);
	digest_buf(DIGEST_SHA256, got.ptr, got.len, &d);
	digest_hex(&d, hex);
}

static void same_bytes_everywhere(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	struct pack_stats stats;
	char first[DIGEST_HEX_MAX], second[DIGEST_HEX_MAX], cwd[4096];
	mode_t mask = umask(0);

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_ok(pack_file(f, &stats, &err), &err);
	digest_of(f, first);
	umask(077);
	setenv("TZ", "Pacific/Chatham", 1);
	tzset();
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	assert_int_equal(chdir("/"), 0);
	assert_ok(pack_file(f, &stats, &err), &err);
	digest_of(f, second);
	assert_int_equal(chdir(cwd), 0);
	setlocale(LC_ALL, "C");
	unsetenv("TZ");
	umask(mask);
	assert_string_equal(first, second);
}

struct drain {
	int fd;
	struct str got;
};

static void *drain_pipe(void *arg)
{
	struct drain *d = arg;
	char buf[65536];
	ssize_t n;

	while ((n = read(d->fd, buf, sizeof(buf))) > 0)
		str_add(&d->got, buf, (size_t)n);
	return NULL;
}

static void writes_to_a_pipe(void **state)
{
	struct fixture *f = *state;
	struct str want CLEANUP(str_release) = STR_INIT;
	struct drain d = { .got = STR_INIT };
	struct error err = { 0 };
	struct pack_stats stats;
	pthread_t thread;
	int fds[2], rc;

	assert_int_equal(pipe(fds), 0);
	d.fd = fds[0];
	assert_int_equal(pthread_create(&thread, NULL, drain_pipe, &d), 0);
	rc = pack_lock(f->cache, &f->lock, "-", fds[1], &options, &stats, &err);
	close(fds[1]);
	pthread_join(thread, NULL);
	close(fds[0]);
	assert_ok(rc, &err);
	sample_bundle(&f->lock, &want);
	assert_int_equal(d.got.len, want.len);
	assert_memory_equal(d.got.ptr, want.ptr, want.len);
	str_release(&d.got);
}

static void a_reader_that_ends(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	struct pack_stats stats;
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_fails(pack_lock(f->cache, &f->lock, "-", fds[1], &options,
			       &stats, &err),
		     &err, ERR_IO, "the program that reads");
	close(fds[1]);
	signal(SIGPIPE, old);
}

static void devices_are_not_replaced(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	struct pack_stats stats;
	struct stat st;

	assert_fails(pack_lock(f->cache, &f->lock, "/dev/full", -1, &options,
			       &stats, &err),
		     &err, ERR_IO, "/dev/full");
	assert_ok(pack_lock(f->cache, &f->lock, "/dev/null", -1, &options,
			    &stats, &err),
		  &err);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_fails(pack_lock(f->cache, &f->lock, f->store, -1, &options,
			       &stats, &err),
		     &err, ERR_IO, "directory");
}

/* Path of the blob of repo 0's file with this name. */
static char *blob_path(struct fixture *f, size_t repo, const char *path)
{
	const struct lock_repo *r = &f->lock.repos[repo];
	char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
	char hex[DIGEST_HEX_MAX];

	for (size_t i = 0; i < r->file_count; i++)
		if (!strcmp(r->files[i].path, path))
			return xasprintf("%s/%s/blobs/%s", f->store, folder,
					 digest_hex(&r->files[i].etag, hex));
	fail_msg("no %s", path);
	return NULL;
}

static void damaged_payloads(void **state)
{
	static const struct {
		size_t repo;
		const char *path, *words;
	} cases[] = {
		{ 0, "config.yaml", "acme/tiny-tts config.yaml: sha256" },
		{ 1, "big.bin", "acme/other big.bin: sha256" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *name CLEANUP(free_ptr) = blob_path(f, cases[i].repo,
							 cases[i].path);
		int fd CLEANUP(close_fd) = open(name, O_RDWR | O_CLOEXEC);
		struct error err = { 0 };
		struct pack_stats stats;
		char c;

		assert_int_equal(pread(fd, &c, 1, 77), 1);
		c ^= 4;
		assert_int_equal(pwrite(fd, &c, 1, 77), 1);
		assert_fails(pack_file(f, &stats, &err), &err, ERR_INTEGRITY,
			     cases[i].words);
		assert_no_output(f);
		c ^= 4;
		assert_int_equal(pwrite(fd, &c, 1, 77), 1);
	}
}

static void missing_payloads(void **state)
{
	struct fixture *f = *state;
	struct error err = { 0 };
	struct pack_stats stats;
	char *gone CLEANUP(free_ptr) = blob_path(f, 2, "a.bin");
	char *twice CLEANUP(free_ptr) = blob_path(f, 0, "gpt.pth");
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	int fds[2];
	char c;

	/* the other repo has the same bytes */
	assert_int_equal(unlink(twice), 0);
	assert_ok(pack_file(f, &stats, &err), &err);
	assert_int_equal(unlink(f->out), 0);
	assert_int_equal(unlink(gone), 0);
	assert_fails(pack_file(f, &stats, &err), &err, ERR_NOT_FOUND,
		     "itts-pack fetch");
	assert_no_output(f);
	/* seen before the first byte */
	assert_int_equal(pipe(fds), 0);
	assert_fails(pack_lock(f->cache, &f->lock, "-", fds[1], &options,
			       &stats, &err),
		     &err, ERR_NOT_FOUND, "a.bin");
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
	signal(SIGPIPE, old);
}

struct recorder {
	unsigned starts, ends;
	uint64_t total;
	struct cancel *cancel;
};

static void on_event(void *ctx, const struct event *ev)
{
	struct recorder *r = ctx;

	r->starts += ev->type == EVENT_START;
	r->ends += ev->type == EVENT_DONE;
	if (ev->type == EVENT_PLAN)
		r->total = ev->total;
	if (r->cancel && r->starts == 3)
		cancel_set(r->cancel);
}

static void events_and_cancelling(void **state)
{
	struct fixture *f = *state;
	struct recorder seen = { 0 };
	struct event_sink sink = { on_event, &seen };
	struct pack_options o = { .sink = &sink };
	struct error err = { 0 };
	struct pack_stats stats;
	struct cancel cancel;

	assert_ok(pack_lock(f->cache, &f->lock, f->out, -1, &o, &stats, &err),
		  &err);
	assert_int_equal(seen.starts, 7); /* empty ones are no work */
	assert_int_equal(seen.ends, 7);
	assert_int_equal(seen.total, stats.payload_bytes);
	assert_int_equal(unlink(f->out), 0);
	assert_ok(cancel_init(&cancel, &err), &err);
	o.cancel = seen.cancel = &cancel;
	seen.starts = 0;
	assert_int_equal(
		pack_lock(f->cache, &f->lock, f->out, -1, &o, &stats, &err),
		-1);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_no_output(f);
	cancel_release(&cancel);
}

/* Two files over 64 MiB: their states stand behind the payloads. */
static void states_member(void **state)
{
	static const uint64_t sizes[] = { 3 * BUNDLE_STATE_STEP + 1,
					  BUNDLE_STATE_STEP,
					  BUNDLE_STATE_STEP + 4096 };
	struct fixture *f = *state;
	struct lock l CLEANUP(lock_release) = { .name = xstrdup("big") };
	struct lock_repo *r = lock_add_repo(&l);
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct layout *layout CLEANUP(layout_close) = NULL;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct segment s = { .kind = SEGMENT_BYTES };
	struct error err = { 0 };
	unsigned char states[4 * DIGEST_STATE_LEN];
	struct pack_stats stats;
	int fd, blobs;
	size_t got;

	r->id = xstrdup("acme/big");
	r->revision = xstrdup("main");
	memset(r->commit, 'd', 40);
	assert_ok(file_open_beneath(f->dir, "hub/models--acme--big/blobs", true,
				    &blobs, &err),
		  &err);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char name[DIGEST_HEX_MAX], path[] = { (char)('a' + i), 0 };
		struct lock_file *file = lock_add_file(r, path);

		fd = openat(blobs, "new", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(ftruncate(fd, (off_t)sizes[i]), 0);
		assert_ok(digest_fd(DIGEST_SHA256, fd, 0, sizes[i],
				    &file->sha256, &err),
			  &err);
		close(fd);
		file->etag = file->sha256;
		file->size = sizes[i];
		renameat(blobs, "new", blobs, digest_hex(&file->sha256, name));
	}
	close(blobs);
	assert_ok(lock_finish(&l, &err), &err);
	assert_ok(pack_lock(f->cache, &l, f->out, -1, &options, &stats, &err),
		  &err);
	assert_ok(bundle_manifest_from_lock(&m, &l, 7, 1700000000, &err), &err);
	bundle_manifest_format(&m, &text);
	assert_ok(layout_open(&layout, &m, text.ptr, text.len, &err), &err);
	while (s.kind != SEGMENT_STATES)
		assert_ok(layout_next(layout, &s, &err), &err);
	assert_int_equal(s.size, sizeof(states));
	fd = open(f->out, O_RDONLY | O_CLOEXEC);
	assert_ok(file_pread_full(fd, states, sizeof(states), s.offset, &got,
				  "o", &err),
		  &err);
	close(fd);
	/* all is zeros: the first state of both is the same */
	assert_memory_equal(states, states + 3 * DIGEST_STATE_LEN,
			    DIGEST_STATE_LEN);
	assert_memory_not_equal(states, states + DIGEST_STATE_LEN,
				DIGEST_STATE_LEN);
	run_silent(f->path, "mkdir t && tar -xf o.tar -C t && cd t && "
			    "sha256sum -c --quiet SHA256SUMS");
}

int run_pack_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_the_layout, setup,
						teardown),
		cmocka_unit_test_setup_teardown(same_bytes_everywhere, setup,
						teardown),
		cmocka_unit_test_setup_teardown(writes_to_a_pipe, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_reader_that_ends, setup,
						teardown),
		cmocka_unit_test_setup_teardown(devices_are_not_replaced, setup,
						teardown),
		cmocka_unit_test_setup_teardown(damaged_payloads, setup,
						teardown),
		cmocka_unit_test_setup_teardown(missing_payloads, setup,
						teardown),
		cmocka_unit_test_setup_teardown(events_and_cancelling, setup,
						teardown),
		cmocka_unit_test_setup_teardown(states_member, setup, teardown),
	};

	return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
