#include "tests/unit/doctor/unit.h"

#include "base/mem.h"
#include "doctor/packages.h"

#include <string.h>

static void test_order(void **state)
{
	/* PEP 440's own example, ascending */
	static const char *const order[] = {
		"1.dev0",	"1.0.dev456",	 "1.0a1",
		"1.0a2.dev456", "1.0a12",	 "1.0b1.dev456",
		"1.0b2",	"1.0b2.post345", "1.0rc1.dev456",
		"1.0rc1",	"1.0",		 "1.0.post456.dev34",
		"1.0.post456",	"1.0.15",	 "1.1.dev1",
		"2!0.1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		for (size_t k = 0; k < ARRAY_LEN(order); k++) {
			int c = version_cmp(order[i], order[k]);
			int want = (i > k) - (i < k);

			if ((c > 0) - (c < 0) != want)
				fail_msg("%s and %s: %d", order[i], order[k],
					 c);
		}
}

static void test_equal(void **state)
{
	static const char *const pairs[][2] = {
		{ "1.0", "1.0.0" },	      { "v1.2", "1.2" },
		{ "1.0a1", "1.0.alpha1" },    { "2.8.0+cu128", "2.8.0" },
		{ "1.0-post1", "1.0.post1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		assert_int_equal(version_cmp(pairs[i][0], pairs[i][1]), 0);
	assert_true(version_cmp("garbage", "0.1") < 0);
	assert_true(version_cmp("", "0.1") < 0);
}

static void test_fits(void **state)
{
	static const struct {
		const char *version, *spec;
		bool fits;
	} rows[] = {
		{ "4.52.1", "==4.52.1", true },
		{ "4.52.2", "==4.52.1", false },
		{ "2.8.0+cu128", "==2.8.*", true },
		{ "2.80.0", "==2.8.*", false },
		{ "2.9.0", "==2.8.*", false },
		{ "3.11.13", ">=3.10,<3.12", true },
		{ "3.12.0", ">=3.10,<3.12", false },
		{ "3.9", ">=3.10, <3.12", false },
		{ "1.5", "~=1.4.2", false },
		{ "1.4.9", "~=1.4.2", true },
		{ "1.4.1", "~=1.4.2", false },
		{ "1.4", "!=1.4", false },
		{ "1.5", "!=1.4.*", true },
		{ "0.2.1", ">=0.2.1", true },
		{ "0.10.2.post1", "==0.10.2.post1", true },
		{ "0.10.2", "==0.10.2.post1", false },
		{ "5", "", true },
		{ "5", ">4;python_version>'3'", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (version_fits(rows[i].version, rows[i].spec) != rows[i].fits)
			fail_msg("%s %s", rows[i].version, rows[i].spec);
}

static void test_dist_info(void **state)
{
	static const struct {
		const char *dir, *name, *version;
	} rows[] = {
		{ "huggingface_hub-0.35.0.dist-info", "huggingface-hub",
		  "0.35.0" },
		{ "torch-2.8.0+cu128.dist-info", "torch", "2.8.0+cu128" },
		{ "zope.interface-6.0.dist-info", "zope-interface", "6.0" },
		{ "WeTextProcessing-1.0.4.1.dist-info", "wetextprocessing",
		  "1.0.4.1" },
		{ "x.dist-info", NULL, NULL },
		{ "-1.dist-info", NULL, NULL },
		{ "a-.dist-info", NULL, NULL },
		{ "~b-1.dist-info", NULL, NULL },
		{ ".dist-info", NULL, NULL },
		{ "._-1.dist-info", NULL, NULL },
		{ "torch-2.8.0", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *name CLEANUP(free_ptr) = NULL;
		char *version CLEANUP(free_ptr) = NULL;
		bool ok = dist_info_parse(rows[i].dir, &name, &version);

		assert_int_equal(ok, rows[i].name != NULL);
		if (!ok)
			continue;
		assert_string_equal(name, rows[i].name);
		assert_string_equal(version, rows[i].version);
	}
}

static void test_metadata(void **state)
{
	char *name = NULL, *version = NULL;
	const char *good = "Metadata-Version: 2.1\r\nName: A_b\r\n"
			   "Version: 1.2\r\n\r\nVersion: 9\n";
	const char *late = "Name: a\n\nVersion: 9\n";

	(void)state;
	assert_true(metadata_parse(good, strlen(good), &name, &version));
	assert_string_equal(name, "a-b");
	assert_string_equal(version, "1.2");
	free_ptr(&name);
	free_ptr(&version);
	assert_false(metadata_parse(late, strlen(late), &name, &version));
	assert_false(metadata_parse("", 0, &name, &version));
}

int run_package_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_dist_info),
		cmocka_unit_test(test_metadata),
	};

	return cmocka_run_group_tests_name("packages", tests, NULL, NULL);
}
