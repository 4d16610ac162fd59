/* Model directories: hard link, else reflink, else copy; what people edit. Small
 * file systems of memory give the second device (and have no reflinks). */
#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/view.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HUB "models--acme--other"
#define B40 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct fixture {
	struct lock l;
	struct hfcache *c;
	struct view_stats stats;
	struct heard heard;
	char *model; /* model directory */
	int store, dir;
	char path[TEMP_PATH_MAX];
	bool mounted;
	struct error err;
};

static int place_lock(struct fixture *x, const struct lock *l)
{
	const struct event_sink sink = { heard_event, &x->heard };

	heard_release(&x->heard);
	x->heard = (struct heard){ .texts = STR_INIT };
	x->stats = (struct view_stats){ 0 };
	return view_place(x->c, l, x->model, NULL, &sink, &x->stats, &x->err);
}

static void place(struct fixture *x)
{
	assert_ok(place_lock(x, &x->l), &x->err);
}

/* The store is PATH/store, the model directory PATH/model, a file system of its
 * own if there is a size for it; false where that cannot be. */
static bool fixture_open(struct fixture *x, size_t size)
{
	char *store CLEANUP(free_ptr) = NULL;
	int top CLEANUP(close_fd) = -1;

	*x = (struct fixture){ .heard = { .texts = STR_INIT } };
	top = temp_dir(x->path);
	store = xasprintf("%s/store", x->path);
	x->model = xasprintf("%s/model", x->path);
	sample_lock(&x->l);
	x->c = open_store(store, true);
	x->store = hfcache_fd(x->c);
	store_all(x->c, &x->l);
	if (size) {
		x->mounted = mount_small(x->path, "model", size);
		if (!x->mounted)
			return false;
	} else {
		put_dir(top, "model");
	}
	x->dir = open(x->model, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(x->dir >= 0);
	return true;
}

static void fixture_close(struct fixture *x)
{
	int top = open(x->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	hfcache_close(&x->c);
	heard_release(&x->heard);
	lock_release(&x->l);
	close_fd(&x->dir);
	if (x->mounted)
		unmount(x->path, "model");
	free_ptr(&x->model);
	temp_dir_end(top, x->path);
}

static void assert_sample(int dirfd, const char *path, const char *name,
			  size_t size)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;

	sample_bytes(name, size, &bytes);
	assert_bytes(dirfd, path, bytes.ptr, bytes.len);
}

static char *blob_of(const struct fixture *x, size_t repo, const char *path)
{
	return blob_path(&x->l.repos[repo],
			 lock_find_file(&x->l.repos[repo], path));
}

static bool linked(const struct fixture *x, const char *view, size_t repo,
		   const char *path)
{
	char *blob CLEANUP(free_ptr) = blob_of(x, repo, path);
	struct stat a = stat_of(x->dir, view), b = stat_of(x->store, blob);

	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Every view and the Hub view have the right bytes, the record is the lock. */
static void assert_placed(struct fixture *x)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	assert_sample(x->dir, "docs/README.md", "README.md", 700);
	assert_sample(x->dir, "config.yaml", "config.yaml", 2900);
	assert_sample(x->dir, "gpt.pth", "gpt.pth", 70001);
	assert_sample(x->dir, "sub/a b+%ü文.bin", "a b+%ü文.bin", 4096);
	assert_sample(x->dir, "big.bin", "big.bin", 350000);
	assert_sample(x->dir, "hf_cache/" HUB "/snapshots/" B40 "/README.md",
		      "README.md", 700);
	assert_sample(x->dir, "hf_cache/" HUB "/snapshots/" B40 "/copy/gpt.pth",
		      "gpt.pth", 70001);
	assert_sample(x->dir,
		      "hf_cache/" HUB "/snapshots/" B40 "/again/gpt.pth",
		      "gpt.pth", 70001);
	assert_sample(x->dir, "hf_cache/" HUB "/snapshots/" B40 "/big.bin",
		      "big.bin", 350000);
	assert_text(x->dir, "hf_cache/" HUB "/refs/main", B40);
	assert_text(x->dir, "hf_cache/" HUB "/refs/refs/pr/1", B40);
	assert_true(is_there(x->dir, "hf_cache/" HUB "/trees/" B40 ".json"));
	lock_format(&x->l, &text);
	assert_bytes(x->dir, VIEW_RECORD_DIR "/sample.lock.json", text.ptr,
		     text.len);
}

static void test_linked(void **state)
{
	size_t fds = count_fds();
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	place(&x);
	assert_placed(&x);
	assert_true(linked(&x, "gpt.pth", 0, "gpt.pth"));
	assert_true(linked(&x, "sub/a b+%ü文.bin", 0, "sub/deep/a b+%ü文.bin"));
	assert_true(linked(&x, "big.bin", 1, "big.bin"));
	assert_int_equal(stat_of(x.dir, "gpt.pth").st_mode & 0222, 0);
	/* what people edit is theirs: of its own, and writable */
	assert_false(linked(&x, "config.yaml", 0, "config.yaml"));
	assert_false(linked(&x, "docs/README.md", 0, "README.md"));
	assert_int_equal(stat_of(x.dir, "config.yaml").st_mode & 0777, 0644);
	assert_int_equal(stat_of(x.dir, "config.yaml").st_nlink, 1);
	assert_int_equal(x.stats.linked, 6);
	assert_int_equal(x.stats.cloned + x.stats.copied, 2);
	/* again/gpt.pth and copy/gpt.pth are one blob of the Hub view */
	assert_int_equal(x.stats.kept, 1);
	assert_int_equal(x.heard.items, 9);
	fixture_close(&x);
	assert_int_equal(count_fds(), fds);
}

static void test_other_device(void **state)
{
	struct stat a, b;
	struct fixture x;
	char *blob CLEANUP(free_ptr) = NULL;
	char *hub_blob CLEANUP(free_ptr) = NULL;

	(void)state;
	if (!fixture_open(&x, 4 << 20)) {
		fixture_close(&x);
		skip();
	}
	place(&x);
	assert_placed(&x);
	assert_int_equal(x.stats.linked + x.stats.cloned + x.stats.copied, 8);
	/* one copy of equal bytes; the others are links to it */
	blob = blob_of(&x, 1, "big.bin");
	hub_blob = xasprintf("hf_cache/%s", blob);
	a = stat_of(x.dir, "big.bin");
	b = stat_of(x.dir, hub_blob);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_mode & 0777, 0444);
	assert_int_equal(stat_of(x.dir, "config.yaml").st_mode & 0777, 0644);
	/* and again: nothing is done */
	place(&x);
	assert_int_equal(x.stats.kept, 9);
	assert_int_equal(x.stats.copied + x.stats.cloned + x.stats.linked, 0);
	assert_int_equal(stat_of(x.dir, "big.bin").st_ino, a.st_ino);
	fixture_close(&x);
}

