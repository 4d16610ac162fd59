#include "fetch/ask.h"

#include "base/clock.h"
#include "base/human.h"
#include "base/mem.h"
#include "fetch/endpoint.h"
#include "fetch/retry.h"

#include <string.h>

/* With another endpoint to go to, patience with one is shorter. */
#define ATTEMPTS_OF_MANY 3

void question_release(struct question *q)
{
	free_ptr(&q->what);
}

static void tell_retry(const struct question *q, const char *why,
		       unsigned delay_ms)
{
	char wait[HUMAN_MAX];

	event_info(q->hub->sink, "%s: %s; asking again in %s", q->what, why,
		   human_time(delay_ms, wait));
}

static unsigned max_attempts(const struct hub *h)
{
	unsigned most = h->max_attempts ? h->max_attempts : RETRY_ATTEMPTS;

	return h->count > 1 && most > ATTEMPTS_OF_MANY ? ATTEMPTS_OF_MANY
						       : most;
}

static int refusal(const struct question *q, int rc,
		   const struct http_response *res, struct error *err)
{
	if (rc == 0)
		return endpoint_explain(q->hub, q->endpoint, NULL, res, q->what,
					err);
	endpoint_blame(q->endpoint, err);
	return err_name(err, q->what);
}

int ask(const struct question *q, const struct http_request *rq,
	struct str *body, struct http_response *res, struct error *err)
{
	struct http_request mine = *rq;
	unsigned delay_ms = 0;

	mine.token = endpoint_token(q->hub, q->endpoint);
	mine.cookie = endpoint_cookie(q->endpoint);
	for (unsigned attempt = 1;; attempt++) {
		struct retry_decision d;
		int rc;

		str_clear(body);
		http_response_release(res);
		rc = http_get(q->hub->http, &mine, delay_ms, body, res, err);
		q->endpoint->bytes += res->body_bytes;
		d = retry_decide(res, err, attempt, max_attempts(q->hub),
				 clock_jitter());
		if (d.verdict == RETRY_OK)
			return 0;
		if (d.verdict != RETRY_AGAIN && d.verdict != RETRY_REFRESH)
			return refusal(q, rc, res, err);
		tell_retry(q, rc < 0 ? err->msg : retry_meaning(res),
			   d.delay_ms);
		err_clear(err);
		delay_ms = d.delay_ms;
	}
}

int ask_url(const struct question *q, const char *url, struct str *body,
	    struct http_response *res, struct error *err)
{
	const struct http_request rq = { .url = url, .api = true };

	return ask(q, &rq, body, res, err);
}

char ask_first_byte(const struct str *body)
{
	return body->ptr[strspn(body->ptr, " \t\r\n")];
}
