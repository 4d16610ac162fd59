/*
 * ModelScope lists small files with their SHA-256 but without their git SHA-1,
 * which is their name in a cache. Nothing but the bytes tells it.
 */
#include "fetch/learn.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cache/gitname.h"
#include "fetch/endpoint.h"
#include "fetch/retry.h"

#include <string.h>

/* Enough to hide the way there and back; the engine bounds connections. */
#define AT_ONCE 16
#define HEAD	512
/* Of a file that is kept; so many of them at once. */
#define KEPT_MOST (1u << 20)
/* That wait for their names together: each has three descriptors. */
#define KEPT_AT_ONCE 16

struct lesson {
	struct learner *all;
	struct lock_repo *repo;
	struct lock_file *file;
	char *what;
	struct hub_endpoint *endpoint;
	unsigned attempt;
	struct digest_ctx *git, *sha256;
	uint64_t got;
	char head[HEAD]; /* what may be a message in place of the file */
	char *bytes;	 /* of a file that is kept, or NULL */
};

struct learner {
	struct hub *hub;
	struct hfcache *store;
	struct hfcache_batch *batch;
	struct lesson lessons[AT_ONCE];
	struct lock *lock;
	size_t repo, next; /* the next file to look at */
	struct error err;  /* the first that failed */
};

static void start(struct lesson *s, unsigned delay_ms);

static void lesson_clear(struct lesson *s)
{
	digest_free(&s->git);
	digest_free(&s->sha256);
	free_ptr(&s->what);
	free_ptr(&s->bytes);
}

static void learner_release(struct learner *l)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		lesson_clear(&l->lessons[i]);
	if (l->batch)
		hfcache_batch_release(l->batch);
	free_ptr(&l->batch);
}

/* The first at or behind at that may have the file; NULL: none is left. */
static void choose(struct lesson *s, size_t at)
{
	struct hub *h = s->all->hub;

	while (at < h->count &&
	       (h->endpoints[at].dropped ||
		!endpoint_has(h, &h->endpoints[at], s->repo, s->file)))
		at++;
	s->endpoint = at < h->count ? &h->endpoints[at] : NULL;
	s->attempt = 0;
}

static void fail(struct learner *l, const struct error *err)
{
	if (l->err.code == ERR_NONE)
		l->err = *err;
	http_stop(l->hub->http);
}

/* The next file that has no name, or NULL. */
static struct lock_file *next_file(struct learner *l, struct lock_repo **repo)
{
	for (; l->repo < l->lock->repo_count; l->repo++, l->next = 0) {
		*repo = &l->lock->repos[l->repo];
		while (l->next < (*repo)->file_count) {
			struct lock_file *f = &(*repo)->files[l->next++];

			if (f->etag.alg != DIGEST_NONE)
				continue;
			if (f->size > 0)
				return f;
			digest_buf(DIGEST_GIT_SHA1, "", 0, &f->etag);
		}
	}
	return NULL;
}

static void take_next(struct lesson *s)
{
	struct learner *l = s->all;

	lesson_clear(s);
	s->file = next_file(l, &s->repo);
	if (!s->file)
		return;
	s->what = xasprintf("%s %s", s->repo->id, s->file->path);
	if (s->file->size <= KEPT_MOST)
		s->bytes = xmalloc((size_t)s->file->size);
	choose(s, 0);
	start(s, 0);
}

/* --- one answer --------------------------------------------------------------- */

static int on_body(void *ctx, const void *p, size_t n, struct error *err)
{
	struct lesson *s = ctx;

	(void)err;
	if (s->got < HEAD)
		memcpy(s->head + s->got, p,
		       n < HEAD - s->got ? n : HEAD - s->got);
	if (s->bytes && s->got + n <= s->file->size)
		memcpy(s->bytes + s->got, p, n);
	s->got += n;
	digest_update(s->git, p, n);
	digest_update(s->sha256, p, n);
	return 0;
}

/* Is what came the file? Then it gets its name. */
static int judge(struct lesson *s, struct error *err)
{
	size_t have = s->got < HEAD ? (size_t)s->got : HEAD;
	char *message CLEANUP(free_ptr) = NULL;
	struct digest git, sha256;

	digest_end(&s->git, &git);
	digest_end(&s->sha256, &sha256);
	if (!digest_equal(&sha256, &s->file->sha256))
		message = endpoint_message(s->endpoint, s->head, have);
	if (message)
		return err_set(err, ERR_NOT_FOUND,
			       "%s: %s: the server says: %s", s->endpoint->name,
			       s->what, message);
	if (s->got != s->file->size)
		err_set(err, ERR_INTEGRITY,
			"%s: %s: got %llu bytes, expected %llu",
			s->endpoint->name, s->what, (unsigned long long)s->got,
			(unsigned long long)s->file->size);
	else if (!digest_equal(&sha256, &s->file->sha256))
		err_set(err, ERR_INTEGRITY,
			"%s: %s: its SHA-256 is not that of the listing",
			s->endpoint->name, s->what);
	if (err->code != ERR_NONE)
		return err_hint(err, "name another endpoint with --endpoint");
	s->file->etag = git;
	return 0;
}