/* Damage and wrong bytes are noticed while copying: nothing gets a name. */
static void test_other_device_damaged(void **state)
{
	char *blob CLEANUP(free_ptr) = NULL;
	struct fixture x;

	(void)state;
	if (!fixture_open(&x, 4 << 20)) {
		fixture_close(&x);
		skip();
	}
	blob = blob_of(&x, 0, "gpt.pth");
	damage_file(x.store, blob, 1);
	assert_fails(place_lock(&x, &x.l), &x.err, ERR_INTEGRITY, "gpt.pth");
	assert_false(is_there(x.dir, "gpt.pth"));
	assert_false(is_there(x.dir, VIEW_RECORD_DIR));
	fixture_close(&x);
}

static void test_full_disk(void **state)
{
	struct fixture x;

	(void)state;
	if (!fixture_open(&x, 256 << 10)) {
		fixture_close(&x);
		skip();
	}
	assert_fails(place_lock(&x, &x.l), &x.err, ERR_IO, "No space left");
	assert_false(is_there(x.dir, "big.bin"));
	assert_false(is_there(x.dir, VIEW_RECORD_DIR));
	fixture_close(&x);
}

/* The second run of the same changes nothing at all. */
static void test_again(void **state)
{
	static const char *const names[] = {
		"gpt.pth",
		"config.yaml",
		"docs/README.md",
		VIEW_RECORD_DIR "/sample.lock.json",
		"hf_cache/" HUB "/refs/main",
		"hf_cache/" HUB "/trees/" B40 ".json",
		"hf_cache/" HUB "/snapshots/" B40 "/big.bin",
	};
	struct stat before[ARRAY_LEN(names)];
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	place(&x);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		before[i] = stat_of(x.dir, names[i]);
	place(&x);
	assert_int_equal(x.stats.kept, 9);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct stat now = stat_of(x.dir, names[i]);

		assert_int_equal(now.st_ino, before[i].st_ino);
		assert_memory_equal(&now.st_mtim, &before[i].st_mtim,
				    sizeof(now.st_mtim));
	}
	assert_string_equal(x.heard.texts.ptr, "");
	fixture_close(&x);
}

