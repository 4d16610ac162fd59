#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "bundle/serials.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void note(struct serials *s, const char *name, uint64_t serial)
{
	struct serial_claim c = { .name = name,
				  .serial = serial,
				  .lock = { .alg = DIGEST_SHA256 } };
	struct error err = { 0 };

	assert_ok(serials_note(s, &c, &err), &err);
}

static void rule(void **state)
{
	static const struct {
		const char *name;
		uint64_t serial;
		bool downgrade, jump;
		const char *words; /* NULL: taken */
	} rows[] = {
		{ "a", 7, false, false, NULL },
		{ "a", 8, false, false, NULL },
		{ "a", 6, false, false, "older than serial 7" },
		{ "a", 0, false, true, "--allow-downgrade" },
		{ "a", 6, true, false, NULL },
		{ "a", 1000007, false, false, NULL },
		{ "a", 1000008, false, false, "--allow-jump" },
		{ "a", 1000008, true, false, "--allow-jump" },
		{ "a", 1000008, false, true, NULL },
		{ "b", 0, false, false, NULL },
		{ "b", 1000000, false, false, NULL },
		{ "b", 1000001, false, false, "more than 1000000 above 0" },
		{ "b", ((uint64_t)1 << 53) - 1, false, false, "--allow-jump" },
	};
	struct serials s CLEANUP(serials_release) = { 0 };

	(void)state;
	note(&s, "a", 7);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct serial_claim c = { .name = rows[i].name,
					  .serial = rows[i].serial,
					  .allow_downgrade = rows[i].downgrade,
					  .allow_jump = rows[i].jump };
		struct error err = { 0 };
		int rc = serials_check(&s, &c, &err);

		if (rows[i].words)
			assert_fails(rc, &err, ERR_UNSAFE, rows[i].words);
		else
			assert_ok(rc, &err);
	}
}

