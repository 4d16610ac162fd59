#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "fetch/download_plan.h"
#include "tests/unit/fetch/fake_hub.h"

#include <errno.h>
#include <string.h>

static const struct fake_file files_a[] = {
	{ "big.bin", "0123456789", 10, true },
	{ "copy.bin", "0123456789", 10, true },
	{ "small.txt", "abc", 3, false },
};
static const struct fake_file files_b[] = {
	{ "same.bin", "0123456789", 10, true },
	{ "plain.bin", "0123456789", 10, false }, /* other name, same bytes */
};

static void make_lock(struct lock *l)
{
	struct fake_hub a = { .id = "org/a",
			      .commit = FAKE_COMMIT,
			      .files = files_a,
			      .count = ARRAY_LEN(files_a) };
	struct fake_hub b = { .id = "org/b",
			      .commit = FAKE_COMMIT,
			      .files = files_b,
			      .count = ARRAY_LEN(files_b) };

	fake_lock(&a, l);
	fake_lock(&b, l);
}

static void distinct(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct plan p CLEANUP(plan_release) = { 0 };

	(void)state;
	make_lock(&l);
	plan_make(&p, &l, false);
	/* big.bin and copy.bin are one blob; each repository has its own */
	assert_int_equal(p.entry_count, 5);
	assert_int_equal(p.blob_count, 4);
	for (size_t i = 1; i < p.blob_count; i++)
		assert_true(p.blobs[i - 1].file->size >= p.blobs[i].file->size);
	assert_string_equal(p.blobs[3].file->path, "small.txt");
}

static void only_unknown(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct plan p CLEANUP(plan_release) = { 0 };

	(void)state;
	make_lock(&l);
	l.repos[0].files[2].sha256.alg = DIGEST_NONE;
	plan_make(&p, &l, true);
	assert_int_equal(p.blob_count, 1);
	assert_string_equal(p.blobs[0].file->path, "small.txt");
}

static void sharing(void **state)
{
	char dir[TEMP_PATH_MAX];
	struct lock l CLEANUP(lock_release) = { 0 };
	struct plan p CLEANUP(plan_release) = { 0 };
	struct hfcache *store CLEANUP(hfcache_close) = NULL;
	struct download_options o = { .jobs = 1 };
	struct error err = { .code = ERR_NONE };
	unsigned to_fetch = 0;

	(void)state;
	temp_dir(dir);
	make_lock(&l);
	assert_ok(hfcache_open(&store, dir, true, &err), &err);
	plan_make(&p, &l, false);
	assert_ok(plan_check(&p, store, &o, &err), &err);
	assert_ok(plan_share(&p, store, &err), &err);
	for (size_t i = 0; i < p.blob_count; i++)
		to_fetch += p.blobs[i].same_as == PLAN_NONE;
	assert_int_equal(to_fetch, 2); /* the ten bytes once, small.txt */
	assert_ok(plan_space(&p, store, &err), &err);
	temp_dir_end(dir);
}

static void no_room(void **state)
{
	char dir[TEMP_PATH_MAX];
	struct lock l CLEANUP(lock_release) = { 0 };
	struct plan p CLEANUP(plan_release) = { 0 };
	struct hfcache *store CLEANUP(hfcache_close) = NULL;
	struct error err = { .code = ERR_NONE };

	(void)state;
	temp_dir(dir);
	make_lock(&l);
	l.repos[0].files[2].size = (uint64_t)1 << 52;
	assert_ok(hfcache_open(&store, dir, true, &err), &err);
	plan_make(&p, &l, false);
	assert_int_equal(plan_space(&p, store, &err), -1);
	assert_int_equal(err.sys, ENOSPC);
	assert_contains(err.msg, " free on ");
	assert_fails(-1, &err, ERR_IO, "needs 4.00 PiB");
	temp_dir_end(dir);
}

int run_plan_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distinct),
		cmocka_unit_test(only_unknown),
		cmocka_unit_test(sharing),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
