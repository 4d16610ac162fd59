/*
 * The engine: requests wait in order of their start time, at most
 * max_connections of them have an easy handle and are on the wire.
 *
 * Redirects are followed here and not by libcurl: each hop is set up anew from
 * its own URL, so the token goes to the first origin only, the proxy is that of
 * the hop's scheme, and a hop from https to http is refused in so many words.
 */
#include "fetch/http.h"

#include "fetch/http_internal.h"
#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TICK_MS	    100
#define IDLE_MS	    1000
#define DROP_LIMIT  (64u << 10) /* bytes of a body that nobody wants */
#define WORDS_LIMIT 4096	/* of it: no message is longer */

/* --- transfers ------------------------------------------------------------ */

static void transfer_free(struct transfer *t)
{
	free_ptr(&t->rq.url);
	free_ptr(&t->rq.token);
	free_ptr(&t->rq.if_range);
	free_ptr(&t->rq.cookie);
	free_ptr(&t->rq.post);
	strlist_release(&t->extra);
	str_release(&t->refusal);
	free_ptr(&t->url);
	free_ptr(&t->origin);
	free_ptr(&t->home);
	curl_slist_free_all(t->lines);
	http_response_release(&t->res);
	free_ptr(&t);
}

static void free_transfer(struct transfer **t)
{
	if (*t)
		transfer_free(*t);
}

static char *copy_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static bool delivers(const struct transfer *t)
{
	return t->res.status == 200 || t->res.status == 206;
}

static int ask_headers(struct transfer *t)
{
	if (t->asked || !t->rq.headers)
		return 0;
	t->asked = true;
	t->res.url = t->url;
	return t->rq.headers(t->rq.ctx, &t->res, &t->err);
}

size_t http_on_header(char *p, size_t size, size_t n, void *transfer)
{
	struct transfer *t = transfer;

	t->parser.now = time(NULL);
	if (http_response_line(&t->res, &t->parser, p, size * n, &t->err) < 0) {
		err_wrap(&t->err, "%s", t->origin);
		return 0;
	}
	return size * n;
}

static int deliver(struct transfer *t, const char *p, size_t n)
{
	if (ask_headers(t) < 0)
		return -1;
	if (t->res.body_bytes > t->rq.max_body)
		return err_set(&t->err, ERR_FORMAT,
			       "%s: the answer is longer than %llu bytes",
			       t->origin, (unsigned long long)t->rq.max_body);
	return t->rq.body ? t->rq.body(t->rq.ctx, p, n, &t->err) : 0;
}

size_t http_on_body(char *p, size_t size, size_t n, void *transfer)
{
	struct transfer *t = transfer;

	/* what waited in a pause can fail without libcurl's noticing */
	if (t->err.code != ERR_NONE)
		return 0;
	n *= size;
	t->res.body_bytes += n;
	http_rate_spend(t, n);
	if (delivers(t))
		return deliver(t, p, n) == 0 ? n : 0;
	if (t->refusal.len + n <= WORDS_LIMIT)
		str_add(&t->refusal, p, n);
	if (t->res.body_bytes > DROP_LIMIT) {
		t->enough = true;
		return 0;
	}
	return n;
}

/* --- starting ------------------------------------------------------------- */

static CURL *take_easy(struct http *h)
{
	CURL *easy;

	if (h->idle_count > 0)
		return h->idle[--h->idle_count];
	easy = curl_easy_init();
	if (easy &&
	    curl_easy_setopt(easy, CURLOPT_SHARE, h->share) != CURLE_OK) {
		curl_easy_cleanup(easy);
		return NULL;
	}
	return easy;
}

/* For the next one, if all went well: after a failure libcurl 7.88 may keep a
 * buffer, whose size it then neither changes nor minds. */
static void give_easy(struct http *h, struct transfer *t, bool good)
{
	if (!t->easy)
		return;
	if (!good) {
		curl_easy_cleanup(t->easy);
		t->easy = NULL;
		return;
	}
	/* nothing in it may point into the transfer any more */
	curl_easy_reset(t->easy);
	h->idle = xgrow(h->idle, &h->idle_cap, h->idle_count + 1,
			sizeof(CURL *));
	h->idle[h->idle_count++] = t->easy;
	t->easy = NULL;
}

/* Puts the hop on the wire. */
static int begin_hop(struct http *h, struct transfer *t)
{
	CURLMcode rc;

	if (http_setup(t, &h->settings, &t->err) < 0)
		return -1;
	rc = curl_multi_add_handle(h->multi, t->easy);
	if (rc != CURLM_OK)
		return err_set(&t->err, ERR_OTHER, "libcurl: %s",
			       curl_multi_strerror(rc));
	return 0;
}

static void unlink_active(struct http *h, const struct transfer *t)
{
	struct transfer **p = &h->active;

	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	h->active_count--;
}

