#include "tests/unit/cmd/unit.h"

#include "base/attr.h"
#include "cmd/select.h"
#include "cmd/work.h"
#include "manifest/recipes.h"

#include <string.h>

#define OTHER "was made from another manifest"

static void test_choose(void **state)
{
	static const struct {
		struct lock_facts facts;
		enum lock_plan plan;
		enum err_code code;
	} rows[] = {
		{ { .exists = true }, LOCK_USE, ERR_NONE },
		{ { .exists = true, .offline = true }, LOCK_USE, ERR_NONE },
		{ { .exists = true, .locked = true }, LOCK_USE, ERR_NONE },
		{ { .exists = false }, LOCK_RESOLVE, ERR_NONE },
		{ { .own_manifest = true }, LOCK_RESOLVE, ERR_NONE },
		{ { .named = true }, LOCK_CREATE, ERR_NONE },
		{ { .named = true, .survey = true }, LOCK_RESOLVE, ERR_NONE },
		{ { .named = true, .own_manifest = true },
		  LOCK_CREATE,
		  ERR_NONE },
		{ { .locked = true }, 0, ERR_NOT_FOUND },
		{ { .named = true, .locked = true }, 0, ERR_NOT_FOUND },
		{ { .offline = true }, 0, ERR_USAGE },
		{ { .named = true, .offline = true }, 0, ERR_USAGE },
		{ { .exists = true, .misfit = OTHER }, LOCK_RESOLVE, ERR_NONE },
		{ { .exists = true, .misfit = OTHER, .named = true },
		  0,
		  ERR_USAGE },
		{ { .exists = true, .misfit = OTHER, .own_manifest = true },
		  0,
		  ERR_USAGE },
		{ { .exists = true, .misfit = OTHER, .locked = true },
		  0,
		  ERR_USAGE },
		{ { .exists = true, .misfit = OTHER, .offline = true },
		  0,
		  ERR_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lock_facts f = rows[i].facts;
		struct error err = { 0 };
		enum lock_plan plan = LOCK_USE;

		f.path = "x.lock.json";
		assert_int_equal(lock_choose(&f, &plan, &err),
				 rows[i].code ? -1 : 0);
		assert_int_equal(err.code, rows[i].code);
		assert_int_equal(plan, rows[i].plan);
		if (rows[i].code)
			assert_non_null(strstr(err.msg, "x.lock.json"));
	}
}

static void test_misfit(void **state)
{
	struct lock l = { 0 };
	struct manifest m = { 0 };
	struct strlist on CLEANUP(strlist_release) = { 0 };

	(void)state;
	digest_buf(DIGEST_SHA256, "a", 1, &m.digest);
	l.manifest = m.digest;
	strlist_add(&on, "qwen");
	strlist_add(&l.groups, "qwen");
	assert_null(lock_misfit(&l, &m, &on));
	strlist_add(&on, "x");
	assert_non_null(lock_misfit(&l, &m, &on));
	strlist_add(&l.groups, "y");
	assert_non_null(lock_misfit(&l, &m, &on));
	digest_buf(DIGEST_SHA256, "b", 1, &m.digest);
	assert_string_equal(lock_misfit(&l, &m, &on), OTHER);
	strlist_release(&l.groups);
}

struct given {
	const char *word, *manifest, *recipe, *type, *include;
};

static int select_given(const struct given *g, struct manifest *m,
			struct error *err)
{
	struct options o CLEANUP(options_release) = { .manifest = g->manifest,
						      .recipe = g->recipe,
						      .type = g->type };

	if (g->word)
		strlist_add(&o.args, g->word);
	if (g->include)
		strlist_add(&o.include, g->include);
	return select_manifest(&o, m, err);
}

static void test_select(void **state)
{
	static const struct {
		struct given given;
		const char *name; /* of the manifest, or NULL: an error */
		enum err_code code;
	} rows[] = {
		{ { 0 }, RECIPE_DEFAULT, ERR_NONE },
		{ { .word = "indextts-2.5" }, "indextts-2.5", ERR_NONE },
		{ { .recipe = "indextts-2.5" }, "indextts-2.5", ERR_NONE },
		{ { .recipe = "indextts2" }, NULL, ERR_USAGE },
		{ { .word = "org/name" }, "", ERR_NONE },
		{ { .word = "org/name@v1", .type = "dataset", .include = "*" },
		  "",
		  ERR_NONE },
		{ { .word = "org/name", .recipe = "indextts-2" },
		  NULL,
		  ERR_USAGE },
		{ { .word = "org/name", .manifest = "x" }, NULL, ERR_USAGE },
		{ { .word = "my-models.json" }, NULL, ERR_USAGE },
		{ { .include = "*" }, NULL, ERR_USAGE },
		{ { .word = "indextts-2", .type = "model" }, NULL, ERR_USAGE },
		{ { .word = "a b" }, NULL, ERR_USAGE },
		{ { .manifest = "/nonexistent/x.json" }, NULL, ERR_NOT_FOUND },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct manifest m CLEANUP(manifest_release) = { 0 };
		struct error err = { 0 };
		int rc = select_given(&rows[i].given, &m, &err);

		assert_int_equal(err.code, rows[i].code);
		assert_int_equal(rc, rows[i].name ? 0 : -1);
		if (rows[i].name && *rows[i].name)
			assert_string_equal(m.name, rows[i].name);
	}
}

static void test_select_words(void **state)
{
	struct options o CLEANUP(options_release) = { .manifest = "m.json",
						      .lock = "l" };
	struct strlist words CLEANUP(strlist_release) = { 0 };
	struct str s CLEANUP(str_release) = STR_INIT;

	(void)state;
	assert_false(select_is_default(&o));
	strlist_add(&o.with, "qwen");
	select_words(&o, &words);
	for (size_t i = 0; i < words.count; i++)
		str_addf(&s, "%s ", words.items[i]);
	assert_string_equal(s.ptr, "-m m.json --with qwen --lock l ");
}

int run_work_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_misfit),
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_select_words),
	};

	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
