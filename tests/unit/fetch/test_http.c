#include "tests/unit/fetch/unit.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fetch/http.h"
#include "fetch/http_internal.h"
#include "tests/unit/fetch/server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN	  "hf_canary0123456789"
#define LONG_BODY 300000

struct fixture {
	struct server *a, *b;
	struct http *http;
	struct cancel cancel;
};

/* A gzip stream with "hello" in one stored block. */
static const unsigned char gzip_hello[] = {
	0x1f, 0x8b, 8,	 0,   0,   0,	0,    0,    0,	  3,	1, 5, 0, 0xfa,
	0xff, 'h',  'e', 'l', 'l', 'o', 0x86, 0xa6, 0x10, 0x36, 5, 0, 0, 0
};

static bool redirect(const struct exchange *x, const char *to)
{
	char line[512];

	snprintf(line, sizeof(line), "Location: %s\r\n", to);
	return answer(x, "302 Found", line, "moved", 5);
}

static bool endless(const struct exchange *x, const char *status)
{
	char block[16384] = { 0 };

	send_text(x, "HTTP/1.1 %s\r\n\r\n", status);
	for (int i = 0; i < 4096; i++)
		send_bytes(x, block, sizeof(block));
	return false;
}

/* /to/N: N more redirects, each to the next smaller N. */
static bool count_down(const struct exchange *x)
{
	int n = atoi(x->path + 4);
	char next[32];

	if (n == 0)
		return answer(x, "200 OK", "", "there", 5);
	snprintf(next, sizeof(next), "/to/%d", n - 1);
	return redirect(x, next);
}

static bool serve(const struct exchange *x)
{
	struct fixture *f = x->ctx;
	const char *p = x->path;

	if (strncmp(p, "/hello", 6) == 0)
		return answer(x, "200 OK", "", "hello", 5);
	if (strcmp(p, "/gzip") == 0)
		return answer(x, "200 OK", "Content-Encoding: gzip\r\n",
			      gzip_hello, sizeof(gzip_hello));
	if (strcmp(p, "/gone") == 0)
		return answer(x, "404 Not Found",
			      "X-Error-Code: EntryNotFound\r\n", "nothing", 7);
	if (strcmp(p, "/file") == 0)
		return serve_file(x, "ETag: \"v1\"\r\n", "0123456789", 10);
	if (strcmp(p, "/elsewhere") == 0) {
		char *to CLEANUP(free_ptr) = server_url(f->b, "/hello?secret");

		return redirect(x, to);
	}
	if (strcmp(p, "/localhost") == 0) {
		char to[64];

		snprintf(to, sizeof(to), "http://localhost:%u/hello",
			 server_port(f->a));
		return redirect(x, to);
	}
	if (strcmp(p, "/ftp") == 0)
		return redirect(x, "ftp://127.0.0.1/x?secret");
	if (strcmp(p, "/nowhere") == 0)
		return answer(x, "302 Found", "", "", 0);
	if (strncmp(p, "/to/", 4) == 0)
		return count_down(x);
	if (strcmp(p, "/endless") == 0)
		return endless(x, "200 OK");
	if (strcmp(p, "/endless-error") == 0)
		return endless(x, "500 Oops");
	if (strcmp(p, "/cut") == 0) {
		send_text(x,
			  "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
		return false;
	}
	if (strcmp(p, "/cut-error") == 0) {
		send_text(x,
			  "HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nabc");
		return false;
	}
	if (strcmp(p, "/silent") == 0)
		return false;
	if (strcmp(p, "/old") == 0) {
		send_text(x, "just text");
		return false;
	}
	if (strcmp(p, "/long-header") == 0) {
		char *line CLEANUP(free_ptr) = xcalloc(1, 20001);

		memset(line, 'a', 20000);
		send_text(x, "HTTP/1.1 200 OK\r\nX: %s\r\n\r\n", line);
		return false;
	}
	if (strcmp(p, "/long") == 0) {
		char *body CLEANUP(free_ptr) = xcalloc(1, LONG_BODY);

		return answer(x, "200 OK", "", body, LONG_BODY);
	}
	if (strcmp(p, "/mute") == 0)
		return true;
	if (strcmp(p, "/hang") == 0) {
		cancel_set(&f->cancel);
		return true;
	}
	return answer(x, "400 Bad Request", "", "", 0);
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct http_config cfg = { .user_agent = "itts-test",
				   .max_connections = 4 };
	struct error err = { .code = ERR_NONE };

	*state = f;
	f->a = server_start(serve, f);
	f->b = server_start(serve, f);
	assert_ok(cancel_init(&f->cancel, &err), &err);
	assert_ok(http_open(&f->http, &cfg, &f->cancel, &err), &err);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	http_close(&f->http);
	server_stop(&f->a);
	server_stop(&f->b);
	cancel_release(&f->cancel);
	free(f);
	return 0;
}

static int get(struct fixture *f, struct http_request rq, const char *path,
	       struct str *body, struct http_response *res, struct error *err)
{
	char *url CLEANUP(free_ptr) = server_url(f->a, path);

	rq.url = url;
	return http_get(f->http, &rq, 0, body, res, err);
}

static void plain(void **state)
{
	struct fixture *f = *state;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .token = NULL };

	assert_ok(get(f, rq, "/hello", &body, &res, &err), &err);
	assert_int_equal(res.status, 200);
	assert_int_equal(res.length, 5);
	assert_int_equal(res.body_bytes, 5);
	assert_string_equal(body.ptr, "hello");
	assert_false(res.redirected);
	assert_contains(res.location, "/hello");
	assert_int_equal(server_saw(f->a, "User-Agent: itts-test"), 1);
	assert_int_equal(server_saw(f->a, "Accept-Encoding: identity"), 1);
	assert_int_equal(server_saw(f->a, "Authorization"), 0);
	assert_int_equal(server_saw(f->a, "Range"), 0);
}

