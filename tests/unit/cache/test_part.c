#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE  300000
#define BLOBS "models--acme--tiny/blobs"

struct fixture {
	struct lock l;
	struct lock_repo *repo;
	struct lock_file *file;
	struct str bytes;
	struct hfcache *c;
	int dir;
	char *blob, *part;
	char path[TEMP_PATH_MAX];
	struct error err;
};

static void fixture_open(struct fixture *x, uint64_t size, bool lfs)
{
	*x = (struct fixture){ .bytes = STR_INIT };
	x->dir = temp_dir(x->path);
	x->repo = sample_repo(&x->l, "acme/tiny", 'a');
	x->file = sample_add(x->repo, "a.bin", size, lfs);
	sample_bytes("a.bin", size, &x->bytes);
	x->c = open_store(x->path, true);
	x->blob = blob_path(x->repo, x->file);
	x->part = xasprintf("%s.itts-part", x->blob);
}

static void fixture_close(struct fixture *x)
{
	hfcache_close(&x->c);
	lock_release(&x->l);
	str_release(&x->bytes);
	free_ptr(&x->blob);
	free_ptr(&x->part);
	temp_dir_end(x->dir, x->path);
}

static void open_part(struct fixture *x, bool resumable, struct hfcache_part *p)
{
	assert_ok(hfcache_part_open(p, x->c, x->repo, x->file, resumable, -1,
				    &x->err),
		  &x->err);
}

/* Writes what is still missing, in odd pieces. */
static void write_rest(struct fixture *x, struct hfcache_part *p)
{
	while (p->offset < x->bytes.len) {
		size_t n = x->bytes.len - (size_t)p->offset;

		n = n > 77777 ? 77777 : n;
		assert_ok(hfcache_part_write(p, x->bytes.ptr + p->offset, n,
					     &x->err),
			  &x->err);
	}
}

static void assert_done(struct fixture *x)
{
	struct stat st = stat_of(x->dir, x->blob);

	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0444);
	assert_int_equal(st.st_nlink, 1);
	assert_bytes(x->dir, x->blob, x->bytes.ptr, x->bytes.len);
	assert_int_equal(count_names(x->dir, BLOBS), 1);
}

/* The whole of it, as its callers do it. */
static void bring(struct fixture *x, bool resumable)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	struct digest sha256;

	open_part(x, resumable, &p);
	write_rest(x, &p);
	assert_ok(hfcache_part_commit(&p, &sha256, &x->err), &x->err);
	assert_true(digest_equal(&sha256, &x->file->sha256));
}

static void test_write(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 4096, SIZE, 9000000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (int k = 0; k < 4; k++) {
			size_t fds = count_fds();
			struct fixture x;

			fixture_open(&x, sizes[i], k & 1);
			bring(&x, k & 2);
			assert_done(&x);
			fixture_close(&x);
			assert_int_equal(count_fds(), fds);
		}
}

/* The SHA-256 is not known yet (while locking): the etag decides and the bytes
 * say what it is. */
static void test_sha256_learnt(void **state)
{
	struct digest sha256, want;
	struct fixture x;

	(void)state;
	fixture_open(&x, SIZE, false);
	want = x.file->sha256;
	x.file->sha256 = (struct digest){ 0 };
	{
		struct hfcache_part p CLEANUP(
			hfcache_part_close) = HFCACHE_PART_INIT;

		open_part(&x, true, &p);
		write_rest(&x, &p);
		assert_ok(hfcache_part_commit(&p, &sha256, &x.err), &x.err);
	}
	assert_true(digest_equal(&sha256, &want));
	assert_done(&x);
	fixture_close(&x);
}

static void test_given_up(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x, SIZE, true);
	for (int resumable = 0; resumable < 2; resumable++) {
		struct hfcache_part p CLEANUP(
			hfcache_part_close) = HFCACHE_PART_INIT;

		open_part(&x, resumable, &p);
		assert_int_equal(p.offset, 0);
		assert_ok(hfcache_part_write(&p, x.bytes.ptr, 1000, &x.err),
			  &x.err);
		hfcache_part_close(&p);
		hfcache_part_close(&p);
		assert_int_equal(count_names(x.dir, BLOBS), resumable);
	}
	assert_bytes(x.dir, x.part, x.bytes.ptr, 1000);
	bring(&x, true);
	assert_done(&x);
	fixture_close(&x);
}

