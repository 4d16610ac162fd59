#include "tests/unit/doctor/unit.h"

#include "base/mem.h"
#include "doctor/logscan.h"
#include "doctor/logtable.h"
#include "doctor/logtext.h"

#include <stdio.h>
#include <string.h>

/* Each rule is found by the example that it brings, ids are unique, texts are there. */
static void test_table(void **state)
{
	struct log_table t CLEANUP(log_table_release) = { 0 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(log_table_load(&t, &err), 0);
	assert_true(t.rule_count > 50 && t.stage_count == 12);
	for (size_t i = 0; i < t.rule_count; i++) {
		const struct log_rule *r = &t.rules[i];
		const struct log_rule *m = log_table_match(&t, r->example);

		if (m != r)
			fail_msg("%s: its example finds %s", r->id,
				 m ? m->id : "nothing");
		assert_true(r->title[0] && r->meaning[0] && r->remedy[0]);
		assert_false(log_table_is_noise(&t, r->example));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(r->id, t.rules[k].id);
	}
	for (size_t i = 0; i < t.stage_count; i++) {
		bool is_end = i + 3 >= t.stage_count; /* all is loaded */

		assert_true(t.stages[i].what[0]);
		assert_int_equal(t.stages[i].next[0] == '\0', is_end);
		assert_int_equal(t.stages[i].remedy[0] == '\0', is_end);
	}
}

static void scan(const char *text, struct log_scan *out, char id[64])
{
	struct log_table t CLEANUP(log_table_release) = { 0 };
	struct error err = { 0 };

	assert_int_equal(log_table_load(&t, &err), 0);
	log_scan(&t, text, strlen(text), out);
	id[0] = '\0';
	if (out->rule)
		snprintf(id, 64, "%s", out->rule->id);
	out->rule = NULL; /* goes with the table */
}

#define HEAD "Traceback (most recent call last):\n  File \"a\", line 1\n"

static void test_scan(void **state)
{
	static const struct {
		const char *text, *id, *last, *artifact;
	} rows[] = {
		{ "", "", "", NULL },
		{ HEAD "ValueError: x\n", "", "ValueError: x", NULL },
		/* survived */
		{ HEAD "ValueError: x\n>> s2mel weights restored from: y\n", "",
		  "", NULL },
		/* the last traceback, not the first */
		{ HEAD "FileNotFoundError: a\n\n" HEAD
		       "torch.OutOfMemoryError: b\n",
		  "gpu-memory", "torch.OutOfMemoryError: b", NULL },
		/* a chain: the cause */
		{ HEAD "E: [Errno 111] Connection refused\n\nDuring handling "
		       "of the above exception, another exception "
		       "occurred:\n\n" HEAD "LocalEntryNotFoundError: x\n",
		  "refused", "LocalEntryNotFoundError: x", NULL },
		{ "thrown while requesting HEAD https://h/a/b/resolve/main/"
		  "c/d.bin?x\n",
		  "retrying", NULL, "c/d.bin of a/b" },
		{ "Killed\nmodel.safetensors:   0%|\n", "killed", "Killed",
		  NULL },
		{ HEAD, "", "", NULL },
		/* a repository that has a folder of that name */
		{ HEAD "E: url: /a/b/resolve/main/checkpoints/x.pt (timed "
		       "out) ConnectTimeout\n",
		  "timeout", NULL, "checkpoints/x.pt of a/b" },
		/* secrets are gone before a line is cut, or looked through */
		{ "Killed http://me:secret@h/resolve/main/x\n", "killed",
		  "Killed http://*********@h/resolve/main/x", NULL },
		{ "no newline: Killed", "killed", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct log_scan s CLEANUP(log_scan_release) = LOG_SCAN_INIT;
		char id[64];

		scan(rows[i].text, &s, id);
		assert_string_equal(id, rows[i].id);
		if (rows[i].last)
			assert_string_equal(s.last.ptr, rows[i].last);
		if (rows[i].artifact)
			assert_string_equal(s.artifact, rows[i].artifact);
	}
}

static void test_utf16(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text; /* or NULL: it is none */
	} rows[] = {
		{ "", 0, NULL },
		{ "a", 1, NULL },
		{ "ab\0\0", 4, NULL },
		{ "\0\0\0\0a\0", 6, NULL },
		{ "\xef\xbb\xbf"
		  "a",
		  4, NULL },
		{ "\xff\xfe", 2, "" },
		{ "\xff\xfe\x7e\x62", 4, "\xe6\x89\xbe" },
		{ "\xfe\xff\x62\x7e\0a", 6,
		  "\xe6\x89\xbe"
		  "a" },
		{ "a\0\n\0", 4, "a\n" },
		{ "\0a\0\n", 4, "a\n" },
		/* a pair; halves of one; an odd end */
		{ "\xff\xfe\x3d\xd8\x00\xde", 6, "\xf0\x9f\x98\x80" },
		{ "\xff\xfe\x00\xde\x3d\xd8\x62\0\x00\xde\x61", 11,
		  "\xef\xbf\xbd"
		  "b\xef\xbf\xbd" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str out CLEANUP(str_release) = STR_INIT;
		char *copy CLEANUP(free_ptr) = xmalloc(rows[i].len +
						       !rows[i].len);

		/* so that a sanitizer sees what reads behind the end */
		memcpy(copy, rows[i].bytes, rows[i].len);
		assert_int_equal(log_text_from_utf16(copy, rows[i].len, &out),
				 rows[i].text != NULL);
		assert_string_equal(out.ptr, rows[i].text ? rows[i].text : "");
	}
}

int run_log_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_utf16),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
