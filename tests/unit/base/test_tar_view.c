#include "tests/unit/base/unit.h"

#include "base/mem.h"
#include "base/tar_view.h"

#include <string.h>

/* A tar that is made by hand: offsets are those of POSIX ustar and of GNU's sparse
 * headers (tar.h of GNU tar). */
struct tape {
	unsigned char bytes[64 * TAR_BLOCK];
	size_t len;
};

static unsigned char *block(struct tape *t)
{
	unsigned char *b = t->bytes + t->len;

	assert_true(t->len + TAR_BLOCK <= sizeof(t->bytes));
	t->len += TAR_BLOCK;
	return b;
}

static void octal(unsigned char *at, size_t digits, uint64_t n)
{
	while (digits-- > 0) {
		at[digits] = (unsigned char)('0' + (n & 7));
		n >>= 3;
	}
}

static void put_sum(unsigned char *h, uint64_t sum)
{
	octal(h + 148, 6, sum);
	h[154] = '\0';
}

static void seal(unsigned char *h)
{
	uint64_t sum = 0;

	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += h[i];
	put_sum(h, sum);
}

/* size: as it stands in the field of 12 bytes. */
static unsigned char *header(struct tape *t, char type, const char *size)
{
	unsigned char *h = block(t);

	memcpy(h, "name", 4);
	memcpy(h + 124, size, strnlen(size, 12));
	h[156] = (unsigned char)type;
	memcpy(h + 257,
	       "ustar\0"
	       "00",
	       8);
	seal(h);
	return h;
}

static void data(struct tape *t, size_t blocks)
{
	while (blocks-- > 0)
		memset(block(t), 'd', TAR_BLOCK);
}

static void records(struct tape *t, char type, const char *text)
{
	size_t len = strlen(text);
	unsigned char *h = header(t, type, "");

	octal(h + 124, 11, len);
	seal(h);
	for (size_t at = 0; at < len; at += TAR_BLOCK)
		memcpy(block(t), text + at,
		       len - at < TAR_BLOCK ? len - at : TAR_BLOCK);
}

static struct tar_view seen(const struct tape *t, size_t step)
{
	struct tar_view v = TAR_VIEW_INIT;

	for (size_t at = 0; at < t->len; at += step)
		tar_view_feed(&v, t->bytes + at,
			      t->len - at < step ? t->len - at : step);
	return v;
}

static void expect_member(struct tar_view *v, uint64_t start, uint64_t size,
			  char type, bool sparse)
{
	struct tar_view_member m;

	assert_true(tar_view_next(v, &m));
	assert_int_equal(m.start, start);
	assert_int_equal(m.size, size);
	assert_int_equal(m.type, type);
	assert_int_equal(m.sparse, sparse);
}

static void expect_lost(const struct tape *t, const char *why)
{
	struct tar_view v CLEANUP(tar_view_release) = seen(t, t->len);
	struct tar_view_member m;

	assert_int_equal(v.state, TAR_VIEW_LOST);
	assert_non_null(v.why);
	if (!strstr(v.why, why))
		fail_msg("\"%s\" is not in \"%s\"", why, v.why);
	assert_false(tar_view_next(&v, &m));
}

/* However the bytes come, the members are the same. */
static void members(void **state)
{
	static const size_t steps[] = { 1, 7, 511, 512, 513, 4096, 1 << 15 };
	struct tape t = { .len = 0 };

	(void)state;
	header(&t, '0', "00000000003");
	data(&t, 1);
	header(&t, '5', "00000000000");
	records(&t, 'x', "12 size=513\n13 comment=x\n");
	header(&t, '0', "00000000001"); /* the record goes before it */
	data(&t, 2);
	header(&t, '1', "00000001000"); /* a hard link has no bytes */
	header(&t, 'L', "00000000006");
	data(&t, 1);
	header(&t, '\0', "00000001000");
	data(&t, 1);
	header(&t, '0', "00000000000"); /* no size of the one before */
	block(&t);
	block(&t);
	data(&t, 1); /* behind the end: of no interest */
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct tar_view v CLEANUP(tar_view_release) = seen(&t,
								   steps[i]);
		struct tar_view_member m;

		assert_int_equal(v.state, TAR_VIEW_END);
		expect_member(&v, 0, 3, '0', false);
		expect_member(&v, 1024, 0, '5', false);
		expect_member(&v, 1536, 513, '0', false);
		expect_member(&v, 4096, 0, '1', false);
		expect_member(&v, 4608, 512, '\0', false);
		expect_member(&v, 6656, 0, '0', false);
		assert_false(tar_view_next(&v, &m));
	}
}

