#include "tests/unit/manifest/tests.h"

#include "base/attr.h"
#include "manifest/glob.h"

#include <string.h>

/* Every row was confirmed with Python 3.11's fnmatch.fnmatchcase(). */
static const struct {
	const char *pattern, *path;
	bool match;
} cases[] = {
	{ "config.json", "config.json", true },
	{ "config.json", "a/config.json", false },
	{ "config.json", "config.jsonl", false },
	{ "CONFIG.json", "config.json", false },
	{ "", "", true },
	{ "", "a", false },
	{ "*", "", true },
	{ "*", "a/b/c", true },
	{ "*.json", "a/b/config.json", true },
	{ "*.json", ".json", true },
	{ "*.json", "a.json.bak", false },
	{ "a*", "a", true },
	{ "a**b", "ab", true },
	{ "a*b*c", "a/xbx/b/c", true },
	{ "a*b*c", "acb", false },
	{ "*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	{ "?", "a", true },
	{ "?", "/", true },
	{ "?", "", false },
	{ "?", "ab", false },
	{ "?", "é", true },
	{ "??", "é", false },
	{ "?", "漢", true },
	{ "?", "😀", true },
	{ "*é", "caf\xc3\xa9", true },
	{ "[abc]", "b", true },
	{ "[abc]", "d", false },
	{ "[a-c]x", "bx", true },
	{ "[a-c]", "-", false },
	{ "[c-a]", "b", false },
	{ "[!c-a]", "b", true },
	{ "[a-]", "-", true },
	{ "[-a]", "-", true },
	{ "[--a]", "Z", true },
	{ "[a-c-e]", "-", true },
	{ "[a-c-e]", "d", false },
	{ "[!a]", "b", true },
	{ "[!a]", "a", false },
	{ "[!a]", "/", true },
	{ "[!]a]", "]", false },
	{ "[]a]", "]", true },
	{ "[]a]", "a", true },
	{ "[]", "[]", true },
	{ "[!]", "[!]", true },
	{ "[^a]", "a", true },
	{ "[^a]", "b", false },
	{ "[a", "[a", true },
	{ "[a", "a", false },
	{ "[*", "[xyz", true },
	{ "[[]", "[", true },
	{ "[\\]", "\\", true },
	{ "\\a", "\\a", true },
	{ "\\*", "\\x", true },
	{ "[à-ÿ]", "é", true },
	{ "[à-ÿ]", "e", false },
	{ "{a,b}", "a", false },
	{ "{a,b}", "{a,b}", true },
	{ "**/a", "a", false },
	{ "**/a", "x/y/a", true },
	{ "qwen/*", "qwen/x/y", true },
	{ "qwen/*", "qwen", false },
};

static void test_fnmatch(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (glob_match(cases[i].pattern, cases[i].path) !=
		    cases[i].match)
			fail_msg("\"%s\" and \"%s\": expected %d",
				 cases[i].pattern, cases[i].path,
				 cases[i].match);
}

/* huggingface_hub reads "dir/" as "dir/" + "*". */
static void test_folder(void **state)
{
	(void)state;
	assert_true(glob_match("a/", "a/b"));
	assert_true(glob_match("a/", "a/b/c"));
	assert_true(glob_match("*/", "x/y"));
	assert_false(glob_match("a/", "a"));
	assert_false(glob_match("a/", "b/a/c"));
	assert_true(glob_match("[a/", "[a/x"));
}

static void test_is_pattern(void **state)
{
	(void)state;
	assert_false(glob_is_pattern("a/b.json"));
	assert_false(glob_is_pattern("a]b"));
	assert_true(glob_is_pattern("a/"));
	assert_true(glob_is_pattern("a*"));
	assert_true(glob_is_pattern("a?"));
	assert_true(glob_is_pattern("[a"));
}

static void test_select(void **state)
{
	char json[] = "*.json", txt[] = "*.txt", secret[] = "x*";
	char *allowed[] = { json, txt }, *ignored[] = { secret };
	const struct strlist none = { 0 };
	const struct strlist allow = { .items = allowed, .count = 2 };
	const struct strlist ignore = { .items = ignored, .count = 1 };

	(void)state;
	assert_true(glob_select(&none, &none, "a.bin"));
	assert_true(glob_select(&allow, &ignore, "a.json"));
	assert_true(glob_select(&allow, &ignore, "a.txt"));
	assert_false(glob_select(&allow, &ignore, "a.bin"));
	assert_false(glob_select(&allow, &ignore, "x.json"));
	assert_false(glob_select(&none, &ignore, "xy"));
	assert_false(glob_match_any(&none, "a"));
}

int run_glob_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fnmatch),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_is_pattern),
		cmocka_unit_test(test_select),
	};

	return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
