#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define SIZE ((5u << 20) + 7)

static void init(struct journal *j, const char *content, uint64_t size)
{
	struct digest d;

	digest_buf(DIGEST_SHA256, content, strlen(content), &d);
	journal_init(j, &d, &d, size);
}

static void test_sizes(void **state)
{
	static const struct {
		uint64_t size, block;
		uint32_t count;
	} rows[] = {
		{ 1, 1u << 20, 1 },
		{ 1u << 20, 1u << 20, 1 },
		{ (1u << 20) + 1, 1u << 20, 2 },
		{ ((uint64_t)1 << 36) - 1, 1u << 20, 65536 },
		{ (uint64_t)1 << 36, 2u << 20, 32768 },
		{ (uint64_t)1 << 40, 32u << 20, 32768 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct journal j CLEANUP(journal_release) = { 0 };

		init(&j, "x", rows[i].size);
		assert_true(j.block_size == rows[i].block);
		assert_int_equal(j.count, rows[i].count);
		assert_true(journal_block_len(&j, j.count - 1) +
				    (j.count - 1) * j.block_size ==
			    rows[i].size);
	}
}

static void fill(struct journal *j)
{
	strlist_add(&j->sources, "https://a \"v1\"");
	strlist_add(&j->sources, "https://b -");
	j->blocks[0] = (struct journal_block){ 0x0123456789abcdefu, 0, true };
	j->blocks[5] = (struct journal_block){ 7, 1, true };
}

static void test_round_trip(void **state)
{
	struct journal a CLEANUP(journal_release) = { 0 };
	struct journal b CLEANUP(journal_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	init(&a, "x", SIZE);
	init(&b, "x", SIZE);
	fill(&a);
	journal_format(&a, &text);
	assert_ok(journal_parse(&b, text.ptr, text.len, &err), &err);
	assert_true(a.seed == b.seed);
	assert_int_equal(b.sources.count, 2);
	assert_string_equal(b.sources.items[0], "https://a \"v1\"");
	assert_true(b.blocks[0].sum == 0x0123456789abcdefu);
	assert_true(b.blocks[5].have && b.blocks[5].source == 1);
	assert_false(b.blocks[1].have);
}

/* Wherever an append was cut, what stands before it holds. */
static void test_cut(void **state)
{
	struct journal a CLEANUP(journal_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str head CLEANUP(str_release) = STR_INIT;

	(void)state;
	init(&a, "x", SIZE);
	journal_format(&a, &head);
	fill(&a);
	journal_format(&a, &text);
	a.blocks[0].have = false;
	journal_add_block(&a, 0, &text);
	for (size_t n = 0; n <= text.len; n++) {
		struct journal b CLEANUP(journal_release) = { 0 };
		struct error err = { 0 };

		init(&b, "x", SIZE);
		if (n < head.len) {
			assert_fails(journal_parse(&b, text.ptr, n, &err), &err,
				     ERR_FORMAT, "something else");
			continue;
		}
		assert_ok(journal_parse(&b, text.ptr, n, &err), &err);
		if (n == text.len - 1)
			assert_true(b.blocks[0].have);
		if (n == text.len)
			assert_false(b.blocks[0].have);
		assert_int_equal(b.blocks[5].have, n >= text.len - 7);
	}
}

static void test_foreign(void **state)
{
	struct journal a CLEANUP(journal_release) = { 0 };
	struct journal b CLEANUP(journal_release) = { 0 };
	struct journal c CLEANUP(journal_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	(void)state;
	init(&a, "x", SIZE);
	init(&b, "y", SIZE);
	init(&c, "x", SIZE + 1);
	fill(&a);
	journal_format(&a, &text);
	assert_fails(journal_parse(&b, text.ptr, text.len, &err), &err,
		     ERR_FORMAT, "something else");
	assert_fails(journal_parse(&c, text.ptr, text.len, &err), &err,
		     ERR_FORMAT, "something else");
}

static void test_damaged(void **state)
{
	static const char *const lines[] = {
		"rubbish\n",
		"\n",
		"block 6 0 0123456789abcdef\n",
		"block 99999999999999999999 0 0123456789abcdef\n",
		"block 1 2 0123456789abcdef\n",
		"block 1 0 0123456789ABCDEF\n",
		"block 1 0 0123456789abcde\n",
		"block 1 0 0123456789abcdef0\n",
		"block -1 0 0123456789abcdef\n",
		"lost 6\n",
		"lost 1 \n",
		"source 3 gap\n",
		"source 2 \n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct journal a CLEANUP(journal_release) = { 0 };
		struct journal b CLEANUP(journal_release) = { 0 };
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };

		init(&a, "x", SIZE);
		init(&b, "x", SIZE);
		fill(&a);
		journal_format(&a, &text);
		str_adds(&text, lines[i]);
		assert_fails(journal_parse(&b, text.ptr, text.len, &err), &err,
			     ERR_FORMAT, "damaged line");
		assert_int_equal(b.sources.count, 0);
		assert_false(b.blocks[0].have);
	}
}

/* The fuzzer's corpus: what is taken is taken, and nothing else. */
static void test_corpus(void **state)
{
	static const char *const good[] = { "cut", "empty", "good" };
	const char *place = "tests/fuzz/corpus/journal";
	DIR *dir = opendir(place);
	const struct dirent *e;
	unsigned taken = 0, seen = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		struct journal j CLEANUP(journal_release) = { 0 };
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		bool is_good = false;

		if (e->d_name[0] == '.')
			continue;
		seen++;
		for (size_t i = 0; i < ARRAY_LEN(good); i++)
			is_good |= strcmp(e->d_name, good[i]) == 0;
		assert_ok(file_read_all(dirfd(dir), e->d_name, JOURNAL_LIMIT,
					&text, &err),
			  &err);
		init(&j, "x", SIZE);
		if (journal_parse(&j, text.ptr, text.len, &err) == 0)
			taken++;
		assert_int_equal(err.code, is_good ? ERR_NONE : ERR_FORMAT);
	}
	closedir(dir);
	assert_int_equal(taken, ARRAY_LEN(good));
	assert_true(seen > taken);
}

int run_journal_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_corpus),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
