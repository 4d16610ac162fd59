#include "tests/unit/fetch/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "fetch/registry.h"

#include <dirent.h>
#include <string.h>

/* The manifests of the corpus: those that are named bad are refused. */
static void corpus_is_judged(void **state)
{
	DIR *d = opendir("tests/fuzz/corpus/registry");
	const struct dirent *e;
	size_t good = 0, bad = 0, bundles = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d))) {
		struct registry_image image CLEANUP(
			registry_image_release) = REGISTRY_IMAGE_INIT;
		const struct lock_repo *r;
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		int rc;

		if (!str_starts(e->d_name, "bad_") &&
		    !str_starts(e->d_name, "good"))
			continue;
		assert_int_equal(file_read_all(dirfd(d), e->d_name, 1u << 20,
					       &text, &err),
				 0);
		rc = registry_parse_manifest(text.ptr + 1, text.len - 1, &image,
					     &err);
		if ((rc == 0) != str_starts(e->d_name, "good"))
			fail_msg("%s: %d %s", e->d_name, rc, err.msg);
		if (rc == 0) {
			r = image.lock.repos;
			good++;
			bundles += image.bundle.alg == DIGEST_SHA256;
			assert_string_equal(r->id, "acme/voice");
			assert_int_equal(r->file_count, 2);
			assert_int_equal(r->refs.count, 2);
			assert_int_equal(r->files[0].etag.alg, DIGEST_GIT_SHA1);
			assert_int_equal(r->files[1].etag.alg, DIGEST_SHA256);
		} else {
			bad++;
		}
	}
	closedir(d);
	assert_true(good >= 4 && bad >= 15 && bundles == 1);
}

static void challenges(void **state)
{
	static const struct {
		const char *text, *realm, *service, *scope;
		bool ok, basic;
	} cases[] = {
		{ "Bearer "
		  "realm=\"https://a/t\",service=\"s\",scope=\"x:y:pull\"",
		  "https://a/t", "s", "x:y:pull", true, false },
		{ "bearer service=s , realm=https://a/t", "https://a/t", "s",
		  NULL, true, false },
		{ "Bearer realm=\"a\\\"b\"", "a\"b", NULL, NULL, true, false },
		{ "Basic realm=\"r\"", NULL, NULL, NULL, true, true },
		{ "basic", NULL, NULL, NULL, true, true },
		{ "Bearer", NULL, NULL, NULL, false, false },
		{ "Bearer service=\"s\"", NULL, NULL, NULL, false, false },
		{ "Negotiate", NULL, NULL, NULL, false, false },
		{ "", NULL, NULL, NULL, false, false },
		{ "Bearer realm=\"open", "open", NULL, NULL, true, false },
		{ "Negotiate, Basic realm=\"r\"", NULL, NULL, NULL, true,
		  true },
		{ "Basic realm=\"r\", Bearer realm=\"https://a/t\","
		  "service=\"s\"",
		  "https://a/t", "s", NULL, true, false },
		{ "Bearer realm=\"https://a/t\", Basic realm=\"r\"",
		  "https://a/t", NULL, NULL, true, false },
		{ "Negotiate abc==, Bearer realm=a , Digest realm=b,scope=c",
		  "a", NULL, NULL, true, false },
		{ "Digest realm=\"Basic\"", NULL, NULL, NULL, false, false },
		{ "=,=\"", NULL, NULL, NULL, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct registry_challenge c CLEANUP(
			registry_challenge_release) = { 0 };

		assert_int_equal(registry_parse_challenge(cases[i].text, &c),
				 cases[i].ok);
		assert_int_equal(c.basic, cases[i].basic);
		if (cases[i].realm)
			assert_string_equal(c.realm, cases[i].realm);
		if (cases[i].service)
			assert_string_equal(c.service, cases[i].service);
		if (cases[i].scope)
			assert_string_equal(c.scope, cases[i].scope);
	}
}

static void references(void **state)
{
	static const struct {
		const char *text, *host, *name, *reference;
	} cases[] = {
		{ "oci:h/n", "h", "n", "latest" },
		{ "oci:h:5000/a/b:v1.0", "h:5000", "a/b", "v1.0" },
		{ "oci://[::1]:5000/a:b", "[::1]:5000", "a", "b" },
		{ "oci:h", NULL, NULL, NULL },
		{ "oci:/n", NULL, NULL, NULL },
		{ "oci:h/", NULL, NULL, NULL },
		{ "oci:h/A", NULL, NULL, NULL },
		{ "oci:h/a/../b", NULL, NULL, NULL },
		{ "oci:h/a:", NULL, NULL, NULL },
		{ "oci:h/a:x/y", NULL, NULL, NULL },
		{ "oci:u@h/a", NULL, NULL, NULL },
		{ "oci:h?x/a", NULL, NULL, NULL },
		{ "oci:h/a@sha256:12", NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct registry_ref r CLEANUP(registry_ref_release) = { 0 };
		struct error err = { 0 };
		int rc = registry_ref_parse(&r, cases[i].text, &err);

		if (!cases[i].host) {
			if (!rc || err.code != ERR_USAGE)
				fail_msg("%s: taken", cases[i].text);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(r.host, cases[i].host);
		assert_string_equal(r.name, cases[i].name);
		assert_string_equal(r.reference, cases[i].reference);
	}
}

int run_registry_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corpus_is_judged),
		cmocka_unit_test(challenges),
		cmocka_unit_test(references),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
