#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/check.h"
#include "bundle/pack.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB	 ((uint64_t)1 << 20)
#define BIG_SIZE (150 * MIB)

struct fixture {
	char path[TEMP_PATH_MAX];
	char file[TEMP_PATH_MAX + 8];
	int dir;
	uint64_t files, bytes; /* that a right bundle has */
	struct verify_report file_report, pipe_report;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { 0 };

	f->dir = temp_dir(f->path);
	snprintf(f->file, sizeof(f->file), "%s/b.tar", f->path);
	sample_lock(&l);
	sample_bundle(&l, &bytes);
	assert_ok(file_replace(f->dir, "b.tar", bytes.ptr, bytes.len, &err),
		  &err);
	*state = f;
	return 0;
}

/* Two files of zeros that are larger than a step, and a small one. */
static int setup_big(void **state)
{
	static const struct {
		const char *path;
		uint64_t size;
	} files[] = { { "a.bin", BIG_SIZE },
		      { "b.bin", 64 * MIB + 1 },
		      { "c.bin", 5000 } };
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct lock l CLEANUP(lock_release) = { .name = xstrdup("big") };
	struct hfcache *c CLEANUP(hfcache_close) = NULL;
	struct lock_repo *r = lock_add_repo(&l);
	char *store CLEANUP(free_ptr) = NULL;
	struct pack_options o = { .epoch = 1 };
	struct pack_stats st;
	struct error err = { 0 };

	f->dir = temp_dir(f->path);
	snprintf(f->file, sizeof(f->file), "%s/b.tar", f->path);
	store = xasprintf("%s/hub", f->path);
	r->id = xstrdup("big/model");
	r->revision = xstrdup("main");
	memset(r->commit, 'a', 40);
	strlist_add(&r->refs, "main");
	digest_buf(DIGEST_SHA256, "m", 1, &l.manifest);
	assert_ok(file_mkdirs(f->dir, "hub/models--big--model/blobs", &err),
		  &err);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct lock_file *lf = lock_add_file(r, files[i].path);
		char hex[DIGEST_HEX_MAX];
		char *name CLEANUP(free_ptr) = NULL;
		int fd = openat(f->dir, "new", O_RDWR | O_CREAT, 0644);

		assert_true(fd >= 0);
		lf->size = files[i].size;
		assert_int_equal(ftruncate(fd, (off_t)lf->size), 0);
		assert_ok(digest_fd(DIGEST_SHA256, fd, 0, lf->size, &lf->sha256,
				    &err),
			  &err);
		lf->etag = lf->sha256;
		name = xasprintf("hub/models--big--model/blobs/%s",
				 digest_hex(&lf->etag, hex));
		assert_int_equal(renameat(f->dir, "new", f->dir, name), 0);
		close(fd);
		f->files++;
		f->bytes += lf->size;
	}
	assert_ok(lock_finish(&l, &err), &err);
	assert_ok(hfcache_open(&c, store, false, &err), &err);
	assert_ok(pack_lock(c, &l, f->file, -1, &o, &st, &err), &err);
	*state = f;
	return 0;
}

/* As every itts-pack before version 2 has written it. */
static int setup_old(void **state)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { 0 };
	struct fixture *f;
	int rc = setup(state);

	f = *state;
	sample_lock(&l);
	sample_bundle_of(&l, 1, &bytes);
	assert_ok(file_replace(f->dir, "b.tar", bytes.ptr, bytes.len, &err),
		  &err);
	return rc;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	verify_report_release(&f->file_report);
	verify_report_release(&f->pipe_report);
	temp_dir_end(f->dir, f->path);
	free(f);
	return 0;
}

/* As a file and as a stream. */
static void check_both(struct fixture *f)
{
	struct verify_options o = { .threads = 2 };
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct bundle_source t CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	char *line CLEANUP(free_ptr) = xasprintf("cat '%s'", f->file);
	struct error err = { 0 };
	FILE *p;

	verify_report_release(&f->file_report);
	verify_report_release(&f->pipe_report);
	assert_ok(bundle_source_open(&s, f->file, &err), &err);
	assert_ok(bundle_check(&s, &o, &f->file_report, &err), &err);
	p = popen(line, "r");
	assert_non_null(p);
	assert_ok(bundle_source_open_fd(&t, fileno(p), f->file, &err), &err);
	assert_ok(bundle_check(&t, &o, &f->pipe_report, &err), &err);
	pclose(p);
}