static void test_killed(void **state)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	struct fixture x;
	int status;
	pid_t pid;

	(void)state;
	fixture_open(&x, SIZE, true);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int fd = -1;

		if (hfcache_blob_lock(x.c, x.repo, &x.file->etag, 0, &fd,
				      &x.err) ||
		    hfcache_part_open(&p, x.c, x.repo, x.file, true, fd,
				      &x.err) ||
		    hfcache_part_write(&p, x.bytes.ptr, 123457, &x.err))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_false(is_there(x.dir, x.blob));
	open_part(&x, true, &p);
	assert_int_equal(p.offset, 123457);
	write_rest(&x, &p);
	assert_ok(hfcache_part_commit(&p, NULL, &x.err), &x.err);
	assert_done(&x);
	fixture_close(&x);
}

/* What an earlier run has left may be anything. */
static void test_leftovers(void **state)
{
	static const struct {
		size_t size, kept;
		bool right;
	} rows[] = {
		{ 0, 0, true },	       { 5000, 5000, true },
		{ SIZE, SIZE, true },  { SIZE + 1, 0, false },
		{ 5000, 5000, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str text CLEANUP(str_release) = STR_INIT;
		struct fixture x;

		fixture_open(&x, SIZE, false);
		if (rows[i].right)
			str_add(&text, x.bytes.ptr, rows[i].size);
		else
			str_fill(&text, 'x', rows[i].size);
		put_file(x.dir, x.part, text.ptr, text.len);
		{
			struct hfcache_part p CLEANUP(
				hfcache_part_close) = HFCACHE_PART_INIT;

			open_part(&x, true, &p);
			assert_int_equal(p.offset, rows[i].kept);
			write_rest(&x, &p);
			if (rows[i].right || !rows[i].kept)
				assert_ok(hfcache_part_commit(&p, NULL, &x.err),
					  &x.err);
			else
				assert_fails(
					hfcache_part_commit(&p, NULL, &x.err),
					&x.err, ERR_INTEGRITY, "a.bin");
		}
		/* wrong bytes are gone: the next run begins anew */
		bring(&x, true);
		assert_done(&x);
		fixture_close(&x);
	}
}

static void test_restart(void **state)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	struct fixture x;

	(void)state;
	fixture_open(&x, SIZE, true);
	open_part(&x, true, &p);
	assert_ok(hfcache_part_write(&p, "rubbish", 7, &x.err), &x.err);
	assert_ok(hfcache_part_restart(&p, &x.err), &x.err);
	assert_int_equal(p.offset, 0);
	write_rest(&x, &p);
	assert_ok(hfcache_part_commit(&p, NULL, &x.err), &x.err);
	assert_done(&x);
	fixture_close(&x);
}

static void test_too_long(void **state)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	struct fixture x;

	(void)state;
	fixture_open(&x, SIZE, true);
	open_part(&x, true, &p);
	write_rest(&x, &p);
	assert_fails(hfcache_part_write(&p, "x", 1, &x.err), &x.err,
		     ERR_INTEGRITY,
		     "acme/tiny a.bin: more than the expected "
		     "300000 bytes");
	assert_int_equal(p.offset, SIZE);
	assert_ok(hfcache_part_commit(&p, NULL, &x.err), &x.err);
	assert_done(&x);
	fixture_close(&x);
}

/* Never under the final name, and not kept either. */
static void test_wrong(void **state)
{
	(void)state;
	for (int k = 0; k < 4; k++) {
		struct fixture x;

		fixture_open(&x, SIZE, k & 1);
		{
			struct hfcache_part p CLEANUP(
				hfcache_part_close) = HFCACHE_PART_INIT;

			x.bytes.ptr[SIZE - 1] ^= 1;
			open_part(&x, k & 2, &p);
			write_rest(&x, &p);
			assert_fails(hfcache_part_commit(&p, NULL, &x.err),
				     &x.err, ERR_INTEGRITY, "expected");
		}
		assert_int_equal(count_names(x.dir, BLOBS), 0);
		fixture_close(&x);
	}
}

