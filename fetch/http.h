/*
 * HTTP(S) requests, many at a time on one thread. libcurl's only door.
 */
#ifndef ITTS_HTTP_H
#define ITTS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/str.h"

#define HTTP_API_LIMIT	   (64u << 20)	/* bytes of a JSON answer */
#define HTTP_HEADER_LIMIT  (16u << 10)	/* bytes of one header line */
#define HTTP_HEADERS_TOTAL (256u << 10) /* bytes of all headers of a request */
#define HTTP_MAX_REDIRECTS 5

/* What can be done about a proxy that does not let through. */
#define HTTP_PAST_PROXY \
	"name the host in no_proxy or another proxy with --proxy"

struct http;

/* Filled by cmd/ from options and environment; all strings borrowed until
 * http_open() returns. NULL or "" = none. */
struct http_config {
	const char *proxy_http, *proxy_https; /* URL, credentials allowed */
	const char *no_proxy;		      /* curl's list form */
	const char *ca_bundle;		      /* PEM file, NULL: the system's */
	const char *ca_dir;		      /* NULL: the system's */
	const char *user_agent;
	unsigned connect_timeout_ms; /* 0: 15 s */
	unsigned low_speed_bytes;    /* per second; 0: 1000 */
	unsigned low_speed_s;	     /* 0: 30 */
	unsigned max_connections;    /* in all; 0: 128 */
	uint64_t limit_rate;  /* bytes of bodies a second, together; 0: none */
	uint64_t deadline_ms; /* from http_open() on; 0: none */
};

/* What a server said, complete when done() is called. Pointers live until
 * done() returns. */
struct http_response {
	long status;	 /* of the last hop; 0: none came */
	uint64_t length; /* Content-Length of the last hop, UINT64_MAX: none */
	uint64_t range_start, range_end,
		range_total; /* of Content-Range; UINT64_MAX: none */
	bool encoded;	     /* a Content-Encoding other than identity */
	char content_type[128];
	char etag[256]; /* of the last hop, as sent */
	char commit
		[41]; /* X-Repo-Commit of the first hop that has one, or "" */
	char linked_etag
		[256]; /* X-Linked-Etag of the first hop that has one, or "" */
	uint64_t linked_size;	 /* X-Linked-Size likewise, UINT64_MAX: none */
	char challenge[1024];	 /* WWW-Authenticate of the last hop, all */
	char content_digest[96]; /* Docker-Content-Digest of the last hop */
	char error_code[64];	 /* X-Error-Code of the last hop */
	char error_message[256]; /* or what the body says in its place */
	char *link_next;	 /* URL of Link: rel="next", or NULL */
	char *location; /* where the last hop was (effective URL), query cut off */
	const char *url; /* the same with its query, which may be a secret;
			  * during callbacks only */
	bool redirected;
	uint64_t
		retry_after_ms; /* Retry-After or RateLimit t= of r=0; UINT64_MAX: none */
	/* 407, a failed CONNECT, or a refusal that says that the proxy made it */
	bool proxy_refused;
	bool made_on_the_way; /* the last hop's header: no server has made this */
	bool forwarded;	      /* it has a Via */
	/* The HTTP proxy that the last hop's answer came through in the clear, so
	 * that it may have made it; no credentials. Or "". */
	char proxy[256];
	bool untrusted;	     /* the server's certificate was refused */
	uint64_t body_bytes; /* that came */
};

/* What one hop of a request took. Strings: during the call only. */
struct http_hop {
	const char *origin;
	const char *address; /* of the peer, which may be a proxy; or "" */
	const char *proxy;   /* without credentials; NULL: went without */
	long status;	     /* 0: no answer came */
	/* microseconds from its beginning, 0: not reached */
	uint64_t name_us, connect_us, tls_us, first_us, total_us;
	uint64_t bytes; /* of its body */
	bool token;	/* was sent */
};

