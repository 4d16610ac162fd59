/* The fuzzers' corpora: what is taken is taken, and nothing else. */
#include "tests/unit/doctor/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "doctor/logscan.h"
#include "doctor/packages.h"
#include "doctor/weights.h"
#include "doctor/yamlscan.h"

#include <dirent.h>
#include <string.h>

static bool take_safetensors(const struct str *text)
{
	struct error err = { 0 };
	struct weights w;
	uint32_t len;

	memcpy(&len, text->ptr, sizeof(len));
	return safetensors_parse(text->ptr + sizeof(len),
				 text->len - sizeof(len), len, &w, &err) == 0;
}

/* A whole zip file. */
static bool take_zip(const struct str *text)
{
	const unsigned char *p = (const unsigned char *)text->ptr;
	struct error err = { 0 }, broken = { 0 };
	struct zip_end end;
	struct weights w;

	return zip_find_end(p, text->len, text->len, &end, &err) == 0 &&
	       zip_parse_directory(p + end.offset, (size_t)end.size,
				   end.entries, end.offset, &w, &broken) == 0;
}

/* Has it a value that leads out? */
static bool take_yaml(const struct str *text)
{
	struct yaml_scan s;
	struct yaml_line l;
	bool out = false;

	yaml_scan_init(&s, text->ptr, text->len);
	while (yaml_scan_next(&s, &l))
		out |= yaml_is_absolute(l.value);
	return out;
}

static bool take_package(const struct str *text)
{
	char *name CLEANUP(free_ptr) = NULL, *version CLEANUP(free_ptr) = NULL;

	return metadata_parse(text->ptr, text->len, &name, &version);
}

/* Does it tell of an error? */
static bool take_log(const struct str *text)
{
	struct log_table t CLEANUP(log_table_release) = { 0 };
	struct log_scan s CLEANUP(log_scan_release) = LOG_SCAN_INIT;
	struct error err = { 0 };

	assert_int_equal(log_table_load(&t, &err), 0);
	log_scan(&t, text->ptr, text->len, &s);
	return s.exception || s.rule;
}

static const struct corpus {
	const char *dir;
	bool (*take)(const struct str *text);
	const char *good[6];
} corpora[] = {
	{ "safetensors", take_safetensors, { "two", "scalar", "empty" } },
	{ "torchzip", take_zip, { "small", "zip64" } },
	{ "yamlscan", take_yaml, { "cubefs" } },
	{ "packages", take_package, { "metadata" } },
	{ "startlog", take_log, { "chain", "compose", "colours", "retry" } },
};

static bool is_good(const struct corpus *c, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(c->good) && c->good[i]; i++)
		if (strcmp(c->good[i], name) == 0)
			return true;
	return false;
}

static void run_corpus(const struct corpus *c)
{
	char *place CLEANUP(free_ptr) = xasprintf("tests/fuzz/corpus/%s",
						  c->dir);
	DIR *dir = opendir(place);
	const struct dirent *e;
	size_t seen = 0;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };

		if (e->d_name[0] == '.')
			continue;
		seen++;
		assert_int_equal(file_read_all(dirfd(dir), e->d_name, 65536,
					       &text, &err),
				 0);
		if (c->take(&text) != is_good(c, e->d_name))
			fail_msg("%s/%s", c->dir, e->d_name);
	}
	closedir(dir);
	assert_true(seen >= 3);
}

static void test_corpora(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(corpora); i++)
		run_corpus(&corpora[i]);
}

int run_corpus_tests(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_corpora) };

	return cmocka_run_group_tests_name("corpora", tests, NULL, NULL);
}
