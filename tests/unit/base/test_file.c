#include "tests/unit/base/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* How many names there are in a directory. */
static size_t count_names(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return n;
}

static void assert_content(int dirfd, const char *name, const char *want)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	assert_ok(file_read_all(dirfd, name, 1 << 20, &s, &err), &err);
	assert_string_equal(s.ptr, want);
}

static mode_t mode_of(int dirfd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static void test_replace(void **state)
{
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	mode_t old = umask(077);

	(void)state;
	assert_ok(file_replace(dir, "a", "one", 3, &err), &err);
	assert_content(dir, "a", "one");
	assert_int_equal(mode_of(dir, "a"), 0644);
	assert_ok(file_replace(dir, "a", "", 0, &err), &err);
	assert_content(dir, "a", "");
	/* with a directory in the name, and a link in the way: replaced */
	assert_int_equal(mkdirat(dir, "sub", 0700), 0);
	assert_int_equal(symlinkat("../a", dir, "sub/b"), 0);
	assert_ok(file_replace(dir, "sub/b", "two", 3, &err), &err);
	assert_content(dir, "sub/b", "two");
	assert_content(dir, "a", "");
	assert_fails(file_replace(dir, "none/b", "x", 1, &err), &err, ERR_IO,
		     "none/b: cannot create: No such file");
	assert_fails(file_replace(dir, "sub", "x", 1, &err), &err, ERR_IO,
		     "sub: ");
	assert_int_equal(count_names(path), 2);
	umask(old);
	temp_dir_end(dir, path);
}

static void test_long_name(void **state)
{
	struct str name CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;

	(void)state;
	while (name.len < 255)
		str_adds(&name, "语");
	/* some file systems take only whole characters */
	assert_ok(atomic_open(&f, dir, name.ptr, 0444, &err), &err);
	assert_true(utf8_valid(f.tmp, strlen(f.tmp)));
	atomic_abort(&f);
	assert_ok(file_replace(dir, name.ptr, "x", 1, &err), &err);
	assert_content(dir, name.ptr, "x");
	temp_dir_end(dir, path);
}

static void test_abort(void **state)
{
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	mode_t old = umask(077);

	(void)state;
	assert_ok(file_replace(dir, "a", "old", 3, &err), &err);
	{
		struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;

		assert_ok(atomic_open(&f, dir, "a", 0444, &err), &err);
		assert_int_equal(count_names(path), 2);
		assert_ok(file_write_all(f.fd, "new", 3, "a", &err), &err);
		errno = 7;
		atomic_abort(&f);
		assert_int_equal(errno, 7);
	}
	assert_content(dir, "a", "old");
	assert_int_equal(count_names(path), 1);
	{
		struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;

		assert_ok(atomic_open(&f, dir, "a", 0444, &err), &err);
		assert_ok(file_write_all(f.fd, "new", 3, "a", &err), &err);
		assert_ok(atomic_commit(&f, &err), &err);
	}
	assert_content(dir, "a", "new");
	assert_int_equal(mode_of(dir, "a"), 0444);
	assert_int_equal(count_names(path), 1);
	umask(old);
	temp_dir_end(dir, path);
}

/* No name before the commit (where the file system can do that), then the right
 * one, be it free or taken. */
static void test_unnamed(void **state)
{
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	for (int round = 0; round < 2; round++) {
		struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;

		assert_ok(atomic_open_unnamed(&f, dir, "a", 0640, &err), &err);
		if (!f.tmp)
			assert_int_equal(count_names(path), round);
		assert_ok(file_write_all(f.fd, round ? "two" : "one", 3, "a",
					 &err),
			  &err);
		assert_ok(atomic_commit(&f, &err), &err);
		assert_content(dir, "a", round ? "two" : "one");
		assert_int_equal(mode_of(dir, "a"), 0640);
		assert_int_equal(count_names(path), 1);
	}
	{
		struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;

		assert_ok(atomic_open_unnamed(&f, dir, "b", 0640, &err), &err);
	}
	assert_int_equal(count_names(path), 1);
	{
		struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;

		assert_fails(atomic_open_unnamed(&f, dir, "no/b", 0640, &err),
			     &err, ERR_IO, "no/b");
	}
	temp_dir_end(dir, path);
}

/* A disk that is full: what was there stays, nothing is left behind. */
static void test_no_room(void **state)
{
	struct rlimit old, small;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	char buf[8192] = { 0 };

	(void)state;
	assert_ok(file_replace(dir, "a", "old", 3, &err), &err);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ .rlim_cur = 4096, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_fails(file_replace(dir, "a", buf, sizeof(buf), &err), &err,
		     ERR_IO, "a: File too large");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_content(dir, "a", "old");
	assert_int_equal(count_names(path), 1);
	temp_dir_end(dir, path);
}

static void test_read_all(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	int pipes[2];

	(void)state;
	str_fill(&s, 'x', 100000);
	assert_ok(file_replace(dir, "a", s.ptr, s.len, &err), &err);
	str_clear(&s);
	str_adds(&s, "kept ");
	assert_fails(file_read_all(dir, "a", 99999, &s, &err), &err, ERR_FORMAT,
		     "a: larger than 99999 bytes");
	assert_string_equal(s.ptr, "kept ");
	assert_ok(file_read_all(dir, "a", 100000, &s, &err), &err);
	assert_int_equal(s.len, 100005);
	assert_fails(file_read_all(dir, "none", 10, &s, &err), &err,
		     ERR_NOT_FOUND, "none: no such file");
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_fails(file_read_all(dir, "fifo", 10, &s, &err), &err, ERR_FORMAT,
		     "fifo: not a regular file");
	assert_fails(file_read_all(dir, ".", 10, &s, &err), &err, ERR_IO,
		     "directory");
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(write(pipes[1], "piped", 5), 5);
	close(pipes[1]);
	{
		char *name CLEANUP(free_ptr) = xasprintf("/dev/fd/%d",
							 pipes[0]);

		assert_content(AT_FDCWD, name, "piped");
	}
	close(pipes[0]);
	temp_dir_end(dir, path);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Whoever waits for the writer of a FIFO hears a signal, though its handler lets
 * system calls begin again. */
static void test_fifo_hears_signals(void **state)
{
	const struct sigaction restart = { .sa_handler = on_alarm,
					   .sa_flags = SA_RESTART };
	const struct timeval tick = { .tv_usec = 20000 };
	const struct itimerval ticks = { tick, tick }, off = { 0 };
	struct str s CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	char *fifo CLEANUP(free_ptr) = xasprintf("%s/fifo", path);
	struct sigaction before;

	(void)state;
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(sigaction(SIGALRM, &restart, &before), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &ticks, NULL), 0);
	assert_fails(file_read_all(AT_FDCWD, fifo, 10, &s, &err), &err,
		     ERR_CANCELLED, "fifo: interrupted");
	assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
	temp_dir_end(dir, path);
}

static void test_offsets(void **state)
{
	struct error err = { 0 };
	char path[TEMP_PATH_MAX], buf[8];
	int dir = temp_dir(path);
	int fd CLEANUP(close_fd) = openat(dir, "a", O_RDWR | O_CREAT, 0600);
	const uint64_t far = ((uint64_t)9 << 30) + 1;
	size_t got;

	(void)state;
	assert_ok(file_pwrite_all(fd, "end", 3, far, "a", &err), &err);
	assert_ok(file_pread_full(fd, buf, 8, far - 2, &got, "a", &err), &err);
	assert_int_equal(got, 5);
	assert_memory_equal(buf, "\0\0end", 5);
	assert_ok(file_read_full(fd, buf, 8, &got, "a", &err), &err);
	assert_int_equal(got, 8);
	assert_fails(file_pread_full(dir, buf, 8, 0, &got, "d", &err), &err,
		     ERR_IO, "d: ");
	assert_fails(file_read_full(-1, buf, 8, &got, "d", &err), &err, ERR_IO,
		     "d: Bad file");
	assert_fails(file_write_all(-1, buf, 8, "d", &err), &err, ERR_IO,
		     "d: Bad file");
	assert_fails(file_pwrite_all(-1, buf, 8, 0, "d", &err), &err, ERR_IO,
		     "d: Bad file");
	temp_dir_end(dir, path);
}

static void test_space_and_same(void **state)
{
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	int again CLEANUP(close_fd) = open(path, O_RDONLY | O_DIRECTORY);
	int root CLEANUP(close_fd) = open("/", O_RDONLY | O_DIRECTORY);
	uint64_t bytes = 0, inodes = 0;

	(void)state;
	assert_ok(file_space(dir, &bytes, &inodes, &err), &err);
	assert_true(bytes > 0 && inodes > 0);
	assert_fails(file_space(-1, &bytes, &inodes, &err), &err, ERR_IO, "");
	assert_true(file_same(dir, again));
	assert_false(file_same(dir, root));
	assert_false(file_same(dir, -1));
	temp_dir_end(dir, path);
}

/* Where the file system can clone, the bytes must be those; elsewhere false.
 * Run it with TMPDIR on XFS or btrfs to see the first. */
static void test_clone(void **state)
{
	static char data[3 * 4096 + 100], back[sizeof(data)];
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	int a CLEANUP(close_fd) = openat(dir, "a", O_RDWR | O_CREAT, 0600);
	int b CLEANUP(close_fd) = openat(dir, "b", O_RDWR | O_CREAT, 0600);
	size_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i % 253);
	/* more behind the range: its end is not the end of the file */
	assert_ok(file_pwrite_all(a, data, sizeof(data), 4096, "a", &err),
		  &err);
	assert_ok(file_pwrite_all(a, "more", 4, 4096 + sizeof(data), "a", &err),
		  &err);
	if (file_clone_range(a, 4096, b, 0, sizeof(data))) {
		assert_ok(file_pread_full(b, back, sizeof(back), 0, &got, "b",
					  &err),
			  &err);
		assert_int_equal(got, sizeof(data));
		assert_memory_equal(back, data, sizeof(data));
		assert_int_equal(lseek(b, 0, SEEK_END), sizeof(data));
		/* beyond the end of the source there is nothing to clone */
		assert_false(file_clone_range(a, 4096, b, 0, 1 << 20));
	}
	assert_false(file_clone_range(a, 0, b, 0, 0));
	assert_false(file_clone_range(a, 0, b, 0, 100));
	assert_false(file_clone_range(a, 7, b, 0, 8192));
	assert_false(file_clone_range(-1, 0, b, 0, 8192));
	temp_dir_end(dir, path);
}

int run_file_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_unnamed),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_read_all),
		cmocka_unit_test(test_fifo_hears_signals),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_space_and_same),
		cmocka_unit_test(test_clone),
	};

	return cmocka_run_group_tests_name("file, atomic", tests, NULL, NULL);
}
