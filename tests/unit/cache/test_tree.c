#include "tests/unit/cache/unit.h"

#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define REPO "models--acme--tiny"
#define A40  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define TREE REPO "/trees/" A40 ".json"

/* What Python's json.dumps(..., indent=1) says of the files in test_golden(). */
static const char golden[] =
	"{\n"
	" \"format_version\": 1,\n"
	" \"files\": {\n"
	"  \"config.json\": {\n"
	"   \"size\": 3,\n"
	"   \"blob_id\": \"0967ef424bce6791893e9a57bb952f80fd536e93\"\n"
	"  },\n"
	"  \"sub/\\u6587 \\ud83d\\ude00.txt\": {\n"
	"   \"size\": 1,\n"
	"   \"blob_id\": \"c1b0730e0133447badcfd47fd144e254807b06e1\"\n"
	"  },\n"
	"  \"weights.bin\": {\n"
	"   \"size\": 7,\n"
	"   \"blob_id\": \"c6a67be4f3ef29ed4a07b4f2446625126a25cfda\",\n"
	"   \"lfs_sha256\": "
	"\"9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c\","
	"\n"
	"   \"lfs_size\": 7\n"
	"  },\n"
	"  \"\\uffee\": {\n"
	"   \"size\": 1,\n"
	"   \"blob_id\": \"e25f1814e51579d5f55c0f1fe0135ddb28a47f4a\"\n"
	"  }\n"
	" }\n"
	"}";

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

/* Puts something into the snapshot for every file of the repo. */
static void fill_snapshot(struct fixture *x, const struct lock_repo *r)
{
	for (size_t i = 0; i < r->file_count; i++) {
		char *snap CLEANUP(free_ptr) = snapshot_path(r,
							     r->files[i].path);

		put_text(x->dir, snap, "x");
	}
}

static void write_tree(struct fixture *x)
{
	struct error err = { 0 };

	assert_ok(lock_finish(&x->l, &err), &err);
	assert_ok(hfcache_write_tree(x->c, x->repo, &err), &err);
}

static void test_golden(void **state)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct fixture x;

	(void)state;
	fixture_open(&x);
	x.l.name = xstrdup("sample");
	text_add(x.repo, "config.json", "{}\n", false);
	text_add(x.repo, "weights.bin", "weights", true);
	text_add(x.repo, "sub/\u6587 \U0001F600.txt", "x", false);
	text_add(x.repo, "\uFFEE", "y", false);
	fill_snapshot(&x, x.repo);
	write_tree(&x);
	assert_text(x.dir, TREE, golden);
	assert_int_equal(stat_of(x.dir, TREE).st_mode & 0777, 0644);
	assert_int_equal(count_names(x.dir, REPO "/trees"), 1);
	hfcache_tree_format(x.repo, &text);
	assert_string_equal(text.ptr, golden);
	fixture_close(&x);
}

/* A listing of these files, as another lock of the same commit would leave it. */
static void list(struct str *out, const char *const *paths)
{
	struct lock l CLEANUP(lock_release) = { .name = xstrdup("sample") };
	struct lock_repo *r = sample_repo(&l, "acme/tiny", 'a');
	struct error err = { 0 };

	for (; *paths; paths++)
		sample_add(r, *paths, 10, false);
	assert_ok(lock_finish(&l, &err), &err);
	hfcache_tree_format(r, out);
}

static void test_union(void **state)
{
	static const char *const before[] = { "a", "c", NULL };
	static const char *const after[] = { "a", "b", "c", NULL };
	struct str old CLEANUP(str_release) = STR_INIT;
	struct str want CLEANUP(str_release) = STR_INIT;
	struct fixture x;

	(void)state;
	fixture_open(&x);
	x.l.name = xstrdup("sample");
	list(&old, before);
	list(&want, after);
	put_file(x.dir, TREE, old.ptr, old.len);
	sample_add(x.repo, "b", 10, false);
	sample_add(x.repo, "c", 10, false);
	fill_snapshot(&x, x.repo);
	put_text(x.dir, REPO "/snapshots/" A40 "/a", "x");
	write_tree(&x);
	assert_bytes(x.dir, TREE, want.ptr, want.len);
	/* and again: nothing to do */
	{
		ino_t before_ino = stat_of(x.dir, TREE).st_ino;

		write_tree(&x);
		assert_int_equal(stat_of(x.dir, TREE).st_ino, before_ino);
	}
	fixture_close(&x);
}

/* Python's listing of all of the commit, of which we hold a part. */
static void test_full_listing_kept(void **state)
{
	static const char *const all[] = { "a", "b", "c", NULL };
	struct str old CLEANUP(str_release) = STR_INIT;
	struct fixture x;

	(void)state;
	fixture_open(&x);
	x.l.name = xstrdup("sample");
	list(&old, all);
	put_file(x.dir, TREE, old.ptr, old.len);
	sample_add(x.repo, "b", 10, false);
	fill_snapshot(&x, x.repo);
	write_tree(&x);
	assert_bytes(x.dir, TREE, old.ptr, old.len);
	fixture_close(&x);
}

/* Of what a client linked before we know neither size nor bytes: no listing, which
 * would hide it from clients, unless a lock names all of it. */