/* Too few bytes are no blob; those that came are kept if they may be. */
static void test_short(void **state)
{
	(void)state;
	for (int resumable = 0; resumable < 2; resumable++) {
		struct fixture x;

		fixture_open(&x, SIZE, true);
		{
			struct hfcache_part p CLEANUP(
				hfcache_part_close) = HFCACHE_PART_INIT;

			open_part(&x, resumable, &p);
			assert_ok(hfcache_part_write(&p, x.bytes.ptr, SIZE - 1,
						     &x.err),
				  &x.err);
			assert_fails(hfcache_part_commit(&p, NULL, &x.err),
				     &x.err, ERR_INTEGRITY,
				     "299999 bytes, expected 300000");
		}
		assert_int_equal(count_names(x.dir, BLOBS), resumable);
		assert_false(is_there(x.dir, x.blob));
		bring(&x, resumable);
		assert_done(&x);
		fixture_close(&x);
	}
}

/* One of the two digests is wrong. */
static void test_wrong_one(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct digest *d;
		struct fixture x;

		fixture_open(&x, SIZE, false);
		d = k ? &x.file->etag : &x.file->sha256;
		d->bytes[0] ^= 1;
		{
			struct hfcache_part p CLEANUP(
				hfcache_part_close) = HFCACHE_PART_INIT;

			open_part(&x, true, &p);
			write_rest(&x, &p);
			assert_fails(hfcache_part_commit(&p, NULL, &x.err),
				     &x.err, ERR_INTEGRITY,
				     k ? "git" : "sha256");
		}
		assert_int_equal(count_names(x.dir, BLOBS), 0);
		fixture_close(&x);
	}
}

/* A part that has another name too is somebody's file. */
static void test_two_links(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x, SIZE, true);
	put_text(x.dir, "other", "do not touch");
	put_dir(x.dir, BLOBS);
	assert_int_equal(linkat(x.dir, "other", x.dir, x.part, 0), 0);
	{
		struct hfcache_part p CLEANUP(
			hfcache_part_close) = HFCACHE_PART_INIT;

		open_part(&x, true, &p);
		assert_int_equal(p.offset, 0);
		write_rest(&x, &p);
		assert_ok(hfcache_part_commit(&p, NULL, &x.err), &x.err);
	}
	assert_text(x.dir, "other", "do not touch");
	assert_done(&x);
	fixture_close(&x);
}

/* A link planted under the part's name is not followed. */
static void test_planted(void **state)
{
	static const char *const names[] = { "decoy", "nothing" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *target CLEANUP(free_ptr) = xasprintf("../../%s",
							   names[i]);
		struct hfcache_part p CLEANUP(
			hfcache_part_close) = HFCACHE_PART_INIT;
		struct fixture x;

		fixture_open(&x, SIZE, true);
		put_text(x.dir, "decoy", "do not touch");
		put_link(x.dir, x.part, target);
		if (!hfcache_part_open(&p, x.c, x.repo, x.file, true, -1,
				       &x.err)) {
			assert_int_equal(p.offset, 0);
			write_rest(&x, &p);
		} else {
			assert_fails(-1, &x.err, ERR_UNSAFE, "symbolic link");
		}
		assert_text(x.dir, "decoy", "do not touch");
		assert_false(is_there(x.dir, "nothing"));
		hfcache_part_close(&p);
		fixture_close(&x);
	}
}

/* A part that somebody is at is not swept away. */
static void test_swept(void **state)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	struct fixture x;

	(void)state;
	fixture_open(&x, SIZE, true);
	open_part(&x, true, &p);
	write_rest(&x, &p);
	hfcache_part_sweep(x.c, x.repo, x.file);
	assert_true(is_there(x.dir, x.part));
	hfcache_part_close(&p);
	hfcache_part_sweep(x.c, x.repo, x.file);
	assert_false(is_there(x.dir, x.part));
	fixture_close(&x);
}