static void test_edited(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	place(&x);
	put_text(x.dir, "config.yaml", "edited: once\n");
	place(&x);
	assert_sample(x.dir, "config.yaml", "config.yaml", 2900);
	assert_text(x.dir, "config.yaml.orig", "edited: once\n");
	assert_non_null(strstr(x.heard.texts.ptr, "config.yaml was edited: "
						  "kept as config.yaml.orig"));
	/* what was set aside once is never lost */
	put_text(x.dir, "config.yaml", "edited: twice\n");
	place(&x);
	assert_text(x.dir, "config.yaml.orig", "edited: once\n");
	assert_text(x.dir, "config.yaml.orig.1", "edited: twice\n");
	/* what looks like an edit and leads elsewhere is set aside as it is */
	remove_file(x.dir, "config.yaml");
	put_link(x.dir, "config.yaml", "/etc/passwd");
	place(&x);
	assert_link(x.dir, "config.yaml.orig.2", "/etc/passwd");
	assert_sample(x.dir, "config.yaml", "config.yaml", 2900);
	assert_true(S_ISREG(stat_of(x.dir, "config.yaml").st_mode));
	fixture_close(&x);
}

/* An editable file that somebody linked to its blob becomes a copy, so that an
 * editor cannot damage the store. */
static void test_link_to_blob(void **state)
{
	char *blob CLEANUP(free_ptr) = NULL;
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	blob = blob_of(&x, 0, "config.yaml");
	assert_int_equal(linkat(x.store, blob, x.dir, "config.yaml", 0), 0);
	place(&x);
	assert_false(linked(&x, "config.yaml", 0, "config.yaml"));
	assert_sample(x.dir, "config.yaml", "config.yaml", 2900);
	assert_false(is_there(x.dir, "config.yaml.orig"));
	assert_string_equal(x.heard.texts.ptr, "");
	fixture_close(&x);
}

/* Weights that differ are replaced, whatever they are. */
static void test_in_the_way(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	put_text(x.dir, "gpt.pth", "of my own");
	put_text(x.dir, "decoy", "do not touch");
	put_link(x.dir, "big.bin", "decoy");
	place(&x);
	assert_placed(&x);
	assert_text(x.dir, "decoy", "do not touch");
	assert_text(x.dir, "gpt.pth.orig", "of my own");
	assert_true(S_ISREG(stat_of(x.dir, "big.bin").st_mode));
	/* once there is a record, what stands there is what was installed */
	remove_file(x.dir, "gpt.pth");
	put_text(x.dir, "gpt.pth", "damaged");
	place(&x);
	assert_placed(&x);
	assert_false(is_there(x.dir, "gpt.pth.orig.1"));
	/* a directory with something in it is more than we take away */
	remove_file(x.dir, "gpt.pth");
	put_text(x.dir, "gpt.pth/mine", "x");
	assert_fails(place_lock(&x, &x.l), &x.err, ERR_IO, "gpt.pth");
	assert_text(x.dir, "gpt.pth/mine", "x");
	fixture_close(&x);
}