static void compression(void **state)
{
	struct fixture *f = *state;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;
	struct error err = { .code = ERR_NONE };
	struct http_request file = { .api = false }, api = { .api = true };

	/* a file: told, not decoded */
	assert_ok(get(f, file, "/gzip", &body, &res, &err), &err);
	assert_true(res.encoded);
	assert_int_equal(body.len, sizeof(gzip_hello));
	/* the API: asked for, decoded */
	str_clear(&body);
	http_response_release(&res);
	assert_ok(get(f, api, "/gzip", &body, &res, &err), &err);
	assert_string_equal(body.ptr, "hello");
	assert_int_equal(server_saw(f->a, "gzip, "), 1);
}

static void ranges(void **state)
{
	struct fixture *f = *state;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .range_from = 7, .if_range = "\"v1\"" };

	assert_ok(get(f, rq, "/file", &body, &res, &err), &err);
	assert_int_equal(res.status, 206);
	assert_string_equal(body.ptr, "789");
	assert_int_equal(res.range_start, 7);
	assert_int_equal(res.range_total, 10);
	assert_int_equal(server_saw(f->a, "Range: bytes=7-\r\n"), 1);
	assert_int_equal(server_saw(f->a, "If-Range: \"v1\"\r\n"), 1);
	/* behind the end */
	rq.range_from = 10;
	str_clear(&body);
	http_response_release(&res);
	assert_ok(get(f, rq, "/file", &body, &res, &err), &err);
	assert_int_equal(res.status, 416);
	assert_int_equal(res.range_total, 10);
	assert_int_equal(body.len, 0);
}

static void head_only(void **state)
{
	struct fixture *f = *state;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .head = true };

	assert_ok(get(f, rq, "/hello", &body, &res, &err), &err);
	assert_int_equal(res.status, 200);
	assert_int_equal(res.length, 5);
	assert_int_equal(body.len, 0);
	assert_int_equal(server_saw(f->a, "HEAD /hello"), 1);
}

/* The token goes to the origin that it was meant for, and to nobody else. */
static void token_canary(void **state)
{
	static const char *const hops[] = { "/elsewhere", "/localhost" };
	struct fixture *f = *state;
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .token = TOKEN, .api = true };

	for (size_t i = 0; i < ARRAY_LEN(hops); i++) {
		struct http_response res CLEANUP(http_response_release);
		struct str body CLEANUP(str_release) = STR_INIT;

		assert_ok(get(f, rq, hops[i], &body, &res, &err), &err);
		assert_string_equal(body.ptr, "hello");
		assert_true(res.redirected);
		assert_null(strstr(res.location, "secret"));
	}
	assert_int_equal(server_saw(f->b, "GET /hello"), 1);
	assert_int_equal(server_saw(f->b, TOKEN), 0);
	assert_int_equal(server_saw(f->b, "Authorization"), 0);
	/* a: both first hops, but not "localhost", which is another host */
	assert_int_equal(server_saw(f->a, "GET "), 3);
	assert_int_equal(server_saw(f->a, "Authorization: Bearer " TOKEN), 2);
}