static void highest_never_falls(void **state)
{
	struct serials s CLEANUP(serials_release) = { 0 };
	struct serials got CLEANUP(serials_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct serial_claim again = { .name = "m",
				      .serial = 6,
				      .lock = { .alg = DIGEST_SHA256 } };
	struct error err = { 0 };

	(void)state;
	note(&s, "m", 5);
	note(&s, "b", 1);
	note(&s, "z", 9);
	note(&s, "m", 3);
	serials_format(&s, &text);
	assert_ok(serials_parse(&got, text.ptr, text.len, &err), &err);
	assert_int_equal(got.count, 3);
	assert_int_equal(serials_find(&got, "m")->highest, 5);
	assert_int_equal(serials_find(&got, "m")->installed, 3);
	assert_null(serials_find(&got, "c"));
	note(&got, "m", 6);
	assert_int_equal(serials_find(&got, "m")->highest, 6);
	/* of two bundles with one serial the last counts, of older ones none */
	again.lock.bytes[0] = 1;
	assert_ok(serials_note(&got, &again, &err), &err);
	assert_int_equal(serials_find(&got, "m")->lock.bytes[0], 1);
	note(&got, "m", 4);
	assert_int_equal(serials_find(&got, "m")->lock.bytes[0], 1);
}

static void file(void **state)
{
	char path[TEMP_PATH_MAX], dir[TEMP_PATH_MAX + 16];
	int top = temp_dir(path);
	struct serial_claim c = { .name = "x",
				  .serial = 4,
				  .lock = { .alg = DIGEST_SHA256 } };
	struct error err = { 0 };
	bool found = true;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/a/b", path);
	for (int round = 0; round < 3; round++) {
		struct serials s CLEANUP(serials_release) = { 0 };

		assert_ok(serials_load(&s, dir, &found, &err), &err);
		assert_int_equal(found, round > 0);
		if (found)
			assert_int_equal(serials_find(&s, "x")->highest,
					 3 + round);
		assert_ok(serials_record(dir, &c, &err), &err);
		c.serial++;
	}
	temp_dir_end(top, path);
}

/* Names that stand in their order, of len bytes. */
static const char *nth_name(char buf[1024], size_t len, size_t n)
{
	snprintf(buf, 1024, "%0*zu", (int)len, n);
	return buf;
}

static void most_names(void **state)
{
	struct serials s CLEANUP(serials_release) = { 0 };
	struct serial_claim c = { .name = "new",
				  .serial = 9,
				  .lock = { .alg = DIGEST_SHA256 } };
	struct error err = { 0 };
	char name[1024];

	(void)state;
	for (size_t i = 0; i < SERIALS_MAX; i++)
		note(&s, nth_name(name, 8, i), 1);
	assert_fails(serials_note(&s, &c, &err), &err, ERR_IO, "full");
	assert_int_equal(s.count, SERIALS_MAX);
	assert_null(serials_find(&s, "new"));
	note(&s, nth_name(name, 8, 7), 2);
	assert_int_equal(serials_find(&s, name)->highest, 2);
}

/* One name more, and the file could not be read any longer: it is left alone. */
static void most_bytes(void **state)
{
	char path[TEMP_PATH_MAX], name[1024];
	struct serials s CLEANUP(serials_release) = { 0 };
	struct serials got CLEANUP(serials_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	int top = temp_dir(path);
	struct serial_claim c = { .serial = 1,
				  .lock = { .alg = DIGEST_SHA256 } };
	struct error err = { 0 };
	size_t one = 0, count;
	bool found;

	(void)state;
	for (count = 0; count < 3; count++) {
		one = text.len;
		str_clear(&text);
		note(&s, nth_name(name, 1000, count), 1);
		serials_format(&s, &text);
	}
	one = text.len - one;
	for (size_t n = text.len + one; n <= SERIALS_LIMIT; n += one)
		note(&s, nth_name(name, 1000, count++), 1);
	str_clear(&text);
	serials_format(&s, &text);
	assert_in_range(text.len, SERIALS_LIMIT - one, SERIALS_LIMIT);
	assert_ok(file_replace(top, SERIALS_NAME, text.ptr, text.len, &err),
		  &err);
	c.name = nth_name(name, 1000, count);
	assert_fails(serials_record(path, &c, &err), &err, ERR_IO,
		     "/" SERIALS_NAME ": full");
	assert_ok(serials_load(&got, path, &found, &err), &err);
	assert_int_equal(got.count, count);
	temp_dir_end(top, path);
}

/* What stands in the way of the record is not "nothing was installed yet". */
static void in_the_way(void **state)
{
	char path[TEMP_PATH_MAX], dir[TEMP_PATH_MAX + 32];
	struct serials s CLEANUP(serials_release) = { 0 };
	int top = temp_dir(path);
	struct error err = { 0 };
	bool found;

	(void)state;
	assert_ok(file_replace(top, "file", "", 0, &err), &err);
	snprintf(dir, sizeof(dir), "%s/file", path);
	assert_fails(serials_load(&s, dir, &found, &err), &err, ERR_IO, dir);
	snprintf(dir, sizeof(dir), "%s/file/below", path);
	assert_ok(serials_load(&s, dir, &found, &err), &err);
	assert_false(found);
	assert_int_equal(mkdirat(top, SERIALS_NAME, 0700), 0);
	assert_fails(serials_load(&s, path, &found, &err), &err, ERR_IO, path);
	temp_dir_end(top, path);
}

#define ZEROES "00000000000000000000000000000000"
#define ROW(name, lock)     \
	"{\"name\":\"" name \
	"\",\"highest\":2,\"installed\":2,\"lock\":\"" lock "\"}"
#define ONE(rows) \
	"{\"format\":\"itts-serials\",\"version\":1,\"bundles\":[" rows "]}"

static void bad_files(void **state)
{
	static const char *const rows[] = {
		"",
		"[]",
		"{\"format\":\"itts-serials\",\"version\":2,\"bundles\":[]}",
		"{\"format\":\"itts-serials\",\"version\":1,\"bundles\":{}}",
		"{\"format\":\"itts-serials\",\"version\":1,\"bundles\":[1]}",
		ONE(ROW("a", ZEROES "00000000")),
		ONE(ROW("a", ZEROES ZEROES) "," ROW("a", ZEROES ZEROES)),
		ONE(ROW("b", ZEROES ZEROES) "," ROW("a", ZEROES ZEROES)),
		"{\"format\":\"itts-serials\",\"version\":1,\"bundles\":[{"
		"\"name\":\"a\",\"highest\":1,\"installed\":2,\"lock\":\""
		"00000000000000000000000000000000"
		"00000000000000000000000000000000\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct serials s CLEANUP(serials_release) = { 0 };
		struct error err = { 0 };

		assert_fails(serials_parse(&s, rows[i], strlen(rows[i]), &err),
			     &err, ERR_FORMAT, "");
	}
}

int run_serials_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule),
		cmocka_unit_test(highest_never_falls),
		cmocka_unit_test(file),
		cmocka_unit_test(most_names),
		cmocka_unit_test(most_bytes),
		cmocka_unit_test(in_the_way),
		cmocka_unit_test(bad_files),
	};

	return cmocka_run_group_tests_name("serials", tests, NULL, NULL);
}
