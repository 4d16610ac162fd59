#include "tests/unit/fetch/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "fetch/archive.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CORPUS "tests/fuzz/corpus/archive"

static int list(const char *name, const char *strip, struct lock *l,
		struct error *err)
{
	char *path CLEANUP(free_ptr) = xasprintf(CORPUS "/%s", name);
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return archive_list(fd, strip, NULL, lock_add_repo(l), err);
}

/* Every archive that the fuzzer begins with: good-* are listed, bad-* are not. */
static void test_corpus(void **state)
{
	DIR *dir = opendir(CORPUS);
	const struct dirent *e;
	size_t good = 0, bad = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		struct lock l CLEANUP(lock_release) = { 0 };
		struct error err = { 0 };

		if (e->d_name[0] == '.')
			continue;
		if (str_starts(e->d_name, "good-")) {
			assert_ok(list(e->d_name, NULL, &l, &err), &err);
			good++;
		} else {
			assert_int_equal(list(e->d_name, NULL, &l, &err), -1);
			assert_true(err.code == ERR_UNSAFE ||
				    err.code == ERR_FORMAT);
			bad++;
		}
	}
	closedir(dir);
	assert_true(good >= 6 && bad >= 10);
}

static void test_listing(void **state)
{
	static const char *const kinds[] = { "good-tar", "good-gz", "good-xz",
					     "good-zst" };
	struct digest d;

	(void)state;
	digest_buf(DIGEST_SHA256, "right\n", 6, &d);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct lock l CLEANUP(lock_release) = { 0 };
		const struct lock_repo *r;
		struct error err = { 0 };

		assert_ok(list(kinds[i], NULL, &l, &err), &err);
		r = &l.repos[0];
		assert_int_equal(r->file_count, 3);
		assert_string_equal(r->files[0].path, "d/a.txt");
		assert_int_equal(r->files[0].size, 6);
		assert_true(digest_equal(&r->files[0].sha256, &d));
		assert_true(digest_equal(&r->files[0].etag, &d));
		assert_string_equal(r->files[1].path, "d/e/b");
		assert_int_equal(r->files[1].size, 0);
		assert_string_equal(r->files[2].path, "top");
	}
}

static void test_strip(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock none CLEANUP(lock_release) = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_ok(list("good-zip", "d/", &l, &err), &err);
	assert_int_equal(l.repos[0].file_count, 1);
	assert_string_equal(l.repos[0].files[0].path, "a.txt");
	assert_fails(list("good-zip", "x/", &none, &err), &err, ERR_FORMAT,
		     "has no files below x/");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *name, *words;
		enum err_code code;
	} rows[] = {
		{ "bad-up", "\"a/../../b\"", ERR_UNSAFE },
		{ "bad-absolute", "is absolute", ERR_UNSAFE },
		{ "bad-symlink", "l: a symbolic link; only", ERR_UNSAFE },
		{ "bad-hardlink", "l: a hard link; only", ERR_UNSAFE },
		{ "bad-pipe", "p: a device, pipe or the like", ERR_UNSAFE },
		{ "bad-twice", "a is there twice", ERR_UNSAFE },
		{ "bad-case", "A and a differ only by case", ERR_UNSAFE },
		{ "bad-below", "a", ERR_UNSAFE },
		{ "bad-huge", "too much for an archive", ERR_FORMAT },
		{ "bad-twice-packed", "more than once", ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lock l CLEANUP(lock_release) = { 0 };
		struct error err = { 0 };

		assert_fails(list(rows[i].name, NULL, &l, &err), &err,
			     rows[i].code, rows[i].words);
	}
}

/* What is left out by strip is held against the rules like the rest. */
static void test_strip_hides_nothing(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_fails(list("bad-symlink", "d/", &l, &err), &err, ERR_UNSAFE,
		     "a symbolic link");
}

static void test_cancelled(void **state)
{
	static const char *const kinds[] = { "good-tar", "good-gz", "good-xz",
					     "good-zst", "good-zip" };
	const struct cancel now = cancel_until(NULL, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char *path CLEANUP(free_ptr) = xasprintf(CORPUS "/%s",
							 kinds[i]);
		int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC);
		struct lock l CLEANUP(lock_release) = { 0 };
		struct error err = { 0 };

		assert_true(fd >= 0);
		assert_fails(
			archive_list(fd, NULL, &now, lock_add_repo(&l), &err),
			&err, ERR_CANCELLED, "");
	}
}

int run_archive_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_strip),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_strip_hides_nothing),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
