/* verify_model_dir(): both layouts of a model directory. */
#include "tests/unit/cache/unit.h"

#include "base/mem.h"
#include "cache/verify.h"
#include "cache/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HUB "hf_cache/models--acme--other"
#define B40 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct fixture {
	struct lock l;
	struct hfcache *c;
	struct verify_report r;
	int dir; /* the model directory */
	char path[TEMP_PATH_MAX], store[TEMP_PATH_MAX];
	int store_dir;
	struct error err;
};

static void place(struct fixture *x, const struct lock *l)
{
	struct view_stats stats;

	assert_ok(view_place(x->c, l, x->path, NULL, NULL, &stats, &x->err),
		  &x->err);
}

static void fixture_open(struct fixture *x)
{
	*x = (struct fixture){ 0 };
	x->dir = temp_dir(x->path);
	x->store_dir = temp_dir(x->store);
	sample_lock(&x->l);
	x->c = open_store(x->store, true);
	store_all(x->c, &x->l);
	place(x, &x->l);
}

static void fixture_close(struct fixture *x)
{
	verify_report_release(&x->r);
	hfcache_close(&x->c);
	lock_release(&x->l);
	temp_dir_end(x->dir, x->path);
	temp_dir_end(x->store_dir, x->store);
}

/* As assert_report(), with the directory's name written as "M". */
static void assert_says(struct fixture *x, const char *want)
{
	const struct verify_options o = { .threads = 2 };
	size_t len = strlen(x->path);

	verify_report_release(&x->r);
	assert_ok(verify_model_dir(x->path, &x->l, &o, &x->r, &x->err),
		  &x->err);
	for (size_t i = 0; i < x->r.count; i++) {
		struct verify_item *item = &x->r.items[i];
		char *where CLEANUP(free_ptr) = NULL;

		assert_memory_equal(item->where, x->path, len);
		where = xasprintf("M%s", item->where + len);
		item->where = arena_strdup(&x->r.strings, where);
	}
	assert_report(&x->r, want);
}

static void test_right(void **state)
{
	size_t fds = count_fds();
	struct fixture x;

	(void)state;
	fixture_open(&x);
	assert_says(&x, NULL);
	/* five views, four files of the Hub view */
	assert_int_equal(x.r.files, 9);
	fixture_close(&x);
	assert_int_equal(count_fds(), fds);
}

static void test_flat(void **state)
{
	static const char pointer[] =
		"version https://git-lfs.github.com/spec/v1\n"
		"oid sha256:00\nsize 70001\n";
	struct fixture x;

	(void)state;
	fixture_open(&x);
	put_text(x.dir, "config.yaml", "edited: yes\n");
	put_text(x.dir, "gpt.pth", pointer);
	remove_file(x.dir, "docs/README.md");
	put_link(x.dir, "sub/a b+%ü文.bin", "../config.yaml");
	assert_says(&x, "wrong size|M|config.yaml|12 bytes, expected 2900\n"
			"missing|M|docs/README.md|\n"
			"pointer instead of content|M|gpt.pth|\n"
			"wrong size|M|sub/a b+%ü文.bin|12 bytes, expected "
			"4096\n");
	assert_int_equal(x.r.damaged, 4);
	remove_file(x.dir, "gpt.pth");
	put_link(x.dir, "gpt.pth", "/etc/passwd");
	assert_says(&x, "wrong size|M|config.yaml|12 bytes, expected 2900\n"
			"missing|M|docs/README.md|\n"
			"not a regular file|M|gpt.pth|is a link that leads "
			"out of the directory\n"
			"wrong size|M|sub/a b+%ü文.bin|12 bytes, expected "
			"4096\n");
	fixture_close(&x);
}

/* A hard link and its blob are one: the damage is seen from both sides. */
static void test_damage_through_link(void **state)
{
	struct verify_report store CLEANUP(verify_report_release) = { 0 };
	const struct verify_options o = { .threads = 1 };
	struct fixture x;

	(void)state;
	fixture_open(&x);
	damage_file(x.dir, "sub/a b+%ü文.bin", 1);
	assert_says(&x, "wrong digest|M|sub/a b+%ü文.bin|found \n");
	assert_ok(verify_lock(x.c, &x.l, &o, &store, &x.err), &x.err);
	assert_report(
		&store,
		"wrong digest|acme/tiny-tts|sub/deep/a b+%ü文.bin|found \n");
	fixture_close(&x);
}

