#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_open(void **state)
{
	struct hfcache *c CLEANUP(hfcache_close) = NULL;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	char *root CLEANUP(free_ptr) = xasprintf("%s/a/b", path);
	char *file CLEANUP(free_ptr) = xasprintf("%s/file", path);

	(void)state;
	put_text(dir, "file", "x");
	assert_fails(hfcache_open(&c, root, false, &err), &err, ERR_NOT_FOUND,
		     root);
	assert_fails(hfcache_open(&c, file, true, &err), &err, ERR_IO, "file");
	assert_fails(hfcache_open(&c, file, false, &err), &err, ERR_IO, "file");
	assert_null(c);
	assert_int_equal(count_names(dir, "."), 1);
	c = open_store(root, true);
	assert_string_equal(hfcache_root(c), root);
	assert_int_equal(count_names(dir, "a/b"), 1);
	/* as huggingface_hub writes it: 191 bytes */
	assert_int_equal(stat_of(dir, "a/b/CACHEDIR.TAG").st_size, 191);
	assert_text(dir, "a/b/CACHEDIR.TAG", hfcache_tag_text());
	assert_memory_equal(hfcache_tag_text(),
			    "Signature: 8a477f597d28d172789f06886806bc55\n",
			    44);
	hfcache_close(&c);
	hfcache_close(&c);
	/* what is there stays */
	put_text(dir, "a/b/CACHEDIR.TAG", "mine");
	c = open_store(root, true);
	assert_text(dir, "a/b/CACHEDIR.TAG", "mine");
	temp_dir_end(dir, path);
}

static void test_open_reads_only(void **state)
{
	struct hfcache *c CLEANUP(hfcache_close) = NULL;
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	char *link CLEANUP(free_ptr) = xasprintf("%s/link", path);
	char *real CLEANUP(free_ptr) = xasprintf("%s/real", path);

	(void)state;
	put_dir(dir, "real");
	put_link(dir, "link", "real");
	c = open_store(link, false);
	assert_string_equal(hfcache_root(c), real);
	assert_int_equal(count_names(dir, "real"), 0);
	temp_dir_end(dir, path);
}

struct fixture {
	struct lock l;
	struct lock_repo *repo;
	struct lock_file *file;
	struct hfcache *c;
	int dir;
	char *blob;
	char path[TEMP_PATH_MAX];
};

static void fixture_open(struct fixture *x, uint64_t size, bool lfs)
{
	*x = (struct fixture){ 0 };
	x->dir = temp_dir(x->path);
	x->repo = sample_repo(&x->l, "acme/tiny", 'a');
	x->file = sample_add(x->repo, "sub/a.bin", size, lfs);
	x->c = open_store(x->path, true);
	x->blob = blob_path(x->repo, x->file);
}

static void fixture_close(struct fixture *x)
{
	hfcache_close(&x->c);
	lock_release(&x->l);
	free_ptr(&x->blob);
	temp_dir_end(x->dir, x->path);
}

static enum blob_state check(struct fixture *x)
{
	enum blob_state got = BLOB_OK;
	struct error err = { 0 };

	assert_ok(hfcache_blob_check(x->c, x->repo, x->file, NULL, &got, &err),
		  &err);
	return got;
}

static void assert_not_opened(struct fixture *x, enum err_code code)
{
	struct error err = { 0 };
	int fd = -1;

	assert_fails(hfcache_blob_open(x->c, x->repo, x->file, &fd, &err), &err,
		     code, "acme/tiny sub/a.bin");
}

