#include "tests/unit/manifest/tests.h"

#include "base/mem.h"
#include "manifest/lock_join.h"

#include <stdio.h>
#include <string.h>

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* "x1:a y2" : repository x at commit 1..., its file placed at a, and so on. */
static void make(const char *text, struct lock *out)
{
	struct error err = { 0 };

	out->name = xstrdup("n");
	while (*text) {
		struct lock_repo *r = lock_add_repo(out);
		struct lock_file *f = lock_add_file(r, "f");

		r->id = xasprintf("org/%c", text[0]);
		r->revision = xstrdup("main");
		memset(r->commit, text[1], 40);
		f->size = 1;
		assert_true(digest_from_hex(&f->sha256, SHA));
		f->etag = f->sha256;
		text += 2;
		if (*text == ':') {
			lock_file_add_view(r, f, (char[]){ text[1], '\0' });
			text += 2;
		}
		text += *text == ' ';
	}
	assert_int_equal(lock_finish(out, &err), 0);
}

static void describe(const struct lock *l, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];
		const char *view = r->files[0].views ? r->files[0].views[0]
						     : NULL;

		n += (size_t)snprintf(out + n, size - n, "%s%c%c%s%s",
				      i ? " " : "", r->id[4], r->commit[0],
				      view ? ":" : "", view ? view : "");
	}
}

static void joins(void **state)
{
	static const struct {
		const char *whole;
		size_t repo;
		const char *had;  /* NULL: nothing recorded */
		const char *want; /* NULL: refused */
	} cases[] = {
		{ "x1:a y1:b", 0, NULL, "x1:a" },
		{ "x1:a y1:b", 1, "x1:a", "x1:a y1:b" },
		{ "x1:a y1:b", 0, "y1:b", "x1:a y1:b" },
		{ "x1:a y1:b", 0, "x1:a y1:b", "x1:a y1:b" },
		/* of an older release, until it comes */
		{ "x2:a y2:b", 0, "x1:a y1:b", "x2:a y1:b" },
		{ "x2:a y2:b", 1, "x2:a y1:b", "x2:a y2:b" },
		/* placed elsewhere before */
		{ "x1:a y1:b", 0, "x1:c y1:d", "x1:a y1:d" },
		/* gone from the bundle */
		{ "x1:a", 0, "x1:a z1:c", "x1:a" },
		/* two commits of one repository */
		{ "x1:a x2:b", 1, "x1:a", "x1:a x2:b" },
		{ "x1:a x2:b", 0, NULL, "x1:a" },
		{ "x1:a x2:b", 0, "x2:b", "x1:a x2:b" },
		/* where an older one has its file */
		{ "x2:b y2:c", 0, "x1:a y1:b", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lock whole CLEANUP(lock_release) = { 0 };
		struct lock had CLEANUP(lock_release) = { 0 };
		struct lock out CLEANUP(lock_release) = { 0 };
		struct error err = { 0 };
		char text[100];
		int rc;

		make(cases[i].whole, &whole);
		if (cases[i].had)
			make(cases[i].had, &had);
		rc = lock_join(&out, &whole, cases[i].repo,
			       cases[i].had ? &had : NULL, &err);
		if (!cases[i].want) {
			assert_int_equal(rc, -1);
			continue;
		}
		assert_int_equal(rc, 0);
		describe(&out, text, sizeof(text));
		assert_string_equal(text, cases[i].want);
	}
}

int run_lock_join_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins),
	};

	return cmocka_run_group_tests_name("lock_join", tests, NULL, NULL);
}
