#include "tests/unit/base/unit.h"

#include "base/base64.h"

#include <string.h>

static void vectors(void **state)
{
	/* RFC 4648, section 10 */
	static const struct {
		const char *plain, *text, *bare;
	} rows[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xff\xfe\xfb", "//77", "//77" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str out CLEANUP(str_release) = STR_INIT;
		size_t len = strlen(rows[i].plain);

		base64_encode(rows[i].plain, len, true, &out);
		assert_string_equal(out.ptr, rows[i].text);
		str_clear(&out);
		base64_encode(rows[i].plain, len, false, &out);
		assert_string_equal(out.ptr, rows[i].bare);
		str_clear(&out);
		assert_true(base64_decode(rows[i].text, strlen(rows[i].text),
					  false, &out));
		assert_string_equal(out.ptr, rows[i].plain);
	}
}

/* One text for each sequence of bytes: whatever else is refused. */
static void refused(void **state)
{
	static const char *const rows[] = {
		"Z",	 "Zg",	   "Zg=",   "Zg===",  "Zh==", "Zm9=", "=",
		"Zm9v=", "Zg==Zg", "Zm 9v", "Zm9v\n", "Zm-_", "Z===", "Zm8==",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str out CLEANUP(str_release) = STR_INIT;

		if (base64_decode(rows[i], strlen(rows[i]), false, &out))
			fail_msg("\"%s\" was taken", rows[i]);
	}
}

static void newlines(void **state)
{
	struct str out CLEANUP(str_release) = STR_INIT;

	(void)state;
	assert_true(base64_decode("Zm9v\nYm\nFy\n", 11, true, &out));
	assert_string_equal(out.ptr, "foobar");
	assert_false(base64_decode("Zm9v\rYmFy", 9, true, &out));
}

int run_base64_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),
		cmocka_unit_test(refused),
		cmocka_unit_test(newlines),
	};

	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
