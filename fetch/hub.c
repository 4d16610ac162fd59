/* Questions to one endpoint: which commit, which files. */
#include "fetch/hub.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "fetch/ask.h"
#include "fetch/endpoint.h"

#include <stdlib.h>
#include <string.h>

/* More pages than LOCK_MAX_FILES can need, unless a page is hardly filled. */
#define MAX_PAGES 4000

char *hub_resolve_url(const struct hub_endpoint *e, enum repo_type type,
		      const char *id, const char *commit, const char *path)
{
	struct str url CLEANUP(str_release) = STR_INIT;

	str_addf(&url, "%s/%s%s/resolve/%s/", e->url, repo_type_prefix(type),
		 id, commit);
	url_escape(&url, path, true);
	return str_detach(&url);
}

/* One question and the repository that it is about. */
struct query {
	struct question q;
	const struct lock_repo *repo;
};

static void release_query(struct query *q)
{
	question_release(&q->q);
}

static char *api_url(const struct query *q, const char *verb,
		     const char *revision, const char *query)
{
	struct str url CLEANUP(str_release) = STR_INIT;

	str_addf(&url, "%s/api/%s/%s/%s/", q->q.endpoint->url,
		 repo_type_plural(q->repo->type), q->repo->id, verb);
	url_escape(&url, revision, false);
	str_adds(&url, query);
	return str_detach(&url);
}

/* --- which commit ----------------------------------------------------------- */

static int ask_info(const struct query *q, const char *revision, bool files,
		    struct strlist *names, struct lock_repo *repo,
		    struct error *err)
{
	char *url CLEANUP(free_ptr) = api_url(q, "revision", revision,
					      files ? "?blobs=true" : "");
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;

	if (ask_url(&q->q, url, &body, &res, err) < 0)
		return -1;
	if (ask_first_byte(&body) == '<')
		return endpoint_explain(q->q.hub, q->q.endpoint, NULL, &res,
					q->q.what, err);
	if (hub_parse_info(body.ptr, body.len, files, names, repo, err) < 0)
		return err_wrap(err, "%s: %s", q->q.endpoint->name, q->q.what);
	if (is_commit_id(revision) && strcmp(repo->commit, revision) != 0)
		return err_set(err, ERR_INTEGRITY,
			       "%s: %s: asked for commit %s, got %s",
			       q->q.endpoint->name, q->q.what, revision,
			       repo->commit);
	return 0;
}

/* --- which files ------------------------------------------------------------ */

static bool lacks_api(const struct http_response *res)
{
	return res->status == 404 || res->status == 405 || res->status == 501;
}

/* No help, but no lie: others are asked. */
static int half_listed(const struct query *q, const char *why,
		       struct error *err)
{
	err_set(err, ERR_HTTP, "%s: %s: %s", q->q.endpoint->name, q->q.what,
		why);
	return err_hint(err, "ask another endpoint for the listing");
}

/* The page after this one; NULL: it was the last. */
static int next_page(const struct query *q, const struct http_response *res,
		     char **url, struct error *err)
{
	char *asked CLEANUP(free_ptr) = take_ptr(*url);

	*url = NULL;
	if (!res->link_next)
		return 0;
	if (hub_rehost(q->q.endpoint, res->link_next, url, err) < 0)
		return -1;
	/* olah drops what tells the pages apart */
	if (strcmp(asked, *url) == 0)
		return half_listed(q, "the listing gives the same page again",
				   err);
	return 0;
}

/* 1: listed; 0: this endpoint has no tree API. */
static int ask_tree(const struct query *q, struct lock_repo *repo,
		    struct strlist *others, struct error *err)
{
	char *url CLEANUP(free_ptr) = api_url(q, "tree", repo->commit,
					      "?recursive=true&expand=false");
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct str body CLEANUP(str_release) = STR_INIT;

	for (unsigned page = 0; url; page++) {
		if (page == MAX_PAGES)
			return err_set(err, ERR_FORMAT,
				       "%s: %s: the listing has no end",
				       q->q.endpoint->name, q->q.what);
		if (ask_url(&q->q, url, &body, &res, err) < 0) {
			if (page > 0 || !lacks_api(&res))
				return -1;
			err_clear(err);
			return 0;
		}
		if (page == 0 && ask_first_byte(&body) != '[')
			return 0;
		if (hub_parse_tree(body.ptr, body.len, repo, others, err) < 0)
			return err_wrap(err, "%s: %s", q->q.endpoint->name,
					q->q.what);
		if (next_page(q, &res, &url, err) < 0)
			return -1;
	}
	return 1;
}