/* --- bytes that came by other means ---------------------------------------------- */

static int adopt(struct fixture *x, const struct digest *sha256, uint64_t size)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;

	open_part(x, false, &p);
	assert_ok(file_pwrite_all(p.fd, x->bytes.ptr, x->bytes.len, 0, "x",
				  &x->err),
		  &x->err);
	if (hfcache_part_adopt(&p, sha256, size, &x->err))
		return -1;
	return hfcache_part_commit(&p, NULL, &x->err);
}

static void test_adopt(void **state)
{
	(void)state;
	for (int lfs = 0; lfs < 2; lfs++) {
		struct digest wrong;
		struct fixture x;

		fixture_open(&x, SIZE, lfs);
		wrong = x.file->sha256;
		wrong.bytes[31] ^= 1;
		assert_fails(adopt(&x, &wrong, SIZE), &x.err, ERR_INTEGRITY,
			     "a.bin");
		assert_fails(adopt(&x, &x.file->sha256, SIZE - 1), &x.err,
			     ERR_INTEGRITY, "a.bin");
		x.bytes.len--; /* of the file, not of what is said */
		assert_fails(adopt(&x, &x.file->sha256, SIZE), &x.err,
			     ERR_INTEGRITY, "a.bin");
		x.bytes.len++;
		assert_int_equal(count_names(x.dir, BLOBS), 0);
		assert_ok(adopt(&x, &x.file->sha256, SIZE), &x.err);
		assert_done(&x);
		fixture_close(&x);
	}
}

/* A small file with a git name: that is checked as well. */
static void test_adopt_git(void **state)
{
	struct fixture x;

	(void)state;
	fixture_open(&x, SIZE, false);
	x.file->etag.bytes[0] ^= 1;
	assert_fails(adopt(&x, &x.file->sha256, SIZE), &x.err, ERR_INTEGRITY,
		     "git");
	assert_int_equal(count_names(x.dir, BLOBS), 0);
	fixture_close(&x);
}

/* The name of the blob is all that is known: it has to be right, of any size. */
static void test_adopt_name(void **state)
{
	static const uint64_t sizes[] = { SIZE, (16 << 20) + 1 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct digest right;
		struct fixture x;

		fixture_open(&x, sizes[i], i == 0);
		right = x.file->sha256;
		x.file->sha256.alg = DIGEST_NONE;
		x.file->etag.bytes[0] ^= 1;
		assert_fails(adopt(&x, &right, sizes[i]), &x.err, ERR_INTEGRITY,
			     i ? "git" : "sha256");
		assert_int_equal(count_names(x.dir, BLOBS), 0);
		fixture_close(&x);
	}
}

/* --- the final name is taken ------------------------------------------------------ */

static bool commit_over(struct fixture *x, bool resumable)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;

	open_part(x, resumable, &p);
	write_rest(x, &p);
	assert_ok(hfcache_part_commit(&p, NULL, &x->err), &x->err);
	return p.replaced;
}

static void test_replaced(void **state)
{
	(void)state;
	for (int k = 0; k < 4; k++) {
		struct fixture x;

		fixture_open(&x, SIZE, true);
		put_file(x.dir, x.blob, x.bytes.ptr, x.bytes.len - (k & 1));
		damage_file(x.dir, x.blob, 7);
		assert_true(commit_over(&x, k & 2));
		assert_done(&x);
		fixture_close(&x);
	}
}

static void test_right_kept(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fixture x;
		ino_t before;

		fixture_open(&x, SIZE, true);
		bring(&x, k);
		before = stat_of(x.dir, x.blob).st_ino;
		assert_false(commit_over(&x, k));
		assert_int_equal(stat_of(x.dir, x.blob).st_ino, before);
		assert_done(&x);
		fixture_close(&x);
	}
}

