#include "tests/unit/fetch/unit.h"

#include "base/mem.h"
#include "base/str.h"
#include "fetch/http.h"
#include "tests/unit/fetch/server.h"

#include <stdio.h>
#include <string.h>

struct fixture {
	struct server *a, *b;
	struct http *http;
};

/* The server of these tests reads headers only: the bodies are a few bytes that
 * it sees as the next request's first line and never answers. */
static bool serve(const struct exchange *x)
{
	struct fixture *f = x->ctx;
	const char *status = strstr(x->path, "307") ? "307 Temporary Redirect"
						    : "302 Found";
	char *to CLEANUP(free_ptr) = server_url(f->b, "/there");
	char line[256];

	if (strncmp(x->path, "/to", 3) != 0) {
		answer(x, "200 OK", "Connection: close\r\n", "done", 4);
		return false;
	}
	snprintf(line, sizeof(line), "Connection: close\r\nLocation: %s\r\n",
		 to);
	answer(x, status, line, "", 0);
	return false;
}

static int begin(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct http_config cfg = { .user_agent = "test" };
	struct error err = { .code = ERR_NONE };

	f->a = server_start(serve, f);
	f->b = server_start(serve, f);
	assert_ok(http_open(&f->http, &cfg, NULL, &err), &err);
	*state = f;
	return 0;
}

static int finish(void **state)
{
	struct fixture *f = *state;

	http_close(&f->http);
	server_stop(&f->a);
	server_stop(&f->b);
	free_ptr(&f);
	return 0;
}

static long post(struct fixture *f, const char *path, struct str *body)
{
	struct strlist lines CLEANUP(strlist_release) = { 0 };
	char *url CLEANUP(free_ptr) = server_url(f->a, path);
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .url = url,
				   .token = "secret",
				   .cookie = "sid",
				   .lines = &lines,
				   .post = "question",
				   .post_len = 8 };

	strlist_add(&lines, "Content-Type: text/x");
	strlist_add(&lines, "X-Own: 1");
	assert_ok(http_get(f->http, &rq, 0, body, &res, &err), &err);
	return res.status;
}

static void test_post(void **state)
{
	struct fixture *f = *state;
	struct str body CLEANUP(str_release) = STR_INIT;

	assert_int_equal(post(f, "/ask", &body), 200);
	assert_string_equal(body.ptr, "done");
	assert_int_equal(server_saw(f->a, "POST /ask"), 1);
	assert_int_equal(server_saw(f->a, "Content-Length: 8\r\n"), 1);
	assert_int_equal(server_saw(f->a, "Content-Type: text/x\r\n"), 1);
	assert_int_equal(server_saw(f->a, "Cookie: sid=secret\r\n"), 1);
	assert_int_equal(server_saw(f->a, "Authorization: Bearer secret\r\n"),
			 1);
}

/* Own lines and credentials stay at home, the body goes where it was sent on. */
static void test_sent_on(void **state)
{
	struct fixture *f = *state;
	struct str body CLEANUP(str_release) = STR_INIT;

	assert_int_equal(post(f, "/to?307", &body), 200);
	assert_int_equal(server_saw(f->b, "POST /there"), 1);
	assert_int_equal(server_saw(f->b, "Content-Length: 8\r\n"), 1);
	assert_int_equal(server_saw(f->b, "X-Own"), 0);
	assert_int_equal(server_saw(f->b, "Cookie"), 0);
	assert_int_equal(server_saw(f->b, "Authorization"), 0);
}

/* A redirect that would turn it into a GET is an answer like any other. */
static void test_not_sent_on(void **state)
{
	struct fixture *f = *state;
	struct str body CLEANUP(str_release) = STR_INIT;

	assert_int_equal(post(f, "/to?302", &body), 302);
	assert_int_equal(server_saw(f->b, ""), 0);
}

struct seen {
	long status[4];
	bool token[4];
	unsigned count, done;
};

static void on_hop(void *ctx, const struct http_hop *hop)
{
	struct seen *s = ctx;

	assert_true(s->count < 4);
	assert_true(hop->connect_us > 0 && hop->first_us >= hop->connect_us &&
		    hop->total_us >= hop->first_us);
	assert_string_equal(hop->address, "127.0.0.1");
	assert_null(hop->proxy);
	s->status[s->count] = hop->status;
	s->token[s->count++] = hop->token;
}

static void on_done(void *ctx, const struct http_response *res,
		    const struct error *err)
{
	struct seen *s = ctx;

	assert_int_equal(err->code, ERR_NONE);
	assert_int_equal(res->status, 200);
	s->done++;
}

/* Each hop is told of, with what belongs to it. */
static void test_hops(void **state)
{
	struct fixture *f = *state;
	char *url CLEANUP(free_ptr) = server_url(f->a, "/to?302");
	struct seen s = { .count = 0 };
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .url = url,
				   .token = "secret",
				   .ctx = &s,
				   .hop = on_hop,
				   .done = on_done };

	assert_ok(http_submit(f->http, &rq, 0, &err), &err);
	assert_ok(http_run(f->http, NULL, NULL, &err), &err);
	assert_int_equal(s.done, 1);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.status[0], 302);
	assert_int_equal(s.status[1], 200);
	assert_true(s.token[0]);
	assert_false(s.token[1]);
}

int run_http_post_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_post, begin, finish),
		cmocka_unit_test_setup_teardown(test_sent_on, begin, finish),
		cmocka_unit_test_setup_teardown(test_hops, begin, finish),
		cmocka_unit_test_setup_teardown(test_not_sent_on, begin,
						finish),
	};

	return cmocka_run_group_tests_name("http post", tests, NULL, NULL);
}
