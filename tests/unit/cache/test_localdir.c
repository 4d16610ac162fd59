#include "tests/unit/cache/unit.h"

#include "base/mem.h"
#include "cache/derive.h"
#include "cache/localdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NOTES ".cache/huggingface/download/"
#define OLD   ".huggingface/download/"
#define A40   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B40   "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define GIT_X "c1b0730e0133447badcfd47fd144e254807b06e1" /* "x" */
#define SHA_X                      \
	"2d711642b726b04401627ca9" \
	"fbac32f5c8530fb1903cc4db02258717921a4881"

/* --- one text ------------------------------------------------------------------- */

static void read_seed(const char *name, struct str *out)
{
	char *path CLEANUP(free_ptr) = xasprintf(
		"tests/fuzz/corpus/localdir/%s", name);
	FILE *f = fopen(path, "rb");
	char buf[4096];
	size_t n;

	if (!f)
		fail_msg("%s", path);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		str_add(out, buf, n);
	assert_int_equal(fclose(f), 0);
}

static void test_corpus(void **state)
{
	static const struct {
		const char *name;
		const char *words; /* of the error, or NULL */
		uint64_t when;
	} rows[] = {
		{ "good-lfs", NULL, 1700000000 },
		{ "good-git", NULL, 1700000000 },
		{ "good-windows", NULL, 1 },
		{ "cut", "three lines", 0 },
		{ "empty", "three lines", 0 },
		{ "four-lines", "three lines", 0 },
		{ "long-line", "three lines", 0 },
		{ "zero-byte", "three lines", 0 },
		{ "s3-etag", "no digest", 0 },
		{ "no-time", "no time", 0 },
		{ "far-time", "no time", 0 },
		{ "no-commit", "no commit", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct localdir_meta m = { 0 };
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		int rc;

		read_seed(rows[i].name, &text);
		rc = localdir_meta_parse(&m, text.ptr, text.len, &err);
		if (rows[i].words) {
			assert_fails(rc, &err, ERR_FORMAT, rows[i].words);
			continue;
		}
		assert_ok(rc, &err);
		assert_int_equal(m.when, rows[i].when);
		assert_int_not_equal(m.etag.alg, DIGEST_NONE);
	}
}

/* --- a directory ---------------------------------------------------------------- */

struct fixture {
	struct localdir d;
	int dir;
	char path[TEMP_PATH_MAX];
	struct error err;
};

static void fixture_open(struct fixture *x)
{
	*x = (struct fixture){ .d = LOCALDIR_INIT };
	x->dir = temp_dir(x->path);
}

static void fixture_close(struct fixture *x)
{
	localdir_release(&x->d);
	localdir_release(&x->d); /* twice is once */
	temp_dir_end(x->dir, x->path);
}

static int read_it(struct fixture *x)
{
	return localdir_read(&x->d, x->path, REPO_MODEL, "acme/voice", "main",
			     &x->err);
}

static void assert_doubt(const struct localdir *d, size_t i, const char *path,
			 const char *words)
{
	assert_true(i < d->doubt_count);
	assert_string_equal(d->doubts[i].path, path);
	if (!strstr(d->doubts[i].why, words))
		fail_msg("%s: %s", path, d->doubts[i].why);
}

static void test_read(void **state)
{
	struct fixture x;
	const struct lock_repo *r;
	struct stat out;

	(void)state;
	fixture_open(&x);
	put_text(x.dir, "config.json", "x");
	put_text(x.dir, NOTES "config.json.metadata",
		 B40 "\n" GIT_X "\n1700000002.5\n");
	put_text(x.dir, "sub/w.bin", "xx"); /* the wrong size */
	put_text(x.dir, NOTES "sub/w.bin.metadata",
		 B40 "\n" SHA_X "\n1700000001\n");
	put_text(x.dir, NOTES "gone.bin.metadata",
		 A40 "\n" SHA_X "\n1700000000\n");
	put_text(x.dir, NOTES "odd.metadata", "odd");
	put_text(x.dir, NOTES "a\tb.metadata", B40 "\n" GIT_X "\n1\n");
	put_text(x.dir, NOTES "config.json.lock", "");
	put_text(x.dir, NOTES "x.0a1b2c3d.incomplete", "half");
	put_link(x.dir, NOTES "link.metadata", "config.json.metadata");
	put_text(x.dir, "stranger.txt", "not downloaded");
	assert_ok(read_it(&x), &x.err);
	/* the newest commit is first and has the ref */
	assert_int_equal(x.d.lock.repo_count, 2);
	r = &x.d.lock.repos[0];
	assert_string_equal(r->commit, B40);
	assert_int_equal(r->refs.count, 1);
	assert_string_equal(r->refs.items[0], "main");
	assert_false(r->complete);
	assert_int_equal(r->file_count, 2);
	assert_string_equal(r->files[0].path, "config.json");
	assert_int_equal(r->files[0].size, 1);
	assert_int_equal(r->files[0].sha256.alg, DIGEST_NONE);
	assert_string_equal(r->files[1].path, "sub/w.bin");
	assert_int_equal(r->files[1].sha256.alg, DIGEST_SHA256);
	r = &x.d.lock.repos[1];
	assert_string_equal(r->commit, A40);
	assert_int_equal(r->refs.count, 0);
	assert_true(r->files[0].size == DERIVE_NO_SIZE);
	assert_int_equal(x.d.doubt_count, 2);
	assert_doubt(&x.d, 0, "a\tb", "control");
	assert_doubt(&x.d, 1, "odd", "three lines");
	/* what becomes of what cannot be taken */
	out = stat_of(x.dir, "config.json");
	{
		const char *young = localdir_suspect(&x.d, "config.json");
		const char *gone = localdir_suspect(&x.d, "gone.bin");
		const struct timespec then[] = { { 1699999999, 0 },
						 { 1700000003, 0 } };
		const char *old;

		assert_true(out.st_mtim.tv_sec > 1700000003);
		assert_non_null(strstr(young, "was changed after"));
		assert_non_null(strstr(gone, "is not there"));
		/* a second of grace */
		assert_int_equal(utimensat(x.dir, "config.json", then, 0), 0);
		old = localdir_suspect(&x.d, "config.json");
		assert_non_null(strstr(old, "wrong digest"));
	}
	fixture_close(&x);
}

static void test_listing(void **state)
{
	static const char tree[] = "{\"format_version\":1,\"files\":{"
				   "\"a\":{\"size\":1,\"blob_id\":\"" GIT_X
				   "\"},"
				   "\"b\":{\"size\":1,\"blob_id\":\"" GIT_X
				   "\"}}}";
	struct fixture x;

	(void)state;
	fixture_open(&x);
	put_text(x.dir, "a", "x");
	put_text(x.dir, OLD "a.metadata", A40 "\n" GIT_X "\n1\n");
	put_text(x.dir, ".huggingface/trees/" A40 ".json", tree);
	assert_ok(read_it(&x), &x.err);
	assert_int_equal(x.d.unfetched, 1);
	assert_false(x.d.lock.repos[0].complete);
	localdir_release(&x.d);
	/* all of it; what is not there has the size that the listing tells */
	put_text(x.dir, OLD "b.metadata", A40 "\n" GIT_X "\n1\n");
	assert_ok(read_it(&x), &x.err);
	assert_int_equal(x.d.unfetched, 0);
	assert_true(x.d.lock.repos[0].complete);
	assert_int_equal(x.d.lock.repos[0].files[1].size, 1);
	localdir_release(&x.d);
	/* what listing and note disagree about */
	put_text(x.dir, OLD "a.metadata", A40 "\n" SHA_X "\n1\n");
	put_text(x.dir, OLD "c.metadata", A40 "\n" SHA_X "\n1\n");
	assert_ok(read_it(&x), &x.err);
	assert_int_equal(x.d.lock.repos[0].file_count, 1);
	assert_false(x.d.lock.repos[0].complete);
	assert_doubt(&x.d, 0, "a", "different digests");
	assert_doubt(&x.d, 1, "c", "not in the listing");
	fixture_close(&x);
}

static void test_refused(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	put_text(x.dir, "config.json", "x");
	assert_fails(read_it(&x), &x.err, ERR_NOT_FOUND, "was not here");
	localdir_release(&x.d);
	/* notes behind a link that leads out are nobody's */
	put_dir(x.dir, ".cache/huggingface");
	put_link(x.dir, ".cache/huggingface/download", "/tmp");
	assert_fails(read_it(&x), &x.err, ERR_NOT_FOUND, "was not here");
	localdir_release(&x.d);
	assert_fails(localdir_read(&x.d, "/nonexistent", REPO_MODEL, "a/b",
				   "main", &x.err),
		     &x.err, ERR_NOT_FOUND, "no such directory");
	fixture_close(&x);
}

static void test_notes(void **state)
{
	(void)state;
	assert_true(localdir_is_note(".cache/huggingface/download/a.metadata"));
	assert_true(localdir_is_note(
		"sub/.cache/huggingface/download/d/a.bin.lock"));
	/* bytes that came whole, and files of other names or places */
	assert_false(localdir_is_note(
		".cache/huggingface/download/a.bin.incomplete"));
	assert_false(localdir_is_note("a.metadata"));
	assert_false(localdir_is_note("poetry.lock"));
	assert_false(
		localdir_is_note("x.cache/huggingface/download/a.metadata"));
	assert_false(localdir_is_note(".cache/huggingface/a.lock"));
}

int run_localdir_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),	cmocka_unit_test(test_read),
		cmocka_unit_test(test_listing), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_notes),
	};

	return cmocka_run_group_tests_name("localdir", tests, NULL, NULL);
}
