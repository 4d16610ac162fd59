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
		/* in quotes, as Python, JSON and the shell write them */
		{ "token='a b', x=1", "token='***', x=1" },
		{ "{\"password\": \"a,b\", \"x\": 1}",
		  "{\"password\": \"***\", \"x\": 1}" },
		{ "\\\"token\\\": \\\"abc", "\\\"token\\\": \\\"***" },
		{ "{'token': 'abc'}", "{'token': '***'}" },
		{ "'DB_PASSWORD=a b' x", "'DB_PASSWORD=***' x" },
		{ "\"token", "\"token" },
		{ "token='abc", "token='***" },
		{ "x-api-key: abc", "x-api-key: ***" },
		{ "PRIVATE-TOKEN: abc", "PRIVATE-TOKEN: ***" },
		{ "unknown token: abc", "unknown token: abc" },
		{ "AWS_SECRET_ACCESS_KEY=a/b+c",
		  "AWS_SECRET_ACCESS_KEY=*****" },
		{ "?sv=1&sig=a%2Fb&se=2", "?sv=1&sig=*****&se=2" },
		{ "config_sig=1", "config_sig=1" },
		/* options with a value of their own */
		{ "--token abc --x", "--token *** --x" },
		{ "--hf-token 'a b' c", "--hf-token '***' c" },
		{ "--password=abc x", "--password=*** x" },
		{ "--gradio-auth me:pw", "--gradio-auth *****" },
		{ "--token --x y", "--token --x y" },
		{ "--token", "--token" },
		{ "--token ", "--token " },
		{ "--max-tokens 512 --tokenizer a",
		  "--max-tokens 512 --tokenizer a" },
		{ "a token bucket; auth=x", "a token bucket; auth=x" },
		/* known by how they begin */
		{ "ghp_abcdefghijklmnopqrst", "ghp_********************" },
		{ "glpat-abcdefghij_klmnop", "glpat-*****************" },
		{ "sk-scikit-learn-and-other-long-names",
		  "sk-scikit-learn-and-other-long-names" },
		{ "sk-proj-abc123def456ghi789", "sk-***********************" },
		{ "ms-01234567-89ab-cdef-0123-456789abcdef",
		  "ms-************************************" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text CLEANUP(free_ptr) = xstrdup(rows[i].in);

		redact_secrets(text);
		assert_string_equal(text, rows[i].out);
	}
}

/* Of our own advice; no password is exactly that. */
static void test_placeholder(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "as http://USER:PASSWORD@HOST:PORT",
		  "as http://USER:PASSWORD@HOST:PORT" },
		{ "http://USER:PASSWORD@HOST:PORT http://u:p@h",
		  "http://USER:PASSWORD@HOST:PORT http://***@h" },
		{ "http://user:password@h", "http://*************@h" },
		{ "http://USER:PASSWORD1@h", "http://**************@h" },
		{ "http://USER:PASSWORd@h", "http://*************@h" },
		{ "http://USER:PASSWORD@p@h", "http://***************@h" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text CLEANUP(free_ptr) = xstrdup(rows[i].in);

		redact_secrets(text);
		assert_string_equal(text, rows[i].out);
	}
}

static void test_words(void **state)
{
	static const struct {
		const char *before, *in, *out;
	} rows[] = {
		{ "--token", "a b'c\"d", "*******" },
		{ "--hf-token", "abc", "***" },
		{ "--password", "abc", "***" },
		{ "--auth", "me:abc", "******" },
		{ "-u", "me:abc", "me:***" },
		{ "-u", "webui.py", "webui.py" },
		{ "--token", "--verbose", "--verbose" },
		{ "token", "abc", "abc" },
		{ "", "HF_TOKEN=a;b c'd\ne", "HF_TOKEN=*********" },
		{ "", "--api-key=a&b", "--api-key=***" },
		{ "-H", "X-Api-Key: a b", "X-Api-Key: ***" },
		{ "-H", "Authorization: abc", "Authorization: ***" },
		{ "-H", "Cookie: a=b; c=d", "Cookie: ********" },
		{ "-c", "python x --token def ghi",
		  "python x --token *** ghi" },
		{ "--tokenizer", "abc", "abc" },
		{ "", "model=gpt.pth", "model=gpt.pth" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *word CLEANUP(free_ptr) = xstrdup(rows[i].in);

		redact_word(word, rows[i].before);
		assert_string_equal(word, rows[i].out);
	}
}

int run_redact_tests(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows),
					    cmocka_unit_test(test_placeholder),
					    cmocka_unit_test(test_words) };

	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
