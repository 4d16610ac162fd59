/* A loopback HTTP server that answers as a test tells it to. */
#ifndef ITTS_UNIT_SERVER_H
#define ITTS_UNIT_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct server;

/* One request and the socket to answer it on. */
struct exchange {
	struct server *server;
	int fd;
	unsigned count;	  /* requests for this path so far, this one included */
	const char *path; /* with query */
	const char *head; /* all of the request's header */
	void *ctx;
};

/* true: the connection stays open for the next request */
typedef bool server_fn(const struct exchange *x);

struct server *server_start(server_fn *fn, void *ctx);
void server_stop(struct server **s);
/* "http://127.0.0.1:PORT" + path; caller frees. */
char *server_url(const struct server *s, const char *path);
unsigned server_port(const struct server *s);
/* How many request headers had this text ("" counts all)? */
unsigned server_saw(struct server *s, const char *text);

void send_bytes(const struct exchange *x, const void *p, size_t n);
void send_text(const struct exchange *x, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A whole answer; extra: more header lines, each with CRLF, or "". Keeps the
 * connection open (returns true). */
bool answer(const struct exchange *x, const char *status, const char *extra,
	    const void *body, size_t n);
/* Value of a request header into out, "" if there is none. */
void request_header(const struct exchange *x, const char *name, char *out,
		    size_t size);
/* Serves a file as an honest server does, ranges included. */
bool serve_file(const struct exchange *x, const char *extra, const void *body,
		size_t n);

#endif
