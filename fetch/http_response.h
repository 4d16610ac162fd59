/* Header lines -> struct http_response. Pure: no socket, no clock. */
#ifndef ITTS_HTTP_RESPONSE_H
#define ITTS_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/attr.h"
#include "base/error.h"
#include "fetch/http.h"

struct header_parser {
	time_t now;	       /* for Retry-After dates where no Date is said */
	time_t date, retry_at; /* of the running hop; 0: not said */
	size_t total;	       /* bytes of header so far, over all hops */
	bool ended; /* the blank line came: what follows are trailers */
};

void http_response_init(struct http_response *res);
/* Forgets what one hop said, keeps what the first hop that knows said. */
void http_response_next(struct http_response *res, struct header_parser *p);
/* One line of header as it came, status lines and blank ones too. ERR_FORMAT
 * beyond HTTP_HEADER_LIMIT and HTTP_HEADERS_TOTAL. */
int http_response_line(struct http_response *res, struct header_parser *p,
		       const char *line, size_t len, struct error *err)
	MUST_CHECK;

/* What the body of a refusal says goes into error_message, if the header had
 * none. */
void http_response_refusal(struct http_response *res, const char *text,
			   size_t len);

/* Leaves the server's words out if they hold a secret that was sent to it (or as
 * much of one as had room). secret: may be NULL; a space before it does not count. */
void http_response_hush(struct http_response *res, const char *secret);

/* Of a proxy: tinyproxy says 401 where user name or password are wrong. */
bool http_is_login(long status);
/* Does it say that it is a web page? */
bool http_is_page(const struct http_response *res);
/* A web page in place of a file of this name, which is no page itself. */
bool http_is_page_for(const struct http_response *res, const char *name);

#endif