static void name_kept(struct learner *l)
{
	struct error err = { .code = ERR_NONE };

	if (hfcache_batch_flush(l->batch, &err) < 0)
		hfcache_batch_release(l->batch);
}

/* So that it need not come again. Who cannot keep it now will say so when it is fetched,
 * and another process that is at it keeps it itself. */
static void keep(struct lesson *s)
{
	struct learner *l = s->all;
	struct hfcache_part part = HFCACHE_PART_INIT;
	struct error ignored = { .code = ERR_NONE };
	int lockfd = -1;

	if (!s->bytes || hfcache_blob_lock(l->store, s->repo, &s->file->etag, 0,
					   &lockfd, &ignored) < 0)
		return;
	if (hfcache_part_open(&part, l->store, s->repo, s->file, false, lockfd,
			      &ignored) < 0 ||
	    hfcache_part_write(&part, s->bytes, (size_t)s->got, &ignored) < 0) {
		hfcache_part_close(&part);
		return;
	}
	if (hfcache_batch_add(l->batch, &part, &ignored) == 0 &&
	    l->batch->count >= KEPT_AT_ONCE)
		name_kept(l);
}

static void go_on(struct lesson *s, const struct http_response *res,
		  struct error *err)
{
	struct learner *l = s->all;
	struct retry_decision d = retry_decide(
		res, err, s->attempt,
		l->hub->max_attempts ? l->hub->max_attempts : RETRY_ATTEMPTS,
		clock_jitter());

	if (d.verdict == RETRY_NEVER) {
		fail(l, err);
		return;
	}
	if (d.verdict == RETRY_ELSEWHERE || d.verdict == RETRY_OK) {
		choose(s, (size_t)(s->endpoint - l->hub->endpoints) + 1);
	}
	if (!s->endpoint) {
		fail(l, err);
		return;
	}
	start(s, d.delay_ms);
}

static void on_done(void *ctx, const struct http_response *res,
		    const struct error *raw)
{
	struct lesson *s = ctx;
	struct hub_endpoint *e = s->endpoint;
	struct error err = *raw;

	e->bytes += res->body_bytes;
	if (err.code == ERR_NONE && res->status != 200)
		endpoint_explain(s->all->hub, e, NULL, res, s->what, &err);
	else if (err.code == ERR_NONE)
		(void)judge(s, &err);
	if (err.code == ERR_NONE) {
		keep(s);
		take_next(s);
	} else {
		go_on(s, res, &err);
	}
}

static void start(struct lesson *s, unsigned delay_ms)
{
	struct hub *h = s->all->hub;
	struct hub_endpoint *e = s->endpoint;
	struct endpoint_file file CLEANUP(endpoint_file_release) = { 0 };
	struct error err = { .code = ERR_NONE };
	struct http_request rq = { .ctx = s,
				   .max_body = s->file->size < HEAD
						       ? HEAD
						       : s->file->size,
				   .body = on_body,
				   .done = on_done };

	if (!e) {
		err_set(&err, ERR_NET, "%s: no endpoint is left to ask",
			s->what);
		fail(s->all, &err);
		return;
	}
	endpoint_file(h, e, s->repo, s->file, &file);
	endpoint_request(&file, &rq);
	digest_free(&s->git);
	digest_free(&s->sha256);
	s->git = digest_begin(DIGEST_GIT_SHA1, s->file->size);
	s->sha256 = digest_begin(DIGEST_SHA256, s->file->size);
	s->got = 0;
	s->attempt++;
	if (http_submit(h->http, &rq, delay_ms, &err) < 0)
		fail(s->all, &err);
}

int learn_names(struct hub *h, struct hfcache *store, struct lock *l,
		const struct cancel *cancel, struct error *err)
{
	struct learner all CLEANUP(
		learner_release) = { .hub = h, .store = store, .lock = l };
	int rc;

	for (size_t i = 0; i < l->repo_count; i++)
		if (gitname_find(store, &l->repos[i], cancel, err) < 0)
			return -1;
	all.batch = xcalloc(1, sizeof(*all.batch));
	for (size_t i = 0; i < AT_ONCE; i++) {
		all.lessons[i].all = &all;
		take_next(&all.lessons[i]);
	}
	rc = http_run(h->http, NULL, NULL, err);
	/* what came stays, however the rest has ended */
	name_kept(&all);
	if (rc < 0)
		return -1;
	if (all.err.code == ERR_NONE)
		return 0;
	*err = all.err;
	return -1;
}
