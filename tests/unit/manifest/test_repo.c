#include "tests/unit/manifest/tests.h"

#include "base/mem.h"
#include "manifest/repo.h"

#include <stdlib.h>

static const struct {
	enum repo_type type;
	const char *id, *folder;
} folders[] = {
	{ REPO_MODEL, "IndexTeam/IndexTTS-2", "models--IndexTeam--IndexTTS-2" },
	{ REPO_MODEL, "gpt2", "models--gpt2" },
	{ REPO_DATASET, "a/b", "datasets--a--b" },
	{ REPO_SPACE, "a/b-c_d.e", "spaces--a--b-c_d.e" },
};

static void test_folder(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char *folder = repo_folder(folders[i].type, folders[i].id);
		enum repo_type type;
		char *id = NULL;

		assert_string_equal(folder, folders[i].folder);
		assert_int_equal(repo_folder_parse(folder, &type, &id), 0);
		assert_int_equal(type, folders[i].type);
		assert_string_equal(id, folders[i].id);
		free(folder);
		free(id);
	}
}

static void test_not_folders(void **state)
{
	static const char *const bad[] = {
		"",
		"models",
		"models--",
		"models--a--",
		"models----b",
		"models--a--b--c",
		"model--a--b",
		"kernels--a--b",
		"Models--a--b",
		"models--a---b",
		"models--a/b",
		"models--a/b--c",
		"models--a--..",
		"models--a--b.git",
		".locks",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		enum repo_type type = REPO_SPACE;
		char *id = NULL;

		if (repo_folder_parse(bad[i], &type, &id) == 0)
			fail_msg("\"%s\" was taken for %s", bad[i], id);
		assert_int_equal(type, REPO_SPACE);
		assert_null(id);
	}
}

static void test_types(void **state)
{
	struct error err = { 0 };
	enum repo_type t;

	(void)state;
	assert_string_equal(repo_type_plural(REPO_DATASET), "datasets");
	assert_string_equal(repo_type_prefix(REPO_MODEL), "");
	assert_string_equal(repo_type_prefix(REPO_SPACE), "spaces/");
	assert_int_equal(repo_type_parse(&t, "space", &err), 0);
	assert_int_equal(t, REPO_SPACE);
	assert_string_equal(repo_type_name(t), "space");
	assert_int_equal(repo_type_parse(&t, "models", &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_int_equal(t, REPO_SPACE);
}

int run_repo_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_not_folders),
		cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests_name("repo", tests, NULL, NULL);
}
