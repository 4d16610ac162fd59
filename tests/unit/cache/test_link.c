#include "tests/unit/cache/unit.h"

#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define REPO "models--acme--tiny"
#define SNAP REPO "/snapshots/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct fixture {
	struct lock l;
	struct lock_repo *repo;
	struct hfcache *c;
	int dir;
	char path[TEMP_PATH_MAX];
	struct error err;
};

static void fixture_open(struct fixture *x)
{
	*x = (struct fixture){ 0 };
	x->dir = temp_dir(x->path);
	x->repo = sample_repo(&x->l, "acme/tiny", 'a');
	x->c = open_store(x->path, true);
}

static void fixture_close(struct fixture *x)
{
	hfcache_close(&x->c);
	lock_release(&x->l);
	temp_dir_end(x->dir, x->path);
}

/* --- snapshots/ -------------------------------------------------------------------- */

static void test_targets(void **state)
{
	static const struct {
		const char *path, *up;
		bool lfs;
	} rows[] = {
		{ "config.json", "../../", false },
		{ "sub/tok.txt", "../../../", true },
		{ "sub/deep/x", "../../../../", false },
		{ "a b+%ü文.bin", "../../", true },
	};
	struct fixture x;

	(void)state;
	fixture_open(&x);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lock_file *f = sample_add(x.repo, rows[i].path, 10,
						 rows[i].lfs);
		char *snap CLEANUP(free_ptr) = snapshot_path(x.repo,
							     rows[i].path);
		char hex[DIGEST_HEX_MAX];
		char *want CLEANUP(free_ptr) = xasprintf(
			"%sblobs/%s", rows[i].up, digest_hex(&f->etag, hex));
		ino_t before;

		store_blob(x.c, x.repo, f);
		assert_ok(hfcache_link(x.c, x.repo, f, &x.err), &x.err);
		assert_link(x.dir, snap, want);
		/* it leads to the blob */
		assert_int_equal(faccessat(x.dir, snap, R_OK, 0), 0);
		before = stat_of(x.dir, snap).st_ino;
		assert_ok(hfcache_link(x.c, x.repo, f, &x.err), &x.err);
		assert_int_equal(stat_of(x.dir, snap).st_ino, before);
	}
	assert_int_equal(count_names(x.dir, SNAP), 3);
	fixture_close(&x);
}

static void test_in_the_way(void **state)
{
	struct lock_file *f;
	struct fixture x;
	char hex[DIGEST_HEX_MAX];
	char *want CLEANUP(free_ptr) = NULL;

	(void)state;
	fixture_open(&x);
	f = sample_add(x.repo, "a", 10, true);
	want = xasprintf("../../blobs/%s", digest_hex(&f->etag, hex));
	store_blob(x.c, x.repo, f);
	put_text(x.dir, "decoy", "do not touch");
	/* another link, one that leads nowhere, out, a file */
	put_link(x.dir, SNAP "/a", "../../blobs/other");
	assert_ok(hfcache_link(x.c, x.repo, f, &x.err), &x.err);
	assert_link(x.dir, SNAP "/a", want);
	put_link(x.dir, SNAP "/a", "../../../decoy");
	assert_ok(hfcache_link(x.c, x.repo, f, &x.err), &x.err);
	assert_link(x.dir, SNAP "/a", want);
	remove_file(x.dir, SNAP "/a");
	put_text(x.dir, SNAP "/a", "an old file");
	assert_ok(hfcache_link(x.c, x.repo, f, &x.err), &x.err);
	assert_link(x.dir, SNAP "/a", want);
	assert_int_equal(count_names(x.dir, SNAP), 1);
	assert_text(x.dir, "decoy", "do not touch");
	/* a directory is more than we take away */
	remove_file(x.dir, SNAP "/a");
	put_text(x.dir, SNAP "/a/b", "x");
	assert_fails(hfcache_link(x.c, x.repo, f, &x.err), &x.err, ERR_IO,
		     "acme/tiny a");
	assert_text(x.dir, SNAP "/a/b", "x");
	assert_int_equal(count_names(x.dir, SNAP), 1);
	fixture_close(&x);
}

/* Caches without links hold the only copy in the snapshot: it is not taken away
 * for a link that would lead nowhere. */
static void test_no_symlinks(void **state)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct lock_file *f;
	struct fixture x;

	(void)state;
	fixture_open(&x);
	f = sample_add(x.repo, "a", 10, true);
	sample_bytes("a", 10, &bytes);
	put_file(x.dir, SNAP "/a", bytes.ptr, bytes.len);
	assert_ok(hfcache_link(x.c, x.repo, f, &x.err), &x.err);
	assert_bytes(x.dir, SNAP "/a", bytes.ptr, bytes.len);
	fixture_close(&x);
}

/* --- links planted where directories should be ------------------------------------------ */

static int do_link(struct fixture *x)
{
	return hfcache_link(x->c, x->repo, &x->repo->files[0], &x->err);
}

static int do_part(struct fixture *x)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;

	return hfcache_part_open(&p, x->c, x->repo, &x->repo->files[0], true,
				 -1, &x->err);
}

static int do_ref(struct fixture *x)
{
	enum ref_change change;
	char old[41];

	return hfcache_set_ref(x->c, x->repo, "refs/pr/1", false, &change, old,
			       &x->err);
}

static int do_tree(struct fixture *x)
{
	return hfcache_write_tree(x->c, x->repo, &x->err);
}

