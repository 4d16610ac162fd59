/* What is remembered of files that were found right, and when it is not trusted. */
#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/checked.h"
#include "cache/verify.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND ((int64_t)1000000000)

static struct stamp sample(uint64_t ino, int64_t time)
{
	char text[32];
	struct stamp s = { .dev = 5, .ino = ino, .size = ino * 3 };

	s.mtime = time;
	s.ctime = time + 1;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)ino);
	digest_buf(ino % 2 ? DIGEST_SHA256 : DIGEST_GIT_SHA1, text,
		   strlen(text), ino % 2 ? &s.sha256 : &s.git);
	return s;
}

static void test_text(void **state)
{
	struct stamps a CLEANUP(stamps_release) = { .written = 77 };
	struct stamps b CLEANUP(stamps_release) = { 0 };
	struct str x CLEANUP(str_release) = STR_INIT;
	struct str y CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	for (uint64_t i = 9; i > 0; i--) {
		struct stamp s = sample(i, 10);

		stamps_add(&a, &s);
	}
	stamps_sort(&a);
	stamps_format(&a, &x);
	assert_ok(stamps_parse(&b, x.ptr, x.len, &err), &err);
	assert_int_equal(b.count, 9);
	assert_true(b.written == 77);
	stamps_format(&b, &y);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.ptr, y.ptr, x.len);
	/* any byte that is changed, and any that lacks */
	for (size_t i = 0; i < x.len; i++) {
		struct stamps none CLEANUP(stamps_release) = { 0 };

		x.ptr[i] ^= 0x20;
		assert_fails(stamps_parse(&none, x.ptr, x.len, &err), &err,
			     ERR_FORMAT, "");
		x.ptr[i] ^= 0x20;
		assert_fails(stamps_parse(&none, x.ptr, i, &err), &err,
			     ERR_FORMAT, "");
		assert_null(none.items);
	}
}

static void test_find(void **state)
{
	struct stamps s CLEANUP(stamps_release) = { .written = 1000 };
	struct stamp a = sample(1, 500), b = sample(2, 999), c = sample(3, 10);
	struct stamp like;

	(void)state;
	stamps_add(&s, &c);
	stamps_add(&s, &b);
	stamps_add(&s, &a);
	stamps_sort(&s);
	assert_non_null(stamps_find(&s, &a));
	assert_true(stamp_has(stamps_find(&s, &a), &a.sha256));
	assert_false(stamp_has(stamps_find(&s, &a), &c.sha256));
	assert_false(stamp_has(&a, &(struct digest){ 0 }));
	/* changed in the moment when the list was written */
	assert_null(stamps_find(&s, &b));
	for (int i = 0; i < 5; i++) {
		like = a;
		*(i == 0   ? &like.dev
		  : i == 1 ? &like.ino
			   : &like.size) += i < 3;
		like.mtime += i == 3;
		like.ctime -= i == 4;
		assert_null(stamps_find(&s, &like));
	}
}

static void test_sort(void **state)
{
	struct stamps s CLEANUP(stamps_release) = { .written = INT64_MAX };
	struct stamp old = sample(1, 5), new = sample(1, 6), git = new;

	(void)state;
	git.sha256 = (struct digest){ 0 };
	digest_buf(DIGEST_GIT_SHA1, "x", 1, &git.git);
	stamps_add(&s, &new);
	stamps_add(&s, &old);
	stamps_add(&s, &git);
	stamps_sort(&s);
	assert_int_equal(s.count, 1);
	assert_null(stamps_find(&s, &old));
	assert_true(stamp_has(stamps_find(&s, &new), &new.sha256));
	assert_true(stamp_has(stamps_find(&s, &new), &git.git));
}

static void test_racy(void **state)
{
	struct stamp s = { .mtime = 100 * SECOND + 5,
			   .ctime = 100 * SECOND + 7 };

	(void)state;
	assert_true(stamp_is_racy(&s, 100 * SECOND));
	assert_true(stamp_is_racy(&s, 100 * SECOND + 1000000));
	assert_false(stamp_is_racy(&s, 101 * SECOND));
	/* whole seconds: FAT counts in twos */
	s.mtime = s.ctime = 100 * SECOND;
	assert_true(stamp_is_racy(&s, 101 * SECOND));
	assert_false(stamp_is_racy(&s, 103 * SECOND));
	/* the future is never trusted */
	s.mtime = 900 * SECOND;
	assert_true(stamp_is_racy(&s, 103 * SECOND));
}