static void test_hub_view(void **state)
{
	struct lock_file *f;
	char *blob CLEANUP(free_ptr) = NULL;
	char hex[DIGEST_HEX_MAX];
	struct fixture x;

	(void)state;
	fixture_open(&x);
	f = lock_find_file(&x.l.repos[1], "README.md");
	blob = xasprintf(HUB "/blobs/%s", digest_hex(&f->etag, hex));
	damage_file(x.dir, blob, 9);
	put_text(x.dir, HUB "/refs/main", B40 "\n");
	remove_file(x.dir, HUB "/snapshots/" B40 "/big.bin");
	assert_says(&x,
		    "wrong digest|M/hf_cache: acme/other|README.md|found \n"
		    "missing|M/hf_cache: acme/other|big.bin|no link in the "
		    "snapshot\n"
		    "bad ref|M/hf_cache: acme/other|refs/main|has white space "
		    "behind the commit, which clients take for a part of it\n");
	assert_int_equal(x.r.damaged, 3);
	fixture_close(&x);
}

static void test_no_hub_view(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	assert_int_equal(renameat(x.dir, "hf_cache", x.dir, "old_cache"), 0);
	verify_report_release(&x.r);
	assert_ok(verify_model_dir(x.path, &x.l, &(struct verify_options){ 0 },
				   &x.r, &x.err),
		  &x.err);
	assert_int_equal(x.r.damaged, 1);
	for (size_t i = 0; i < x.r.count; i++)
		if (x.r.items[i].state == VERIFY_MISSING)
			assert_string_equal(x.r.items[i].path, "acme/other");
		else
			assert_int_equal(x.r.items[i].state, VERIFY_EXTRA);
	fixture_close(&x);
}

/* Files that nothing asks for are named, and are no damage; what an install has
 * set aside, and what other bundles have put there, is not named. */
static void test_extras(void **state)
{
	struct lock other CLEANUP(lock_release) = {
		.name = xstrdup("another"),
	};
	struct lock_repo *r = sample_repo(&other, "acme/third", 'c');
	struct fixture x;

	(void)state;
	fixture_open(&x);
	put_text(x.dir, "notes/mine.txt", "x");
	put_text(x.dir, "config.yaml.orig", "x");
	put_text(x.dir, "config.yaml.orig.7", "x");
	assert_says(&x, "extra|M|notes/mine.txt|\n");
	assert_int_equal(x.r.damaged, 0);
	put_text(x.dir, "gpt.pth.0123abcd.itts-part", "half");
	assert_says(&x, "leftover|M|gpt.pth.0123abcd.itts-part|\n"
			"extra|M|notes/mine.txt|\n");
	assert_int_equal(x.r.damaged, 0);
	remove_file(x.dir, "gpt.pth.0123abcd.itts-part");
	/* not everything that looks a little like it */
	put_text(x.dir, "the.original.bin", "x");
	assert_says(&x, "extra|M|notes/mine.txt|\n"
			"extra|M|the.original.bin|\n");
	lock_file_add_view(r, sample_add(r, "third.bin", 100, true),
			   "third.bin");
	assert_ok(lock_finish(&other, &x.err), &x.err);
	store_all(x.c, &other);
	place(&x, &other);
	assert_says(&x, "extra|M|notes/mine.txt|\n"
			"extra|M|the.original.bin|\n");
	fixture_close(&x);
}

static void test_no_directory(void **state)
{
	struct fixture x;
	char *path CLEANUP(free_ptr) = NULL;

	(void)state;
	fixture_open(&x);
	path = xasprintf("%s/none", x.path);
	assert_fails(verify_model_dir(path, &x.l, &(struct verify_options){ 0 },
				      &x.r, &x.err),
		     &x.err, ERR_NOT_FOUND, "no such directory");
	free_ptr(&path);
	path = xasprintf("%s/gpt.pth", x.path);
	assert_fails(verify_model_dir(path, &x.l, &(struct verify_options){ 0 },
				      &x.r, &x.err),
		     &x.err, ERR_IO, "gpt.pth");
	fixture_close(&x);
}

int run_verify_view_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_flat),
		cmocka_unit_test(test_damage_through_link),
		cmocka_unit_test(test_hub_view),
		cmocka_unit_test(test_no_hub_view),
		cmocka_unit_test(test_extras),
		cmocka_unit_test(test_no_directory),
	};

	return cmocka_run_group_tests_name("verify_view", tests, NULL, NULL);
}
