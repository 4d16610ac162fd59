#include "tests/unit/cmd/unit.h"

#include "base/attr.h"
#include "base/json.h"
#include "base/mem.h"
#include "cmd/envfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HARD "/srv/my models/it's \"50%\" \\ $HOME"

static void format(const char *form, const char *cache, struct str *out)
{
	struct error err = { 0 };

	assert_int_equal(envfile_format(&(struct envfile){ cache, NULL }, form,
					out, &err),
			 0);
}

static void test_forms(void **state)
{
	static const struct {
		const char *form, *has;
	} rows[] = {
		{ "sh", "export HF_HUB_OFFLINE=1\n" },
		{ "sh", "export HF_HUB_CACHE='/srv/my models/it'\\''s \"50%\" "
			"\\ $HOME'\n" },
		{ "sh", "unset TRANSFORMERS_CACHE\n" },
		{ NULL, "export USE_MODELSCOPE=false\n" },
		{ "fish", "set -gx HF_HUB_CACHE '/srv/my models/it\\'s "
			  "\"50%\" \\\\ $HOME'\n" },
		{ "fish", "set -e HF_HOME; or true\n" },
		{ "systemd", "Environment=\"HF_HUB_CACHE=/srv/my models/it's "
			     "\\\"50%%\\\" \\\\ $HOME\"\n" },
		{ "systemd", "UnsetEnvironment=PYTORCH_TRANSFORMERS_CACHE\n" },
		{ "docker", "\nHF_HUB_CACHE=" HARD "\n" },
		{ "docker", "\n# HF_HOME must not be set\n" },
		{ "docker", "\nno_proxy=localhost,127.0.0.1,::1\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;

		format(rows[i].form, HARD, &s);
		if (!strstr(s.ptr, rows[i].has))
			fail_msg("%s lacks %s", s.ptr, rows[i].has);
	}
}

/* What a form cannot hold is refused; the others have it. */
static void test_bounds(void **state)
{
	static const struct {
		const char *form, *cache, *has; /* NULL: refused */
	} rows[] = {
		{ "sh", "/a\nb", "HF_HUB_CACHE='/a\nb'\n" },
		{ "fish", "/a\nb", "HF_HUB_CACHE '/a\nb'\n" },
		{ "systemd", "/a\nb\r", "HF_HUB_CACHE=/a\\x0ab\\x0d\"\n" },
		{ "docker", "/a\nb", NULL },
		{ "docker", "/a\r", NULL },
		{ "docker", "/a\t", "HF_HUB_CACHE=/a\t\n" },
		{ "sh", "/a\xff", "HF_HUB_CACHE='/a\xff'\n" },
		{ "fish", "/a\xff", "HF_HUB_CACHE '/a\xff'\n" },
		{ "systemd", "/a\xff", NULL },
		{ "docker", "/a\xff", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str s CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		const struct envfile e = { rows[i].cache, NULL };
		int rc = envfile_format(&e, rows[i].form, &s, &err);

		assert_int_equal(rc, rows[i].has ? 0 : -1);
		if (!rows[i].has)
			assert_int_equal(err.code, ERR_USAGE);
		else if (!strstr(s.ptr, rows[i].has))
			fail_msg("%s lacks %s", s.ptr, rows[i].has);
	}
}

/* A shell that reads it has the very path. */
static void test_shell(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	char seen[256] = "";
	FILE *f;

	(void)state;
	format("sh", HARD, &s);
	str_adds(&s, "printf %s \"$HF_HUB_CACHE\"\n");
	assert_int_equal(setenv("ITTS_TEST_SCRIPT", s.ptr, 1), 0);
	f = popen("sh -c 'eval \"$ITTS_TEST_SCRIPT\"'", "r");
	assert_non_null(f);
	assert_true(fread(seen, 1, sizeof(seen) - 1, f) > 0);
	assert_int_equal(pclose(f), 0);
	assert_string_equal(seen, HARD);
	unsetenv("ITTS_TEST_SCRIPT");
}

static void test_json(void **state)
{
	struct str s CLEANUP(str_release) = STR_INIT;
	struct json *doc CLEANUP(json_free) = NULL;
	struct error err = { 0 };
	struct json_writer w;

	(void)state;
	json_writer_init(&w, &s, JSON_COMPACT);
	json_begin_object(&w);
	assert_int_equal(
		envfile_json(&(struct envfile){ HARD, NULL }, &w, &err), 0);
	json_end_object(&w);
	assert_int_equal(json_parse(&doc, s.ptr, s.len, &err), 0);
	assert_string_equal(json_string_or(json_member(json_member(doc, "set"),
						       "HF_HUB_CACHE"),
					   ""),
			    HARD);
	assert_int_equal(json_count(json_member(doc, "unset")), 3);
	assert_int_equal(
		envfile_json(&(struct envfile){ "/\xff", NULL }, &w, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
}

/* What the user has stays; nothing twice, so it may be evaluated again. */
static void test_no_proxy(void **state)
{
	static const struct {
		const char *now, *then;
	} rows[] = {
		{ NULL, "localhost,127.0.0.1,::1" },
		{ "", "localhost,127.0.0.1,::1" },
		{ ".corp", ".corp,localhost,127.0.0.1,::1" },
		{ "a, localhost ,b", "a, localhost ,b,127.0.0.1,::1" },
		{ "localhost,127.0.0.1,::1", "localhost,127.0.0.1,::1" },
		{ "mylocalhost", "mylocalhost,localhost,127.0.0.1,::1" },
		{ "*", "*" },
		{ "a\nb", "localhost,127.0.0.1,::1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct envfile e = { "/c", rows[i].now };
		struct strlist sets CLEANUP(strlist_release) = { 0 };
		struct strlist unsets CLEANUP(strlist_release) = { 0 };
		char *lower CLEANUP(free_ptr) = xasprintf("no_proxy=%s",
							  rows[i].then);
		char *upper CLEANUP(free_ptr) = xasprintf("NO_PROXY=%s",
							  rows[i].then);

		envfile_lists(&e, &sets, &unsets);
		assert_true(strlist_has(&sets, lower));
		assert_true(strlist_has(&sets, upper));
	}
}

int run_envfile_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	 cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_shell),	 cmocka_unit_test(test_json),
		cmocka_unit_test(test_no_proxy),
	};

	return cmocka_run_group_tests_name("envfile", tests, NULL, NULL);
}
