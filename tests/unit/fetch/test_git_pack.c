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

			assert_ok(git_pack_open(&p, dir, NULL, &err), &err);
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
	assert_fails(git_pack_open(&p, "/nonexistent", NULL, &err), &err,
		     ERR_IO, "/nonexistent");
	assert_null(p);
}

/* The blob "hello", and "hello hello" as a delta to it. */
static const unsigned char good[] = {
	0x50, 0x41, 0x43, 0x4b, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
	0x02, 0x35, 0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00,
	0x06, 0x2c, 0x02, 0x15, 0x7b, 0xb6, 0xfc, 0x4c, 0x62, 0x0b, 0x67,
	0xd9, 0x5f, 0x95, 0x3a, 0x5c, 0x1c, 0x12, 0x30, 0xaa, 0xab, 0x5d,
	0xb5, 0xa1, 0xb0, 0x78, 0x9c, 0x63, 0xe5, 0x9e, 0xc0, 0xca, 0xa6,
	0x90, 0x91, 0x9a, 0x93, 0x93, 0x0f, 0x00, 0x0c, 0xf9, 0x02, 0xe0,
	0x97, 0xfc, 0x1e, 0x65, 0x6d, 0x7f, 0xcb, 0xef, 0xa3, 0x2c, 0x43,
	0x7d, 0x32, 0x17, 0xad, 0x58, 0xc0, 0x29, 0x51, 0x02,
};
#define HELLO	    "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"
#define HELLO_HELLO "9dbdaf87f4a4112b57a9f995131c1b259cd1c3a8"

static int read_blob(struct git_pack *p, const char *hex, const char *want,
		     struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct digest id;

	assert_true(digest_from_hex(&id, hex));
	if (git_pack_blob(p, &id, &text, err) < 0)
		return -1;
	assert_string_equal(text.ptr, want);
	return 0;
}

/* Whatever it is at, it ends when it is to: objects as they come, deltas, reading. */
static void test_cancelled(void **state)
{
	char dir[TEMP_PATH_MAX];

	(void)state;
	temp_dir(dir);
	for (int when = 0; when < 4; when++) {
		struct cancel c CLEANUP(cancel_release) = { 0 };
		struct git_pack *p CLEANUP(git_pack_close) = NULL;
		struct error err = { .code = ERR_NONE };
		int rc = 0;

		assert_ok(cancel_init(&c, &err), &err);
		assert_ok(git_pack_open(&p, dir, &c, &err), &err);
		for (int step = 0; step < 3 && rc == 0; step++) {
			if (step == when)
				cancel_set(&c);
			if (step == 0)
				rc = git_pack_add(p, good, sizeof(good), &err);
			else if (step == 1)
				rc = git_pack_finish(p, &err);
			else
				rc = read_blob(p, HELLO_HELLO, "hello hello",
					       &err);
			assert_int_equal(rc, step == when ? -1 : 0);
		}
		if (when < 3)
			assert_fails(rc, &err, ERR_CANCELLED, "interrupted");
		else
			assert_ok(read_blob(p, HELLO, "hello", &err), &err);
	}
	assert_int_equal(count_names(dir), 0);
	temp_dir_end(dir);
}

int run_git_pack_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_directory),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests_name("git pack", tests, NULL, NULL);
}