/* A right copy is exchanged for a link where links work: no second copy stays. */
static void test_copy_becomes_link(void **state)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	sample_bytes("gpt.pth", 70001, &bytes);
	put_file(x.dir, "gpt.pth", bytes.ptr, bytes.len);
	place(&x);
	assert_true(linked(&x, "gpt.pth", 0, "gpt.pth"));
	fixture_close(&x);
}

/* No link below the model directory is followed. */
static void test_planted(void **state)
{
	static const char *const places[] = {
		"docs",
		"sub",
		"hf_cache",
		"hf_cache/" HUB,
		"hf_cache/" HUB "/snapshots",
		VIEW_RECORD_DIR,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char decoy_path[TEMP_PATH_MAX];
		int decoy = temp_dir(decoy_path);
		struct fixture x;

		fixture_open(&x, 0);
		put_link(x.dir, places[i], decoy_path);
		assert_fails(place_lock(&x, &x.l), &x.err, ERR_UNSAFE,
			     "symbolic link");
		assert_int_equal(count_names(decoy, "."), 0);
		fixture_close(&x);
		temp_dir_end(decoy, decoy_path);
	}
}

/* A listing that Python wrote into the Hub view, about the whole commit, stays. */
static void test_foreign_listing(void **state)
{
	static const char listing[] =
		"{\n \"format_version\": 1,\n \"files\": {\n"
		"  \"README.md\": {\n   \"size\": 1,\n   \"blob_id\": \"" B40
		"\"\n  },\n  \"zz.bin\": {\n   \"size\": 9,\n   \"blob_id\": "
		"\"" B40 "\"\n  }\n }\n}";
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	put_text(x.dir, "hf_cache/" HUB "/trees/" B40 ".json", listing);
	place(&x);
	assert_text(x.dir, "hf_cache/" HUB "/trees/" B40 ".json", listing);
	fixture_close(&x);
}

/* The Hub view may be the store itself: then there is nothing to do for it. */
static void test_hub_view_is_store(void **state)
{
	char *store CLEANUP(free_ptr) = NULL;
	char *old CLEANUP(free_ptr) = NULL;
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	hfcache_close(&x.c);
	old = xasprintf("%s/store", x.path);
	store = xasprintf("%s/hf_cache", x.model);
	assert_int_equal(rename(old, store), 0);
	x.c = open_store(store, true);
	x.store = hfcache_fd(x.c);
	place(&x);
	assert_placed(&x);
	assert_int_equal(x.heard.items, 5);
	fixture_close(&x);
}

/* --- what it will need ------------------------------------------------------------- */

static void plan(struct fixture *x, uint64_t *bytes, uint64_t *inodes)
{
	assert_ok(view_plan(x->c, &x->l, x->model, bytes, inodes, &x->err),
		  &x->err);
}

static uint64_t added; /* bytes on disk: nftw() has no argument for it */

static int add_blocks(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)path;
	(void)type;
	(void)ftw;
	if (S_ISDIR(st->st_mode) || st->st_nlink == 1)
		added += (uint64_t)st->st_blocks * 512;
	return 0;
}

/* What stands in the model directory and shares nothing with the store. */
static uint64_t on_disk(const struct fixture *x)
{
	added = 0;
	assert_int_equal(nftw(x->model, add_blocks, 16, FTW_PHYS), 0);
	return added;
}

/* Enough, and less than the smallest file twice that is not edited. */
static void assert_enough(uint64_t bytes, uint64_t used)
{
	assert_true(used > 2 * 4096);
	assert_in_range(bytes, used, used + 70000);
}

static void test_plan(void **state)
{
	uint64_t bytes, inodes, before;
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	before = on_disk(&x);
	plan(&x, &bytes, &inodes);
	assert_in_range(inodes, 2 + 4, 40);
	place(&x);
	assert_enough(bytes, on_disk(&x) - before);
	plan(&x, &bytes, &inodes);
	assert_int_equal(bytes, 0);
	fixture_close(&x);
}