static void test_blob_states(void **state)
{
	(void)state;
	for (int lfs = 0; lfs < 2; lfs++) {
		struct error err = { 0 };
		struct fixture x;
		int fd CLEANUP(close_fd) = -1;

		fixture_open(&x, 5000, lfs);
		assert_int_equal(check(&x), BLOB_MISSING);
		assert_not_opened(&x, ERR_NOT_FOUND);
		store_blob(x.c, x.repo, x.file);
		assert_int_equal(check(&x), BLOB_OK);
		assert_ok(hfcache_blob_open(x.c, x.repo, x.file, &fd, &err),
			  &err);
		assert_true(fd >= 0);
		damage_file(x.dir, x.blob, 4999);
		assert_int_equal(check(&x), BLOB_WRONG_DIGEST);
		put_text(x.dir, x.blob, "short");
		assert_int_equal(check(&x), BLOB_WRONG_SIZE);
		assert_not_opened(&x, ERR_INTEGRITY);
		remove_file(x.dir, x.blob);
		put_dir(x.dir, x.blob);
		assert_int_equal(check(&x), BLOB_NOT_FILE);
		assert_not_opened(&x, ERR_INTEGRITY);
		assert_int_equal(unlinkat(x.dir, x.blob, AT_REMOVEDIR), 0);
		assert_int_equal(mkfifoat(x.dir, x.blob, 0644), 0);
		assert_int_equal(check(&x), BLOB_NOT_FILE);
		assert_not_opened(&x, ERR_INTEGRITY);
		fixture_close(&x);
	}
}

/* hub >= 1.32: blobs/<etag> -> ../../blobs/<2 digits>/<hash> */
static void test_shared_blob(void **state)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct fixture x;
	int fd CLEANUP(close_fd) = -1;

	(void)state;
	fixture_open(&x, 5000, true);
	sample_bytes("a.bin", 5000, &bytes);
	put_file(x.dir, "blobs/ab/abcdef", bytes.ptr, bytes.len);
	put_link(x.dir, x.blob, "../../blobs/ab/abcdef");
	assert_int_equal(check(&x), BLOB_OK);
	assert_ok(hfcache_blob_open(x.c, x.repo, x.file, &fd, &err), &err);
	/* the folder was copied without the shared store */
	remove_file(x.dir, "blobs/ab/abcdef");
	assert_int_equal(check(&x), BLOB_NOT_FILE);
	/* out of the store, even to the right bytes */
	{
		char other[TEMP_PATH_MAX];
		int out = temp_dir(other);
		char *target CLEANUP(free_ptr) = xasprintf("%s/bytes", other);

		put_file(out, "bytes", bytes.ptr, bytes.len);
		put_link(x.dir, x.blob, target);
		assert_int_equal(check(&x), BLOB_NOT_FILE);
		assert_not_opened(&x, ERR_INTEGRITY);
		temp_dir_end(out, other);
	}
	fixture_close(&x);
}

/* HF_HUB_DISABLE_SYMLINKS: the snapshot holds the file itself. */
static void test_no_symlinks(void **state)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct fixture x;
	char *snap CLEANUP(free_ptr) = NULL;

	(void)state;
	fixture_open(&x, 5000, false);
	snap = snapshot_path(x.repo, "sub/a.bin");
	sample_bytes("a.bin", 5000, &bytes);
	put_file(x.dir, snap, bytes.ptr, bytes.len);
	assert_int_equal(check(&x), BLOB_OK);
	damage_file(x.dir, snap, 0);
	assert_int_equal(check(&x), BLOB_WRONG_DIGEST);
	fixture_close(&x);
}

static void test_check_cancelled(void **state)
{
	enum blob_state got = BLOB_MISSING;
	struct cancel cancel;
	struct error err = { 0 };
	struct fixture x;

	(void)state;
	fixture_open(&x, 5000, true);
	store_blob(x.c, x.repo, x.file);
	assert_ok(cancel_init(&cancel, &err), &err);
	cancel_set(&cancel);
	assert_fails(
		hfcache_blob_check(x.c, x.repo, x.file, &cancel, &got, &err),
		&err, ERR_CANCELLED, "");
	cancel_release(&cancel);
	fixture_close(&x);
}

/* --- locks ---------------------------------------------------------------------- */