static void jumps(void **state)
{
	struct tar_view v CLEANUP(tar_view_release) = TAR_VIEW_INIT;
	struct tape t = { .len = 0 };

	(void)state;
	header(&t, '0', "77777777777"); /* 8 GiB - 1 */
	tar_view_feed(&v, t.bytes, 100);
	assert_int_equal(tar_view_jump(&v), 100); /* in the middle of it */
	tar_view_feed(&v, t.bytes + 100, 412);
	expect_member(&v, 0, 8589934591u, '0', false);
	assert_int_equal(tar_view_jump(&v), 512 + 8589934592u);
	assert_int_equal(tar_view_jump(&v), 512 + 8589934592u);
	tar_view_feed(&v, t.bytes, 512);
	expect_member(&v, 512 + 8589934592u, 8589934591u, '0', false);
}

static void sizes(void **state)
{
	static const struct {
		const char *field;
		uint64_t size;
	} rows[] = {
		{ "00000000017", 15 },
		{ "         17 ", 15 },
		{ "17", 15 },
		{ "000000000017", 15 },
		{ "\x80\0\0\0\0\0\0\0\0\0\0\x0f", 15 },
		{ "\x80\0\0\0\0\0\0\x02\0\0\0\0", 8589934592u },
	};
	static const char *const bad[] = {
		"            ",
		"-0000000017",
		"0000000001x",
		"0x17",
		"18",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x80\1\1\1\1\1\1\1\1\1\1\1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tape t = { .len = 0 };
		unsigned char *h = header(&t, '0', "");
		struct tar_view v CLEANUP(tar_view_release) = TAR_VIEW_INIT;

		/* NULs belong to base-256, and end the others */
		memcpy(h + 124, rows[i].field,
		       rows[i].field[0] == '\x80' ? 12
						  : strnlen(rows[i].field, 12));
		seal(h);
		tar_view_feed(&v, t.bytes, t.len);
		expect_member(&v, 0, rows[i].size, '0', false);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct tape t = { .len = 0 };

		header(&t, '0', bad[i]);
		expect_lost(&t, "a size that is no number");
	}
}

static void sums(void **state)
{
	struct tape t = { .len = 0 };
	unsigned char *h = header(&t, '0', "00000000000");
	int64_t sum = 0;

	(void)state;
	h[0]++;
	expect_lost(&t, "wrong checksum");
	h[0] = 0xe9; /* signed characters, as some old tars summed them */
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (signed char)h[i];
	put_sum(h, (uint64_t)sum);
	{
		struct tar_view v CLEANUP(tar_view_release) = seen(&t, t.len);

		expect_member(&v, 0, 0, '0', false);
	}
	h[1]++;
	expect_lost(&t, "wrong checksum");
}

static void sparse(void **state)
{
	struct tape t = { .len = 0 };
	unsigned char *h = header(&t, 'S', "00000001000");

	(void)state;
	expect_lost(&t, "a sparse file in a format without them");
	memcpy(h + 257, "ustar  ", 8);
	h[482] = 1; /* the map goes on in two more blocks */
	seal(h);
	block(&t)[504] = 1;
	block(&t);
	data(&t, 1);
	header(&t, '0', "00000000001");
	data(&t, 1);
	records(&t, 'x', "22 GNU.sparse.major=1\n");
	header(&t, '0', "00000000002");
	{
		struct tar_view v CLEANUP(tar_view_release) = seen(&t, 100);

		expect_member(&v, 0, 512, 'S', true);
		expect_member(&v, 2048, 1, '0', false);
		expect_member(&v, 3072, 2, '0', true);
	}
}

static void lost(void **state)
{
	static const struct {
		const char *records, *why;
		char type;
	} rows[] = {
		{ "11 size=12\n", "for all entries", 'g' },
		{ "10 path=a\n", "for all entries", 'g' },
		{ "14 linkpath=a\n", "for all entries", 'g' },
		{ "22 GNU.sparse.major=1\n", "for all entries", 'g' },
		{ "8 size=\n", "no number", 'x' },
		{ "10 size=x\n", "no number", 'x' },
		{ "12 size=1 2\n", "no number", 'x' },
		{ "99 size=1\n", "malformed", 'x' },
		{ "10 size=1 ", "malformed", 'x' },
		{ "size=1\n", "malformed", 'x' },
		{ "9 size 1\n", "malformed", 'x' },
		{ "2 \n", "malformed", 'x' },
		{ "99999999999999999999 a=b\n", "malformed", 'x' },
	};
	static const char with_bytes[] = "23456";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tape t = { .len = 0 };

		records(&t, rows[i].type, rows[i].records);
		header(&t, '0', "00000000000");
		expect_lost(&t, rows[i].why);
	}
	for (const char *type = with_bytes; *type; type++) {
		struct tape t = { .len = 0 };

		header(&t, *type, "00000000001");
		expect_lost(&t, "that has bytes");
	}
	{
		struct tape t = { .len = 0 };

		header(&t, 'x', "00004000001"); /* 1 MiB and 1 byte */
		expect_lost(&t, "too large");
	}
}

int run_tar_view_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members), cmocka_unit_test(jumps),
		cmocka_unit_test(sizes),   cmocka_unit_test(sums),
		cmocka_unit_test(sparse),  cmocka_unit_test(lost),
	};

	return cmocka_run_group_tests_name("tar_view", tests, NULL, NULL);
}