/* Never less than what is then used, and not the same bytes twice. */
static void test_plan_other_device(void **state)
{
	uint64_t bytes, inodes;
	struct fixture x;

	(void)state;
	if (!fixture_open(&x, 4 << 20)) {
		fixture_close(&x);
		skip();
	}
	plan(&x, &bytes, &inodes);
	/* the Hub view of the second: README.md, gpt.pth under two names (one
	 * blob), big.bin, which is a view too */
	assert_in_range(bytes, 700 + 2900 + 70001 + 4096 + 700 + 350000,
			700 + 2900 + 70001 + 4096 + 700 + 350000 + 2 * 70001);
	place(&x);
	plan(&x, &bytes, &inodes);
	assert_int_equal(bytes, 0);
	fixture_close(&x);
}

static void test_plan_no_directory(void **state)
{
	uint64_t bytes, inodes;
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	free_ptr(&x.model);
	x.model = xasprintf("%s/model/a/b/c", x.path);
	plan(&x, &bytes, &inodes);
	assert_false(is_there(x.dir, "a")); /* nothing is made */
	place(&x);
	free_ptr(&x.model);
	x.model = xasprintf("%s/model/a", x.path);
	assert_enough(bytes, on_disk(&x));
	free_ptr(&x.model);
	x.model = xstrdup("not-there");
	plan(&x, &bytes, &inodes);
	free_ptr(&x.model);
	x.model = xstrdup("");
	assert_fails(view_plan(x.c, &x.l, x.model, &bytes, &inodes, &x.err),
		     &x.err, ERR_IO, "");
	fixture_close(&x);
}

/* --- records --------------------------------------------------------------------------- */

static void test_records(void **state)
{
	struct lock other CLEANUP(lock_release) = {
		.name = xstrdup("another"),
	};
	struct lock_repo *r = sample_repo(&other, "acme/third", 'c');
	struct lock *locks = NULL;
	size_t count = 0;
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	assert_fails(view_records(x.model, &locks, &count, &x.err), &x.err,
		     ERR_NOT_FOUND, "no record");
	place(&x);
	lock_file_add_view(r, sample_add(r, "third.bin", 100, true),
			   "third.bin");
	assert_ok(lock_finish(&other, &x.err), &x.err);
	store_all(x.c, &other);
	assert_ok(place_lock(&x, &other), &x.err);
	assert_ok(view_records(x.model, &locks, &count, &x.err), &x.err);
	assert_int_equal(count, 2);
	assert_string_equal(locks[0].name, "another");
	assert_string_equal(locks[1].name, "sample");
	for (size_t i = 0; i < count; i++)
		lock_release(&locks[i]);
	free_ptr(&locks);
	/* one that is damaged: an error that names it, not half a truth */
	put_text(x.dir, VIEW_RECORD_DIR "/sample.lock.json", "{}");
	assert_fails(view_records(x.model, &locks, &count, &x.err), &x.err,
		     ERR_FORMAT, "sample.lock.json");
	assert_null(locks);
	assert_int_equal(count, 0);
	fixture_close(&x);
}

static void test_cancelled(void **state)
{
	struct cancel cancel;
	struct view_stats stats;
	struct fixture x;

	(void)state;
	fixture_open(&x, 0);
	assert_ok(cancel_init(&cancel, &x.err), &x.err);
	cancel_set(&cancel);
	assert_fails(
		view_place(x.c, &x.l, x.model, &cancel, NULL, &stats, &x.err),
		&x.err, ERR_CANCELLED, "");
	assert_false(is_there(x.dir, VIEW_RECORD_DIR));
	cancel_release(&cancel);
	fixture_close(&x);
}

int run_view_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linked),
		cmocka_unit_test(test_other_device),
		cmocka_unit_test(test_other_device_damaged),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_edited),
		cmocka_unit_test(test_link_to_blob),
		cmocka_unit_test(test_in_the_way),
		cmocka_unit_test(test_copy_becomes_link),
		cmocka_unit_test(test_planted),
		cmocka_unit_test(test_foreign_listing),
		cmocka_unit_test(test_hub_view_is_store),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_plan_other_device),
		cmocka_unit_test(test_plan_no_directory),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
