/* What the files fetch/http*.c share; nobody else includes this but their tests. */
#ifndef ITTS_HTTP_INTERNAL_H
#define ITTS_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <sys/epoll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/str.h"
#include "fetch/http.h"
#include "fetch/http_response.h"

/* The configuration, strings owned; "" = none. */
struct http_settings {
	char *proxy_http, *proxy_https, *no_proxy;
	char *ca_bundle, *ca_dir, *user_agent; /* NULL: libcurl's */
	long connect_timeout_ms, low_speed_bytes, low_speed_s;
	unsigned max_connections;
	uint64_t limit_rate;
	uint64_t deadline_ms;
};

struct transfer;

/* A bucket that bytes of bodies are paid from (http_rate.c). */
struct http_rate {
	uint64_t limit; /* bytes a second; 0: none */
	int64_t credit; /* bytes; negative: all wait */
	uint64_t at_ms;
	uint64_t held_ms; /* when somebody last had to wait */
};

struct http {
	CURLM *multi;
	CURLSH *share;
	const struct cancel *cancel;
	uint64_t opened_ms;
	struct http_settings settings;
	struct transfer *waiting; /* by due_ms */
	struct transfer *active;
	unsigned active_count;
	CURL **idle; /* easy handles for reuse */
	size_t idle_count, idle_cap;
	bool running, stopping;
	int held;
	_Atomic bool woken;
	bool tls_is_ours, reads_ahead; /* http_tls.c: may, does */
	int epoll, wake;	       /* http_wait.c */
	unsigned turns;		       /* that several wanted */
	bool timed;		       /* libcurl wants to be called */
	uint64_t timer_ms;	       /* at that time */
	struct http_rate rate;
};

/* One request on its way through its hops. */
struct transfer {
	struct http *http;
	struct transfer *next;
	struct http_request rq; /* strings owned */
	struct strlist extra;	/* its lines */
	uint64_t due_ms;
	char *url;    /* of this hop */
	char *origin; /* of this hop */
	char *home;   /* origin of the first hop: the token's */
	unsigned hops;
	CURL *easy; /* NULL: waiting */
	int socket; /* that libcurl waits for; -1: none */
	struct curl_slist *lines;
	char detail[CURL_ERROR_SIZE];
	struct http_response res;
	struct header_parser parser;
	struct error err; /* what a callback failed with */
	struct str
		refusal; /* what came of a body that is none of the request's */
	bool asked;	 /* rq.headers() was called */
	bool enough;	 /* stopped on purpose: only the status matters */
	bool paused;	 /* until there is credit again */
};

/* http_setup.c: all options of this hop. */
int http_setup(struct transfer *t, const struct http_settings *cfg,
	       struct error *err) MUST_CHECK;
/* The proxy for an URL's scheme, or "". */
const char *http_proxy_for(const struct http_settings *s, const char *url);

/* http_hop.c: tells the request's owner about the hop that has ended. */
void http_tell_hop(const struct transfer *t, const struct http_settings *s);

/* Which proxy has seen the answer, and has it refused itself? Sets proxy and
 * proxy_refused. */
void http_find_proxy(struct transfer *t, const struct http_settings *s);

/* http_error.c: what the transfer ended with, in words. Returns -1. */
int http_explain(const struct transfer *t, const struct http_settings *s,
		 CURLcode rc, struct http_response *res, struct error *err);

/* http_rate.c: n bytes have come; pauses the transfer if that was too much. */
void http_rate_spend(struct transfer *t, size_t n);
/* Lets go on what may. true: something has to wait yet. */
bool http_rate_refill(struct http *h);
#define HTTP_RATE_MS 20 /* between two looks at what waits */

/* http_tls.c: true if libcurl's TLS is the library that this program is linked with. */
bool http_tls_is_ours(void);
/* Several records at a time, where that is safe; true: they are. */
bool http_tls_read_ahead(const struct transfer *t,
			 const struct http_settings *cfg);
/* Is there something to read that makes no socket readable? */
bool http_tls_has_more(const struct transfer *t);

/* http_wait.c: sockets, libcurl's timer, http_wake() and the cancel. */
int http_wait_open(struct http *h, struct error *err) MUST_CHECK;
void http_wait_close(struct http *h);
/* Lets libcurl do what can be done now; or, if there is nothing, what can be done
 * next, after at most so long. */
int http_wait(struct http *h, int most_ms, struct error *err) MUST_CHECK;
/* Which of the events to look at first: that of the lowest rank. One whose turn never
 * comes would look dead to libcurl: now and then the rank does not count. */
unsigned http_wait_choose(struct http *h, const struct epoll_event *ready,
			  unsigned count);

/* http.c: forgets all requests without a word to their owners. */
void http_drop_all(struct http *h);
/* Whose handle it is; NULL: nobody's. */
struct transfer *http_transfer_of(CURL *easy);

/* curl's callbacks, in http.c */
size_t http_on_header(char *p, size_t size, size_t n, void *transfer);
size_t http_on_body(char *p, size_t size, size_t n, void *transfer);

#endif