static void token_stays_at_home(void **state)
{
	struct fixture *f = *state;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .token = TOKEN };

	assert_ok(get(f, rq, "/to/2", NULL, &res, &err), &err);
	assert_int_equal(server_saw(f->a, TOKEN), 3);
	http_response_release(&res);
	rq.token = "two\r\nlines";
	assert_fails(get(f, rq, "/hello", NULL, &res, &err), &err, ERR_USAGE,
		     "token");
}

static void redirects(void **state)
{
	struct fixture *f = *state;
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .token = NULL };
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;

	assert_ok(get(f, rq, "/to/5", &body, &res, &err), &err);
	assert_string_equal(body.ptr, "there");
	http_response_release(&res);
	assert_fails(get(f, rq, "/to/6", &body, &res, &err), &err, ERR_HTTP,
		     "; ask another server");
	http_response_release(&res);
	assert_int_equal(get(f, rq, "/ftp", &body, &res, &err), -1);
	assert_non_null(strstr(err.msg, "; ask another server"));
	assert_null(strstr(err.msg, "secret"));
	assert_fails(-1, &err, ERR_HTTP, "not http or https");
	http_response_release(&res);
	assert_ok(get(f, rq, "/nowhere", &body, &res, &err), &err);
	assert_int_equal(res.status, 302);
	assert_string_equal(body.ptr, "there");
}

static void refusals(void **state)
{
	struct fixture *f = *state;
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .token = NULL };
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;

	assert_ok(get(f, rq, "/gone", &body, &res, &err), &err);
	assert_int_equal(res.status, 404);
	assert_string_equal(res.error_code, "EntryNotFound");
	assert_string_equal(body.ptr, "");
	http_response_release(&res);
	/* only the status matters: the rest is not waited for */
	assert_ok(get(f, rq, "/endless-error", &body, &res, &err), &err);
	assert_int_equal(res.status, 500);
	assert_in_range(res.body_bytes, 0, 1 << 20);
	http_response_release(&res);
	assert_ok(get(f, rq, "/cut-error", &body, &res, &err), &err);
	assert_int_equal(res.status, 503);
}

static void failures(void **state)
{
	static const struct {
		const char *path;
		enum err_code code;
		const char *words;
	} table[] = {
		{ "/endless", ERR_FORMAT, "longer than 1000 bytes" },
		{ "/cut", ERR_NET, "cut off" },
		{ "/silent", ERR_NET, "closed without an answer" },
		{ "/old", ERR_FORMAT, "not an HTTP answer" },
		{ "/long-header", ERR_FORMAT, "header line" },
	};
	struct fixture *f = *state;
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .max_body = 1000 };

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_response res CLEANUP(http_response_release);

		assert_fails(get(f, rq, table[i].path, NULL, &res, &err), &err,
			     table[i].code, table[i].words);
	}
}

static void nobody_there(void **state)
{
	struct fixture *f = *state;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .url = "http://127.0.0.1:1/x?secret" };

	assert_int_equal(http_get(f->http, &rq, 0, NULL, &res, &err), -1);
	assert_null(strstr(err.msg, "secret"));
	assert_contains(err.msg, "http://127.0.0.1:1: cannot connect");
	assert_fails(-1, &err, ERR_NET, "refused");
	/* TLS where there is none */
	{
		char url[64];

		snprintf(url, sizeof(url), "https://127.0.0.1:%u/hello",
			 server_port(f->a));
		rq.url = url;
		http_response_release(&res);
		assert_fails(http_get(f->http, &rq, 0, NULL, &res, &err), &err,
			     ERR_NET, "TLS failed");
	}
}

