/* verify_lock(): a store, whoever made it, held against a lock. */
#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct fixture {
	struct lock l;
	struct lock_repo *first, *second;
	struct hfcache *c;
	struct verify_report r;
	int dir;
	char path[TEMP_PATH_MAX];
	struct error err;
};

static void fixture_open(struct fixture *x)
{
	*x = (struct fixture){ 0 };
	x->dir = temp_dir(x->path);
	sample_lock(&x->l);
	x->first = &x->l.repos[0];
	x->second = &x->l.repos[1];
	x->c = open_store(x->path, true);
	store_all(x->c, &x->l);
}

static void fixture_close(struct fixture *x)
{
	verify_report_release(&x->r);
	hfcache_close(&x->c);
	lock_release(&x->l);
	temp_dir_end(x->dir, x->path);
}

static void verify(struct fixture *x)
{
	const struct verify_options o = { .threads = 2 };

	verify_report_release(&x->r);
	assert_ok(verify_lock(x->c, &x->l, &o, &x->r, &x->err), &x->err);
}

static const struct lock_file *file(const struct lock_repo *r, const char *path)
{
	const struct lock_file *f = lock_find_file(r, path);

	assert_non_null(f);
	return f;
}

static void test_right(void **state)
{
	struct fixture x;
	uint64_t bytes = 0;
	size_t fds = count_fds();

	(void)state;
	fixture_open(&x);
	verify(&x);
	assert_report(&x.r, NULL);
	assert_int_equal(x.r.files, x.first->file_count + x.second->file_count);
	for (size_t i = 0; i < x.first->file_count; i++)
		bytes += x.first->files[i].size;
	/* copy/gpt.pth and again/gpt.pth are one blob, read once */
	bytes += 700 + 70001 + 350000;
	assert_int_equal(x.r.bytes, bytes);
	assert_int_equal(x.r.damaged, 0);
	fixture_close(&x);
	assert_int_equal(count_fds(), fds);
}

/* One damage, and what the report says of it. */
static void break_content(struct fixture *x)
{
	char *blob CLEANUP(free_ptr) = blob_path(x->first,
						 file(x->first, "gpt.pth"));

	damage_file(x->dir, blob, 70000);
}

static void break_size(struct fixture *x)
{
	char *blob CLEANUP(free_ptr) = blob_path(x->second,
						 file(x->second, "big.bin"));

	put_text(x->dir, blob, "short");
}

static void break_pointer(struct fixture *x)
{
	char *blob CLEANUP(free_ptr) = blob_path(x->first,
						 file(x->first, "gpt.pth"));

	put_text(x->dir, blob,
		 "version https://git-lfs.github.com/spec/v1\n"
		 "oid sha256:00\nsize 70001\n");
}

static void break_blob(struct fixture *x)
{
	char *blob CLEANUP(free_ptr) = blob_path(x->first,
						 file(x->first, "gpt.pth"));

	remove_file(x->dir, blob);
}

static void break_into_dir(struct fixture *x)
{
	char *blob CLEANUP(free_ptr) = blob_path(x->first,
						 file(x->first, "gpt.pth"));

	remove_file(x->dir, blob);
	put_dir(x->dir, blob);
}

static void break_into_link_out(struct fixture *x)
{
	char *blob CLEANUP(free_ptr) = blob_path(x->first,
						 file(x->first, "gpt.pth"));

	put_link(x->dir, blob, "/etc/passwd");
}

static void break_no_link(struct fixture *x)
{
	char *snap CLEANUP(free_ptr) = snapshot_path(x->first, "gpt.pth");

	remove_file(x->dir, snap);
}

static void break_dangling(struct fixture *x)
{
	char *snap CLEANUP(free_ptr) = snapshot_path(x->first, "gpt.pth");

	put_link(x->dir, snap, "../../blobs/nothing");
}

static void break_link_out(struct fixture *x)
{
	char *snap CLEANUP(free_ptr) = snapshot_path(x->first, "gpt.pth");

	put_link(x->dir, snap, "../../../../../../../../etc/passwd");
}

static void break_crossed(struct fixture *x)
{
	char *snap CLEANUP(free_ptr) = snapshot_path(x->first, "gpt.pth");
	char *other CLEANUP(free_ptr) = blob_path(
		x->first, file(x->first, "config.yaml"));
	char *text CLEANUP(free_ptr) = xasprintf("../../../%s", other);

	put_link(x->dir, snap, text);
}

static void break_ref_line(struct fixture *x)
{
	char *ref CLEANUP(free_ptr) = repo_path(x->first, "refs/main");
	char *text CLEANUP(free_ptr) = xasprintf("%s\n", x->first->commit);

	put_text(x->dir, ref, text);
}

static void break_ref_gone(struct fixture *x)
{
	char *ref CLEANUP(free_ptr) = repo_path(x->second, "refs/refs/pr/1");

	remove_file(x->dir, ref);
}

static void move_ref(struct fixture *x)
{
	char *ref CLEANUP(free_ptr) = repo_path(x->first, "refs/main");

	put_text(x->dir, ref, "cccccccccccccccccccccccccccccccccccccccc");
}

