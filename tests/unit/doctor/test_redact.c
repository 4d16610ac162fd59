#include "tests/unit/doctor/unit.h"

#include "base/mem.h"
#include "doctor/redact.h"

static void test_rows(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "" },
		{ "hf_cache and hf_hub_download",
		  "hf_cache and hf_hub_download" },
		{ "key hf_abcdefgh1 end", "key hf_********* end" },
		{ "./checkpoints/hf_cache/x", "./checkpoints/hf_cache/x" },
		{ "http://u:p@h:1/x", "http://***@h:1/x" },
		{ "http://u:p@q@h/x", "http://*****@h/x" },
		{ "http://h/x@y", "http://h/x@y" },
		{ "http://h:80/x@y", "http://h:80/x@y" },
		{ "http://u:p/q@h:1/x", "http://*****@h:1/x" },
		{ "http://u:p#q?r@h", "http://*******@h" },
		{ "http://u:p,q@h", "http://*****@h" },
		{ "Authorization: Bearer abc.def",
		  "Authorization: Bearer *******" },
		{ "?token=abc&x=1", "?token=***&x=1" },
		{ "X-Amz-Signature=abc", "X-Amz-Signature=***" },
		{ "HF_TOKEN is set", "HF_TOKEN is set" },
		{ "HF_TOKEN=abc", "HF_TOKEN=***" },
		{ "bearer ", "bearer " },
		{ "://", "://" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text CLEANUP(free_ptr) = xstrdup(rows[i].in);

		redact_secrets(text);
		assert_string_equal(text, rows[i].out);
	}
}

int run_redact_tests(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