/* blobs/<etag> is a link into a shared store: never written through. */
static void test_shared_store(void **state)
{
	(void)state;
	for (int right = 0; right < 2; right++) {
		struct fixture x;

		fixture_open(&x, SIZE, true);
		put_file(x.dir, "blobs/ab/shared", x.bytes.ptr, x.bytes.len);
		if (!right)
			damage_file(x.dir, "blobs/ab/shared", 0);
		put_link(x.dir, x.blob, "../../blobs/ab/shared");
		commit_over(&x, false);
		assert_bytes(x.dir, x.blob, x.bytes.ptr, x.bytes.len);
		if (right)
			assert_bytes(x.dir, "blobs/ab/shared", x.bytes.ptr,
				     x.bytes.len);
		else
			assert_true(S_ISREG(stat_of(x.dir, x.blob).st_mode));
		assert_int_equal(stat_of(x.dir, "blobs/ab/shared").st_nlink, 1);
		fixture_close(&x);
	}
}

static void test_directory_in_the_way(void **state)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	struct fixture x;

	(void)state;
	fixture_open(&x, SIZE, true);
	put_dir(x.dir, x.blob);
	open_part(&x, false, &p);
	write_rest(&x, &p);
	assert_fails(hfcache_part_commit(&p, NULL, &x.err), &x.err, ERR_IO,
		     "a.bin");
	hfcache_part_close(&p);
	assert_int_equal(count_names(x.dir, BLOBS), 1);
	fixture_close(&x);
}

/* --- where files cannot be without a name ------------------------------------------- */

/* Without /proc nothing can be linked from a descriptor. */
static void test_named(void **state)
{
	struct fixture x;
	int failed = 0;

	(void)state;
	fixture_open(&x, SIZE, true);
	if (mount("tmpfs", "/proc", "tmpfs", 0, NULL)) {
		fixture_close(&x);
		print_message("not allowed to hide /proc\n");
		skip();
	}
	{
		struct hfcache_part p CLEANUP(
			hfcache_part_close) = HFCACHE_PART_INIT;

		/* no assertion may leave here: others need /proc */
		failed = hfcache_part_open(&p, x.c, x.repo, x.file, false, -1,
					   &x.err) ||
			 hfcache_part_write(&p, x.bytes.ptr, x.bytes.len,
					    &x.err) ||
			 hfcache_part_commit(&p, NULL, &x.err);
	}
	assert_int_equal(umount2("/proc", MNT_DETACH), 0);
	assert_ok(failed ? -1 : 0, &x.err);
	assert_done(&x);
	fixture_close(&x);
}

/* --- no room ------------------------------------------------------------------------ */

static void test_no_room(void **state)
{
	struct fixture x;
	char *inner CLEANUP(free_ptr) = NULL;

	(void)state;
	fixture_open(&x, SIZE, true);
	if (!mount_small(x.path, "small", 200000)) {
		fixture_close(&x);
		print_message("not allowed to mount\n");
		skip();
	}
	inner = xasprintf("%s/small", x.path);
	for (int resumable = 0; resumable < 2; resumable++) {
		struct hfcache *c CLEANUP(hfcache_close) = open_store(inner,
								      true);
		struct hfcache_part p CLEANUP(
			hfcache_part_close) = HFCACHE_PART_INIT;
		char *blob CLEANUP(free_ptr) = xasprintf("small/%s", x.blob);
		int rc = hfcache_part_open(&p, c, x.repo, x.file, resumable, -1,
					   &x.err);

		if (!rc)
			rc = hfcache_part_write(&p, x.bytes.ptr, x.bytes.len,
						&x.err);
		assert_int_equal(x.err.sys, ENOSPC);
		assert_fails(rc, &x.err, ERR_IO, "a.bin");
		hfcache_part_close(&p);
		assert_false(is_there(x.dir, blob));
	}
	unmount(x.path, "small");
	fixture_close(&x);
}

/* --- many at once ------------------------------------------------------------------- */

#define MANY 300

static void add_to_batch(struct hfcache_batch *b, struct hfcache *c,
			 const struct lock_repo *r, const struct lock_file *f)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	int lock = -1;

	sample_bytes(f->path, f->size, &bytes);
	assert_ok(hfcache_blob_lock(c, r, &f->etag, 0, &lock, &err), &err);
	assert_ok(hfcache_part_open(&p, c, r, f, false, lock, &err), &err);
	assert_ok(hfcache_part_write(&p, bytes.ptr, bytes.len, &err), &err);
	assert_ok(hfcache_batch_add(b, &p, &err), &err);
	assert_int_equal(p.fd, -1);
}

