/* The fuzzers' corpora: what is taken, and what is not. */
#include "tests/unit/manifest/tests.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "manifest/glob.h"
#include "manifest/lock.h"
#include "manifest/manifest.h"
#include "manifest/repo.h"

#include <stdio.h>
#include <string.h>

struct row {
	const char *name;
	enum err_code code; /* ERR_NONE: taken */
};

static void read_seed(const char *corpus, const char *name, struct str *out)
{
	char *path CLEANUP(free_ptr) = xasprintf("tests/fuzz/corpus/%s/%s",
						 corpus, name);
	FILE *f = fopen(path, "rb");
	char buf[4096];
	size_t n;

	if (!f)
		fail_msg("%s", path);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		str_add(out, buf, n);
	assert_int_equal(fclose(f), 0);
}

static void manifests(void **state)
{
	static const struct row rows[] = {
		{ "all-keys.json", ERR_NONE },
		{ "minimal.json", ERR_NONE },
		{ "recipe.json", ERR_NONE },
		{ "sources.json", ERR_NONE },
		{ "unknown-key.json", ERR_FORMAT },
		{ "wrong-type.json", ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct manifest m CLEANUP(manifest_release) = { 0 };
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		int rc;

		read_seed("manifest", rows[i].name, &text);
		rc = manifest_parse(&m, text.ptr, text.len, &err);
		if (err.code != rows[i].code || (rc == 0) != (err.code == 0))
			fail_msg("%s: %s", rows[i].name, err.msg);
	}
}

static void locks(void **state)
{
	static const struct row rows[] = {
		{ "all-keys.json", ERR_NONE },
		{ "minimal.json", ERR_NONE },
		{ "traversal.json", ERR_UNSAFE },
		{ "twins.json", ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lock l CLEANUP(lock_release) = { 0 };
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		int rc;

		read_seed("lock", rows[i].name, &text);
		rc = lock_parse(&l, text.ptr, text.len, &err);
		if (err.code != rows[i].code || (rc == 0) != (err.code == 0))
			fail_msg("%s: %s", rows[i].name, err.msg);
	}
}

static void json_texts(void **state)
{
	static const struct row rows[] = {
		{ "array", ERR_NONE },	   { "nested", ERR_NONE },
		{ "object", ERR_NONE },	   { "duplicate", ERR_FORMAT },
		{ "refused", ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json *doc CLEANUP(json_free) = NULL;
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		int rc;

		read_seed("json", rows[i].name, &text);
		rc = json_parse(&doc, text.ptr, text.len, &err);
		if (err.code != rows[i].code || (rc == 0) != (err.code == 0))
			fail_msg("%s: %s", rows[i].name, err.msg);
	}
}

/* A name, a newline, a pattern. */
static void names(void **state)
{
	static const struct {
		const char *name;
		bool path, id, revision, matches;
	} rows[] = {
		{ "control", false, false, false, false },
		{ "model", true, true, true, true },
		{ "repo", true, true, true, false },
		{ "revision", true, false, true, false },
		{ "traversal", false, false, false, true },
		{ "unicode", true, false, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error a = { 0 }, b = { 0 }, c = { 0 };
		char *pattern;

		read_seed("path", rows[i].name, &text);
		pattern = strchr(text.ptr, '\n');
		assert_non_null(pattern);
		*pattern++ = '\0';
		if ((path_check(text.ptr, &a) == 0) != rows[i].path ||
		    (repo_id_check(text.ptr, &b) == 0) != rows[i].id ||
		    (revision_check(text.ptr, &c) == 0) != rows[i].revision ||
		    glob_match(pattern, text.ptr) != rows[i].matches)
			fail_msg("%s: \"%s\", \"%s\", \"%s\", %d", rows[i].name,
				 a.msg, b.msg, c.msg,
				 glob_match(pattern, text.ptr));
	}
}

int run_corpus_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifests),
		cmocka_unit_test(locks),
		cmocka_unit_test(json_texts),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
