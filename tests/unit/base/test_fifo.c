#include "tests/unit/base/unit.h"

#include "base/fifo.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

static void *write_late(void *path)
{
	int fd;

	nap();
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (write(fd, "late", 4) != 4)
		errno = 0;
	close(fd);
	return NULL;
}

static void *read_late(void *path)
{
	char *got = calloc(1, 8);
	int fd;

	nap();
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (read(fd, got, 7) < 0)
		errno = 0;
	close(fd);
	return got;
}

/* The other end comes later, and then nothing is lost. */
static void test_waits(void **state)
{
	struct error err = { 0 };
	char dir[TEMP_PATH_MAX], got[8] = "";
	int top = temp_dir(dir), fd = -1;
	char *path CLEANUP(free_ptr) = xasprintf("%s/fifo", dir);
	void *text = NULL;
	pthread_t other;

	(void)state;
	assert_int_equal(mkfifoat(top, "fifo", 0600), 0);
	assert_int_equal(pthread_create(&other, NULL, write_late, path), 0);
	assert_ok(fifo_open_input(path, NULL, &fd, &err), &err);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(read(fd, got, 7), 4);
	assert_string_equal(got, "late");
	close(fd);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(pthread_create(&other, NULL, read_late, path), 0);
	assert_ok(fifo_open_output(path, NULL, &fd, &err), &err);
	assert_int_equal(write(fd, "out", 3), 3);
	close(fd);
	assert_int_equal(pthread_join(other, &text), 0);
	assert_string_equal(text, "out");
	free(text);
	temp_dir_end(top, dir);
}

static void *cancel_late(void *cancel)
{
	nap();
	cancel_set(cancel);
	return NULL;
}

static void test_cancel_ends_it(void **state)
{
	struct error err = { 0 };
	struct cancel c;
	char dir[TEMP_PATH_MAX];
	int top = temp_dir(dir), fd = -1;
	char *path CLEANUP(free_ptr) = xasprintf("%s/fifo", dir);
	pthread_t other;

	(void)state;
	assert_int_equal(mkfifoat(top, "fifo", 0600), 0);
	assert_ok(cancel_init(&c, &err), &err);
	assert_int_equal(pthread_create(&other, NULL, cancel_late, &c), 0);
	assert_fails(fifo_open_input(path, &c, &fd, &err), &err, ERR_CANCELLED,
		     "fifo");
	assert_fails(fifo_open_output(path, &c, &fd, &err), &err, ERR_CANCELLED,
		     "fifo");
	assert_int_equal(fd, -1);
	assert_int_equal(pthread_join(other, NULL), 0);
	cancel_release(&c);
	temp_dir_end(top, dir);
}

static void test_no_fifo(void **state)
{
	struct error err = { 0 };
	char dir[TEMP_PATH_MAX];
	int top = temp_dir(dir), fd = -1;
	char *path CLEANUP(free_ptr) = xasprintf("%s/none", dir);

	(void)state;
	assert_fails(fifo_open_input(path, NULL, &fd, &err), &err,
		     ERR_NOT_FOUND, "none: no such file");
	assert_fails(fifo_open_output(path, NULL, &fd, &err), &err, ERR_IO,
		     "none");
	temp_dir_end(top, dir);
}

int run_fifo_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_cancel_ends_it),
		cmocka_unit_test(test_no_fifo),
	};

	return cmocka_run_group_tests_name("fifo", tests, NULL, NULL);
}
