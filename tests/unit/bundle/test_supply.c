/* Right bytes from bundles, caches and directories, and no others. */
#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/supply.h"
#include "cache/hfcache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	int dir;
	char path[TEMP_PATH_MAX];
	char *good, *store, *tar, *files;
	struct lock lock;
	struct hfcache *c;
	struct supplies places;
	struct supply_job job;
	struct error err;
};

static void fixture_open(struct fixture *x)
{
	struct str bundle CLEANUP(str_release) = STR_INIT;

	*x = (struct fixture){ 0 };
	x->dir = temp_dir(x->path);
	x->good = xasprintf("%s/good", x->path);
	x->store = xasprintf("%s/store", x->path);
	x->tar = xasprintf("%s/b.tar", x->path);
	x->files = xasprintf("%s/files", x->path);
	sample_lock(&x->lock);
	run_silent(x->path, "mkdir good");
	sample_store(x->good, &x->lock);
	sample_bundle(&x->lock, &bundle);
	assert_ok(
		file_replace(x->dir, "b.tar", bundle.ptr, bundle.len, &x->err),
		&x->err);
	assert_ok(hfcache_open(&x->c, x->store, true, &x->err), &x->err);
	x->job.store = x->c;
}

static void fixture_close(struct fixture *x)
{
	supplies_release(&x->places);
	hfcache_close(&x->c);
	lock_release(&x->lock);
	free(x->good);
	free(x->store);
	free(x->tar);
	free(x->files);
	temp_dir_end(x->dir, x->path);
}

/* Asks for every file of the lock; how many came, and all that did are right. */
static size_t get_all(struct fixture *x)
{
	size_t came = 0;

	for (size_t i = 0; i < x->lock.repo_count; i++) {
		struct lock_repo *r = &x->lock.repos[i];

		for (size_t k = 0; k < r->file_count; k++) {
			enum blob_state state;
			int rc = supplies_get(&x->places, &x->job, r,
					      &r->files[k], 0, &x->err);

			assert_true(rc >= 0);
			assert_ok(hfcache_blob_check(x->c, r, &r->files[k],
						     NULL, &state, &x->err),
				  &x->err);
			if (rc > 0)
				assert_int_equal(state, BLOB_OK);
			came += (size_t)rc;
		}
	}
	return came;
}

static size_t count_files(const struct lock *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->repo_count; i++)
		n += l->repos[i].file_count;
	return n;
}

static void assert_kind(const char *path, enum supply_kind want)
{
	struct error err = { 0 };
	enum supply_kind kind;

	assert_ok(supply_kind_of(path, &kind, &err), &err);
	assert_int_equal(kind, want);
}

static void test_bundle(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	assert_kind(x.tar, SUPPLY_BUNDLE);
	assert_ok(supplies_add(&x.places, x.tar, NULL, &x.err), &x.err);
	assert_int_equal(get_all(&x), count_files(&x.lock));
	fixture_close(&x);
}

static void test_cache(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	assert_kind(x.good, SUPPLY_CACHE);
	assert_ok(supplies_add(&x.places, x.good, NULL, &x.err), &x.err);
	assert_int_equal(get_all(&x), count_files(&x.lock));
	fixture_close(&x);
}

/* What is damaged in one place comes from the next. */
static void test_damaged(void **state)
{
	struct fixture x;
	size_t came;

	(void)state;
	fixture_open(&x);
	run_silent(x.path, "cp -r good bad; chmod -R u+w bad; find bad -path "
			   "'*/blobs/*' -type f -size +0 -exec sed -i "
			   "'1s/^/X/' {} +");
	{
		char *bad CLEANUP(free_ptr) = xasprintf("%s/bad", x.path);

		assert_ok(supplies_add(&x.places, bad, NULL, &x.err), &x.err);
	}
	came = get_all(&x);
	assert_true(came < count_files(&x.lock));
	assert_ok(supplies_add(&x.places, x.tar, NULL, &x.err), &x.err);
	assert_int_equal(get_all(&x), count_files(&x.lock));
	fixture_close(&x);
}

static void test_files(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	/* under names that say nothing */
	run_silent(x.path, "mkdir files; n=0; for f in $(find good -path "
			   "'*/blobs/*' -type f); do n=$((n + 1)); cp $f "
			   "files/$n; done");
	assert_kind(x.files, SUPPLY_FILES);
	assert_fails(supplies_add(&x.places, x.files, NULL, &x.err), &x.err,
		     ERR_FORMAT, "neither");
	assert_ok(supplies_add_files(&x.places, x.files, &x.err), &x.err);
	x.job.mode = SUPPLY_LINK;
	assert_int_equal(get_all(&x), count_files(&x.lock));
	assert_true(x.job.linked > 0);
	assert_fails(supplies_add_files(&x.places, "/nowhere/at/all", &x.err),
		     &x.err, ERR_NOT_FOUND, "no such directory");
	fixture_close(&x);
}

#define MANY 1000

/* A text of four bytes, another one for each number. */
static void text_of(size_t i, char text[8])
{
	snprintf(text, 8, "%04u", (unsigned)(i % 10000));
}

/* A file of the lock, named otherwise there. */
static void add_many(struct lock_repo *r, size_t i, bool git)
{
	char text[8], path[24];
	struct lock_file *f;

	text_of(i, text);
	snprintf(path, sizeof(path), "%c%zu", git ? 'g' : 's', i);
	f = lock_add_file(r, path);
	f->size = 4;
	digest_buf(DIGEST_SHA256, text, 4, &f->sha256);
	f->etag = f->sha256;
	if (git) {
		digest_buf(DIGEST_GIT_SHA1, text, 4, &f->etag);
		f->sha256 = (struct digest){ 0 };
	}
}

/* As many files of one size: each is hashed once, and none is looked at again for
 * every other file that is sought. */
static void test_same_size(void **state)
{
	struct fixture x;
	struct lock_repo *r;

	(void)state;
	fixture_open(&x);
	run_silent(x.path, "mkdir files; for n in $(seq -w 0 0999); do printf "
			   "%s $n >files/of-$n; done");
	lock_release(&x.lock);
	r = lock_add_repo(&x.lock);
	r->id = xstrdup("acme/many");
	memset(r->commit, 'a', sizeof(r->commit) - 1);
	/* the worst order: what is sought first lies last */
	for (size_t i = MANY; i-- > 0;) {
		add_many(r, i, false);
		add_many(r, i, true);
	}
	/* one that is not there, and the same bytes once more */
	add_many(r, MANY, false);
	add_many(r, 0, false);
	assert_ok(supplies_add_files(&x.places, x.files, &x.err), &x.err);
	assert_int_equal(get_all(&x), 2 * MANY + 1);
	/* a guess for each and hashing all, with both algorithms */
	assert_in_range(x.job.offers, 2 * MANY, 8 * MANY + 8);
	fixture_close(&x);
}

int run_supply_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bundle),	  cmocka_unit_test(test_cache),
		cmocka_unit_test(test_damaged),	  cmocka_unit_test(test_files),
		cmocka_unit_test(test_same_size),
	};

	return cmocka_run_group_tests_name("supply", tests, NULL, NULL);
}
