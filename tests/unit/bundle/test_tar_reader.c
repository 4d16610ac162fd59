#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/tar.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_stream(struct tar_reader *r, size_t step, struct str *out,
			struct error *err, int want)
{
	char *buf CLEANUP(free_ptr) = xmalloc(step);
	size_t got = 1;
	int rc = 0;

	while (!rc && got > 0) {
		rc = tar_reader_read(r, buf, step, &got, err);
		str_add(out, buf, got);
	}
	if (rc != want)
		fail_msg("%d: %s", rc, err->msg);
}

static int open_at(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Output of a command as a pipe; caller closes with pclose(). */
static FILE *pipe_from(const char *dir, const char *command)
{
	char *line CLEANUP(free_ptr) = xasprintf("cd '%s' && %s", dir, command);
	FILE *f = popen(line, "r");

	assert_non_null(f);
	return f;
}

static void decompresses(void **state)
{
	static const char *const tools[] = { "cat", "gzip -c", "zstd -qc",
					     "xz -0c", "bzip2 -c" };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	struct str want CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	sample_bytes("x", 700000, &want);
	assert_ok(file_replace(dir, "plain", want.ptr, want.len, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
		struct tar_reader *p CLEANUP(tar_reader_close) = NULL;
		struct str got CLEANUP(str_release) = STR_INIT;
		char command[64];
		int fd;
		FILE *f;

		snprintf(command, sizeof(command), "%s < plain > packed",
			 tools[i]);
		run_silent(path, command);
		fd = open_at(dir, "packed");
		assert_ok(tar_open_stream(&r, fd, &err), &err);
		read_stream(r, 4099, &got, &err, 0);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.ptr, want.ptr, want.len);
		close(fd);

		str_clear(&got);
		f = pipe_from(path, "cat packed");
		assert_ok(tar_open_stream(&p, fileno(f), &err), &err);
		read_stream(p, 1 << 20, &got, &err, 0);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.ptr, want.ptr, want.len);
		pclose(f);
	}
	temp_dir_end(dir, path);
}

static void damaged_streams(void **state)
{
	static const struct {
		const char *command, *words;
		int result;
	} cases[] = {
		{ ": > packed", "", 0 },
		{ "gzip -c plain | head -c 5000 > packed", "truncated", -1 },
		{ "zstd -qc plain | head -c 5000 > packed", "zstd", -1 },
		{ "gzip -c plain | gzip -c > packed", "more than once", -1 },
		{ "zstd -qc plain | xz -0c > packed", "more than once", -1 },
	};
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	struct str plain CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	sample_bytes("y", 50000, &plain);
	assert_ok(file_replace(dir, "plain", plain.ptr, plain.len, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
		struct str got CLEANUP(str_release) = STR_INIT;
		int fd;

		run_silent(path, cases[i].command);
		fd = open_at(dir, "packed");
		assert_ok(tar_open_stream(&r, fd, &err), &err);
		read_stream(r, 4096, &got, &err, cases[i].result);
		if (cases[i].result == 0)
			assert_int_equal(got.len, 0);
		else
			assert_fails(-1, &err, ERR_FORMAT, "");
		close(fd);
	}
	temp_dir_end(dir, path);
}

struct seen {
	enum tar_type type;
	const char *path, *target, *bytes;
};

static const struct seen tree[] = {
	{ TAR_DIR, "d/", NULL, NULL },
	{ TAR_FILE, "d/a", NULL, "first" },
	{ TAR_FILE, "d/\xc3\xbc\xe6\x96\x87", NULL, "" },
	{ TAR_SYMLINK, "d/l", "../\xc3\xbc", NULL },
};

static void check_entry(struct tar_reader *r, const struct tar_member *m,
			const struct seen *want)
{
	struct error err = { 0 };
	char buf[64];
	size_t got;

	assert_int_equal(m->type, want->type);
	assert_string_equal(m->path, want->path);
	if (want->target)
		assert_string_equal(m->target, want->target);
	if (!want->bytes)
		return;
	assert_int_equal(m->size, strlen(want->bytes));
	assert_ok(tar_reader_read(r, buf, sizeof(buf), &got, &err), &err);
	assert_int_equal(got, strlen(want->bytes));
	assert_memory_equal(buf, want->bytes, got);
}

static void lists_archives(void **state)
{
	static const char *const makers[] = {
		"bsdtar -cf t --format pax -n -T list",
		"tar -cf t --no-recursion -T list",
		"tar -czf t --format=posix --no-recursion -T list",
		"zip -qyX t.zip -@ < list; mv t.zip t",
	};
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	struct error err = { 0 };

	(void)state;
	run_silent(
		path,
		"mkdir d; printf first > d/a; : > d/\xc3\xbc\xe6\x96\x87; "
		"ln -s ../\xc3\xbc d/l; "
		"printf 'd/\\nd/a\\nd/\xc3\xbc\xe6\x96\x87\\nd/l\\n' > list");
	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
		struct tar_member m;
		int fd;

		run_silent(path, makers[i]);
		fd = open_at(dir, "t");
		assert_ok(tar_open_archive(&r, fd, &err), &err);
		for (size_t k = 0; k < ARRAY_LEN(tree); k++) {
			if (tar_reader_next(r, &m, &err) != 1)
				fail_msg("%s: %s", makers[i], err.msg);
			check_entry(r, &m, &tree[k]);
		}
		assert_int_equal(tar_reader_next(r, &m, &err), 0);
		close(fd);
		run_silent(path, "rm t");
	}
	temp_dir_end(dir, path);
}