static void environment_does_not_count(void **state)
{
	static const char *const names[] = { "http_proxy", "HTTP_PROXY",
					     "all_proxy", "ALL_PROXY" };
	struct fixture *f = *state;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .token = NULL };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		setenv(names[i], "http://127.0.0.1:1", 1);
	assert_ok(get(f, rq, "/hello", NULL, &res, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
}

static void bad_ca(void **state)
{
	struct http_config cfg = { .ca_bundle = "/nonexistent/ca.pem" };
	struct http *http CLEANUP(http_close) = NULL;
	struct error err = { .code = ERR_NONE };

	(void)state;
	assert_fails(http_open(&http, &cfg, NULL, &err), &err, ERR_USAGE,
		     "/nonexistent/ca.pem");
	assert_null(http);
}

/* --- many ------------------------------------------------------------------- */

struct many {
	struct fixture *f;
	unsigned done, failed, bodies, headers;
	bool stop_at_first, refuse;
};

static int many_headers(void *ctx, const struct http_response *res,
			struct error *err)
{
	struct many *m = ctx;

	(void)res;
	m->headers++;
	return m->refuse ? err_set(err, ERR_INTEGRITY, "not wanted") : 0;
}

static int many_body(void *ctx, const void *p, size_t n, struct error *err)
{
	struct many *m = ctx;

	(void)p;
	(void)n;
	(void)err;
	m->bodies++;
	return 0;
}

static void many_done(void *ctx, const struct http_response *res,
		      const struct error *err)
{
	struct many *m = ctx;

	(void)res;
	m->done++;
	m->failed += err->code == ERR_INTEGRITY;
	if (m->stop_at_first)
		http_stop(m->f->http);
}

static void submit_many(struct many *m, unsigned count)
{
	char *url CLEANUP(free_ptr) = server_url(m->f->a, "/hello");
	struct http_request rq = { .url = url,
				   .ctx = m,
				   .headers = many_headers,
				   .body = many_body,
				   .done = many_done };
	struct error err = { .code = ERR_NONE };

	for (unsigned i = 0; i < count; i++)
		assert_ok(http_submit(m->f->http, &rq, i % 3, &err), &err);
}

static void many_requests(void **state)
{
	struct many m = { .f = *state };
	struct error err = { .code = ERR_NONE };

	submit_many(&m, 100);
	assert_ok(http_run(m.f->http, NULL, NULL, &err), &err);
	assert_int_equal(m.done, 100);
	assert_int_equal(m.headers, 100);
	assert_int_equal(m.bodies, 100);
	assert_int_equal(server_saw(m.f->a, "GET /hello"), 100);
}

static void headers_can_refuse(void **state)
{
	struct many m = { .f = *state, .refuse = true };
	struct error err = { .code = ERR_NONE };

	submit_many(&m, 3);
	assert_ok(http_run(m.f->http, NULL, NULL, &err), &err);
	assert_int_equal(m.done, 3);
	assert_int_equal(m.failed, 3);
	assert_int_equal(m.bodies, 0);
}

static void stopping(void **state)
{
	struct many m = { .f = *state, .stop_at_first = true };
	struct error err = { .code = ERR_NONE };

	submit_many(&m, 50);
	assert_ok(http_run(m.f->http, NULL, NULL, &err), &err);
	assert_in_range(m.done, 1, 20);
	/* nothing is left behind */
	assert_ok(http_run(m.f->http, NULL, NULL, &err), &err);
	assert_in_range(m.done, 1, 20);
}

static void cancelling(void **state)
{
	struct fixture *f = *state;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .token = NULL };

	assert_fails(get(f, rq, "/hang", NULL, &res, &err), &err, ERR_CANCELLED,
		     "");
}

/* Nothing moves, and nobody ticks. */
static void deadline(void **state)
{
	struct fixture *f = *state;
	const struct http_config cfg = { .deadline_ms = 200 };
	struct http *http CLEANUP(http_close) = NULL;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	char *url CLEANUP(free_ptr) = server_url(f->a, "/mute");
	const struct http_request rq = { .url = url };

	assert_ok(http_open(&http, &cfg, &f->cancel, &err), &err);
	assert_fails(http_get(http, &rq, 0, NULL, &res, &err), &err, ERR_NET,
		     "which was the deadline");
}

static void count_tick(void *ctx)
{
	unsigned *ticks = ctx;

	(*ticks)++;
}

static void delays_and_ticks(void **state)
{
	struct many m = { .f = *state };
	struct error err = { .code = ERR_NONE };
	char *url CLEANUP(free_ptr) = server_url(m.f->a, "/hello");
	struct http_request rq = { .url = url, .ctx = &m, .done = many_done };
	unsigned ticks = 0;

	assert_ok(http_submit(m.f->http, &rq, 150, &err), &err);
	assert_ok(http_run(m.f->http, count_tick, &ticks, &err), &err);
	assert_int_equal(m.done, 1);
	assert_in_range(ticks, 1, 3);
}

/* --- what downloads need ------------------------------------------------------ */

static void range_with_end(void **state)
{
	struct fixture *f = *state;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .range_from = 1, .range_to = 4 };

	assert_ok(get(f, rq, "/file", &body, &res, &err), &err);
	assert_int_equal(res.status, 206);
	assert_int_equal(server_saw(f->a, "Range: bytes=1-3"), 1);
	assert_int_equal(res.range_start, 1);
	assert_int_equal(res.range_end, 3);
	assert_int_equal(body.len, 3);
}