/* --- is that all? ------------------------------------------------------------ */

/* A page that is lost takes more with it. */
#define MAX_ODD 100

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the repository that its listing has neither as files nor as what is
 * none. */
static void find_odd(const struct lock_repo *repo, const struct strlist *others,
		     const struct strlist *names, struct strlist *odd)
{
	size_t count = repo->file_count + others->count;
	/* borrowed */
	const char **listed CLEANUP(free_ptr) = xcalloc(count + 1,
							sizeof(*listed));

	for (size_t i = 0; i < repo->file_count; i++)
		listed[i] = repo->files[i].path;
	for (size_t i = 0; i < others->count; i++)
		listed[repo->file_count + i] = others->items[i];
	qsort(listed, count, sizeof(*listed), by_bytes);
	for (size_t i = 0; i < names->count; i++)
		if (!bsearch(&names->items[i], listed, count, sizeof(*listed),
			     by_bytes))
			strlist_add(odd, names->items[i]);
}

static void put_paths(struct str *out, const struct strlist *paths)
{
	struct json_writer w;

	json_writer_init(&w, out, JSON_COMPACT);
	json_begin_object(&w);
	json_put_kv_strings(&w, "paths", paths);
	json_put_kv_bool(&w, "expand", false);
	json_end_object(&w);
}

/* The files among them are added to found. 1: answered; 0: it does not say. */
static int ask_paths(const struct query *q, const struct strlist *paths,
		     struct lock_repo *found, struct error *err)
{
	char *url CLEANUP(free_ptr) = api_url(q, "paths-info", q->repo->commit,
					      "");
	struct strlist lines CLEANUP(strlist_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str body CLEANUP(str_release) = STR_INIT;
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct http_request rq = { .url = url, .lines = &lines, .api = true };

	strlist_add(&lines, "Content-Type: application/json");
	put_paths(&text, paths);
	rq.post = text.ptr;
	rq.post_len = text.len;
	if (ask(&q->q, &rq, &body, &res, err) < 0) {
		if (!lacks_api(&res))
			return -1;
		err_clear(err);
		return 0;
	}
	if (ask_first_byte(&body) != '[')
		return 0;
	if (hub_parse_tree(body.ptr, body.len, found, NULL, err) < 0)
		return err_wrap(err, "%s: %s", q->q.endpoint->name, q->q.what);
	return 1;
}

/* A submodule is named among the files; its tree calls it something else, or has
 * nothing of the kind. */
static int check_whole(const struct query *q, const struct lock_repo *repo,
		       const struct strlist *others,
		       const struct strlist *names, struct error *err)
{
	struct strlist odd CLEANUP(strlist_release) = { 0 };
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock_repo *files = lock_add_repo(&l);
	char *why CLEANUP(free_ptr) = NULL;
	int answered = 0;

	find_odd(repo, others, names, &odd);
	if (odd.count == 0)
		return 0;
	if (odd.count <= MAX_ODD)
		answered = ask_paths(q, &odd, files, err);
	if (answered < 0)
		return -1;
	if (answered && files->file_count == 0)
		return 0;
	why = xasprintf("%s is not in the listing",
			answered ? files->files[0].path : odd.items[0]);
	return half_listed(q, why, err);
}

int hub_list(struct hub *h, struct hub_endpoint *e, const char *revision,
	     struct lock_repo *repo, struct error *err)
{
	struct query q CLEANUP(release_query) = {
		.q = { .hub = h,
		       .endpoint = e,
		       .what = xasprintf("%s@%s", repo->id, revision) },
		.repo = repo,
	};
	struct strlist names CLEANUP(strlist_release) = { 0 };
	struct strlist others CLEANUP(strlist_release) = { 0 };
	int listed;

	if (ask_info(&q, revision, false, &names, repo, err) < 0)
		return -1;
	listed = ask_tree(&q, repo, &others, err);
	if (listed < 0)
		return -1;
	if (listed == 0) {
		/* its own memory: the parser writes over what it is given */
		char commit[41];

		memcpy(commit, repo->commit, sizeof(commit));
		if (ask_info(&q, commit, true, NULL, repo, err) < 0) {
			/* as half_listed() */
			if (err->code == ERR_FORMAT)
				err->code = ERR_HTTP;
			return -1;
		}
		return 0;
	}
	return check_whole(&q, repo, &others, &names, err);
}
