#include "tests/unit/base/unit.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static void test_str_growth(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;

	(void)state;
	assert_string_equal(s.ptr, "");
	str_adds(&s, "");
	str_clear(&s);
	assert_string_equal(s.ptr, "");
	str_addf(&s, "%d-%s", 12, "ab");
	str_addc(&s, '/');
	str_add(&s, "x\0y", 3);
	assert_int_equal(s.len, 9);
	assert_memory_equal(s.ptr, "12-ab/x\0y", 10);
	str_truncate(&s, 5);
	assert_string_equal(s.ptr, "12-ab");
	str_fill(&s, '.', 1000);
	assert_int_equal(s.len, 1005);
	assert_int_equal(strlen(s.ptr), 1005);
	for (int i = 0; i < 10000; i++)
		str_addf(&s, "%04d", i);
	assert_int_equal(s.len, 41005);
	assert_string_equal(s.ptr + s.len - 8, "99989999");
	str_release(&s);
	str_release(&s);
	assert_string_equal(s.ptr, "");
}

static void test_str_detach(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	char *p CLEANUP(free_ptr) = NULL;

	(void)state;
	p = str_detach(&s);
	assert_string_equal(p, "");
	free_ptr(&p);
	str_adds(&s, "text");
	p = str_detach(&s);
	assert_string_equal(p, "text");
	assert_string_equal(s.ptr, "");
	assert_int_equal(s.len, 0);
}

static void test_starts_ends(void **state)
{
	(void)state;
	assert_true(str_starts("models--x", "models--"));
	assert_false(str_starts("mod", "models--"));
	assert_true(str_ends("a.json", ".json"));
	assert_true(str_ends("a", ""));
	assert_false(str_ends("json", ".json"));
	assert_false(str_ends("a.jsonl", ".json"));
}

static void test_strlist(void **state)
{
	struct strlist a CLEANUP(strlist_release) = { 0 };
	struct strlist b CLEANUP(strlist_release) = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		strlist_take(&a, xasprintf("%d", i));
	strlist_add(&a, "last");
	strlist_copy(&b, &a);
	strlist_release(&a);
	assert_int_equal(a.count, 0);
	assert_int_equal(b.count, 101);
	assert_string_equal(b.items[99], "99");
	assert_true(strlist_has(&b, "last"));
	assert_false(strlist_has(&b, "100"));
	strlist_sort(&a);
	assert_false(strlist_sorted_has(&a, "1"));
	strlist_sort(&b);
	assert_string_equal(b.items[1], "1");
	assert_string_equal(b.items[2], "10");
	assert_string_equal(b.items[100], "last");
	assert_true(strlist_sorted_has(&b, "last"));
	assert_true(strlist_sorted_has(&b, "0"));
	assert_false(strlist_sorted_has(&b, "100"));
}

static void test_xgrow(void **state)
{
	int *array CLEANUP(free_ptr) = NULL;
	size_t cap = 0;

	(void)state;
	for (size_t n = 1; n <= 1000; n++) {
		array = xgrow(array, &cap, n, sizeof(*array));
		assert_true(cap >= n);
		assert_int_equal(array[n - 1], 0);
		array[n - 1] = (int)n;
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(array[i], i + 1);
	array = xgrow(array, &cap, 5000, sizeof(*array));
	assert_int_equal(array[4999], 0);
}

static void test_hand_over(void **state)
{
	char *p CLEANUP(free_ptr) = xstrndup("abc", 2), *q = NULL;
	int fd CLEANUP(close_fd) = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int copy = fd;

	(void)state;
	q = take_ptr(p);
	assert_null(p);
	assert_string_equal(q, "ab");
	errno = 7;
	free_ptr(&q);
	free_ptr(&q);
	assert_int_equal(take_fd(&fd), copy);
	assert_int_equal(fd, -1);
	close_fd(&fd);
	close_fd(&copy);
	assert_int_equal(copy, -1);
	assert_int_equal(errno, 7);
}

static void test_overflow(void **state)
{
	(void)state;
	assert_true(mul_overflows(SIZE_MAX / 2, 3));
	assert_true(mul_overflows((size_t)1 << 32, (size_t)1 << 32));
	assert_false(mul_overflows(SIZE_MAX, 1));
	assert_false(mul_overflows(0, SIZE_MAX));
}

static void test_digits(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		size_t len;
	} table[] = { { "", 0, 0 },
		      { "x1", 0, 0 },
		      { "-1", 0, 0 },
		      { "0", 0, 1 },
		      { "12 34", 12, 2 },
		      { "0012x", 12, 4 },
		      { "18446744073709551615", UINT64_MAX, 20 },
		      { "18446744073709551616", UINT64_MAX, 20 },
		      { "99999999999999999999999", UINT64_MAX, 23 } };
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const char *end = str_digits(table[i].text, &value);

		assert_int_equal(end - table[i].text, table[i].len);
		assert_int_equal(value, table[i].value);
	}
}

int run_str_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_str_growth),
		cmocka_unit_test(test_str_detach),
		cmocka_unit_test(test_starts_ends),
		cmocka_unit_test(test_strlist),
		cmocka_unit_test(test_xgrow),
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_digits),
	};

	return cmocka_run_group_tests_name("str, mem", tests, NULL, NULL);
}