static const struct verify_item *find(const struct verify_report *r,
				      const char *path)
{
	for (size_t i = 0; i < r->count; i++)
		if (!strcmp(r->items[i].path, path))
			return &r->items[i];
	return NULL;
}

static void assert_item(const struct verify_report *r, enum verify_state state,
			const char *where, const char *path, const char *detail)
{
	const struct verify_item *item = find(r, path);

	if (!item) {
		for (size_t i = 0; i < r->count; i++)
			print_error("%s: %s\n", r->items[i].path,
				    verify_state_name(r->items[i].state));
		fail_msg("%s is not reported", path);
		return;
	}
	assert_string_equal(verify_state_name(item->state),
			    verify_state_name(state));
	assert_string_equal(item->where, where);
	if (detail && !(item->detail && strstr(item->detail, detail)))
		fail_msg("%s: \"%s\" is not in \"%s\"", path, detail,
			 item->detail ? item->detail : "");
}

static void assert_both(struct fixture *f, enum verify_state state,
			const char *where, const char *path, const char *detail)
{
	assert_item(&f->file_report, state, where, path, detail);
	assert_item(&f->pipe_report, state, where, path, detail);
}

/* Flips a bit of the n-th segment of a kind (or of a member), at `into`. */
static void damage(struct fixture *f, enum segment_kind kind, const char *name,
		   uint64_t into)
{
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct str what CLEANUP(str_release) = STR_INIT;
	int fd = open(f->file, O_RDWR | O_CLOEXEC);
	struct segment seg;
	struct error err = { 0 };
	char c;

	assert_true(fd >= 0);
	assert_ok(bundle_source_open(&s, f->file, &err), &err);
	do {
		assert_ok(layout_next(s.layout, &seg, &err), &err);
		assert_int_not_equal(seg.kind, SEGMENT_END);
		str_clear(&what);
		bundle_source_describe(&s, &seg, &what);
	} while (seg.kind != kind || !strstr(what.ptr, name) ||
		 into >= seg.size);
	assert_int_equal(pread(fd, &c, 1, (off_t)(seg.offset + into)), 1);
	c ^= 4;
	assert_int_equal(pwrite(fd, &c, 1, (off_t)(seg.offset + into)), 1);
	close(fd);
}

static void right_bundle(void **state)
{
	struct fixture *f = *state;

	check_both(f);
	assert_int_equal(f->file_report.count, 0);
	assert_int_equal(f->pipe_report.count, 0);
	assert_int_equal(f->file_report.files, 8);
	assert_int_equal(f->pipe_report.files, 8);
	assert_int_equal(f->file_report.bytes, f->pipe_report.bytes);
}

static void damage_is_named(void **state)
{
	struct fixture *f = *state;

	damage(f, SEGMENT_PAYLOAD, "acme/tiny-tts gpt.pth", 65000);
	damage(f, SEGMENT_PAYLOAD, "gpt2 a.bin", 0);
	damage(f, SEGMENT_EXTRA, "INSTALL.txt", 20);
	damage(f, SEGMENT_BYTES, "refs/pr/1", 3);
	check_both(f);
	assert_both(f, VERIFY_WRONG_DIGEST, "acme/tiny-tts", "gpt.pth", NULL);
	assert_both(f, VERIFY_WRONG_DIGEST, "gpt2", "a.bin", NULL);
	assert_both(f, VERIFY_WRONG_DIGEST, f->file, "INSTALL.txt", "byte ");
	assert_both(f, VERIFY_WRONG_DIGEST, f->file,
		    "hub/models--gpt2/refs/refs/pr/1", "byte ");
	assert_int_equal(f->file_report.damaged, 4);
	assert_int_equal(f->pipe_report.damaged, 4);
	assert_int_equal(f->file_report.files, 6);
	assert_int_equal(f->pipe_report.files, 6);
}

static void copies_count(void **state)
{
	struct fixture *f = *state;

	damage(f, SEGMENT_PAYLOAD, "checkpoints/config.yaml", 100);
	check_both(f);
	assert_both(f, VERIFY_WRONG_DIGEST, f->file, "checkpoints/config.yaml",
		    "at byte");
	assert_int_equal(f->file_report.damaged, 1);
}