/* The transfer is over, whatever became of it. */
static void conclude(struct http *h, struct transfer *t, bool good)
{
	give_easy(h, t, good);
	unlink_active(h, t);
	http_response_refusal(&t->res, t->refusal.ptr, t->refusal.len);
	http_response_hush(&t->res, t->rq.token);
	for (size_t i = 0; i < t->extra.count; i++)
		if (strncasecmp(t->extra.items[i], "Authorization:", 14) == 0)
			http_response_hush(&t->res,
					   strrchr(t->extra.items[i], ' '));
	free_ptr(&t->res.location);
	t->res.location = http_redact(t->url);
	t->res.url = t->url;
	t->rq.done(t->rq.ctx, &t->res, &t->err);
	transfer_free(t);
}

static void start(struct http *h, struct transfer *t)
{
	t->next = h->active;
	h->active = t;
	h->active_count++;
	t->easy = take_easy(h);
	if (!t->easy)
		err_set(&t->err, ERR_OTHER, "libcurl: out of memory");
	if (!t->easy || begin_hop(h, t) < 0)
		conclude(h, t, false);
}

static void start_due(struct http *h)
{
	uint64_t now = clock_ms();

	while (h->waiting && h->waiting->due_ms <= now &&
	       h->active_count < h->settings.max_connections) {
		struct transfer *t = h->waiting;

		h->waiting = t->next;
		start(h, t);
	}
}

/* --- ending ----------------------------------------------------------------- */

/* A body is sent on only where the server says that the method stays. */
static bool is_redirect(const struct transfer *t)
{
	long s = t->res.status;

	if (s == 307 || s == 308)
		return true;
	return !t->rq.post && (s == 301 || s == 302 || s == 303);
}

/* Whatever is asked for: nobody here can mend that. */
static int hint_redirect(struct error *err)
{
	return err_hint(err, "ask another server, or who runs this one");
}

static int check_hop(struct transfer *t, const char *to)
{
	char *origin CLEANUP(free_ptr) = NULL;
	struct error bad = { .code = ERR_NONE };

	if (http_origin(to, &origin, &bad) < 0) {
		char *shown CLEANUP(free_ptr) = http_redact(to);

		err_set(&t->err, ERR_HTTP,
			"%s: redirects to %s, which is not http or https",
			t->origin, shown);
		return hint_redirect(&t->err);
	}
	if (strncasecmp(t->url, "https:", 6) == 0 &&
	    strncasecmp(to, "https:", 6) != 0) {
		err_set(&t->err, ERR_HTTP,
			"%s: redirects to %s, which is not encrypted",
			t->origin, origin);
		return hint_redirect(&t->err);
	}
	if (t->hops == HTTP_MAX_REDIRECTS) {
		err_set(&t->err, ERR_HTTP,
			"%s: more than %d redirects, the last to %s", t->home,
			HTTP_MAX_REDIRECTS, origin);
		return hint_redirect(&t->err);
	}
	if (t->rq.follows && t->rq.follows(t->rq.ctx, origin, &t->err) < 0)
		return -1;
	free_ptr(&t->origin);
	t->origin = take_ptr(origin);
	return 0;
}

/* true: the answer was a redirect, and its target is on the wire now. */
static bool next_hop(struct http *h, struct transfer *t)
{
	const char *to = NULL;

	if (!is_redirect(t) ||
	    curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to) !=
		    CURLE_OK ||
	    !to || check_hop(t, to) < 0)
		return false;
	free_ptr(&t->url);
	t->url = xstrdup(to); /* dies with the reset of the handle */
	t->hops++;
	t->res.redirected = true;
	t->paused = false;
	http_response_next(&t->res, &t->parser);
	str_clear(&t->refusal);
	return begin_hop(h, t) == 0;
}

/* An answer that is no success is complete once its status is known. */
static bool is_answer(const struct transfer *t, CURLcode rc)
{
	if (rc == CURLE_OK || t->enough)
		return true;
	return t->parser.ended && !delivers(t) && !is_redirect(t);
}

static void end(struct http *h, struct transfer *t, CURLcode rc)
{
	curl_multi_remove_handle(h->multi, t->easy);
	if (t->rq.hop)
		http_tell_hop(t, &h->settings);
	if (t->err.code == ERR_NONE && !is_answer(t, rc))
		http_explain(t, &h->settings, rc, &t->res, &t->err);
	if (t->err.code == ERR_NONE && next_hop(h, t))
		return;
	http_find_proxy(t, &h->settings);
	if (t->err.code == ERR_NONE)
		(void)ask_headers(t);
	conclude(h, t, rc == CURLE_OK);
}

struct transfer *http_transfer_of(CURL *easy)
{
	char *private = NULL;

	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	return (struct transfer *)(void *)private;
}

