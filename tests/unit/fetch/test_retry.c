#include "tests/unit/fetch/unit.h"

#include "fetch/http_response.h"
#include "fetch/retry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX 6

static struct http_response answer_of(long status)
{
	struct http_response r;

	http_response_init(&r);
	r.status = status;
	return r;
}

static void set(char *field, size_t size, const char *text)
{
	assert_true((size_t)snprintf(field, size, "%s", text) < size);
}

static void statuses(void **state)
{
	static const struct {
		long status;
		enum retry_verdict verdict;
	} table[] = {
		{ 200, RETRY_OK },	  { 206, RETRY_OK },
		{ 408, RETRY_AGAIN },	  { 429, RETRY_AGAIN },
		{ 500, RETRY_AGAIN },	  { 502, RETRY_AGAIN },
		{ 503, RETRY_AGAIN },	  { 504, RETRY_AGAIN },
		{ 522, RETRY_AGAIN },	  { 524, RETRY_AGAIN },
		{ 400, RETRY_ELSEWHERE }, { 401, RETRY_ELSEWHERE },
		{ 403, RETRY_ELSEWHERE }, { 404, RETRY_ELSEWHERE },
		{ 410, RETRY_ELSEWHERE }, { 416, RETRY_ELSEWHERE },
		{ 451, RETRY_ELSEWHERE }, { 501, RETRY_ELSEWHERE },
		{ 204, RETRY_ELSEWHERE }, { 302, RETRY_ELSEWHERE },
	};
	struct error none = { .code = ERR_NONE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_response r = answer_of(table[i].status);
		struct retry_decision d = retry_decide(&r, &none, 1, MAX,
						       12345);

		assert_int_equal(d.verdict, table[i].verdict);
		/* the budget ends */
		d = retry_decide(&r, &none, MAX, MAX, 12345);
		assert_int_not_equal(d.verdict, RETRY_AGAIN);
	}
}

static void failures(void **state)
{
	static const struct {
		enum err_code code;
		bool untrusted, proxy_refused;
		long http;
		enum retry_verdict verdict;
	} table[] = {
		{ ERR_NET, false, false, 0, RETRY_AGAIN },
		{ ERR_NET, true, false, 0, RETRY_ELSEWHERE },
		{ ERR_NET, false, true, 403, RETRY_ELSEWHERE },
		{ ERR_NET, false, true, 503, RETRY_AGAIN },
		{ ERR_AUTH, false, true, 407, RETRY_NEVER },
		{ ERR_AUTH, false, true, 401, RETRY_NEVER },
		/* another host may be allowed */
		{ ERR_AUTH, false, true, 403, RETRY_ELSEWHERE },
		/* of a SOCKS proxy */
		{ ERR_AUTH, false, true, 0, RETRY_NEVER },
		{ ERR_NET, false, true, 0, RETRY_ELSEWHERE },
		{ ERR_HTTP, false, false, 0, RETRY_ELSEWHERE },
		{ ERR_FORMAT, false, false, 0, RETRY_ELSEWHERE },
		{ ERR_INTEGRITY, false, false, 0, RETRY_ELSEWHERE },
		{ ERR_IO, false, false, 0, RETRY_NEVER },
		{ ERR_USAGE, false, false, 0, RETRY_NEVER },
		{ ERR_CANCELLED, false, false, 0, RETRY_NEVER },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_response r = answer_of(0);
		struct error err = { .code = table[i].code,
				     .http = table[i].http };
		struct retry_decision d;

		r.untrusted = table[i].untrusted;
		r.proxy_refused = table[i].proxy_refused;
		d = retry_decide(&r, &err, 1, MAX, 0);
		assert_int_equal(d.verdict, table[i].verdict);
	}
}

/* Nothing is asked again after the deadline of all the work. */
static void deadline(void **state)
{
	struct http_response r = answer_of(0);
	struct error late = { .code = ERR_NET, .sys = ETIME };

	(void)state;
	assert_int_equal(retry_decide(&r, &late, 1, MAX, 0).verdict,
			 RETRY_NEVER);
}

