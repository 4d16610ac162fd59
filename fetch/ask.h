/* Questions to one endpoint, asked until they are answered or refused. */
#ifndef ITTS_ASK_H
#define ITTS_ASK_H

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "fetch/http.h"
#include "fetch/hub.h"

/* Whom, and in the name of what. */
struct question {
	struct hub *hub;
	struct hub_endpoint *endpoint;
	char *what; /* for messages: "facebook/w2v-bert-2.0@main" */
};
void question_release(struct question *q); /* CLEANUP */

/* An answer with status 200 is in body afterwards; res says what came else
 * (release it, also on failure). rq: what is asked, without token and callbacks. */
int ask(const struct question *q, const struct http_request *rq,
	struct str *body, struct http_response *res, struct error *err)
	MUST_CHECK;
/* The same for GET of a JSON document. */
int ask_url(const struct question *q, const char *url, struct str *body,
	    struct http_response *res, struct error *err) MUST_CHECK;
/* The first byte that is no white space, or 0. */
char ask_first_byte(const struct str *body);

#endif
