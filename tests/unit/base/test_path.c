#include "tests/unit/base/unit.h"

#include "base/mem.h"
#include "base/path.h"

#include <string.h>

static void test_path_good(void **state)
{
	static const char *const table[] = {
		"a",	 "config.json",	  "a/b/c.bin",	  ".gitattributes",
		"...",	 "a/..b/c..",	  "with space+%", "语音/参考.wav",
		"é.txt", "e\xCC\x81.txt", "-a",		  ".a/.b",
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		assert_ok(path_check(table[i], &err), &err);
}

static void test_path_bad(void **state)
{
	static const struct {
		const char *path, *why;
	} table[] = {
		{ "", "is empty" },
		{ "/a", "absolute" },
		{ "/", "absolute" },
		{ "a/", "slash" },
		{ "a//b", "empty component" },
		{ ".", "\"..\"" },
		{ "..", "\"..\"" },
		{ "../a", "\"..\"" },
		{ "a/../b", "\"..\"" },
		{ "a/..", "\"..\"" },
		{ "a/./b", "\"..\"" },
		{ "a\\b", "backslash" },
		{ "a\nb", "control" },
		{ "a\x7f", "control" },
		{ "a\xC2\x85", "control" },
		{ "a\xE2\x80\xAE"
		  "b",
		  "control" },
		{ "a\xE2\x80\xA8", "control" },
		{ "a\xE2\x81\xA6", "control" },
		{ "a\xFF", "UTF-8" },
		{ "a\xC3", "UTF-8" },
		{ "a\xC0\xAF", "UTF-8" },
		{ "a\xED\xA0\x80", "UTF-8" },
		{ "a\xF4\x90\x80\x80", "UTF-8" },
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		assert_fails(path_check(table[i].path, &err), &err, ERR_UNSAFE,
			     table[i].why);
}

static void test_path_lengths(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	str_fill(&s, 'a', 255);
	assert_ok(path_check(s.ptr, &err), &err);
	str_addc(&s, 'a');
	assert_fails(path_check(s.ptr, &err), &err, ERR_UNSAFE, "255");
	str_clear(&s);
	for (int i = 0; i < 512; i++)
		str_adds(&s, "a/");
	str_truncate(&s, PATH_LIMIT - 1);
	assert_ok(path_check(s.ptr, &err), &err);
	str_adds(&s, "bb");
	assert_fails(path_check(s.ptr, &err), &err, ERR_UNSAFE, "1024");
}

static void test_utf8(void **state)
{
	char bytes[4];
	uint32_t back;

	(void)state;
	/* every scalar value there and back, nothing else is encoded validly */
	for (uint32_t cp = 0; cp <= 0x110010; cp += cp < 0x3000 ? 1 : 7) {
		bool scalar = cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF);
		size_t n = utf8_encode(cp, bytes);

		assert_int_equal(utf8_valid(bytes, n), scalar);
		if (scalar) {
			assert_int_equal(utf8_decode(bytes, n, &back), n);
			assert_int_equal(back, cp);
			assert_true(n == 1 || !utf8_valid(bytes, n - 1));
		}
	}
	assert_true(utf8_valid("", 0));
	assert_false(utf8_valid("\xE0\x80\x80", 3));
	assert_false(utf8_valid("\xF0\x80\x80\x80", 4));
	assert_false(utf8_valid("\x80", 1));
}

static void test_decompose(void **state)
{
	static const struct {
		const char *name, *apart;
	} table[] = {
		{ "README.md", "README.md" },
		{ "d/\xC3\xA9\x74\xC3\xA9", "d/e\xCC\x81te\xCC\x81" },
		{ "\xC3\x89.WAV", "E\xCC\x81.WAV" },
		{ "\xC5\xB8", "Y\xCC\x88" },
		{ "\xC5\xA0koda", "S\xCC\x8Ckoda" },
		{ "\xD0\x99", "\xD0\x98\xCC\x86" },		/* short I */
		{ "\xD0\x81", "\xD0\x95\xCC\x88" },		/* Io */
		{ "\xE1\xBB\x86", "E\xCC\xA3\xCC\x82" },	/* Vietnamese */
		{ "\xE3\x81\x8C", "\xE3\x81\x8B\xE3\x82\x99" }, /* ga */
		{ "\xED\x95\x9C",
		  "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB" }, /* han */
		{ "\xE8\xAF\xAD", "\xE8\xAF\xAD" },
		{ "a\xFF\xC3", "a\xFF\xC3" }, /* not UTF-8 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char *got CLEANUP(free_ptr) = path_decompose(table[i].name);
		char *again CLEANUP(free_ptr) = path_decompose(got);

		assert_string_equal(got, table[i].apart);
		assert_string_equal(again, table[i].apart);
	}
}

static void test_fold(void **state)
{
	static const struct {
		const char *a, *b;
	} same[] = {
		{ "README.md", "readme.MD" },
		{ "\xC3\xA9", "e\xCC\x81" },		 /* e acute */
		{ "\xC3\x89.wav", "E\xCC\x81.WAV" },	 /* E acute */
		{ "\xC5\xA0koda", "s\xCC\x8Ckoda" },	 /* S caron */
		{ "\xCE\x86", "\xCE\xB1\xCC\x81" },	 /* Greek Alpha tonos */
		{ "\xD0\x99", "\xD0\xB8\xCC\x86" },	 /* Cyrillic short I */
		{ "\xD0\x81", "\xD1\x91" },		 /* Cyrillic Io */
		{ "\xE1\xBB\x86", "e\xCC\xA3\xCC\x82" }, /* Vietnamese */
		{ "\xE1\xBB\x9A", "o\xCC\x9B\xCC\x81" }, /* o horn acute */
		{ "n\xC7\x8Ei.wav", "nA\xCC\x8Ci.wav" }, /* pinyin */
		{ "\xCF\x82", "\xCE\xA3" },		 /* sigmas */
		{ "\xC4\xB0", "I\xCC\x87" },		 /* I with dot */
		{ "\xC3\x85", "\xE2\x84\xAB" },		 /* angstrom */
		{ "\xC5\xB8", "\xC3\xBF" },		 /* Y diaeresis */
		{ "\xE3\x81\x8C", "\xE3\x81\x8B\xE3\x82\x99" }, /* ga */
		{ "\xED\x95\x9C",
		  "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB" }, /* han */
	};
	static const struct {
		const char *a, *b;
	} different[] = {
		{ "a", "b" },	    { "e", "\xC3\xA9" },
		{ "a/b", "a_b" },   { "\xC3\x97", "\xC3\xB7" },
		{ "\xFF", "\xFE" }, { "\xC4\xB1", "i" },
		{ "语", "音" },	    { "\xC5\x82", "l" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		char *a CLEANUP(free_ptr) = path_fold(same[i].a);
		char *b CLEANUP(free_ptr) = path_fold(same[i].b);
		char *again CLEANUP(free_ptr) = path_fold(a);

		assert_string_equal(a, b);
		assert_string_equal(a, again);
	}
	for (size_t i = 0; i < ARRAY_LEN(different); i++) {
		char *a CLEANUP(free_ptr) = path_fold(different[i].a);
		char *b CLEANUP(free_ptr) = path_fold(different[i].b);

		assert_string_not_equal(a, b);
	}
}

static void test_repo_id(void **state)
{
	static const char *const good[] = {
		"gpt2",
		"IndexTeam/IndexTTS-2",
		"facebook/w2v-bert-2.0",
		"nvidia/bigvgan_v2_22khz_80band_256x",
		"a/b",
		"a.git.b/c",
	};
	static const char *const bad[] = {
		"",	  "/",	     "a/",   "/a",    "a/b/c",	    "a--b/c",
		"a/b..c", "-a/b",    "a-/b", ".a/b",  "a./b",	    "a/b.",
		"a/-b",	  "a/b.git", "a b",  "a/b\n", "a/\xC3\xA9", "../a",
		"a/..",	  "a\\b",    "a@b",
	};
	struct str s CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_ok(repo_id_check(good[i], &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(repo_id_check(bad[i], &err), &err, ERR_USAGE,
			     "repo id");
	str_fill(&s, 'a', 96);
	assert_ok(repo_id_check(s.ptr, &err), &err);
	str_addc(&s, 'a');
	assert_fails(repo_id_check(s.ptr, &err), &err, ERR_USAGE, "96");
}

static void test_revision(void **state)
{
	static const char *const good[] = {
		"main",	     "v1.0",
		"refs/pr/1", "refs/convert/parquet",
		"feature/x", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
		"a@b",	     "a-b",
	};
	static const char *const bad[] = {
		"",	    "..",  "a..b", "../main", "-b",    "main.lock",
		"a.lock/b", "a b", "a\tb", "a~1",     "a^",    "a:b",
		"a?",	    "a*",  "a[b",  "a\\b",    "a@{1}", "@",
		"a//b",	    "/a",  "a/",   ".a",      "a/.b",  "a.",
		"a\x7f",    ".",
	};
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_ok(revision_check(good[i], &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(revision_check(bad[i], &err), &err, ERR_USAGE,
			     "revision");
}

static void test_url_escape(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;

	(void)state;
	url_escape(&s, "aZ09_.-~ +%/?#\xC3\xA9", true);
	assert_string_equal(s.ptr, "aZ09_.-~%20%2B%25/%3F%23%C3%A9");
	str_clear(&s);
	url_escape(&s, "refs/pr/1", false);
	assert_string_equal(s.ptr, "refs%2Fpr%2F1");
}

static void test_relative(void **state)
{
	static const struct {
		const char *from, *to, *want;
	} table[] = {
		{ "a/b", "x/y", "../../x/y" },
		{ "", "x/y", "x/y" },
		{ "a", "a/b", "b" },
		{ "a/b", "a/c", "../c" },
		{ "a/b/c", "a/b/d/e", "../d/e" },
		{ "ab", "a", "../a" },
		{ "a", "ab/c", "../ab/c" },
		{ "a/b", "a/bc", "../bc" },
		{ "m/snapshots/1", "m/blobs/2", "../../blobs/2" },
		{ "m/snapshots/1/dir", "m/blobs/2", "../../../blobs/2" },
		{ "a/b/c", "a", "../../../a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;

		path_relative(&s, table[i].from, table[i].to);
		assert_string_equal(s.ptr, table[i].want);
	}
	assert_string_equal(path_base("a/b/c"), "c");
	assert_string_equal(path_base("c"), "c");
}

static void test_cut(void **state)
{
	static const char *const rows[][2] = {
		{ "a/b", "a" }, { "a", "." },	  { "a/b//", "a" },
		{ "/a", "/" },	{ "/", "/" },	  { "/a/b/", "/a" },
		{ ".", "." },	{ "a//b", "a/" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *path CLEANUP(free_ptr) = xstrdup(rows[i][0]);

		path_cut(path);
		assert_string_equal(path, rows[i][1]);
	}
}

static void test_new_dirs(void **state)
{
	(void)state;
	assert_int_equal(path_new_dirs("a", ""), 0);
	assert_int_equal(path_new_dirs("a/b/c", ""), 2);
	assert_int_equal(path_new_dirs("a/b/c", "a/x"), 1);
	assert_int_equal(path_new_dirs("a/b", "a/a"), 0);
	assert_int_equal(path_new_dirs("a10/b/c", "a1/b/c"), 2);
	assert_int_equal(path_new_dirs("a/b", "a"), 1);
}

int run_path_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_good),
		cmocka_unit_test(test_path_bad),
		cmocka_unit_test(test_path_lengths),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_decompose),
		cmocka_unit_test(test_repo_id),
		cmocka_unit_test(test_revision),
		cmocka_unit_test(test_url_escape),
		cmocka_unit_test(test_relative),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_new_dirs),
	};

	return cmocka_run_group_tests_name("path, utf8", tests, NULL, NULL);
}
