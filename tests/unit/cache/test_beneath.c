#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/beneath.h"
#include "cache/beneath_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int by_kernel(int dirfd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

static void make(int dir)
{
	struct error err = { 0 };
	static const char *const links[][2] = {
		{ "../../blobs/x", "a/b/file" },
		{ "b", "a/dir" },
		{ "../../../out", "a/b/out" },
		{ "/etc/passwd", "a/abs" },
		{ "loop2", "loop1" },
		{ "loop1", "loop2" },
		{ "nothing", "dangling" },
		{ "..", "a/up" },
		{ "file/", "a/b/slash" },
		{ "a/b/..//./dir/file", "long" },
		{ "..", "top" },
	};

	assert_ok(file_mkdirs(dir, "a/b", &err), &err);
	assert_ok(file_mkdirs(dir, "blobs", &err), &err);
	assert_ok(file_replace(dir, "blobs/x", "hello", 5, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		assert_int_equal(symlinkat(links[i][0], dir, links[i][1]), 0);
}

/* The same answer as the kernel gives, to the inode and the errno. */
static void assert_same(int dir, const char *p, int how)
{
	int want CLEANUP(close_fd) = by_kernel(dir, p, how);
	int want_errno = errno, got_errno;
	int got CLEANUP(close_fd) = beneath_walk(dir, p, how);
	struct stat a, b;

	got_errno = errno;
	if (want < 0 && want_errno == ENOSYS)
		skip();
	if ((want < 0) != (got < 0) || (want < 0 && want_errno != got_errno))
		fail_msg("\"%.99s\" 0x%x: kernel %d (%d), we %d (%d)", p,
			 (unsigned)how, want, want_errno, got, got_errno);
	if (want < 0)
		return;
	assert_int_equal(fstat(want, &a), 0);
	assert_int_equal(fstat(got, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
}

static void as_the_kernel(void **state)
{
	static const char *const paths[] = {
		"a/b/file",
		"a/dir/file",
		"a/b/out",
		"a/abs",
		"loop1",
		"dangling",
		"a/up/a/up",
		"a/b/slash",
		"long",
		"top",
		"..",
		"a/../..",
		"a/./b//file",
		"/etc",
		"",
		".",
		"a",
		"a/",
		"blobs/x",
		"blobs/x/",
		"blobs/x/y",
		"a/b/file/",
		"none",
		"none/x",
		"a/../blobs/x",
		"blobs/x/..",
		"blobs/x/.",
		"a/up",
		"a/dir/../b/file",
	};
	static const int flags[] = { O_PATH, O_RDONLY, O_RDONLY | O_DIRECTORY };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	make(dir);
	for (size_t i = 0; i < ARRAY_LEN(paths) * ARRAY_LEN(flags); i++)
		assert_same(dir, paths[i / ARRAY_LEN(flags)],
			    flags[i % ARRAY_LEN(flags)]);
	temp_dir_end(dir, path);
}

static void walk_fails(int dir, const char *p, int want)
{
	int fd CLEANUP(close_fd) = beneath_walk(dir, p, O_PATH);

	assert_int_equal(fd, -1);
	assert_int_equal(errno, want);
}

/* As many links and as long names as the kernel takes, and not one more. */
static void limits(void **state)
{
	struct str p CLEANUP(str_release) = STR_INIT;
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	make(dir);
	for (unsigned i = 1; i <= 41; i++) {
		char name[16], to[16];

		snprintf(name, sizeof(name), "l%u", i);
		snprintf(to, sizeof(to), i == 1 ? "a" : "l%u", i - 1);
		assert_int_equal(symlinkat(to, dir, name), 0);
	}
	assert_same(dir, "l40/b", O_PATH);
	assert_same(dir, "l41", O_PATH);
	walk_fails(dir, "l41", ELOOP);
	while (p.len < NAME_MAX)
		str_addc(&p, 'n');
	walk_fails(dir, p.ptr, ENOENT);
	str_addc(&p, 'n');
	assert_same(dir, p.ptr, O_PATH);
	walk_fails(dir, p.ptr, ENAMETOOLONG);
	str_clear(&p);
	while (p.len < PATH_MAX - 2)
		str_adds(&p, "./");
	str_addc(&p, 'a');
	assert_same(dir, p.ptr, O_PATH);
	str_addc(&p, '/');
	assert_same(dir, p.ptr, O_PATH);
	walk_fails(dir, p.ptr, ENAMETOOLONG);
	temp_dir_end(dir, path);
}

/* Where the kernel goes on: what is held open and kept has an end. */
static void own_limits(void **state)
{
	struct str p CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	int fd CLEANUP(close_fd) = -1;

	(void)state;
	for (int i = 0; i < 257; i++)
		str_adds(&p, i ? "/d" : "d");
	assert_ok(file_mkdirs(dir, p.ptr, &err), &err);
	walk_fails(dir, p.ptr, ELOOP);
	str_truncate(&p, p.len - 2);
	fd = beneath_walk(dir, p.ptr, O_PATH);
	assert_true(fd >= 0);
	/* a link's text and what is still to go, of 4095 bytes, and of 4096 */
	str_clear(&p);
	while (p.len < 2000)
		str_adds(&p, "./");
	assert_int_equal(symlinkat(p.ptr, dir, "long"), 0);
	str_clear(&p);
	str_adds(&p, "long");
	while (p.len < 4 + 2094)
		str_adds(&p, "/.");
	str_adds(&p, "/");
	close_fd(&fd);
	fd = beneath_walk(dir, p.ptr, O_PATH);
	assert_true(fd >= 0);
	str_adds(&p, ".");
	walk_fails(dir, p.ptr, ENAMETOOLONG);
	temp_dir_end(dir, path);
}

/* What is no file is said to be none, and never opened. */
static void kinds(void **state)
{
	static const struct {
		const char *path;
		enum beneath want;
	} rows[] = {
		{ "a/b/file", BENEATH_FILE },
		{ "a/dir", BENEATH_DIR },
		{ "socket", BENEATH_OTHER },
		{ "none", BENEATH_MISSING },
		{ "blobs/x/y", BENEATH_MISSING },
		{ "dangling", BENEATH_NOWHERE },
		{ "loop1", BENEATH_NOWHERE },
		{ "top", BENEATH_OUT },
		{ "a/abs", BENEATH_OUT },
	};
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	make(dir);
	/* opening it fails, so that an attempt would be seen */
	assert_int_equal(mknodat(dir, "socket", S_IFSOCK | 0600, 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd CLEANUP(close_fd) = -1;
		struct stat st;

		if (beneath_stat(dir, rows[i].path, &st) != rows[i].want ||
		    beneath_open(dir, rows[i].path, &fd, &st) != rows[i].want)
			fail_msg("%s: not what it is", rows[i].path);
		assert_int_equal(fd >= 0, rows[i].want == BENEATH_FILE);
	}
	temp_dir_end(dir, path);
}

int run_beneath_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_kernel),
		cmocka_unit_test(limits),
		cmocka_unit_test(own_limits),
		cmocka_unit_test(kinds),
	};

	return cmocka_run_group_tests_name("beneath", tests, NULL, NULL);
}
