/* Zip archives with one thing wrong: each is told by its own words. */
#include "tests/unit/bundle/unit.h"

#include "base/mem.h"
#include "bundle/scan.h"
#include "bundle/zipdir.h"

#include <stdio.h>
#include <string.h>

#define CRC   0x11223344u
#define FULL  0xffffffffu
#define LOCAL 30u
#define ENTRY 46u

struct maker {
	struct str out, dir;
	bool described; /* sizes stand behind the data */
	bool extra;	/* of 4 bytes, with the id of sizes of 64 bits */
	uint64_t count;
};

static void put(struct str *out, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		str_addc(out, (char)(v >> (8 * i)));
}

/* What stands in both headers, from the flags to the length of the name. */
static void put_common(struct str *out, const struct maker *m, size_t name,
		       size_t size, bool local)
{
	bool sizes = !m->described || !local;

	put(out, 2, m->described ? 8 : 0);
	put(out, 2, 0);
	put(out, 4, 0);
	put(out, 4, sizes ? CRC : 0);
	put(out, 4, sizes ? size : 0);
	put(out, 4, sizes ? size : 0);
	put(out, 2, name);
	put(out, 2, m->extra && !local ? 8 : 0);
}

static void add_member(struct maker *m, const char *name, const char *data)
{
	size_t len = strlen(name), size = strlen(data), at = m->out.len;

	str_adds(&m->out, "PK\3\4");
	put(&m->out, 2, 20);
	put_common(&m->out, m, len, size, true);
	str_adds(&m->out, name);
	str_adds(&m->out, data);
	if (m->described) {
		str_adds(&m->out, "PK\7\10");
		put(&m->out, 4, CRC);
		put(&m->out, 4, size);
		put(&m->out, 4, size);
	}
	str_adds(&m->dir, "PK\1\2");
	put(&m->dir, 4, 20 << 16 | 20);
	put_common(&m->dir, m, len, size, false);
	put(&m->dir, 6, 0);
	put(&m->dir, 4, 0);
	put(&m->dir, 4, at);
	str_adds(&m->dir, name);
	if (m->extra) {
		put(&m->dir, 4, 4 << 16 | 1);
		put(&m->dir, 4, 5);
	}
	m->count++;
}

/* wide: with an end record of 64 bits. */
static void end_archive(struct maker *m, bool wide)
{
	uint64_t dir = m->out.len, end;

	str_add(&m->out, m->dir.ptr, m->dir.len);
	end = m->out.len;
	if (wide) {
		str_adds(&m->out, "PK\6\6");
		put(&m->out, 8, 44);
		put(&m->out, 4, 0);
		put(&m->out, 8, 0);
		put(&m->out, 8, m->count);
		put(&m->out, 8, m->count);
		put(&m->out, 8, end - dir);
		put(&m->out, 8, dir);
		str_adds(&m->out, "PK\6\7");
		put(&m->out, 4, 0);
		put(&m->out, 8, end);
		put(&m->out, 4, 1);
	}
	str_adds(&m->out, "PK\5\6");
	put(&m->out, 4, 0);
	put(&m->out, 2, m->count);
	put(&m->out, 2, m->count);
	put(&m->out, 4, end - dir);
	put(&m->out, 4, dir);
	put(&m->out, 2, 0);
}

static void maker_release(struct maker *m)
{
	str_release(&m->out);
	str_release(&m->dir);
}

static void scan(struct str *text, struct scan_result *r)
{
	struct memory m = { text->ptr, text->len };
	struct scan_input in = { read_memory, &m, m.size };
	struct error err = { 0 };

	assert_ok(scan_file(&in, "x.pth", r, &err), &err);
}

/* m/a of 5 bytes and m/b of 6: where things are. */
#define B_LOCAL	 38u /* its local header; the first is at 0 */
#define A_DIR	 77u
#define B_DIR	 126u
#define END	 175u /* of 64 bits where there is one */
#define END_SIZE 56u
#define LOCATOR	 (END + END_SIZE)
/* with descriptors of 16 bytes */
#define DESCRIBED_A 38u
#define DESCRIBED_B 93u