/* Behind a redirect it is the CDN that speaks, unless the Hub's code is there. */
static void signed_links(void **state)
{
	struct error none = { .code = ERR_NONE };
	struct http_response r = answer_of(403);

	(void)state;
	r.redirected = true;
	assert_int_equal(retry_decide(&r, &none, 1, MAX, 0).verdict,
			 RETRY_REFRESH);
	assert_int_equal(retry_decide(&r, &none, 3, MAX, 0).verdict,
			 RETRY_ELSEWHERE);
	set(r.error_code, sizeof(r.error_code), "GatedRepo");
	assert_int_equal(retry_decide(&r, &none, 1, MAX, 0).verdict,
			 RETRY_ELSEWHERE);
	r = answer_of(407);
	r.proxy_refused = true;
	assert_int_equal(retry_decide(&r, &none, 1, MAX, 0).verdict,
			 RETRY_NEVER);
}

/* Of answers that a proxy has made itself. */
static void proxy_answers(void **state)
{
	static const struct {
		long status;
		enum retry_verdict verdict;
		enum err_code class;
		const char *says;
	} table[] = {
		{ 407, RETRY_NEVER, ERR_AUTH, "wants a user name" },
		{ 401, RETRY_NEVER, ERR_AUTH, "wants a user name" },
		{ 403, RETRY_ELSEWHERE, ERR_AUTH, "refuses the request" },
		{ 404, RETRY_ELSEWHERE, ERR_AUTH, "refuses the request" },
		{ 503, RETRY_AGAIN, ERR_HTTP, "cannot get it from there" },
	};
	struct error none = { .code = ERR_NONE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_response r = answer_of(table[i].status);
		struct error err = { .code = ERR_NONE };

		/* it may be that of a redirect's host */
		r.redirected = true;
		r.proxy_refused = true;
		set(r.proxy, sizeof(r.proxy), "http://corp:3128");
		assert_int_equal(retry_decide(&r, &none, 1, MAX, 0).verdict,
				 table[i].verdict);
		retry_explain_as(RETRY_LINK, &r, "org/name file", "https://hub",
				 &err);
		assert_contains(err.msg, "the proxy http://corp:3128 ");
		assert_null(strstr(err.msg, "may have answered"));
		assert_null(strstr(err.msg, "token"));
		assert_fails(-1, &err, table[i].class, table[i].says);
	}
}

