#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "fetch/http.h"

static void origins(void **state)
{
	static const struct {
		const char *url, *origin;
	} table[] = {
		{ "https://huggingface.co", "https://huggingface.co" },
		{ "https://HuggingFace.co:443/x?y", "https://huggingface.co" },
		{ "http://h:80/", "http://h" },
		{ "http://h:8080/a/b", "http://h:8080" },
		{ "https://u:secret@h/x", "https://h" },
		{ "HTTPS://h", "https://h" },
		{ "http://[::1]:9/", "http://[::1]:9" },
		{ "https://h:80", "https://h:80" },
	};
	static const char *const bad[] = {
		"ftp://h/", "h/x",	   "",
		"http://",  "file:///etc", "https://h:99999/"
	};
	struct error err = { .code = ERR_NONE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char *origin CLEANUP(free_ptr) = NULL;

		assert_ok(http_origin(table[i].url, &origin, &err), &err);
		assert_string_equal(origin, table[i].origin);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char *origin = NULL;

		assert_fails(http_origin(bad[i], &origin, &err), &err,
			     ERR_USAGE, "not a http or https URL");
		assert_null(origin);
	}
}

static void redaction(void **state)
{
	static const struct {
		const char *url, *shown;
	} table[] = {
		{ "https://h/a?Signature=secret", "https://h/a" },
		{ "https://u:p@h:1/a#frag", "https://h:1/a" },
		{ "http://u:p@ss@h", "http://h" },
		{ "socks5h://u:p@proxy:1080", "socks5h://proxy:1080" },
		{ "u:p@proxy:3128", "proxy:3128" },
		{ "https://h/with@at", "https://h/with@at" },
		{ "https://h?u:p@x", "https://h" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char *shown CLEANUP(free_ptr) = http_redact(table[i].url);

		assert_string_equal(shown, table[i].shown);
	}
}

int run_url_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(origins),
		cmocka_unit_test(redaction),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