static void links_and_devices(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path), fd;
	struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
	struct error err = { 0 };
	struct tar_member m;

	(void)state;
	run_silent(path, "printf x > a; ln a b; mkfifo p; tar -cf t a b p");
	fd = open_at(dir, "t");
	assert_ok(tar_open_archive(&r, fd, &err), &err);
	assert_int_equal(tar_reader_next(r, &m, &err), 1);
	assert_int_equal(m.type, TAR_FILE);
	assert_int_equal(tar_reader_next(r, &m, &err), 1);
	assert_int_equal(m.type, TAR_HARDLINK);
	assert_string_equal(m.target, "a");
	assert_int_equal(tar_reader_next(r, &m, &err), 1);
	assert_int_equal(m.type, TAR_OTHER);
	close(fd);
	temp_dir_end(dir, path);
}

static void zip_wants_a_file(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
	struct error err = { 0 };
	struct tar_member m;
	FILE *f;

	(void)state;
	run_silent(path, "printf x > a; zip -q t.zip a");
	f = pipe_from(path, "cat t.zip");
	assert_ok(tar_open_archive(&r, fileno(f), &err), &err);
	assert_fails(tar_reader_next(r, &m, &err), &err, ERR_FORMAT, "pipe");
	pclose(f);
	temp_dir_end(dir, path);
}

static void stops_waiting(void **state)
{
	struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
	struct cancel cancel CLEANUP(cancel_release) = { 0 };
	struct error err = { 0 };
	int fds[2];
	char c;
	size_t got;

	(void)state;
	assert_int_equal(pipe(fds), 0); /* nobody will ever write */
	assert_ok(cancel_init(&cancel, &err), &err);
	assert_ok(tar_open_stream(&r, fds[0], &err), &err);
	tar_reader_cancel(r, &cancel);
	cancel_set(&cancel);
	assert_fails(tar_reader_read(r, &c, 1, &got, &err), &err, ERR_CANCELLED,
		     "");
	close(fds[0]);
	close(fds[1]);
}

int run_tar_reader_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decompresses),
		cmocka_unit_test(damaged_streams),
		cmocka_unit_test(lists_archives),
		cmocka_unit_test(links_and_devices),
		cmocka_unit_test(zip_wants_a_file),
		cmocka_unit_test(stops_waiting),
	};

	return cmocka_run_group_tests_name("tar_reader", tests, NULL, NULL);
}