static void leave_parts(struct fixture *x)
{
	char *one CLEANUP(free_ptr) = repo_path(
		x->first, "blobs/abc.0123abcd.incomplete");
	char *two CLEANUP(free_ptr) = repo_path(x->first,
						"blobs/abc.itts-part");

	put_text(x->dir, one, "half");
	put_text(x->dir, two, "half");
}

static void damage_own_file(struct fixture *x)
{
	char *snap CLEANUP(free_ptr) = snapshot_path(x->first, "gpt.pth");

	remove_file(x->dir, snap);
	put_text(x->dir, snap, "not those bytes");
}

static void test_damages(void **state)
{
	static const struct {
		void (*act)(struct fixture *x);
		const char *says;
		unsigned damaged;
	} rows[] = {
		{ break_content, "wrong digest|acme/tiny-tts|gpt.pth|found \n",
		  1 },
		{ break_size,
		  "wrong size|acme/other|big.bin|5 bytes, expected 350000\n",
		  1 },
		{ break_pointer,
		  "pointer instead of content|acme/tiny-tts|gpt.pth|\n", 1 },
		{ break_blob, "missing|acme/tiny-tts|gpt.pth|\n", 1 },
		{ break_into_dir,
		  "not a regular file|acme/tiny-tts|gpt.pth|is a directory\n",
		  1 },
		{ break_into_link_out,
		  "not a regular file|acme/tiny-tts|gpt.pth|is a link that "
		  "leads out of the directory\n",
		  1 },
		{ break_no_link,
		  "missing|acme/tiny-tts|gpt.pth|no link in the snapshot\n",
		  1 },
		{ break_dangling,
		  "bad link|acme/tiny-tts|gpt.pth|is a link that leads "
		  "nowhere\n",
		  1 },
		{ break_link_out,
		  "bad link|acme/tiny-tts|gpt.pth|is a link that leads out of "
		  "the directory\n",
		  1 },
		{ break_crossed,
		  "bad link|acme/tiny-tts|gpt.pth|leads to another blob\n", 1 },
		{ break_ref_line,
		  "bad ref|acme/tiny-tts|refs/main|has white space behind "
		  "the commit, which clients take for a part of it\n",
		  1 },
		{ break_ref_gone,
		  "missing|acme/other|refs/refs/pr/1|is not there\n", 1 },
		{ move_ref,
		  "extra|acme/tiny-tts|refs/main|points to "
		  "cccccccccccccccccccccccccccccccccccccccc\n",
		  0 },
		{ leave_parts,
		  "leftover|acme/tiny-tts|blobs/abc.0123abcd.incomplete|\n"
		  "leftover|acme/tiny-tts|blobs/abc.itts-part|\n",
		  0 },
		{ damage_own_file,
		  "wrong size|acme/tiny-tts|gpt.pth|15 bytes, expected "
		  "70001\n",
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fixture x;

		fixture_open(&x);
		rows[i].act(&x);
		verify(&x);
		assert_report(&x.r, rows[i].says);
		assert_int_equal(x.r.damaged, rows[i].damaged);
		fixture_close(&x);
	}
}

/* All of them at once: nothing hides anything else. */
static void test_all_at_once(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	break_content(&x);
	break_size(&x);
	break_ref_gone(&x);
	leave_parts(&x);
	verify(&x);
	assert_report(&x.r,
		      "wrong size|acme/other|big.bin|5 bytes, expected 350000\n"
		      "missing|acme/other|refs/refs/pr/1|is not there\n"
		      "leftover|acme/tiny-tts|blobs/abc.0123abcd.incomplete|\n"
		      "leftover|acme/tiny-tts|blobs/abc.itts-part|\n"
		      "wrong digest|acme/tiny-tts|gpt.pth|found \n");
	assert_int_equal(x.r.damaged, 3);
	fixture_close(&x);
}

/* --- caches that others made --------------------------------------------------- */

/* huggingface_hub from 1.32 on: snapshot -> blobs/<etag> -> ../../blobs/xx/<xet> */
static void test_shared_blobs(void **state)
{
	const struct lock_file *f;
	char *blob CLEANUP(free_ptr) = NULL;
	struct fixture x;

	(void)state;
	fixture_open(&x);
	f = file(x.first, "gpt.pth");
	blob = blob_path(x.first, f);
	put_text(x.dir, "blobs/.huggingface-shared-blobs", "1\n");
	put_dir(x.dir, "blobs/5c");
	assert_int_equal(renameat(x.dir, blob, x.dir, "blobs/5c/5c00"), 0);
	put_link(x.dir, blob, "../../blobs/5c/5c00");
	verify(&x);
	assert_report(&x.r, NULL);
	damage_file(x.dir, "blobs/5c/5c00", 0);
	verify(&x);
	assert_report(&x.r, "wrong digest|acme/tiny-tts|gpt.pth|found \n");
	remove_file(x.dir, "blobs/5c/5c00");
	verify(&x);
	assert_report(&x.r, "not a regular file|acme/tiny-tts|gpt.pth|is a "
			    "link that leads nowhere\n");
	fixture_close(&x);
}

/* Without symbolic links (Windows, HF_HUB_DISABLE_SYMLINKS): the snapshot has
 * the files and blobs/ may be empty. */
static void test_own_files(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x);
	for (size_t i = 0; i < x.first->file_count; i++) {
		const struct lock_file *f = &x.first->files[i];
		char *blob CLEANUP(free_ptr) = blob_path(x.first, f);
		char *snap CLEANUP(free_ptr) = snapshot_path(x.first, f->path);

		remove_file(x.dir, snap);
		assert_int_equal(renameat(x.dir, blob, x.dir, snap), 0);
	}
	verify(&x);
	assert_report(&x.r, NULL);
	assert_int_equal(x.r.files, x.first->file_count + x.second->file_count);
	fixture_close(&x);
}

