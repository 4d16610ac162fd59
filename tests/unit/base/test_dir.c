#include "tests/unit/base/unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void test_mkdirs(void **state)
{
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	char *absolute CLEANUP(free_ptr) = xasprintf("%s/x//y/z/", path);
	struct stat st;

	(void)state;
	assert_ok(file_mkdirs(dir, "a/b/c", &err), &err);
	assert_ok(file_mkdirs(dir, "a/b/c", &err), &err);
	assert_ok(file_mkdirs(dir, "a/b/d/", &err), &err);
	assert_ok(file_mkdirs(AT_FDCWD, absolute, &err), &err);
	assert_ok(file_mkdirs(AT_FDCWD, "/", &err), &err);
	assert_int_equal(fstatat(dir, "x/y/z", &st, 0), 0);
	assert_int_equal(fstatat(dir, "a/b/d", &st, 0), 0);
	/* through a link that the user made */
	assert_int_equal(symlinkat("a", dir, "link"), 0);
	assert_ok(file_mkdirs(dir, "link/e", &err), &err);
	assert_int_equal(fstatat(dir, "a/e", &st, 0), 0);
	assert_ok(file_replace(dir, "file", "", 0, &err), &err);
	assert_fails(file_mkdirs(dir, "file", &err), &err, ERR_IO,
		     "file: cannot make the directory: Not a directory");
	assert_fails(file_mkdirs(dir, "file/b", &err), &err, ERR_IO, "file");
	temp_dir_end(dir, path);
}

