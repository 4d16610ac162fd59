#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "fetch/http_response.h"

#include <stdio.h>
#include <string.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define NOW    784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

/* Feeds lines that are separated by '\n'. */
static void feed(struct http_response *res, struct header_parser *p,
		 const char *text)
{
	struct error err = { .code = ERR_NONE };

	while (*text) {
		size_t n = strcspn(text, "\n") + 1;

		assert_ok(http_response_line(res, p, text, n, &err), &err);
		text += n;
	}
}

static void one(struct http_response *res, const char *text)
{
	struct header_parser p = { .now = NOW };

	http_response_init(res);
	feed(res, &p, text);
}

static void plain_answer(void **state)
{
	struct http_response r;

	(void)state;
	one(&r, "HTTP/1.1 206 Partial Content\r\n"
		"Content-Length:  5 \r\n"
		"content-range: bytes 10-14/15\r\n"
		"Content-Type: application/octet-stream\r\n"
		"ETag: \"abc\"\r\n"
		"X-Error-Code: GatedRepo\r\n"
		"X-Error-Message: no\r\n"
		"no colon here\r\n"
		"\r\n"
		"Content-Length: 99\r\n");
	assert_int_equal(r.status, 206);
	assert_int_equal(r.length, 5); /* trailers do not count */
	assert_int_equal(r.range_start, 10);
	assert_int_equal(r.range_end, 14);
	assert_int_equal(r.range_total, 15);
	assert_string_equal(r.content_type, "application/octet-stream");
	assert_string_equal(r.etag, "\"abc\"");
	assert_string_equal(r.error_code, "GatedRepo");
	assert_string_equal(r.error_message, "no");
	assert_false(r.encoded);
	assert_int_equal(r.retry_after_ms, UINT64_MAX);
}

/* What the Hub says stays, what the CDN says counts for itself only. */
static void hops(void **state)
{
	struct header_parser p = { .now = NOW };
	struct http_response r;

	(void)state;
	http_response_init(&r);
	feed(&r, &p,
	     "HTTP/2 302\r\nX-Repo-Commit: " COMMIT "\r\n"
	     "X-Linked-Size: 70000\r\nX-Linked-Etag: \"linked\"\r\n"
	     "ETag: \"first\"\r\nContent-Length: 1000\r\n"
	     "WWW-Authenticate: Basic\r\n"
	     "Docker-Content-Digest: sha256:1\r\n"
	     "Retry-After: 7\r\n\r\n");
	http_response_next(&r, &p);
	feed(&r, &p,
	     "HTTP/1.1 100 Continue\r\n\r\n"
	     "HTTP/1.1 200 OK\r\nETag: \"cdn\"\r\n"
	     "X-Linked-Size: 1\r\nX-Linked-Etag: \"other\"\r\n"
	     "X-Repo-Commit: ffffffffffffffffffffffffffffffffffffffff\r\n"
	     "\r\n");
	assert_int_equal(r.status, 200);
	assert_string_equal(r.commit, COMMIT);
	assert_string_equal(r.linked_etag, "\"linked\"");
	assert_int_equal(r.linked_size, 70000);
	assert_string_equal(r.etag, "\"cdn\"");
	assert_string_equal(r.challenge, "");
	assert_string_equal(r.content_digest, "");
	assert_int_equal(r.length, UINT64_MAX);
	assert_int_equal(r.retry_after_ms, UINT64_MAX);
}

static void bad_values(void **state)
{
	static const char *const ranges[] = {
		"bytes 5-4/10", "bytes 1-2",
		"bytes -2/10",	"1-2/3",
		"bytes 1-2/3x", "bytes 99999999999999999999-2/3",
		"bytes a-b/c",
	};
	struct http_response r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		char *text CLEANUP(free_ptr) = xasprintf(
			"HTTP/1.1 206 x\r\nContent-Range: %s\r\n", ranges[i]);

		one(&r, text);
		assert_int_equal(r.range_start, UINT64_MAX);
		assert_int_equal(r.range_total, UINT64_MAX);
	}
	one(&r, "HTTP/1.1 416 x\r\nContent-Range: bytes */1234\r\n"
		"Content-Length: 12x\r\nX-Repo-Commit: main\r\n"
		"Content-Encoding: gzip\r\n");
	assert_int_equal(r.range_total, 1234);
	assert_int_equal(r.range_start, UINT64_MAX);
	assert_int_equal(r.length, UINT64_MAX);
	assert_string_equal(r.commit, "");
	assert_true(r.encoded);
}