static void test_empty(void **state)
{
	struct fixture x;
	char *folder CLEANUP(free_ptr) = NULL;

	(void)state;
	fixture_open(&x);
	folder = repo_folder(x.second->type, x.second->id);
	assert_int_equal(renameat(x.dir, folder, x.dir, "elsewhere"), 0);
	verify(&x);
	assert_report(&x.r, "missing|acme/other|README.md|\n"
			    "missing|acme/other|again/gpt.pth|\n"
			    "missing|acme/other|big.bin|\n"
			    "missing|acme/other|copy/gpt.pth|\n"
			    "missing|acme/other|refs/main|is not there\n"
			    "missing|acme/other|refs/refs/pr/1|is not there\n");
	fixture_close(&x);
}

/* What may not be read is told, not taken for right or for missing. */
static int verify_as_nobody(void *ctx)
{
	struct fixture *x = ctx;
	const struct verify_options o = { .threads = 1 };

	if (verify_lock(x->c, &x->l, &o, &x->r, &x->err))
		return 1;
	if (x->r.count != 1 || x->r.items[0].state != VERIFY_UNREADABLE ||
	    strcmp(x->r.items[0].path, "gpt.pth"))
		return 2;
	return x->r.damaged == 1 ? 0 : 3;
}

static void test_unreadable(void **state)
{
	char *blob CLEANUP(free_ptr) = NULL;
	struct fixture x;

	(void)state;
	fixture_open(&x);
	blob = blob_path(x.first, file(x.first, "gpt.pth"));
	assert_int_equal(fchmodat(x.dir, blob, 0, 0), 0);
	assert_int_equal(run_as_nobody(verify_as_nobody, &x), 0);
	fixture_close(&x);
}

static void test_cancelled(void **state)
{
	struct cancel cancel;
	struct verify_options o = { .cancel = &cancel };
	struct fixture x;

	(void)state;
	fixture_open(&x);
	assert_ok(cancel_init(&cancel, &x.err), &x.err);
	cancel_set(&cancel);
	assert_fails(verify_lock(x.c, &x.l, &o, &x.r, &x.err), &x.err,
		     ERR_CANCELLED, "");
	cancel_release(&cancel);
	fixture_close(&x);
}

/* What is damaged, among what is only remarkable and things of the same name. */
static void test_damaged_places(void **state)
{
	struct verify_report r CLEANUP(verify_report_release) = { 0 };

	(void)state;
	verify_report_sort(&r);
	assert_false(verify_report_damages(&r, "dir", "a"));
	verify_report_add(&r, VERIFY_MISSING, "dir", "c", 1, NULL);
	verify_report_add(&r, VERIFY_EXTRA, "dir", "b", 1, NULL);
	verify_report_add(&r, VERIFY_WRONG_DIGEST, "dir", "a", 1, NULL);
	verify_report_add(&r, VERIFY_BAD_LINK, "hub", "b", 1, NULL);
	verify_report_add(&r, VERIFY_LEFTOVER, "hub", "c", 1, NULL);
	/* the state that is damage is not the first of its place */
	verify_report_add(&r, VERIFY_EXTRA, "hub", "d", 1, NULL);
	verify_report_add(&r, VERIFY_UNREADABLE, "hub", "d", 1, NULL);
	verify_report_sort(&r);
	assert_true(verify_report_damages(&r, "dir", "a"));
	assert_false(verify_report_damages(&r, "dir", "b"));
	assert_true(verify_report_damages(&r, "dir", "c"));
	assert_false(verify_report_damages(&r, "dir", "d"));
	assert_false(verify_report_damages(&r, "hub", "a"));
	assert_true(verify_report_damages(&r, "hub", "b"));
	assert_false(verify_report_damages(&r, "hub", "c"));
	assert_true(verify_report_damages(&r, "hub", "d"));
	assert_false(verify_report_damages(&r, "hub", "e"));
	assert_false(verify_report_damages(&r, "aaa", "a"));
	assert_false(verify_report_damages(&r, "zzz", "z"));
}

int run_verify_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_damages),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_shared_blobs),
		cmocka_unit_test(test_own_files),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_damaged_places),
	};

	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