/* Takes the lock, says so, and waits to be killed. */
static pid_t hold_lock(struct fixture *x)
{
	int pair[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(pair), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct error err = { 0 };
		int fd = -1;

		if (hfcache_blob_lock(x->c, x->repo, &x->file->etag, 0, &fd,
				      &err) ||
		    write(pair[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	close(pair[0]);
	return pid;
}

static void test_lock(void **state)
{
	struct fixture x;
	struct error err = { 0 };
	int fd CLEANUP(close_fd) = -1, other CLEANUP(close_fd) = -1;
	char *name CLEANUP(free_ptr) = NULL;
	char hex[DIGEST_HEX_MAX];
	pid_t pid;

	(void)state;
	fixture_open(&x, 100, true);
	name = xasprintf(".locks/models--acme--tiny/%s.lock",
			 digest_hex(&x.file->etag, hex));
	pid = hold_lock(&x);
	assert_int_equal(stat_of(x.dir, name).st_mode & 07777, 0664);
	assert_fails(
		hfcache_blob_lock(x.c, x.repo, &x.file->etag, 0, &fd, &err),
		&err, ERR_BUSY, hex);
	assert_fails(
		hfcache_blob_lock(x.c, x.repo, &x.file->etag, 60, &fd, &err),
		&err, ERR_BUSY, hex);
	/* another file of the repo is free */
	{
		struct lock_file *f = sample_add(x.repo, "b", 5, false);
		int free_fd CLEANUP(close_fd) = -1;

		x.file = &x.repo->files[0];
		assert_ok(hfcache_blob_lock(x.c, x.repo, &f->etag, 0, &free_fd,
					    &err),
			  &err);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(hfcache_blob_lock(x.c, x.repo, &x.file->etag, 0, &fd, &err),
		  &err);
	/* what Python's filelock would try */
	other = openat(x.dir, name, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	close_fd(&fd);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	fixture_close(&x);
}

/* A part takes the lock over and gives it back when it is closed. */
static void test_lock_of_part(void **state)
{
	struct hfcache_part p = HFCACHE_PART_INIT;
	struct fixture x;
	struct error err = { 0 };
	int fd = -1;

	(void)state;
	fixture_open(&x, 100, true);
	assert_ok(hfcache_blob_lock(x.c, x.repo, &x.file->etag, 0, &fd, &err),
		  &err);
	assert_ok(hfcache_part_open(&p, x.c, x.repo, x.file, true, fd, &err),
		  &err);
	assert_fails(
		hfcache_blob_lock(x.c, x.repo, &x.file->etag, 0, &fd, &err),
		&err, ERR_BUSY, "");
	hfcache_part_close(&p);
	assert_ok(hfcache_blob_lock(x.c, x.repo, &x.file->etag, 0, &fd, &err),
		  &err);
	/* and gives it back when it cannot be opened */
	put_link(x.dir, "models--acme--tiny-moved", "nowhere");
	assert_int_equal(renameat(x.dir, "models--acme--tiny-moved", x.dir,
				  "models--acme--evil"),
			 0);
	free_ptr(&x.repo->id);
	x.repo->id = xstrdup("acme/evil");
	assert_fails(hfcache_part_open(&p, x.c, x.repo, x.file, true, fd, &err),
		     &err, ERR_UNSAFE, "symbolic link");
	free_ptr(&x.repo->id);
	x.repo->id = xstrdup("acme/tiny");
	assert_ok(hfcache_blob_lock(x.c, x.repo, &x.file->etag, 0, &fd, &err),
		  &err);
	close_fd(&fd);
	fixture_close(&x);
}

/* --- sharing --------------------------------------------------------------------- */

static void share(struct fixture *x, struct lock_repo *to, bool lfs,
		  struct stat *st)
{
	struct lock_file *f = sample_add(to, "b/a.bin", 5000, lfs);
	char *blob CLEANUP(free_ptr) = blob_path(to, f);
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	assert_ok(hfcache_blob_share(x->c, &x->l.repos[0],
				     &x->l.repos[0].files[0], to, f, &err),
		  &err);
	sample_bytes("a.bin", 5000, &bytes);
	assert_bytes(x->dir, blob, bytes.ptr, bytes.len);
	*st = stat_of(x->dir, blob);
	assert_true(S_ISREG(st->st_mode));
}

static void test_share(void **state)
{
	struct stat st, of;
	struct fixture x;
	struct lock_file *f;
	struct error err = { 0 };

	(void)state;
	fixture_open(&x, 5000, true);
	store_blob(x.c, x.repo, x.file);
	of = stat_of(x.dir, x.blob);
	share(&x, sample_repo(&x.l, "acme/two", 'b'), true, &st);
	assert_int_equal(st.st_ino, of.st_ino);
	/* under a git name too */
	share(&x, sample_repo(&x.l, "acme/three", 'c'), false, &st);
	assert_int_equal(st.st_ino, of.st_ino);
	/* again: what is right stays */
	share(&x, &x.l.repos[1], true, &st);
	assert_int_equal(st.st_ino, of.st_ino);
	/* a damaged one in the way is replaced */
	{
		struct lock_repo *r = sample_repo(&x.l, "acme/four", 'd');
		struct lock_file *to = sample_add(r, "b/a.bin", 5000, true);
		char *blob CLEANUP(free_ptr) = blob_path(r, to);

		put_text(x.dir, blob, "rubbish");
		share(&x, r, true, &st);
		assert_int_equal(st.st_size, 5000);
	}
	/* a source that is not there, or cut */
	x.repo = sample_repo(&x.l, "acme/five", 'e');
	f = sample_add(x.repo, "c.bin", 10, true);
	assert_fails(hfcache_blob_share(x.c, x.repo, f, &x.l.repos[1], f, &err),
		     &err, ERR_NOT_FOUND, "c.bin");
	fixture_close(&x);
}

/* A source that is a link into a shared store gives bytes, not its link. */
static void test_share_of_shared(void **state)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct stat st;
	struct fixture x;

	(void)state;
	fixture_open(&x, 5000, true);
	sample_bytes("a.bin", 5000, &bytes);
	put_file(x.dir, "blobs/ab/abcdef", bytes.ptr, bytes.len);
	put_link(x.dir, x.blob, "../../blobs/ab/abcdef");
	share(&x, sample_repo(&x.l, "acme/two", 'b'), true, &st);
	fixture_close(&x);
}

/* --- no right to write -------------------------------------------------------------- */

static int use_read_only(void *ctx)
{
	const struct fixture *x = ctx;
	struct hfcache *c CLEANUP(hfcache_close) = NULL;
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	struct error err = { 0 };
	int fd CLEANUP(close_fd) = -1;

	/* a cache that others own can be opened, read, and not written to */
	if (hfcache_open(&c, x->path, true, &err))
		return 1;
	if (hfcache_blob_open(c, x->repo, x->file, &fd, &err))
		return 2;
	if (!hfcache_part_open(&p, c, x->repo, x->file, false, -1, &err))
		return 3;
	if (err.code != ERR_IO || err.sys == 0)
		return 4;
	err_clear(&err);
	if (!hfcache_link(c, x->repo, x->file, &err) || err.code != ERR_IO)
		return 5;
	err_clear(&err);
	if (!hfcache_blob_lock(c, x->repo, &x->file->etag, 0, &fd, &err) ||
	    err.code != ERR_IO)
		return 6;
	return 0;
}

static void test_read_only(void **state)
{
	struct fixture x;
	size_t names;

	(void)state;
	fixture_open(&x, 5000, true);
	store_blob(x.c, x.repo, x.file);
	remove_file(x.dir, "CACHEDIR.TAG");
	names = count_names(x.dir, ".");
	assert_int_equal(chmod(x.path, 0555), 0);
	assert_int_equal(fchmodat(x.dir, "models--acme--tiny", 0555, 0), 0);
	assert_int_equal(fchmodat(x.dir, "models--acme--tiny/blobs", 0555, 0),
			 0);
	assert_int_equal(run_as_nobody(use_read_only, &x), 0);
	assert_int_equal(count_names(x.dir, "."), names);
	assert_int_equal(chmod(x.path, 0755), 0);
	assert_int_equal(fchmodat(x.dir, "models--acme--tiny", 0755, 0), 0);
	assert_int_equal(fchmodat(x.dir, "models--acme--tiny/blobs", 0755, 0),
			 0);
	fixture_close(&x);
}

int run_store_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_open_reads_only),
		cmocka_unit_test(test_blob_states),
		cmocka_unit_test(test_shared_blob),
		cmocka_unit_test(test_no_symlinks),
		cmocka_unit_test(test_check_cancelled),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_lock_of_part),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_share_of_shared),
		cmocka_unit_test(test_read_only),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