static void end_finished(struct http *h)
{
	struct CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left)))
		if (msg->msg == CURLMSG_DONE)
			end(h, http_transfer_of(msg->easy_handle),
			    msg->data.result);
}

/* Takes those of ctx out of a list (NULL: all). */
static void drop_from(struct http *h, struct transfer **list, const void *ctx)
{
	while (*list) {
		struct transfer *t = *list;

		if (ctx && t->rq.ctx != ctx) {
			list = &t->next;
			continue;
		}
		*list = t->next;
		if (t->easy) {
			curl_multi_remove_handle(h->multi, t->easy);
			give_easy(h, t, false);
			h->active_count--;
		}
		transfer_free(t);
	}
}

void http_drop(struct http *h, const void *ctx)
{
	drop_from(h, &h->active, ctx);
	drop_from(h, &h->waiting, ctx);
}

void http_drop_all(struct http *h)
{
	http_drop(h, NULL);
}

/* --- the door --------------------------------------------------------------- */

static int check_token(const char *token, struct error *err)
{
	for (const char *p = token; p && *p; p++)
		if (*p <= ' ' || *p > '~')
			return err_set(
				err, ERR_USAGE,
				"the token has a byte that no token has");
	return 0;
}

int http_submit(struct http *h, const struct http_request *rq,
		unsigned delay_ms, struct error *err)
{
	struct transfer *t CLEANUP(free_transfer) = xcalloc(1, sizeof(*t));
	struct transfer **place = &h->waiting;

	t->refusal = (struct str)STR_INIT;
	t->rq = *rq;
	t->rq.url = xstrdup(rq->url);
	t->rq.token = copy_or_null(rq->token);
	t->rq.if_range = copy_or_null(rq->if_range);
	t->rq.cookie = copy_or_null(rq->cookie);
	if (rq->post)
		t->rq.post = xstrndup(rq->post, rq->post_len);
	if (rq->lines)
		strlist_copy(&t->extra, rq->lines);
	t->rq.lines = NULL;
	if (t->rq.max_body == 0)
		t->rq.max_body = HTTP_API_LIMIT;
	http_response_init(&t->res);
	if (check_token(rq->token, err) < 0 ||
	    http_origin(rq->url, &t->origin, err) < 0)
		return -1;
	t->http = h;
	t->socket = -1;
	t->url = xstrdup(rq->url);
	t->home = xstrdup(t->origin);
	t->due_ms = clock_ms() + delay_ms;
	while (*place && (*place)->due_ms <= t->due_ms)
		place = &(*place)->next;
	t->next = *place;
	*place = take_ptr(t);
	return 0;
}

static int wait_ms(struct http *h)
{
	uint64_t now = clock_ms();

	if (http_rate_refill(h))
		return HTTP_RATE_MS;
	if (!h->waiting || h->active_count >= h->settings.max_connections)
		return IDLE_MS;
	if (h->waiting->due_ms <= now)
		return 0;
	return h->waiting->due_ms - now < IDLE_MS
		       ? (int)(h->waiting->due_ms - now)
		       : IDLE_MS;
}

static int step(struct http *h, bool ticking, struct error *err)
{
	int timeout;

	start_due(h);
	if (h->active || h->waiting || h->held > 0) {
		timeout = wait_ms(h);
		if (ticking && timeout > TICK_MS)
			timeout = TICK_MS;
		if (atomic_load(&h->woken))
			timeout = 0;
		if (http_wait(h, timeout, err) < 0)
			return -1;
	}
	end_finished(h);
	return 0;
}

static int run(struct http *h, void (*tick)(void *), void *ctx,
	       struct error *err)
{
	uint64_t ticked = clock_ms();
	bool ticking = tick || h->settings.deadline_ms;

	while (h->active || h->waiting || h->held > 0) {
		if (cancel_check(h->cancel, err) < 0 ||
		    (!tick && http_late(h, err) < 0) ||
		    step(h, ticking, err) < 0)
			return -1;
		if (tick && (atomic_exchange(&h->woken, false) ||
			     clock_ms() - ticked >= TICK_MS)) {
			ticked = clock_ms();
			tick(ctx);
		}
		if (h->stopping) {
			http_drop_all(h);
			break;
		}
	}
	return cancel_check(h->cancel, err);
}

int http_run(struct http *h, void (*tick)(void *ctx), void *ctx,
	     struct error *err)
{
	int rc;

	assert(!h->running);
	h->running = true;
	h->stopping = false;
	rc = run(h, tick, ctx, err);
	h->running = false;
	if (rc < 0)
		http_drop_all(h);
	return rc;
}

void http_hold(struct http *h, int change)
{
	h->held += change;
	assert(h->held >= 0);
}

void http_stop(struct http *h)
{
	h->stopping = true;
}
