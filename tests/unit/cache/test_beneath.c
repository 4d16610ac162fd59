#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/beneath_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
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

/* The same answers as the kernel gives, to the inode and the errno. */
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
	for (size_t i = 0; i < ARRAY_LEN(paths) * ARRAY_LEN(flags); i++) {
		const char *p = paths[i / ARRAY_LEN(flags)];
		int how = flags[i % ARRAY_LEN(flags)], want_errno, got_errno;
		int want CLEANUP(close_fd) = by_kernel(dir, p, how);
		int got CLEANUP(close_fd) = -1;
		struct stat a, b;

		want_errno = errno;
		got = beneath_walk(dir, p, how);
		got_errno = errno;
		if (want < 0 && want_errno == ENOSYS)
			skip();
		if ((want < 0) != (got < 0) ||
		    (want < 0 && want_errno != got_errno))
			fail_msg("\"%s\" 0x%x: kernel %d (%d), we %d (%d)", p,
				 (unsigned)how, want, want_errno, got,
				 got_errno);
		if (want < 0)
			continue;
		assert_int_equal(fstat(want, &a), 0);
		assert_int_equal(fstat(got, &b), 0);
		assert_int_equal(a.st_ino, b.st_ino);
	}
	temp_dir_end(dir, path);
}

int run_beneath_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_kernel),
	};

	return cmocka_run_group_tests_name("beneath", tests, NULL, NULL);
}