static void test_more_in_snapshot(void **state)
{
	static const char *const mine[] = { "a", "deep/er/b", NULL };
	static const char *const old[] = { NULL, "rubbish" };
	struct str want CLEANUP(str_release) = STR_INIT;

	(void)state;
	list(&want, mine);
	for (size_t i = 0; i < ARRAY_LEN(old); i++) {
		struct fixture x;

		fixture_open(&x);
		x.l.name = xstrdup("sample");
		if (old[i])
			put_text(x.dir, TREE, old[i]);
		sample_add(x.repo, "a", 10, false);
		fill_snapshot(&x, x.repo);
		put_link(x.dir, REPO "/snapshots/" A40 "/deep/er/b",
			 "../../../../blobs/" A40);
		put_text(x.dir, REPO "/blobs/" A40, "x");
		put_link(x.dir, REPO "/snapshots/" A40 "/elsewhere", "a");
		write_tree(&x);
		if (old[i])
			assert_text(x.dir, TREE, old[i]);
		else
			assert_false(is_there(x.dir, TREE));
		sample_add(x.repo, "deep/er/b", 10, false);
		write_tree(&x);
		assert_bytes(x.dir, TREE, want.ptr, want.len);
		fixture_close(&x);
	}
}

/* What it knows more than we do (xet_hash) is not lost, byte for byte. */
static void test_xet_kept(void **state)
{
	static const char xet[] =
		"{\n \"format_version\": 1,\n \"files\": {\n  \"a\": {\n"
		"   \"size\": 10,\n   \"blob_id\": \"%s\",\n"
		"   \"xet_hash\": \"%s\"\n  }\n }\n}";
	char hash[65] = "", hex[DIGEST_HEX_MAX];
	char *text CLEANUP(free_ptr) = NULL;
	struct lock_file *f;
	struct fixture x;

	(void)state;
	fixture_open(&x);
	x.l.name = xstrdup("sample");
	memset(hash, '5', 64);
	f = sample_add(x.repo, "a", 10, false);
	text = xasprintf(xet, digest_hex(&f->etag, hex), hash);
	put_text(x.dir, TREE, text);
	fill_snapshot(&x, x.repo);
	write_tree(&x);
	assert_text(x.dir, TREE, text);
	fixture_close(&x);
}

/* A listing that nobody can use is replaced. */
static void test_replaced(void **state)
{
	static const char *const mine[] = { "a", NULL };
	static const char *const texts[] = {
		"",
		"rubbish",
		"[]",
		"{\"format_version\": 1, \"files\": {\"a\"",
		"{\"format_version\": 1, \"files\": []}",
		"{\"files\": {}}",
		("{\"format_version\": 1, \"files\": {\"../x\": {\"size\": 1,"
		 "\"blob_id\": \"" A40 "\"}}}"),
		("{\"format_version\": 1, \"files\": {\"a\": {\"size\": -1,"
		 "\"blob_id\": \"" A40 "\"}}}"),
		("{\"format_version\": 1, \"files\": {\"a\": {\"size\": 1,"
		 "\"blob_id\": \"zz\"}}}"),
		"{\"format_version\": 1, \"files\": {}} more",
	};
	struct str want CLEANUP(str_release) = STR_INIT;

	(void)state;
	list(&want, mine);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct fixture x;

		fixture_open(&x);
		x.l.name = xstrdup("sample");
		put_text(x.dir, TREE, texts[i]);
		sample_add(x.repo, "a", 10, false);
		fill_snapshot(&x, x.repo);
		write_tree(&x);
		assert_bytes(x.dir, TREE, want.ptr, want.len);
		fixture_close(&x);
	}
}

/* The same name twice in one listing never comes out twice. */
static void test_twice(void **state)
{
	static const char *const mine[] = { "a", NULL };
	struct str want CLEANUP(str_release) = STR_INIT;
	struct fixture x;

	(void)state;
	list(&want, mine);
	fixture_open(&x);
	x.l.name = xstrdup("sample");
	put_text(x.dir, TREE,
		 "{\"format_version\": 1, \"files\": {"
		 "\"b\": {\"size\": 1, \"blob_id\": \"" A40 "\"},"
		 "\"b\": {\"size\": 1, \"blob_id\": \"" A40 "\"}}}");
	put_text(x.dir, REPO "/snapshots/" A40 "/b", "x");
	sample_add(x.repo, "a", 10, false);
	fill_snapshot(&x, x.repo);
	write_tree(&x);
	assert_bytes(x.dir, TREE, want.ptr, want.len);
	fixture_close(&x);
}

/* Links and pipes in the place of a listing: not followed, not waited for. */
static void test_odd_file(void **state)
{
	static const char *const mine[] = { "a", NULL };
	struct str want CLEANUP(str_release) = STR_INIT;

	(void)state;
	list(&want, mine);
	for (int fifo = 0; fifo < 2; fifo++) {
		struct fixture x;

		fixture_open(&x);
		x.l.name = xstrdup("sample");
		put_text(x.dir, "decoy", "do not touch");
		put_dir(x.dir, REPO "/trees");
		if (fifo)
			assert_int_equal(mkfifoat(x.dir, TREE, 0644), 0);
		else
			put_link(x.dir, TREE, "../../decoy");
		sample_add(x.repo, "a", 10, false);
		fill_snapshot(&x, x.repo);
		alarm(20);
		write_tree(&x);
		alarm(0);
		assert_true(S_ISREG(stat_of(x.dir, TREE).st_mode));
		assert_bytes(x.dir, TREE, want.ptr, want.len);
		assert_text(x.dir, "decoy", "do not touch");
		fixture_close(&x);
	}
}

int run_tree_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_union),
		cmocka_unit_test(test_full_listing_kept),
		cmocka_unit_test(test_more_in_snapshot),
		cmocka_unit_test(test_xet_kept),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_odd_file),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
