#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "fetch/git_pack.h"

#include <dirent.h>
#include <string.h>

/* Names in a directory but "." and "..". */
static unsigned count_names(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static const struct {
	const char *bytes;
	size_t len;
	const char *words;
} bad[] = {
	{ "<!doctype html><title>Log in</title>", 36, "not a pack" },
	{ "PACK\0\0\0\2\xff\xff\xff\xff", 12, "a pack of 4294967295 objects" },
	{ "PACK\0\0\0\2\0\7\xa1\x21", 12, "a pack of 500001 objects" },
	{ "PACK\0\0\0\7\0\0\0\1xxxxxxxxxxxxxxxxxxxx", 32, "pack" },
	{ "PACK", 4, "the pack is empty" },
	{ "", 0, "the pack is empty" },
	{ "PACK\0\0\0\2\0\0\0\1", 12, "pack" }, /* and no object */
	{ "PACK\0\0\0\2\0\0\0\1\x31xxxxxxxxxxxxxxxxxxxxxxxxxx", 39, "pack" },
};

static int take(struct git_pack *p, const char *bytes, size_t len, size_t piece,
		struct error *err)
{
	for (size_t i = 0; i < len; i += piece)
		if (git_pack_add(p, bytes + i,
				 len - i < piece ? len - i : piece, err) < 0)
			return -1;
	return git_pack_finish(p, err);
}

static void test_refused(void **state)
{
	char dir[TEMP_PATH_MAX];

	(void)state;
	temp_dir(dir);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		for (size_t piece = 1; piece <= 64; piece *= 4) {
			struct git_pack *p CLEANUP(git_pack_close) = NULL;
			struct error err = { .code = ERR_NONE };

			assert_ok(git_pack_open(&p, dir, &err), &err);
			assert_int_equal(count_names(dir), 1);
			assert_fails(
				take(p, bad[i].bytes, bad[i].len, piece, &err),
				&err, ERR_FORMAT, bad[i].words);
		}
	assert_int_equal(count_names(dir), 0);
	temp_dir_end(dir);
}

static void test_no_directory(void **state)
{
	struct git_pack *p CLEANUP(git_pack_close) = NULL;
	struct error err = { .code = ERR_NONE };

	(void)state;
	assert_fails(git_pack_open(&p, "/nonexistent", &err), &err, ERR_IO,
		     "/nonexistent");
	assert_null(p);
}

int run_git_pack_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_directory),
	};

	return cmocka_run_group_tests_name("git pack", tests, NULL, NULL);
}