/* Those of one owner go, others are served. */
static void dropping(void **state)
{
	struct many kept = { .f = *state }, dropped = { .f = *state };
	struct error err = { .code = ERR_NONE };

	submit_many(&dropped, 40);
	submit_many(&kept, 40);
	http_drop(kept.f->http, &dropped);
	assert_ok(http_run(kept.f->http, NULL, NULL, &err), &err);
	assert_int_equal(kept.done, 40);
	assert_int_equal(dropped.done, 0);
}

struct beside {
	struct http *http;
	pthread_t thread;
	unsigned ticks;
};

static void *wake_later(void *arg)
{
	struct beside *b = arg;

	usleep(20000);
	http_wake(b->http);
	return NULL;
}

static void end_hold(void *ctx)
{
	struct beside *b = ctx;

	b->ticks++;
	http_hold(b->http, -1);
}

/* With nothing on the wire it waits for what goes on beside. */
static void held_until_woken(void **state)
{
	struct fixture *f = *state;
	struct beside b = { .http = f->http };
	struct error err = { .code = ERR_NONE };

	http_hold(f->http, 1);
	assert_int_equal(pthread_create(&b.thread, NULL, wake_later, &b), 0);
	assert_ok(http_run(f->http, end_hold, &b, &err), &err);
	pthread_join(b.thread, NULL);
	assert_int_equal(b.ticks, 1);
	assert_ok(http_run(f->http, NULL, NULL, &err), &err);
}

/* 300 KB at 1 MB a second: a tenth of a second's worth may come at once, however long
 * nothing was asked for. */
static void limited_rate(void **state)
{
	struct fixture *f = *state;
	struct http_config cfg = { .limit_rate = 1000000 };
	struct http *http CLEANUP(http_close) = NULL;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;
	struct error err = { .code = ERR_NONE };
	char *url CLEANUP(free_ptr) = server_url(f->a, "/long");
	struct http_request rq = { .url = url };
	uint64_t began;

	assert_ok(http_open(&http, &cfg, NULL, &err), &err);
	usleep(400000);
	began = clock_ms();
	assert_ok(http_get(http, &rq, 0, &body, &res, &err), &err);
	assert_int_equal(body.len, LONG_BODY);
	assert_true(clock_ms() - began >= 150);
}

static uint64_t rank_of_ctx(const void *ctx)
{
	const uint64_t *rank = ctx;

	return *rank;
}

#define TURNS 800

/* All of them have something all the time. 13 is nobody's: it goes first. */
static void lowest_rank_first(void **state)
{
	const uint64_t ranks[] = { 70, 7, 700 };
	struct transfer t[] = {
		{ .socket = 10,
		  .rq = { .rank = rank_of_ctx, .ctx = (void *)&ranks[0] } },
		{ .socket = 11,
		  .rq = { .rank = rank_of_ctx, .ctx = (void *)&ranks[1] } },
		{ .socket = 12,
		  .rq = { .rank = rank_of_ctx, .ctx = (void *)&ranks[2] } },
	};
	const struct epoll_event ready[] = { { .data.fd = 10 },
					     { .data.fd = 11 },
					     { .data.fd = 12 },
					     { .data.fd = 13 } };
	struct http h = { .active = &t[0] };
	unsigned turns[4] = { 0 };

	(void)state;
	t[0].next = &t[1];
	t[1].next = &t[2];
	for (unsigned i = 0; i < TURNS; i++)
		turns[http_wait_choose(&h, ready, 3)]++;
	assert_true(turns[1] > TURNS * 3 / 4);
	/* nobody is forgotten */
	assert_true(turns[0] > TURNS / 100);
	assert_true(turns[2] > TURNS / 100);
	for (unsigned i = 0; i < TURNS; i++)
		turns[http_wait_choose(&h, ready, 4)]++;
	assert_true(turns[3] > TURNS * 3 / 4);
	assert_int_equal(http_wait_choose(&h, &ready[2], 1), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int run_http_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain),
		TEST(compression),
		TEST(ranges),
		TEST(head_only),
		TEST(token_canary),
		TEST(token_stays_at_home),
		TEST(redirects),
		TEST(refusals),
		TEST(failures),
		TEST(nobody_there),
		TEST(environment_does_not_count),
		cmocka_unit_test(bad_ca),
		TEST(many_requests),
		TEST(headers_can_refuse),
		TEST(stopping),
		TEST(cancelling),
		TEST(deadline),
		TEST(delays_and_ticks),
		TEST(range_with_end),
		TEST(dropping),
		TEST(held_until_woken),
		TEST(limited_rate),
		cmocka_unit_test(lowest_rank_first),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