struct http_request {
	const char *url;
	const char
		*token; /* Bearer for url's own host and port only, or NULL */
	const char *cookie; /* cookie that carries the token as well, or NULL */
	const struct strlist *lines; /* further header lines, for url's own host
				      * and port only; or NULL */
	/* Kind of answer, told every host; or NULL; a literal. */
	const char *accept;
	const char *post; /* text to send: POST; else GET */
	size_t post_len;
	bool head;
	uint64_t range_from;  /* "bytes=N-", 0 without range_to: whole */
	uint64_t range_to;    /* first byte behind, 0: to the end */
	const char *if_range; /* strong validator, or NULL */
	uint64_t max_body;    /* bytes; beyond: ERR_FORMAT; 0: HTTP_API_LIMIT */
	bool api;	      /* JSON: HTTP/2 and compression allowed */
	/* Where several answers wait to be read, the one goes first whose rank is
	 * lowest. NULL: 0. */
	uint64_t (*rank)(const void *ctx);
	/* Behind every hop, also one that failed; each has a connection of its own
	 * then. May be NULL. */
	void (*hop)(void *ctx, const struct http_hop *hop);
	void *ctx;
	/* Before a redirect to that origin is followed; -1 stops the request and err
	 * goes to done(). May be NULL. */
	int (*follows)(void *ctx, const char *origin, struct error *err);
	/* Before the first byte of the last hop's body; -1 stops the transfer and
	 * err goes to done(). May be NULL. */
	int (*headers)(void *ctx, const struct http_response *res,
		       struct error *err);
	/* May be NULL (body dropped). Called for 200 and 206 only; of other
	 * answers' bodies only error_message is made. */
	int (*body)(void *ctx, const void *p, size_t n, struct error *err);
	/* Always called once. err is ERR_NONE for any complete answer, whatever its
	 * status; else ERR_NET (message: host, cause, proxy used), ERR_FORMAT, or
	 * what headers()/body() set. May submit new requests. */
	void (*done)(void *ctx, const struct http_response *res,
		     const struct error *err);
};

int http_open(struct http **out, const struct http_config *cfg,
	      const struct cancel *cancel, struct error *err) MUST_CHECK;
void http_close(
	struct http **http); /* CLEANUP; done() is not called for what runs */
/* Starts after delay_ms. rq is copied. */
int http_submit(struct http *h, const struct http_request *rq,
		unsigned delay_ms, struct error *err) MUST_CHECK;
/* Until nothing is left, or ERR_CANCELLED (what ran is dropped then). tick (may
 * be NULL) is called about 10 times a second. Without it ERR_NET after the deadline;
 * who has one looks at http_late(). */
int http_run(struct http *h, void (*tick)(void *ctx), void *ctx,
	     struct error *err) MUST_CHECK;
/* From a callback: drops what is left, so that http_run() returns 0 soon. done()
 * is not called. */
void http_stop(struct http *h);
/* Drops all requests of this ctx, on the wire or waiting; done() is not called.
 * From done(), tick or outside of http_run(). */
void http_drop(struct http *h, const void *ctx);
/* ERR_NET with ETIME in sys once the deadline is past, else 0. */
int http_late(const struct http *h, struct error *err) MUST_CHECK;
/* For work that is no request: set by the user's cancel or by the deadline. */
struct cancel http_in_time(const struct http *h);
/* err of such work: says so if it was the deadline. Returns -1. */
int http_say_late(const struct http *h, struct error *err);
/* When the limit last made somebody wait; 0: never. */
uint64_t http_held_ms(const struct http *h);
/* Work of another kind keeps http_run() running: each +1 needs its -1. */
void http_hold(struct http *h, int change);
/* From any thread: tick is called soon. */
void http_wake(struct http *h);
/* One request after delay_ms, whole body of a 200/206 appended to body (may be
 * NULL). *res: http_response_release() it, also on failure (what came of an
 * answer). The callbacks in rq are ignored. */
int http_get(struct http *h, const struct http_request *rq, unsigned delay_ms,
	     struct str *body, struct http_response *res, struct error *err)
	MUST_CHECK;
void http_response_release(struct http_response *res); /* CLEANUP */

/* "CN = Some CA": who issued the certificate of an https URL's host, trusted or not, as
 * it says itself. Sends nothing; false: no TLS to be had. Waits for the connection, but
 * not beyond the cancel or the deadline. */
bool http_issuer(struct http *h, const char *url, char *out, size_t cap);

/* scheme://host[:port] of a URL for messages and comparison (no credentials, no
 * path); caller frees. ERR_USAGE if it is not http or https. */
int http_origin(const char *url, char **out, struct error *err) MUST_CHECK;
/* URL without credentials and query, for messages; caller frees. */
char *http_redact(const char *url);

#endif