enum kind { PLAIN, WIDE, DESCRIBED, EXTRA };

static void make(enum kind kind, struct maker *m)
{
	*m = (struct maker){ .out = STR_INIT,
			     .dir = STR_INIT,
			     .described = kind == DESCRIBED,
			     .extra = kind == EXTRA };
	add_member(m, "m/a", "hello");
	add_member(m, "m/b", "world!");
	end_archive(m, kind == WIDE);
}

struct patch {
	size_t at;
	unsigned char byte;
};

static const char differs[] = "local header that the directory does not agree";
static const char record[] = "a damaged end record";
static const char follow[] = "end records that do not follow each other";
static const char between[] = "something between directory and end";

static const struct row {
	enum kind kind;
	const char *words;
	struct patch patches[4]; /* up to one of byte 0 at 0 */
} rows[] = {
	{ PLAIN, "no end record at the end", { { END, 'X' } } },
	{ PLAIN, "no end record at the end", { { END + 20, 1 } } },
	{ PLAIN, "in several parts", { { END + 4, 1 } } },
	{ PLAIN, "in several parts", { { END + 6, 1 } } },
	{ PLAIN, "in several parts", { { END + 8, 1 } } },
	{ PLAIN, between, { { END + 16, A_DIR - 1 } } },
	{ PLAIN, between, { { END + 12, 97 } } },
	{ WIDE, follow, { { LOCATOR + 4, 1 } } },
	{ WIDE, follow, { { LOCATOR + 8, END - 1 } } },
	{ WIDE, record, { { END, 'X' } } },
	{ WIDE, record, { { END + 4, 45 } } },
	{ WIDE, record, { { END + 16, 1 } } },
	{ WIDE, record, { { END + 20, 1 } } },
	{ WIDE, record, { { END + 24, 1 } } },
	{ WIDE, between, { { END + 40, 97 } } },
	{ WIDE, between, { { END + 48, A_DIR - 1 } } },
	{ WIDE, "too many members", { { END + 26, 2 }, { END + 34, 2 } } },
	{ PLAIN, "a damaged directory", { { A_DIR, 'X' } } },
	{ PLAIN, "a name that is empty or too long", { { A_DIR + 28, 0 } } },
	{ PLAIN, "a name that is empty or too long", { { A_DIR + 29, 5 } } },
	{ PLAIN, "a name that is empty or too long", { { A_DIR + 34, 1 } } },
	{ PLAIN, "a name with a NUL", { { A_DIR + ENTRY, 0 } } },
	/* a size of 64 bits in an extra field that is too short for it */
	{ EXTRA,
	  "a damaged extra field",
	  { { A_DIR + 20, 0xff },
	    { A_DIR + 21, 0xff },
	    { A_DIR + 22, 0xff },
	    { A_DIR + 23, 0xff } } },
	/* one that is longer than the field it stands in */
	{ EXTRA, "a damaged extra field", { { A_DIR + ENTRY + 3 + 2, 5 } } },
	{ PLAIN, "something in front of the first", { { A_DIR + 42, 1 } } },
	{ PLAIN, "members that do not follow", { { B_DIR + 42, 0 } } },
	{ PLAIN, differs, { { B_LOCAL, 'X' } } },
	{ PLAIN, differs, { { B_LOCAL + 6, 2 } } },
	{ PLAIN, differs, { { B_LOCAL + 8, 8 } } },
	{ PLAIN, differs, { { B_LOCAL + 14, 1 } } },
	{ PLAIN, differs, { { B_LOCAL + 18, 5 } } },
	{ PLAIN, differs, { { B_LOCAL + 22, 5 } } },
	{ PLAIN, differs, { { B_LOCAL + 26, 2 } } },
	{ PLAIN, differs, { { B_LOCAL + LOCAL, 'n' } } },
	{ DESCRIBED, differs, { { 14, 1 } } },
	{ DESCRIBED, differs, { { 18, 1 } } },
	{ DESCRIBED, differs, { { 22, 1 } } },
	{ DESCRIBED, "a damaged data descriptor", { { DESCRIBED_A, 'X' } } },
	{ DESCRIBED, "a damaged data descriptor", { { DESCRIBED_A + 4, 0 } } },
	{ DESCRIBED, "a data descriptor that", { { DESCRIBED_A + 8, 6 } } },
	{ DESCRIBED, "a data descriptor that", { { DESCRIBED_B + 12, 5 } } },
	{ PLAIN,
	  "a member that reaches too far",
	  { { B_LOCAL + 18, 7 },
	    { B_LOCAL + 22, 7 },
	    { B_DIR + 20, 7 },
	    { B_DIR + 24, 7 } } },
	{ PLAIN, "an encrypted member", { { 6, 1 }, { A_DIR + 8, 1 } } },
	{ PLAIN, "an encrypted member", { { 6, 0x40 }, { A_DIR + 8, 0x40 } } },
	{ PLAIN,
	  "a stored member of two sizes",
	  { { 22, 6 }, { A_DIR + 24, 6 } } },
	{ PLAIN,
	  "two members of one name",
	  { { B_LOCAL + LOCAL + 2, 'a' }, { B_DIR + ENTRY + 2, 'a' } } },
	{ PLAIN,
	  "belongs to no member",
	  { { B_LOCAL + 18, 5 },
	    { B_LOCAL + 22, 5 },
	    { B_DIR + 20, 5 },
	    { B_DIR + 24, 5 } } },
	{ PLAIN, "belongs to no member", { { END + 8, 1 }, { END + 10, 1 } } },
};

