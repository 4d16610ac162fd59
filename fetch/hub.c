/* Questions to one endpoint: which commit, which files. */
#include "fetch/hub.h"

#include "base/clock.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "fetch/retry.h"

#include <stdlib.h>
#include <string.h>

/* More pages than LOCK_MAX_FILES can need, unless a page is hardly filled. */
#define MAX_PAGES 4000
/* With another endpoint to go to, patience with one is shorter. */
#define ATTEMPTS_OF_MANY 3

int hub_add_endpoint(struct hub *h, const char *url, bool named,
		     struct error *err)
{
	char *origin CLEANUP(free_ptr) = NULL;
	struct hub_endpoint *e;
	size_t len = strlen(url);

	if (http_origin(url, &origin, err) < 0)
		return err_wrap(err, "endpoint");
	if (strpbrk(url, "?#"))
		return err_set(err, ERR_USAGE,
			       "endpoint %s: a query does not belong to it",
			       origin);
	if (h->count == HUB_MAX_ENDPOINTS)
		return err_set(err, ERR_USAGE, "more than %d endpoints",
			       HUB_MAX_ENDPOINTS);
	while (len > 0 && url[len - 1] == '/')
		len--;
	h->endpoints = xgrow(h->endpoints, &h->cap, h->count + 1,
			     sizeof(*h->endpoints));
	e = &h->endpoints[h->count++];
	e->url = xstrndup(url, len);
	e->send_token = named || strcmp(origin, HUB_DEFAULT_ENDPOINT) == 0;
	e->origin = take_ptr(origin);
	return 0;
}

void hub_release(struct hub *h)
{
	for (size_t i = 0; i < h->count; i++) {
		free_ptr(&h->endpoints[i].url);
		free_ptr(&h->endpoints[i].origin);
	}
	free_ptr(&h->endpoints);
	h->count = h->cap = 0;
}

char *hub_resolve_url(const struct hub_endpoint *e, enum repo_type type,
		      const char *id, const char *commit, const char *path)
{
	struct str url CLEANUP(str_release) = STR_INIT;

	str_addf(&url, "%s/%s%s/resolve/%s/", e->url, repo_type_prefix(type),
		 id, commit);
	url_escape(&url, path, true);
	return str_detach(&url);
}

/* --- asking ----------------------------------------------------------------- */

/* One question and what belongs to it. */
struct question {
	struct hub *hub;
	struct hub_endpoint *endpoint;
	const struct lock_repo *repo;
	char *what; /* for messages */
};

static void release_question(struct question *q)
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

/* An answer with status 200 is in body afterwards; *res says what came else. */
static int ask(const struct question *q, const char *url, struct str *body,
	       struct http_response *res, struct error *err)
{
	const char *token = q->endpoint->send_token ? q->hub->token : NULL;
	struct http_request rq = { .url = url, .token = token, .api = true };
	unsigned delay_ms = 0;

	for (unsigned attempt = 1;; attempt++) {
		struct retry_decision d;
		int rc;

		str_clear(body);
		http_response_release(res);
		rc = http_get(q->hub->http, &rq, delay_ms, body, res, err);
		q->endpoint->bytes += res->body_bytes;
		d = retry_decide(res, err, attempt, max_attempts(q->hub),
				 clock_jitter());
		if (d.verdict == RETRY_OK)
			return 0;
		if (d.verdict != RETRY_AGAIN && d.verdict != RETRY_REFRESH)
			return rc < 0 ? -1
				      : retry_explain(res, q->what,
						      q->endpoint->origin, err);
		tell_retry(q, rc < 0 ? err->msg : retry_meaning(res),
			   d.delay_ms);
		err_clear(err);
		delay_ms = d.delay_ms;
	}
}

static bool looks_like(const struct str *body, char first)
{
	const char *s = body->ptr + strspn(body->ptr, " \t\r\n");

	return *s == first;
}

