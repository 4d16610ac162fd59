#include "tests/unit/base/unit.h"

#include <errno.h>
#include <string.h>

static void test_set(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(err_set(&err, ERR_FORMAT, "%s: %d", "lock", 7), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.msg, "lock: 7");
	err_clear(&err);
	assert_int_equal(err.code, ERR_NONE);
	assert_string_equal(err.msg, "");
}

static void test_sys(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(err_sys(&err, ENOSPC, "a.bin"), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(err.sys, ENOSPC);
	assert_string_equal(err.msg, "a.bin: No space left on device");
	err_clear(&err);
	err_sys(&err, 99999, "a.bin");
	assert_string_equal(err.msg, "a.bin: error 99999");
}

static void test_wrap_and_hint(void **state)
{
	struct error err = { 0 };

	(void)state;
	err_set(&err, ERR_INTEGRITY, "size 7, expected 9");
	assert_int_equal(err_wrap(&err, "model.pt"), -1);
	assert_int_equal(err_wrap(&err, "unpacking %s", "a.tar"), -1);
	assert_int_equal(err_hint(&err, "run %s again", "fetch"), -1);
	assert_int_equal(err.code, ERR_INTEGRITY);
	assert_string_equal(err.msg, "unpacking a.tar: model.pt: size 7, "
				     "expected 9; run fetch again");
}

static void test_inside(void **state)
{
	struct error err = { 0 };

	(void)state;
	err_sys(&err, EIO, "note.txt");
	assert_int_equal(err_inside(&err, "/srv/%s", "hub"), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.msg, "/srv/hub/note.txt: Input/output error");
}

static void test_name(void **state)
{
	struct error err = { 0 };

	(void)state;
	err_set(&err, ERR_IO, "model.pt: size 7");
	assert_int_equal(err_name(&err, "model.pt"), -1);
	assert_string_equal(err.msg, "model.pt: size 7");
	assert_int_equal(err_name(&err, "100% a/b"), -1);
	assert_string_equal(err.msg, "100% a/b: model.pt: size 7");
}

static void test_controls(void **state)
{
	static const struct {
		const char *text, *msg;
	} table[] = {
		{ "a\nb\x1b[2Jc\x7f", "a?b?[2Jc?" },
		{ "C1 \xC2\x9B end", "C1 ? end" },
		{ "raw \x9b\xff end", "raw ?? end" },
		{ "bidi \xE2\x80\xAE end", "bidi ? end" },
		{ "语音 é \xF0\x9F\x94\x8A", "语音 é \xF0\x9F\x94\x8A" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct error err = { 0 };

		err_set(&err, ERR_OTHER, "%s", table[i].text);
		assert_string_equal(err.msg, table[i].msg);
	}
}

static void test_too_long(void **state)
{
	struct error err = { 0 };
	char text[2000], full[sizeof(err.msg)];
	size_t len;

	(void)state;
	/* as much as fits is not cut */
	memset(full, 'x', sizeof(full) - 1);
	full[sizeof(full) - 1] = '\0';
	err_set(&err, ERR_OTHER, "%s", full);
	assert_string_equal(err.msg, full);

	err_wrap(&err, "in front");
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_memory_equal(err.msg, "in front: xx", 12);
	assert_string_equal(err.msg + sizeof(err.msg) - 5, "x...");
	err_hint(&err, "no room");
	assert_string_equal(err.msg + sizeof(err.msg) - 5, "x...");
	err_clear(&err);

	/* nowhere in the middle of a character */
	for (size_t i = 0; i < 3; i++) {
		memset(text, 'x', i);
		for (len = i; len + 3 < sizeof(text); len += 3)
			memcpy(text + len, "语", 3);
		text[len] = '\0';
		err_set(&err, ERR_OTHER, "%s", text);
		assert_null(strchr(err.msg, '?'));
		len = strlen(err.msg);
		assert_true(len >= sizeof(err.msg) - 4);
		assert_string_equal(err.msg + len - 3, "...");
		err_clear(&err);
	}
	memset(text, 'y', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	err_sys(&err, EIO, "%s", text);
	assert_string_equal(err.msg + sizeof(err.msg) - 5, "y...");
}

static void test_classes(void **state)
{
	static const int statuses[ERR_CODES] = {
		0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10, 130,
	};

	(void)state;
	for (int i = 0; i < ERR_CODES; i++) {
		assert_int_equal(err_exit_status((enum err_code)i),
				 statuses[i]);
		assert_true(strlen(err_code_name((enum err_code)i)) > 1);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(
				err_code_name((enum err_code)i),
				err_code_name((enum err_code)j));
	}
}

int run_error_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_sys),
		cmocka_unit_test(test_wrap_and_hint),
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_controls),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
