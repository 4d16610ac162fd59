#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "base/str.h"
#include "fetch/pkt.h"

#include <string.h>

#define A "0123456789abcdef0123456789abcdef01234567"
#define B "89abcdef0123456789abcdef0123456789abcdef"

static int note(void *ctx, enum pkt_kind kind, const char *p, size_t n,
		struct error *err)
{
	static const char marks[] = { 'd', 'F', 'D', 'E' };
	struct str *out = ctx;

	str_addc(out, marks[kind]);
	str_add(out, p, n);
	str_addc(out, '|');
	return n == 4 && memcmp(p, "fail", 4) == 0
		       ? err_set(err, ERR_NOT_FOUND, "told to")
		       : 0;
}

/* In pieces of every size. */
static int feed(const char *text, size_t piece, struct str *out,
		struct error *err)
{
	struct pkt_reader *r CLEANUP(free_ptr) = xcalloc(1, sizeof(*r));
	size_t len = strlen(text);

	r->packet = note;
	r->ctx = out;
	for (size_t i = 0; i < len; i += piece)
		if (pkt_feed(r, text + i, len - i < piece ? len - i : piece,
			     err) < 0)
			return -1;
	return pkt_finish(r, err);
}

static void test_packets(void **state)
{
	static const char text[] = "0006a\n00040001"
				   "0002000Ahello\n0000";

	(void)state;
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct str out CLEANUP(str_release) = STR_INIT;
		struct error err = { .code = ERR_NONE };

		assert_ok(feed(text, piece, &out, &err), &err);
		assert_string_equal(out.ptr, "da\n|d|D|E|dhello\n|F|");
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *words;
	} table[] = {
		{ "<!doctype html>", ERR_FORMAT, "not Git's protocol" },
		{ "0003", ERR_FORMAT, "not Git's protocol" },
		{ "fff1", ERR_FORMAT, "not Git's protocol" },
		{ "000", ERR_FORMAT, "within a packet" },
		{ "0009abcd", ERR_FORMAT, "within a packet" },
		{ "0008fail", ERR_NOT_FOUND, "told to" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct str out CLEANUP(str_release) = STR_INIT;
		struct error err = { .code = ERR_NONE };

		assert_fails(feed(table[i].text, 3, &out, &err), &err,
			     table[i].code, table[i].words);
	}
}

static void test_put(void **state)
{
	struct str out CLEANUP(str_release) = STR_INIT;

	(void)state;
	pkt_put(&out, "want %s\n", A);
	assert_string_equal(out.ptr, "0032want " A "\n");
}

static void test_ref(void **state)
{
	static const struct {
		const char *line, *name, *commit; /* NULL: another ref */
	} table[] = {
		{ A " refs/heads/main\n", "refs/heads/main", A },
		{ A " refs/tags/v1 peeled:" B "\n", "refs/tags/v1", B },
		{ A " HEAD symref-target:refs/heads/main", "HEAD", A },
		{ A " refs/heads/main2\n", "refs/heads/main", NULL },
		{ A " refs/heads/mai\n", "refs/heads/main", NULL },
		{ "unborn HEAD\n", "HEAD", NULL },
		{ A " refs/tags/v1 peeled:xyz\n", "refs/tags/v1", NULL },
		{ "", "HEAD", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char commit[41] = "";
		int is = pkt_ref_is(table[i].line, strlen(table[i].line),
				    table[i].name, commit);

		assert_int_equal(is, table[i].commit != NULL);
		assert_string_equal(commit, is ? table[i].commit : "");
	}
}

int run_pkt_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_ref),
	};

	return cmocka_run_group_tests_name("pkt", tests, NULL, NULL);
}