static char *api_url(const struct question *q, const char *verb,
		     const char *revision, const char *query)
{
	struct str url CLEANUP(str_release) = STR_INIT;

	str_addf(&url, "%s/api/%s/%s/%s/", q->endpoint->url,
		 repo_type_plural(q->repo->type), q->repo->id, verb);
	url_escape(&url, revision, false);
	str_adds(&url, query);
	return str_detach(&url);
}

/* --- which commit ----------------------------------------------------------- */

static int ask_info(const struct question *q, const char *revision, bool files,
		    struct lock_repo *repo, struct error *err)
{
	char *url CLEANUP(free_ptr) = api_url(q, "revision", revision,
					      files ? "?blobs=true" : "");
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;

	if (ask(q, url, &body, &res, err) < 0)
		return -1;
	if (looks_like(&body, '<'))
		return retry_explain(&res, q->what, q->endpoint->origin, err);
	if (hub_parse_info(body.ptr, body.len, files, repo, err) < 0)
		return err_wrap(err, "%s: %s", q->endpoint->origin, q->what);
	if (is_commit_id(revision) && strcmp(repo->commit, revision) != 0)
		return err_set(err, ERR_INTEGRITY,
			       "%s: %s: asked for commit %s, got %s",
			       q->endpoint->origin, q->what, revision,
			       repo->commit);
	return 0;
}

/* --- which files ------------------------------------------------------------ */

static bool lacks_tree_api(const struct http_response *res)
{
	return res->status == 404 || res->status == 405 || res->status == 501;
}

/* 1: listed; 0: this endpoint has no tree API. */
static int ask_tree(const struct question *q, struct lock_repo *repo,
		    struct error *err)
{
	char *url CLEANUP(free_ptr) = api_url(q, "tree", repo->commit,
					      "?recursive=true&expand=false");
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;

	for (unsigned page = 0; url; page++) {
		if (page == MAX_PAGES)
			return err_set(err, ERR_FORMAT,
				       "%s: %s: the listing has no end",
				       q->endpoint->origin, q->what);
		if (ask(q, url, &body, &res, err) < 0) {
			if (page > 0 || !lacks_tree_api(&res))
				return -1;
			err_clear(err);
			return 0;
		}
		if (page == 0 && !looks_like(&body, '['))
			return 0;
		if (hub_parse_tree(body.ptr, body.len, repo, err) < 0)
			return err_wrap(err, "%s: %s", q->endpoint->origin,
					q->what);
		free_ptr(&url);
		if (res.link_next &&
		    hub_rehost(q->endpoint, res.link_next, &url, err) < 0)
			return -1;
	}
	return 1;
}

static int compare_paths(const void *a, const void *b)
{
	const struct lock_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int sort_files(const struct question *q, struct lock_repo *repo,
		      struct error *err)
{
	if (repo->file_count > 1)
		qsort(repo->files, repo->file_count, sizeof(*repo->files),
		      compare_paths);
	for (size_t i = 1; i < repo->file_count; i++)
		if (compare_paths(&repo->files[i - 1], &repo->files[i]) == 0)
			return err_set(err, ERR_FORMAT,
				       "%s: %s: the listing has %s twice",
				       q->endpoint->origin, q->what,
				       repo->files[i].path);
	return 0;
}

int hub_list(struct hub *h, struct hub_endpoint *e, const char *revision,
	     struct lock_repo *repo, struct error *err)
{
	struct question q CLEANUP(release_question) = {
		.hub = h,
		.endpoint = e,
		.repo = repo,
		.what = xasprintf("%s@%s", repo->id, revision),
	};
	int listed;

	if (ask_info(&q, revision, false, repo, err) < 0)
		return -1;
	listed = ask_tree(&q, repo, err);
	if (listed < 0)
		return -1;
	if (listed == 0) {
		/* its own memory: the parser writes over what it is given */
		char commit[41];

		memcpy(commit, repo->commit, sizeof(commit));
		if (ask_info(&q, commit, true, repo, err) < 0)
			return -1;
	}
	return sort_files(&q, repo, err);
}