/* Whose answer it is, only a part of them says. */
static void perhaps_of_the_proxy(void **state)
{
	static const struct {
		long status;
		const char *code, *type, *proxy;
		bool forwarded, told;
	} table[] = {
		{ 403, "", "text/html", "http://corp:3128", false, true },
		{ 404, "", "text/html", "http://corp:3128", false, true },
		{ 502, "", "", "http://corp:3128", false, true },
		{ 200, "", "text/html", "http://corp:3128", false, true },
		{ 403, "", "text/html", "", false, false },
		{ 403, "", "text/html", "http://corp:3128", true, false },
		{ 403, "GatedRepo", "text/plain", "http://corp:3128", false,
		  false },
		{ 403, "", "application/json; charset=utf-8",
		  "http://corp:3128", false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		for (unsigned asker = 0; asker < RETRY_ASKERS; asker++) {
			struct http_response r = answer_of(table[i].status);
			struct error err = { .code = ERR_NONE };
			const char *told;

			set(r.error_code, sizeof(r.error_code), table[i].code);
			set(r.content_type, sizeof(r.content_type),
			    table[i].type);
			set(r.proxy, sizeof(r.proxy), table[i].proxy);
			r.forwarded = table[i].forwarded;
			retry_explain_as(asker, &r, "org/name file",
					 "https://hub", &err);
			told = strstr(err.msg,
				      "came through the proxy "
				      "http://corp:3128, which may have "
				      "answered itself");
			assert_int_equal(told != NULL, table[i].told);
		}
}

static void delays(void **state)
{
	static const struct {
		unsigned attempt;
		unsigned top;
	} table[] = { { 1, 250 },   { 2, 2000 },  { 3, 4000 },	{ 4, 8000 },
		      { 5, 16000 }, { 6, 30000 }, { 99, 30000 } };
	struct http_response r = answer_of(503);
	struct error none = { .code = ERR_NONE };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		unsigned seen = 0;

		for (uint32_t jitter = 0; jitter < 40000; jitter += 7) {
			unsigned d = retry_decide(&r, &none, table[i].attempt,
						  1000, jitter)
					     .delay_ms;

			assert_in_range(d, 0, table[i].top);
			seen = d > seen ? d : seen;
		}
		assert_in_range(seen, table[i].top - 10, table[i].top);
	}
	r.retry_after_ms = 2500;
	assert_int_equal(retry_decide(&r, &none, 1, MAX, 7).delay_ms, 2500);
	r.retry_after_ms = 86400000;
	assert_int_equal(retry_decide(&r, &none, 1, MAX, 7).delay_ms,
			 RETRY_MAX_DELAY_MS);
}

/* What a server said is none. */
static void ends_in_advice(enum retry_asker asker,
			   const struct http_response *r)
{
	struct error err = { .code = ERR_NONE };
	const char *last;

	retry_explain_as(asker, r, "org/name file", "https://x", &err);
	last = strrchr(err.msg, ';');
	if (!last || strncmp(last, "; the server says", 17) == 0)
		fail_msg("asker %d: %s", (int)asker, err.msg);
	if (asker == RETRY_LINK || asker == RETRY_LFS || asker == RETRY_GIT ||
	    asker == RETRY_REGISTRY)
		assert_null(strstr(err.msg, "--endpoint"));
}

static void words(void **state)
{
	static const struct {
		long status;
		const char *code, *message, *type;
		bool redirected, proxy;
		enum err_code class;
		const char *says;
	} table[] = {
		{ 401, "", "Invalid username or password.", "", false, false,
		  ERR_AUTH, "does not exist or is private" },
		{ 401, "", "Invalid credentials in Authorization header", "",
		  false, false, ERR_AUTH, "token or password is not accepted" },
		{ 401, "GatedRepo", "Access to model x is restricted", "",
		  false, false, ERR_AUTH, "accept the conditions" },
		{ 403, "GatedRepo", "not in the authorized list", "", false,
		  false, ERR_AUTH, "not in the authorized list" },
		{ 403, "", "Access to this resource is disabled.", "", false,
		  false, ERR_AUTH, "has been disabled" },
		{ 403, "", "", "", false, false, ERR_AUTH,
		  "access is refused" },
		{ 403, "", "", "", true, false, ERR_AUTH, "link to the file" },
		{ 404, "RepoNotFound", "Repository not found", "", false, false,
		  ERR_NOT_FOUND, "no such repository" },
		{ 401, "RepoNotFound", "", "", false, false, ERR_NOT_FOUND,
		  "no such repository" },
		{ 404, "RevisionNotFound", "Invalid rev id: x", "", false,
		  false, ERR_NOT_FOUND, "no such revision" },
		{ 404, "EntryNotFound", "Entry not found", "", false, false,
		  ERR_NOT_FOUND, "no such file" },
		{ 404, "", "", "", false, false, ERR_NOT_FOUND, "not found" },
		{ 407, "", "", "", false, true, ERR_AUTH,
		  "the proxy wants a user name and password" },
		{ 403, "", "", "", false, true, ERR_AUTH, "proxy refuses" },
		{ 416, "", "", "", false, false, ERR_HTTP, "shorter" },
		{ 429, "", "", "", false, false, ERR_HTTP,
		  "too many requests" },
		{ 451, "", "", "", false, false, ERR_HTTP, "legal reasons" },
		{ 200, "", "", "text/html; charset=utf-8", false, false,
		  ERR_HTTP, "web page" },
		{ 503, "", "try later", "", false, false, ERR_HTTP,
		  "server has a fault" },
		{ 418, "", "", "", false, false, ERR_HTTP, "status 418" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_response r = answer_of(table[i].status);
		struct error err = { .code = ERR_NONE };

		set(r.error_code, sizeof(r.error_code), table[i].code);
		set(r.error_message, sizeof(r.error_message), table[i].message);
		set(r.content_type, sizeof(r.content_type), table[i].type);
		r.redirected = table[i].redirected;
		r.proxy_refused = table[i].proxy;
		assert_int_equal(
			retry_explain(&r, "org/name file", "https://hub", &err),
			-1);
		assert_contains(err.msg, "https://hub: org/name file: ");
		assert_int_equal(err.http, table[i].status);
		assert_fails(-1, &err, table[i].class, table[i].says);
		for (unsigned asker = 0; asker < RETRY_ASKERS; asker++)
			ends_in_advice(asker, &r);
	}
}

/* Advice is good only where it can help. */
static void advice(void **state)
{
	static const struct {
		enum retry_asker asker;
		long status;
		const char *message, *says, *not ;
	} table[] = {
		{ RETRY_HUB, 401, "", "(HF_TOKEN)", "MODELSCOPE" },
		{ RETRY_MODELSCOPE, 401, "", "(MODELSCOPE_API_TOKEN)", "HF_" },
		{ RETRY_MODELSCOPE, 403, "", "(MODELSCOPE_API_TOKEN)", "HF_" },
		{ RETRY_HUB, 404, "", "a hub would say what", "says" },
		{ RETRY_HUB, 404, "gone", "the server says: gone; check",
		  "hub" },
		{ RETRY_LINK, 401, "", "URL in the manifest", "TOKEN" },
		{ RETRY_LINK, 403, "no", "says: no; check", "TOKEN" },
		{ RETRY_LINK, 404, "", "not found (status 404)", "hub" },
		{ RETRY_LFS, 403, "", "Git LFS has given out", "manifest" },
		{ RETRY_HUB, 500, "",
		  "later; name another endpoint with --endpoint", "URL" },
		{ RETRY_HUB, 451, "", "; name another endpoint", "later" },
		{ RETRY_LINK, 500, "",
		  "later; name another URL in the manifest", "--endpoint" },
		{ RETRY_REGISTRY, 410, "", "ask who runs the registry",
		  "--endpoint" },
		{ RETRY_LINK, 200, "", "page (status 200); check the URL in",
		  "hub" },
		{ RETRY_GIT, 200, "", "check the URL of the repository in",
		  "hub" },
		{ RETRY_HUB, 200, "", "is this the address of a hub", "URL" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_response r = answer_of(table[i].status);
		struct error err = { .code = ERR_NONE };

		set(r.error_message, sizeof(r.error_message), table[i].message);
		if (table[i].status == 200)
			set(r.content_type, sizeof(r.content_type),
			    "text/html");
		retry_explain_as(table[i].asker, &r, "org/name file",
				 "https://x", &err);
		assert_contains(err.msg, "https://x: org/name file: ");
		assert_contains(err.msg, table[i].says);
		assert_null(
			strstr(err.msg + strlen("https://x"), table[i].not ));
		assert_int_equal(err.http, table[i].status);
	}
}

static void foreign_bodies(void **state)
{
	static const struct {
		const char *start, *name;
	} table[] = {
		{ "version https://git-lfs.github.com/spec/v1\noid",
		  "pointer" },
		{ "version https://hawser.github.com/spec/v1", "pointer" },
		{ "version http://git-media.io/v/2", "pointer" },
		{ "<!DOCTYPE html><html>", "web page" },
		{ "\n  <html lang=en>", "web page" },
		{ "<?xml version=\"1.0\"?><Error>", "XML" },
		{ "{\"error\":\"no\"}", "error message" },
		{ "{\"hidden_size\": 4}", NULL },
		{ "", NULL },
		{ "   ", NULL },
		{ "PK\003\004", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const char *name = retry_foreign_body(table[i].start,
						      strlen(table[i].start));

		if (table[i].name)
			assert_contains(name, table[i].name);
		else
			assert_null(name);
	}
	assert_null(retry_foreign_body("\0\0\0\0", 4));
}

int run_retry_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses),
		cmocka_unit_test(failures),
		cmocka_unit_test(deadline),
		cmocka_unit_test(signed_links),
		cmocka_unit_test(delays),
		cmocka_unit_test(words),
		cmocka_unit_test(advice),
		cmocka_unit_test(foreign_bodies),
		cmocka_unit_test(proxy_answers),
		cmocka_unit_test(perhaps_of_the_proxy),
	};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