static void cut_bundle(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->file, &st), 0);
	/* within big.bin, the largest, with a.bin behind it */
	assert_int_equal(truncate(f->file, st.st_size / 2), 0);
	check_both(f);
	assert_both(f, VERIFY_WRONG_SIZE, "acme/other", "big.bin",
		    "ends at byte");
	assert_both(f, VERIFY_MISSING, "gpt2", "a.bin", NULL);
	assert_int_equal(f->file_report.damaged, 2);
}

static void longer_bundle(void **state)
{
	struct fixture *f = *state;

	run_silent(f->path, "printf x >> b.tar");
	check_both(f);
	assert_both(f, VERIFY_WRONG_SIZE, f->file, "", "follows the end");
}

static void big_right(void **state)
{
	struct fixture *f = *state;

	check_both(f);
	assert_int_equal(f->file_report.count, 0);
	assert_int_equal(f->pipe_report.count, 0);
	assert_int_equal(f->file_report.files, f->files);
	assert_int_equal(f->file_report.bytes, f->bytes);
	assert_int_equal(f->pipe_report.bytes, f->bytes);
}

static void big_is_located(void **state)
{
	struct fixture *f = *state;

	damage(f, SEGMENT_PAYLOAD, "a.bin", 70 * MIB);
	damage(f, SEGMENT_PAYLOAD, "b.bin", 64 * MIB);
	check_both(f);
	assert_both(f, VERIFY_WRONG_DIGEST, "big/model", "a.bin",
		    "between byte 67108864 and 134217728 of the file");
	assert_both(f, VERIFY_WRONG_DIGEST, "big/model", "b.bin",
		    "between byte 67108864 and 67108865 of the file");
	assert_int_equal(f->file_report.damaged, 2);
	assert_int_equal(f->file_report.files, 1);
}

static void wrong_states(void **state)
{
	struct fixture *f = *state;

	damage(f, SEGMENT_STATES, "states", 5);
	damage(f, SEGMENT_STATES, "states", 2 * DIGEST_STATE_LEN);
	check_both(f);
	assert_both(f, VERIFY_WRONG_DIGEST, f->file, "itts-bundle.states",
		    NULL);
	assert_int_equal(f->file_report.count, 1);
	assert_int_equal(f->pipe_report.count, 1);
	assert_int_equal(f->file_report.files, f->files);
	assert_int_equal(f->pipe_report.files, f->files);
}

static void states_and_bytes(void **state)
{
	struct fixture *f = *state;

	damage(f, SEGMENT_STATES, "states", 5);
	damage(f, SEGMENT_PAYLOAD, "a.bin", 149 * MIB);
	check_both(f);
	assert_item(&f->file_report, VERIFY_WRONG_DIGEST, "big/model", "a.bin",
		    "between byte ");
	assert_item(&f->pipe_report, VERIFY_WRONG_DIGEST, "big/model", "a.bin",
		    "between byte ");
}

static void cut_before_states(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->file, &st), 0);
	assert_int_equal(truncate(f->file, st.st_size - 10240), 0);
	check_both(f);
	assert_true(f->file_report.damaged > 0);
	assert_int_equal(f->file_report.files, f->files);
}

static void stops(void **state)
{
	struct fixture *f = *state;
	struct cancel cancel CLEANUP(cancel_release) = { 0 };
	struct verify_options o = { .cancel = &cancel };
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct error err = { 0 };

	assert_ok(cancel_init(&cancel, &err), &err);
	assert_ok(bundle_source_open(&s, f->file, &err), &err);
	cancel_set(&cancel);
	assert_fails(bundle_check(&s, &o, &f->file_report, &err), &err,
		     ERR_CANCELLED, "");
}

#define SMALL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define OLD(test)   cmocka_unit_test_setup_teardown(test, setup_old, teardown)
#define BIG(test)   cmocka_unit_test_setup_teardown(test, setup_big, teardown)

int run_check_tests(void)
{
	const struct CMUnitTest tests[] = {
		SMALL(right_bundle),	OLD(right_bundle),
		SMALL(damage_is_named), SMALL(copies_count),
		SMALL(cut_bundle),	SMALL(longer_bundle),
		SMALL(stops),		BIG(big_right),
		BIG(big_is_located),	BIG(wrong_states),
		BIG(states_and_bytes),	BIG(cut_before_states),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