static void waits(void **state)
{
	static const struct {
		const char *lines;
		uint64_t ms;
	} table[] = {
		{ "Retry-After: 2\r\n", 2000 },
		{ "Retry-After: 0\r\n", 0 },
		{ "Retry-After: -5\r\n", UINT64_MAX },
		{ "Retry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n", 30000 },
		{ "Retry-After: Sun, 06 Nov 1994 08:00:00 GMT\r\n", 0 },
		{ "Retry-After: soon\r\n", UINT64_MAX },
		/* by the server's clock, wherever it says what that is */
		{ "Retry-After: Thu, 26 Nov 2099 00:00:05 GMT\r\n"
		  "Date: Thu, 26 Nov 2099 00:00:00 GMT\r\n",
		  5000 },
		{ "Date: Sun, 06 Nov 1994 08:50:05 GMT\r\n"
		  "Retry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n",
		  2000 },
		{ "Date: yesterday\r\n"
		  "Retry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n",
		  30000 },
		{ "Date: Thu, 26 Nov 2099 00:00:00 GMT\r\n", UINT64_MAX },
		{ "Retry-After: 999999999999999\r\n", UINT32_MAX * 1000ull },
		{ "RateLimit: \"api\";r=0;t=55\r\n", 56000 },
		{ "RateLimit: \"api\"; r=0; t=55\r\n", 56000 },
		{ "RateLimit: \"api\";r=3;t=55\r\n", UINT64_MAX },
		{ "RateLimit: \"a\";r=9;t=99, \"b\";r=0;t=5\r\n", 6000 },
		{ "RateLimit: \"api\";r=0\r\n", UINT64_MAX },
		{ "RateLimit: ;=;r=;t=\r\n", UINT64_MAX },
		{ "RateLimit: \"api\";r=0;t=5\r\nRetry-After: 60\r\n", 60000 },
	};
	struct http_response r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char *text CLEANUP(free_ptr) = xasprintf(
			"HTTP/1.1 429 x\r\n%s\r\n", table[i].lines);

		one(&r, text);
		assert_true(r.retry_after_ms == table[i].ms);
	}
}

static void links(void **state)
{
	static const struct {
		const char *value, *next;
	} table[] = {
		{ "<https://h/a?c=1>; rel=\"next\"", "https://h/a?c=1" },
		{ "<https://h/a>; rel=next", "https://h/a" },
		{ "<https://h/p>; rel=\"prev\", <https://h/n>; rel=\"next\"",
		  "https://h/n" },
		{ "<https://h/n>;title=\"a,b;rel=next\";rel=\"last next\"",
		  "https://h/n" },
		{ "<https://h/x>; rel=\"xet-auth\"", NULL },
		{ "<https://h/x>; title=\"next\"", NULL },
		{ "<https://h/x; rel=\"next\"", NULL },
		{ "<>; rel=\"next\"", "" },
		{ "<a>; ; ;;= ,<b>;rel=next", "b" },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_response r CLEANUP(http_response_release);
		char *text CLEANUP(free_ptr) = xasprintf(
			"HTTP/1.1 200 x\r\nLink: %s\r\n", table[i].value);

		one(&r, text);
		if (table[i].next)
			assert_string_equal(r.link_next, table[i].next);
		else
			assert_null(r.link_next);
	}
}

static void limits(void **state)
{
	struct error err = { .code = ERR_NONE };
	struct header_parser p = { .now = NOW };
	struct http_response r;
	size_t len = HTTP_HEADER_LIMIT + 1;
	char *line CLEANUP(free_ptr) = xmalloc(len);
	unsigned n = 0;

	(void)state;
	memset(line, 'a', len);
	line[1] = ':';
	http_response_init(&r);
	assert_fails(http_response_line(&r, &p, line, len, &err), &err,
		     ERR_FORMAT, "longer than");
	assert_fails(http_response_line(&r, &p, "HTTP/1.1 abc\r\n", 14, &err),
		     &err, ERR_FORMAT, "status line");
	while (http_response_line(&r, &p, line, 8192, &err) == 0)
		n++;
	assert_fails(-1, &err, ERR_FORMAT, "longer than");
	assert_in_range(n, 10, HTTP_HEADERS_TOTAL / 8192);
	/* what does not fit is not there, instead of being cut */
	http_response_init(&r);
	p = (struct header_parser){ .now = NOW };
	memcpy(line, "ETag: ", 6);
	assert_ok(http_response_line(&r, &p, line, 1000, &err), &err);
	assert_string_equal(r.etag, "");
}