static void test_batch(void **state)
{
	struct hfcache_batch *b CLEANUP(free_ptr) = xcalloc(1, sizeof(*b));
	size_t before = count_fds(), most = 0;
	struct lock l CLEANUP(lock_release) = { 0 };
	struct hfcache *c CLEANUP(hfcache_close) = NULL;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	c = open_store(path, true);
	for (int i = 0; i < 2; i++) {
		struct lock_repo *r = sample_repo(
			&l, i ? "acme/two" : "acme/one", 'a');

		for (int k = 0; k < MANY / 2; k++) {
			char name[16];

			snprintf(name, sizeof(name), "f%03d", k);
			sample_add(r, name, (uint64_t)k, k & 1);
		}
	}
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < MANY / 2; k++) {
			size_t now;

			add_to_batch(b, c, &l.repos[i], &l.repos[i].files[k]);
			now = count_fds() - before;
			most = now > most ? now : most;
		}
	assert_true(most > 20 && most < 500);
	assert_ok(hfcache_batch_flush(b, &err), &err);
	assert_int_equal(b->count, 0);
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < MANY / 2; k++) {
			const struct lock_file *f = &l.repos[i].files[k];
			enum blob_state got = BLOB_MISSING;

			assert_ok(hfcache_blob_check(c, &l.repos[i], f, NULL,
						     &got, &err),
				  &err);
			assert_int_equal(got, BLOB_OK);
		}
	assert_int_equal(count_names(dir, "models--acme--one/blobs"), MANY / 2);
	assert_int_equal(count_names(dir, "models--acme--two/blobs"), MANY / 2);
	hfcache_batch_release(b);
	temp_dir_end(dir, path);
}

/* Nothing has its name before the flush, and giving up leaves nothing. */
static void test_batch_given_up(void **state)
{
	struct hfcache_batch *b CLEANUP(free_ptr) = xcalloc(1, sizeof(*b));
	struct fixture x;

	(void)state;
	fixture_open(&x, 1000, true);
	add_to_batch(b, x.c, x.repo, x.file);
	assert_false(is_there(x.dir, x.blob));
	hfcache_batch_release(b);
	assert_int_equal(count_names(x.dir, BLOBS), 0);
	assert_ok(hfcache_batch_flush(b, &x.err), &x.err);
	fixture_close(&x);
}

/* Wrong bytes are refused when they are added, and not kept for a resume. */
static void test_batch_wrong(void **state)
{
	struct hfcache_batch *b CLEANUP(free_ptr) = xcalloc(1, sizeof(*b));

	(void)state;
	for (int resumable = 0; resumable < 2; resumable++) {
		struct hfcache_part p CLEANUP(
			hfcache_part_close) = HFCACHE_PART_INIT;
		struct fixture x;

		fixture_open(&x, SIZE, true);
		x.bytes.ptr[0] ^= 1;
		open_part(&x, resumable, &p);
		write_rest(&x, &p);
		assert_fails(hfcache_batch_add(b, &p, &x.err), &x.err,
			     ERR_INTEGRITY, "a.bin");
		assert_int_equal(p.fd, -1);
		assert_int_equal(b->count, 0);
		assert_int_equal(count_names(x.dir, BLOBS), 0);
		fixture_close(&x);
	}
}

int run_part_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_sha256_learnt),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_leftovers),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_wrong_one),
		cmocka_unit_test(test_two_links),
		cmocka_unit_test(test_planted),
		cmocka_unit_test(test_swept),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_adopt_git),
		cmocka_unit_test(test_adopt_name),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_right_kept),
		cmocka_unit_test(test_shared_store),
		cmocka_unit_test(test_directory_in_the_way),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_batch_given_up),
		cmocka_unit_test(test_batch_wrong),
	};

	return cmocka_run_group_tests_name("part", tests, NULL, NULL);
}
