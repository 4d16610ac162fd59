#include "tests/unit/fetch/unit.h"

#include "fetch/http.h"
#include "tests/unit/fetch/server.h"

#include <stdio.h>
#include <string.h>

#define TOKEN "hf_canary0123456789"

static bool be_proxy(const struct exchange *x)
{
	const char *status = x->ctx;

	if (strncmp(x->head, "CONNECT ", 8) == 0) {
		answer(x, status, "X-Repo-Commit: lies\r\n", "", 0);
		return false;
	}
	if (strstr(x->path, "/forbidden"))
		return answer(x, "407 Proxy Authentication Required", "", "",
			      0);
	if (strstr(x->path, "/filtered"))
		return answer(x, "403 Filtered", "Server: tinyproxy/1.11.1\r\n",
			      "", 0);
	if (strstr(x->path, "/denied"))
		return answer(x, "403 No",
			      "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n"
			      "Via: 1.1 x (squid/5.7)\r\n",
			      "", 0);
	if (strstr(x->path, "/private"))
		return answer(x, "403 No", "Server: nginx\r\n", "", 0);
	return answer(x, "200 OK", "", "via", 3);
}

static int proxied(const char *proxy_status, const char *no_proxy,
		   const char *url, struct http_response *res,
		   struct error *err)
{
	union {
		const char *in;
		void *out;
	} ctx = { .in = proxy_status };
	struct server *s = server_start(be_proxy, ctx.out);
	char proxy[80];
	struct http_config cfg = { .proxy_http = proxy,
				   .proxy_https = proxy,
				   .no_proxy = no_proxy };
	struct http_request rq = { .url = url, .token = TOKEN };
	struct http *http CLEANUP(http_close) = NULL;
	int rc;

	snprintf(proxy, sizeof(proxy), "http://user:sesame@127.0.0.1:%u",
		 server_port(s));
	assert_ok(http_open(&http, &cfg, NULL, err), err);
	rc = http_get(http, &rq, 0, NULL, res, err);
	if (!no_proxy) {
		/* base64 of user:sesame */
		assert_int_equal(
			server_saw(
				s,
				"Proxy-Authorization: Basic dXNlcjpzZXNhbWU="),
			server_saw(s, ""));
		assert_int_equal(server_saw(s, ""), 1);
	}
	server_stop(&s);
	assert_null(strstr(err->msg, "sesame"));
	return rc;
}

static void proxy(void **state)
{
	static const struct {
		const char *url;
		bool refused;
	} answers[] = { { "http://hub.invalid/filtered", true },
			{ "http://hub.invalid/denied", true },
			{ "http://hub.invalid/private", false } };
	struct error err = { .code = ERR_NONE };
	struct http_response res CLEANUP(http_response_release) = { 0 };

	(void)state;
	assert_ok(proxied("", NULL, "http://hub.invalid/x", &res, &err), &err);
	assert_int_equal(res.status, 200);
	assert_false(res.proxy_refused);
	http_response_release(&res);
	assert_ok(proxied("", NULL, "http://hub.invalid/forbidden", &res, &err),
		  &err);
	assert_int_equal(res.status, 407);
	assert_true(res.proxy_refused);
	http_response_release(&res);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		assert_ok(proxied("", NULL, answers[i].url, &res, &err), &err);
		assert_int_equal(res.status, 403);
		assert_int_equal(res.proxy_refused, answers[i].refused);
		assert_contains(res.proxy, "http://127.0.0.1:");
		http_response_release(&res);
	}
	assert_fails(
		proxied("407 No", NULL, "https://hub.invalid/x", &res, &err),
		&err, ERR_AUTH, "wants a user name");
	assert_true(res.proxy_refused);
	assert_string_equal(res.commit, "");
	http_response_release(&res);
	assert_int_equal(
		proxied("502 No", NULL, "https://hub.invalid/x", &res, &err),
		-1);
	assert_int_equal(err.http, 502);
	assert_fails(-1, &err, ERR_NET,
		     "cannot connect to https://hub.invalid (status 502)");
	http_response_release(&res);
	assert_fails(
		proxied("403 No", NULL, "https://hub.invalid/x", &res, &err),
		&err, ERR_AUTH,
		"refuses to connect to https://hub.invalid (status 403)");
	http_response_release(&res);
	/* kept out by no_proxy: nobody answers there */
	assert_fails(proxied("", "127.0.0.1,.invalid", "http://127.0.0.1:1/",
			     &res, &err),
		     &err, ERR_NET, "http://127.0.0.1:1: cannot connect");
}

static void dead_proxy(void **state)
{
	struct http_config cfg = { .proxy_http = "u:sesame@127.0.0.1:1" };
	struct http_request rq = { .url = "http://hub.invalid/x" };
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct http *http CLEANUP(http_close) = NULL;
	struct error err = { .code = ERR_NONE };

	(void)state;
	assert_ok(http_open(&http, &cfg, NULL, &err), &err);
	assert_int_equal(http_get(http, &rq, 0, NULL, &res, &err), -1);
	assert_null(strstr(err.msg, "sesame"));
	assert_fails(-1, &err, ERR_NET, "through the proxy 127.0.0.1:1");
}

int run_proxy_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proxy),
		cmocka_unit_test(dead_proxy),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