static void refusals(void **state)
{
	static const struct {
		const char *type, *header, *body, *says;
	} table[] = {
		{ "application/json", "", "{\"error\":\"a\"}", "a" },
		{ "", "", "{\"Code\":1,\"Message\":\"b\\nc\"}", "b" },
		{ "", "", "{\"error\":{\"message\":\"d\"}}", "d" },
		{ "", "", "{\"detail\":\"e\"}", "e" },
		{ "", "", "{\"error\":\"\",\"message\":\"f\"}", "f" },
		{ "", "said", "{\"error\":\"a\"}", "said" },
		{ "", "", "{\"error\":7}", "" },
		{ "", "", "[\"error\"]", "" },
		{ "", "", "{\"error\":\"cut", "" },
		{ "", "", "in plain words", "" },
		{ "text/plain; charset=utf-8", "", "in plain words\r\nmore",
		  "in plain words" },
		{ "text/plain", "", "<html>", "" },
		{ "text/html", "", "words", "" },
		{ "text/plain", "", "", "" },
	};
	char *longer CLEANUP(free_ptr) = xmalloc(1001);
	struct http_response r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		http_response_init(&r);
		snprintf(r.content_type, sizeof(r.content_type), "%s",
			 table[i].type);
		snprintf(r.error_message, sizeof(r.error_message), "%s",
			 table[i].header);
		http_response_refusal(&r, table[i].body, strlen(table[i].body));
		assert_string_equal(r.error_message, table[i].says);
	}
	memset(longer, 'x', 1000);
	longer[1000] = '\0';
	http_response_init(&r);
	memcpy(r.content_type, "text/plain", 11);
	http_response_refusal(&r, longer, 1000);
	assert_int_equal(strlen(r.error_message), sizeof(r.error_message) - 1);
}

/* What was sent is not told again, also where the words were cut in its middle. */
static void secrets_in_refusals(void **state)
{
	static const char secret[] = " hf_abcdefghijkl";
	struct http_response r;

	(void)state;
	http_response_init(&r);
	memcpy(r.content_type, "text/plain", 11);
	http_response_refusal(&r, "no hf_abcdefghi", 15);
	http_response_hush(&r, NULL);
	http_response_hush(&r, "");
	http_response_hush(&r, "hf_another_one");
	assert_string_equal(r.error_message, "no hf_abcdefghi");
	http_response_hush(&r, secret);
	assert_string_equal(r.error_message, "");
	memcpy(r.error_code, "hf_abcdefghijkl", 16);
	http_response_hush(&r, secret + 1);
	assert_string_equal(r.error_code, "");
}

/* In several fields; what does not fit is left out whole. */
static void challenges_of_a_registry(void **state)
{
	char *text CLEANUP(free_ptr) = NULL;
	char fill[2001];
	struct http_response r;

	(void)state;
	memset(fill, 'x', sizeof(fill) - 1);
	fill[sizeof(fill) - 1] = '\0';
	text = xasprintf("HTTP/1.1 401 No\r\n"
			 "WWW-Authenticate: Negotiate\r\n"
			 "WWW-Authenticate: Bearer realm=\"https://a.%s\"\r\n"
			 "WWW-Authenticate: Basic\r\n\r\n",
			 fill);
	one(&r, text);
	assert_string_equal(r.challenge, "Negotiate, Basic");
	http_response_release(&r);
}

int run_response_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_answer),
		cmocka_unit_test(challenges_of_a_registry),
		cmocka_unit_test(hops),
		cmocka_unit_test(bad_values),
		cmocka_unit_test(waits),
		cmocka_unit_test(links),
		cmocka_unit_test(limits),
		cmocka_unit_test(refusals),
		cmocka_unit_test(secrets_in_refusals),
	};

	return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