/* --- a cache --------------------------------------------------------------------- */

struct fixture {
	struct lock l;
	struct hfcache *c;
	struct verify_report r;
	struct heard heard;
	int dir;
	char path[TEMP_PATH_MAX];
	struct error err;
};

static void wait_ms(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

static void fixture_open(struct fixture *x)
{
	*x = (struct fixture){ .heard = { .texts = STR_INIT } };
	x->dir = temp_dir(x->path);
	sample_lock(&x->l);
	x->c = open_store(x->path, true);
	store_all(x->c, &x->l);
	wait_ms(50); /* older than the checks that follow */
}

static void fixture_close(struct fixture *x)
{
	verify_report_release(&x->r);
	hfcache_close(&x->c);
	lock_release(&x->l);
	heard_release(&x->heard);
	temp_dir_end(x->dir, x->path);
}

/* Items that were read. */
static uint64_t check(struct fixture *x, bool quick, bool with_lock)
{
	struct checked k CLEANUP(checked_release) = CHECKED_INIT;
	struct strlist all = { 0 };
	struct event_sink sink = { heard_event, &x->heard };
	struct verify_options o = { .threads = 2,
				    .sink = &sink,
				    .checked = &k };

	verify_report_release(&x->r);
	checked_open(&k, x->dir, CHECKED_CACHE_DIR, CHECKED_CACHE_NAME, quick);
	if (with_lock)
		assert_ok(verify_lock(x->c, &x->l, &o, &x->r, &x->err),
			  &x->err);
	else
		assert_ok(verify_cache(x->c, &all, &o, &x->r, &x->err),
			  &x->err);
	assert_ok(checked_save(&k, !with_lock, &x->err), &x->err);
	return x->heard.items;
}

static void test_quick(void **state)
{
	struct fixture x;
	uint64_t files, bytes, all;
	char *blob, *path;

	(void)state;
	fixture_open(&x);
	blob = blob_path(&x.l.repos[0], &x.l.repos[0].files[0]);
	path = blob_path(&x.l.repos[1], &x.l.repos[1].files[0]);
	/* nothing is known yet */
	all = check(&x, true, false);
	assert_true(all > 0);
	files = x.r.files;
	bytes = x.r.bytes;
	assert_report(&x.r, NULL);
	/* then all is, and the sums are the same */
	assert_int_equal(check(&x, true, false), 0);
	assert_int_equal(x.r.files, files);
	assert_int_equal(x.r.known_files, files);
	assert_int_equal(x.r.bytes, bytes);
	/* a full check reads all the same */
	assert_int_equal(check(&x, false, false), all);
	/* a byte that has changed is seen, and only its file is read */
	damage_file(x.dir, blob, 0);
	assert_int_equal(check(&x, true, false), 1);
	assert_int_equal(x.r.damaged, 1);
	/* and seen again: what is wrong is not remembered */
	assert_int_equal(check(&x, true, false), 1);
	assert_int_equal(x.r.damaged, 1);
	damage_file(x.dir, blob, 0);
	wait_ms(50);
	assert_int_equal(check(&x, true, false), 1);
	assert_int_equal(x.r.damaged, 0);
	assert_int_equal(check(&x, true, false), 0);
	/* one that lacks is missed */
	remove_file(x.dir, path);
	check(&x, true, false);
	assert_true(x.r.damaged > 0);
	free(blob);
	free(path);
	fixture_close(&x);
}

static void test_with_lock(void **state)
{
	struct fixture x;
	uint64_t all;

	(void)state;
	fixture_open(&x);
	all = check(&x, false, true);
	assert_true(all > 0);
	assert_int_equal(check(&x, true, true), 0);
	assert_report(&x.r, NULL);
	/* names by git's SHA-1 were not checked, only the lock's SHA-256 */
	assert_true(check(&x, true, false) < all);
	assert_int_equal(check(&x, true, false), 0);
	/* and the other way round nothing was lost */
	assert_int_equal(check(&x, true, true), 0);
	fixture_close(&x);
}

/* Changed just before it was read: it might change once more in the same tick. */
static void test_young(void **state)
{
	struct fixture x;
	char *blob;

	(void)state;
	fixture_open(&x);
	check(&x, true, false);
	blob = blob_path(&x.l.repos[0], &x.l.repos[0].files[0]);
	damage_file(x.dir, blob, 0);
	damage_file(x.dir, blob, 0);
	assert_int_equal(check(&x, true, false), 1);
	assert_int_equal(x.r.damaged, 0);
	assert_int_equal(check(&x, true, false), 1);
	free(blob);
	fixture_close(&x);
}

static void test_damaged_list(void **state)
{
	static const char name[] = CHECKED_CACHE_DIR "/" CHECKED_CACHE_NAME;
	struct fixture x;
	struct checked k CLEANUP(checked_release) = CHECKED_INIT;
	uint64_t all;

	(void)state;
	fixture_open(&x);
	all = check(&x, false, false);
	assert_int_equal(check(&x, true, false), 0);
	damage_file(x.dir, name, 60);
	checked_open(&k, x.dir, CHECKED_CACHE_DIR, CHECKED_CACHE_NAME, true);
	assert_non_null(k.problem);
	assert_int_equal(k.known.count, 0);
	assert_int_equal(check(&x, true, false), all);
	assert_int_equal(check(&x, true, false), 0);
	/* put back from before: not younger by that */
	assert_int_equal(
		utimensat(x.dir, name,
			  (const struct timespec[]){ { .tv_sec = 1000 },
						     { .tv_sec = 1000 } },
			  0),
		0);
	assert_int_equal(check(&x, true, false), all);
	/* something else in its place is neither read nor waited for */
	remove_file(x.dir, name);
	assert_int_equal(mkfifoat(x.dir, name, 0644), 0);
	assert_int_equal(check(&x, true, false), all);
	remove_file(x.dir, name);
	put_link(x.dir, name, "/dev/zero");
	assert_int_equal(check(&x, true, false), all);
	fixture_close(&x);
}

/* A cache without .locks gets none. */
static void test_no_place(void **state)
{
	struct fixture x;
	uint64_t all;

	(void)state;
	fixture_open(&x);
	assert_int_equal(renameat(x.dir, ".locks", x.dir, ".other"), 0);
	all = check(&x, false, false);
	assert_int_equal(check(&x, true, false), all);
	assert_false(is_there(x.dir, ".locks"));
	fixture_close(&x);
}

/* What was stored was hashed on the way. */
static void test_remembered(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	hfcache_remember(x.c);
	assert_int_equal(check(&x, true, true), 0);
	assert_int_equal(check(&x, true, false), 0);
	assert_report(&x.r, NULL);
	fixture_close(&x);
}

static void test_corpus(void **state)
{
	DIR *dir = opendir("tests/fuzz/corpus/stamps");
	struct dirent *d;
	size_t files = 0;

	(void)state;
	assert_non_null(dir);
	while ((d = readdir(dir))) {
		struct stamps s CLEANUP(stamps_release) = { 0 };
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		bool good = str_starts(d->d_name, "good");

		if (*d->d_name == '.')
			continue;
		assert_ok(file_read_all(dirfd(dir), d->d_name, STAMPS_LIMIT,
					&text, &err),
			  &err);
		assert_int_equal(stamps_parse(&s, text.ptr, text.len, &err),
				 good ? 0 : -1);
		files++;
	}
	closedir(dir);
	assert_true(files >= 5);
}

int run_checked_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_racy),
		cmocka_unit_test(test_quick),
		cmocka_unit_test(test_with_lock),
		cmocka_unit_test(test_young),
		cmocka_unit_test(test_damaged_list),
		cmocka_unit_test(test_no_place),
		cmocka_unit_test(test_remembered),
		cmocka_unit_test(test_corpus),
	};

	return cmocka_run_group_tests_name("checked", tests, NULL, NULL);
}
