/* What to do after an answer or a failure. Pure: no clock, no socket. */
#ifndef ITTS_RETRY_H
#define ITTS_RETRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "fetch/http.h"

enum retry_verdict {
	RETRY_OK,	 /* 200, 206 */
	RETRY_AGAIN,	 /* same endpoint, after delay_ms */
	RETRY_ELSEWHERE, /* this endpoint cannot serve it; another may */
	RETRY_REFRESH, /* a signed URL behind a redirect has expired: ask anew */
	RETRY_NEVER,   /* no endpoint will do better */
};

struct retry_decision {
	enum retry_verdict verdict;
	unsigned delay_ms;
};

#define RETRY_MAX_DELAY_MS 300000u
#define RETRY_ATTEMPTS	   6 /* where nobody says otherwise */

/* attempt: 1 for the first answer. err: what the transfer ended with. jitter:
 * random bits. Full jitter over 250 ms at first, then 1 s * 2^n capped at 30 s; the
 * server's own wish wins, clamped to RETRY_MAX_DELAY_MS. */
struct retry_decision retry_decide(const struct http_response *res,
				   const struct error *err, unsigned attempt,
				   unsigned max_attempts, uint32_t jitter);
/* Turns an answer that is no success into the one message that helps: gated,
 * missing repo / revision / file, bad token, rate limit, proxy, HTML; it ends with
 * what can be done. what:
 * "facebook/w2v-bert-2.0 config.json", from: endpoint. Returns -1. */
int retry_explain(const struct http_response *res, const char *what,
		  const char *from, struct error *err);
enum retry_asker {
	RETRY_HUB,
	RETRY_MODELSCOPE,
	RETRY_LINK, /* a URL that the manifest names: no token is sent there */
	RETRY_LFS,  /* one that Git LFS has given out: likewise */
	RETRY_GIT,  /* a git repository that the manifest names: likewise */
	RETRY_REGISTRY, /* of images, which has a log-in of its own */
	RETRY_ASKERS,
};
/* As it is to be said of one that is not the Hub. */
int retry_explain_as(enum retry_asker asker, const struct http_response *res,
		     const char *what, const char *from, struct error *err);
/* Where a proxy that may have made the answer itself has passed it on: says so, and
 * which one. Returns -1. */
int retry_add_proxy(const struct http_response *res, struct error *err);
/* The same in two or three words, for a message that it is tried again. */
const char *retry_meaning(const struct http_response *res);
/* What the first bytes of a body are, if they are not what a file of a model
 * begins with: "a web page", "a Git LFS pointer", ...; else NULL. */
const char *retry_foreign_body(const char *start, size_t len);

#endif