static void test_open_beneath(void **state)
{
	static const struct {
		const char *path;
		bool create;
		enum err_code code; /* ERR_NONE: works */
	} table[] = {
		{ "", false, ERR_NONE },
		{ "a", false, ERR_NONE },
		{ "a/b", false, ERR_NONE },
		{ "a/new", false, ERR_NOT_FOUND },
		{ "a/new/er", true, ERR_NONE },
		{ "a/new/er", false, ERR_NONE },
		{ "..", true, ERR_UNSAFE },
		{ "a/..", true, ERR_UNSAFE },
		{ "a/../b", true, ERR_UNSAFE },
		{ ".", false, ERR_UNSAFE },
		{ "/", false, ERR_UNSAFE },
		{ "/tmp", false, ERR_UNSAFE },
		{ "a/", false, ERR_UNSAFE },
		{ "a//b", false, ERR_UNSAFE },
		{ "link", false, ERR_UNSAFE },
		{ "link/b", true, ERR_UNSAFE },
		{ "a/out", true, ERR_UNSAFE },
		{ "a/nowhere", true, ERR_UNSAFE },
		{ "file", true, ERR_IO },
		{ "file/x", true, ERR_IO },
	};
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	assert_ok(file_mkdirs(dir, "a/b", &err), &err);
	assert_int_equal(symlinkat("a", dir, "link"), 0);
	assert_int_equal(symlinkat("/", dir, "a/out"), 0);
	assert_int_equal(symlinkat("none", dir, "a/nowhere"), 0);
	assert_ok(file_replace(dir, "file", "", 0, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		int fd CLEANUP(close_fd) = -1;
		int result = file_open_beneath(dir, table[i].path,
					       table[i].create, &fd, &err);

		if (table[i].code) {
			assert_fails(result, &err, table[i].code,
				     table[i].path);
			assert_int_equal(fd, -1);
			continue;
		}
		assert_ok(result, &err);
		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(file_same(fd, dir), !*table[i].path);
		assert_ok(file_sync_dir(fd, &err), &err);
	}
	temp_dir_end(dir, path);
}

static void test_lock(void **state)
{
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	int first CLEANUP(close_fd) = -1;
	int second CLEANUP(close_fd) = -1;
	mode_t old = umask(0);
	struct stat st;
	uint64_t begin;

	(void)state;
	assert_ok(file_lock(dir, "x.lock", 0, &first, &err), &err);
	assert_int_equal(fstat(first, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0664);
	assert_fails(file_lock(dir, "x.lock", 0, &second, &err), &err, ERR_BUSY,
		     "x.lock: locked by another process");
	begin = clock_ms();
	assert_fails(file_lock(dir, "x.lock", 120, &second, &err), &err,
		     ERR_BUSY, "x.lock");
	assert_true(clock_ms() - begin >= 120);
	assert_int_equal(second, -1);
	close_fd(&first);
	assert_int_equal(fstatat(dir, "x.lock", &st, 0), 0); /* left behind */
	assert_ok(file_lock(dir, "x.lock", 0, &second, &err), &err);
	/* a name that was deleted under us is no lock for others */
	assert_int_equal(unlinkat(dir, "x.lock", 0), 0);
	assert_ok(file_lock(dir, "x.lock", 0, &first, &err), &err);
	assert_int_equal(symlinkat("x.lock", dir, "l.lock"), 0);
	close_fd(&second);
	assert_fails(file_lock(dir, "l.lock", 0, &second, &err), &err,
		     ERR_UNSAFE, "l.lock: is a symbolic link");
	assert_fails(file_lock(dir, "none/a.lock", 0, &second, &err), &err,
		     ERR_IO, "none/a.lock");
	umask(old);
	temp_dir_end(dir, path);
}

/* Holds the lock for 100 ms, deletes its name, lets go. */
static void hold_and_delete(int dir, int ready)
{
	const struct timespec t = { .tv_nsec = 100000000L };
	struct error err = { 0 };
	int fd = -1;

	if (file_lock(dir, "x.lock", 0, &fd, &err))
		_exit(1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	nanosleep(&t, NULL);
	_exit(unlinkat(dir, "x.lock", 0) != 0);
}

static void test_lock_waits(void **state)
{
	struct error err = { 0 };
	char path[TEMP_PATH_MAX], byte;
	int dir = temp_dir(path), pipes[2], status;
	int fd CLEANUP(close_fd) = -1;
	struct stat held, named;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		hold_and_delete(dir, pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_ok(file_lock(dir, "x.lock", 5000, &fd, &err), &err);
	assert_int_equal(fstat(fd, &held), 0);
	assert_int_equal(fstatat(dir, "x.lock", &named, 0), 0);
	assert_int_equal(held.st_ino, named.st_ino);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(pipes[0]);
	close(pipes[1]);
	temp_dir_end(dir, path);
}

static void test_dir_next(void **state)
{
	static const char *const names[] = { "a", ".hidden", "..x", "..." };
	char path[TEMP_PATH_MAX];
	int top = temp_dir(path);
	struct dirent *d;
	size_t seen = 0;
	int failed = EIO;
	DIR *dir;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(mkdirat(top, names[i], 0700), 0);
	dir = fdopendir(dup(top));
	assert_non_null(dir);
	while ((d = file_dir_next(dir, &failed))) {
		assert_string_not_equal(d->d_name, ".");
		assert_string_not_equal(d->d_name, "..");
		seen++;
	}
	assert_int_equal(failed, 0);
	assert_int_equal(seen, ARRAY_LEN(names));
	assert_int_equal(closedir(dir), 0);
	temp_dir_end(top, path);
}

/* Where it breaks off it does not look like the end. */
static void test_dir_broken(void **state)
{
	char path[TEMP_PATH_MAX];
	int top = temp_dir(path);
	int file = openat(top, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	DIR *dir = fdopendir(dup(top));
	int failed = 0;

	(void)state;
	assert_non_null(dir);
	assert_true(dup2(file, dirfd(dir)) >= 0);
	assert_null(file_dir_next(dir, &failed));
	assert_int_equal(failed, ENOTDIR);
	assert_int_equal(closedir(dir), 0);
	assert_int_equal(close(file), 0);
	temp_dir_end(top, path);
}

int run_dir_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dir_next),
		cmocka_unit_test(test_dir_broken),
		cmocka_unit_test(test_mkdirs),
		cmocka_unit_test(test_open_beneath),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_lock_waits),
	};

	return cmocka_run_group_tests_name("dir, lock", tests, NULL, NULL);
}