static void one_fault(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct maker m CLEANUP(maker_release) = { 0 };
		struct scan_result r CLEANUP(scan_result_release) = { 0 };

		make(rows[i].kind, &m);
		for (size_t k = 0; k < ARRAY_LEN(rows[i].patches); k++) {
			const struct patch *p = &rows[i].patches[k];

			if (p->at || p->byte)
				m.out.ptr[p->at] = (char)p->byte;
		}
		scan(&m.out, &r);
		if (r.word != SCAN_MALFORMED ||
		    !strstr(r.notes.items[0], rows[i].words))
			fail_msg("row %zu, %s: %s", i, rows[i].words,
				 r.notes.count ? r.notes.items[0] : "taken");
	}
}

static void right_ones(void **state)
{
	(void)state;
	for (int kind = PLAIN; kind <= EXTRA; kind++) {
		struct maker m CLEANUP(maker_release) = { 0 };
		struct scan_result r CLEANUP(scan_result_release) = { 0 };

		make((enum kind)kind, &m);
		scan(&m.out, &r);
		if (r.notes.count)
			fail_msg("kind %d: %s", kind, r.notes.items[0]);
		assert_int_equal(r.word, SCAN_NO_PICKLE);
	}
}

/* Their names are kept until the end, to find those that are there twice. */
static void many_names(void **state)
{
	struct maker m CLEANUP(maker_release) = { .out = STR_INIT,
						  .dir = STR_INIT };
	struct scan_result r CLEANUP(scan_result_release) = { 0 };
	char name[ZIP_NAME_MAX + 1];

	(void)state;
	for (int i = 0; i < 17000; i++) {
		snprintf(name, sizeof(name), "%01020d", i);
		add_member(&m, name, "");
	}
	end_archive(&m, false);
	scan(&m.out, &r);
	assert_int_equal(r.word, SCAN_MALFORMED);
	assert_non_null(strstr(r.notes.items[0], "too many names"));
}

int run_zipdir_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_ones),
		cmocka_unit_test(one_fault),
		cmocka_unit_test(many_names),
	};

	return cmocka_run_group_tests_name("zipdir", tests, NULL, NULL);
}