static int do_lock(struct fixture *x)
{
	int fd CLEANUP(close_fd) = -1;

	return hfcache_blob_lock(x->c, x->repo, &x->repo->files[0].etag, 0, &fd,
				 &x->err);
}

static void test_planted(void **state)
{
	static const struct {
		int (*act)(struct fixture *x);
		const char *at;
	} rows[] = {
		{ do_link, REPO },
		{ do_link, REPO "/snapshots" },
		{ do_link, SNAP },
		{ do_link, SNAP "/sub" },
		{ do_part, REPO },
		{ do_part, REPO "/blobs" },
		{ do_ref, REPO },
		{ do_ref, REPO "/refs" },
		{ do_ref, REPO "/refs/refs" },
		{ do_ref, REPO "/refs/refs/pr" },
		{ do_tree, REPO },
		{ do_tree, REPO "/trees" },
		{ do_lock, ".locks" },
		{ do_lock, ".locks/" REPO },
	};

	(void)state;
	/* out of the cache, and to another place in it */
	for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
		const char *at = rows[i / 2].at;
		char *inside CLEANUP(free_ptr) = NULL;
		char decoy_path[TEMP_PATH_MAX];
		int decoy = temp_dir(decoy_path);
		struct fixture x;

		fixture_open(&x);
		sample_add(x.repo, "sub/a", 10, true);
		put_dir(x.dir, "inside");
		inside = xasprintf("%s/inside", x.path);
		put_link(x.dir, at, i % 2 ? decoy_path : inside);
		assert_fails(rows[i / 2].act(&x), &x.err, ERR_UNSAFE,
			     "symbolic link");
		assert_int_equal(count_names(decoy, "."), 0);
		assert_int_equal(count_names(x.dir, "inside"), 0);
		fixture_close(&x);
		temp_dir_end(decoy, decoy_path);
	}
}

/* --- refs/ ---------------------------------------------------------------------------- */

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B40 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void test_refs(void **state)
{
	static const struct {
		const char *ref, *before; /* NULL: absent */
		bool keep;
		enum ref_change change;
		const char *old, *after;
	} rows[] = {
		{ "main", NULL, false, REF_ADDED, "", A40 },
		{ "main", NULL, true, REF_ADDED, "", A40 },
		{ "main", A40, false, REF_SAME, A40, A40 },
		{ "main", A40, true, REF_SAME, A40, A40 },
		{ "main", B40, false, REF_MOVED, B40, A40 },
		{ "main", B40, true, REF_KEPT, B40, B40 },
		{ "main", B40 "\n", false, REF_MOVED, B40, A40 },
		{ "main", "rubbish", false, REF_ADDED, "", A40 },
		{ "main", "", true, REF_ADDED, "", A40 },
		{ "refs/pr/1", NULL, false, REF_ADDED, "", A40 },
		{ "refs/pr/1", B40, false, REF_MOVED, B40, A40 },
		{ "v1.0", NULL, false, REF_ADDED, "", A40 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *path CLEANUP(free_ptr) = xasprintf(REPO "/refs/%s",
							 rows[i].ref);
		enum ref_change change = REF_KEPT;
		char old[41] = "?";
		struct fixture x;

		fixture_open(&x);
		if (rows[i].before)
			put_text(x.dir, path, rows[i].before);
		assert_ok(hfcache_set_ref(x.c, x.repo, rows[i].ref,
					  rows[i].keep, &change, old, &x.err),
			  &x.err);
		assert_int_equal(change, rows[i].change);
		assert_string_equal(old, rows[i].old);
		assert_text(x.dir, path, rows[i].after);
		/* any file in refs/ is a ref to Python */
		assert_int_equal(count_names(x.dir, REPO "/refs"), 1);
		fixture_close(&x);
	}
}

/* Python takes a newline for a part of the commit: it is mended, also where
 * refs are to be kept. */
static void test_mended(void **state)
{
	(void)state;
	for (int keep = 0; keep < 2; keep++) {
		enum ref_change change;
		char old[41];
		struct fixture x;

		fixture_open(&x);
		put_text(x.dir, REPO "/refs/main", A40 "\r\n");
		assert_ok(hfcache_set_ref(x.c, x.repo, "main", keep, &change,
					  old, &x.err),
			  &x.err);
		assert_string_equal(old, A40);
		assert_text(x.dir, REPO "/refs/main", A40);
		assert_int_equal(
			stat_of(x.dir, REPO "/refs/main").st_mode & 0777, 0644);
		fixture_close(&x);
	}
}

static void test_ref_is_link(void **state)
{
	enum ref_change change;
	char old[41];
	struct fixture x;

	(void)state;
	fixture_open(&x);
	put_text(x.dir, "decoy", "do not touch");
	put_link(x.dir, REPO "/refs/main", "../../decoy");
	assert_ok(hfcache_set_ref(x.c, x.repo, "main", false, &change, old,
				  &x.err),
		  &x.err);
	assert_text(x.dir, "decoy", "do not touch");
	assert_text(x.dir, REPO "/refs/main", A40);
	assert_true(S_ISREG(stat_of(x.dir, REPO "/refs/main").st_mode));
	fixture_close(&x);
}

int run_link_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_in_the_way),
		cmocka_unit_test(test_no_symlinks),
		cmocka_unit_test(test_planted),
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_mended),
		cmocka_unit_test(test_ref_is_link),
	};

	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
