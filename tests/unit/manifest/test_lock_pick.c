#include "tests/unit/manifest/tests.h"

#include "base/mem.h"
#include "manifest/lock_pick.h"

#include <string.h>

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B40 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void add(struct lock *l, const char *id, const char *commit,
		const char *ref)
{
	struct lock_repo *r = lock_add_repo(l);

	r->id = xstrdup(id);
	memcpy(r->commit, commit, strlen(commit) + 1);
	if (ref)
		strlist_add(&r->refs, ref);
	lock_add_file(r, "f");
}

static void picks(void **state)
{
	static const struct {
		const char *specs[3];
		const char *want; /* one a repo; NULL: refused */
		const char *words;
	} rows[] = {
		{ { "o/x" }, "++--", NULL },
		{ { "o/x@main" }, "+---", NULL },
		{ { "o/x@v1.0" }, "-+--", NULL },
		{ { "o/x@" B40 }, "-+--", NULL },
		{ { "o/xy", "o/x@main" }, "+-+-", NULL },
		{ { "o/xy@" }, NULL, "did you mean o/xy@aaaa" },
		{ { "o/x", "o/z" }, NULL, "no o/z in it; did you mean o/x?" },
		{ { "o/x@v1.1" }, NULL, "did you mean o/x@v1.0?" },
		{ { "o/xyz" }, NULL, "did you mean o/xy?" },
		{ { "zzzzz" }, NULL, "it has o/x, o/xy, p/q" },
		{ { "" }, NULL, "it has" },
		{ { "o" }, NULL, "no o in it" },
	};
	struct lock l CLEANUP(lock_release) = { 0 };

	(void)state;
	add(&l, "o/x", A40, "main");
	add(&l, "o/x", B40, "v1.0");
	add(&l, "o/xy", A40, NULL);
	add(&l, "p/q", "", NULL); /* blobs of no snapshot */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strlist specs CLEANUP(strlist_release) = { 0 };
		struct error err = { 0 };
		bool picked[4] = { false };
		int rc;

		for (size_t k = 0; k < 3 && rows[i].specs[k]; k++)
			strlist_add(&specs, rows[i].specs[k]);
		rc = lock_pick(&l, &specs, "x.tar", picked, &err);
		if (!rows[i].want) {
			assert_int_equal(err.code, ERR_NOT_FOUND);
			if (rc == 0 || !strstr(err.msg, rows[i].words))
				fail_msg("row %zu: %s", i, err.msg);
			continue;
		}
		assert_int_equal(rc, 0);
		for (size_t k = 0; k < 4; k++)
			if (picked[k] != (rows[i].want[k] == '+'))
				fail_msg("row %zu, repo %zu", i, k);
	}
}

static void keeps(void **state)
{
	static const bool some[] = { false, true, false };
	static const bool none[] = { false };
	struct lock l CLEANUP(lock_release) = { 0 };

	(void)state;
	add(&l, "o/x", A40, "main");
	add(&l, "o/y", A40, "main");
	add(&l, "o/z", A40, "main");
	lock_keep(&l, some);
	assert_int_equal(l.repo_count, 1);
	assert_string_equal(l.repos[0].id, "o/y");
	lock_keep(&l, none);
	assert_int_equal(l.repo_count, 0);
}

int run_lock_pick_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks),
		cmocka_unit_test(keeps),
	};

	return cmocka_run_group_tests_name("lock_pick", tests, NULL, NULL);
}
