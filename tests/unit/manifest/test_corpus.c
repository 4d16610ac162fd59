/* The fuzzers' corpora: what is taken, and what is not. */
#include "tests/unit/manifest/tests.h"

#include "base/file.h"
#include "base/mem.h"
#include "manifest/lock.h"
#include "manifest/manifest.h"

#include <fcntl.h>

struct row {
	const char *name;
	enum err_code code; /* ERR_NONE: taken */
};

static void read_seed(const char *corpus, const char *name, struct str *out)
{
	char *path CLEANUP(free_ptr) = xasprintf("tests/fuzz/corpus/%s/%s",
						 corpus, name);
	struct error err = { 0 };

	if (file_read_all(AT_FDCWD, path, MANIFEST_LIMIT, out, &err))
		fail_msg("%s", err.msg);
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

int run_corpus_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifests),
		cmocka_unit_test(locks),
	};

	return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
