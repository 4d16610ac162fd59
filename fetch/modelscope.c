/* Questions to ModelScope: which commit, which files. */
#include "fetch/modelscope.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "fetch/ask.h"
#include "fetch/endpoint.h"

#include <string.h>

#define PAGE_SIZE 200
#define MAX_PAGES (LOCK_MAX_FILES / PAGE_SIZE * 2)
/* What the listing of a model gives at most, it is told. */
#define LISTING_CAP 3000

/* One repository there. */
struct site {
	struct question q;
	const char *type, *id; /* in URLs */
	struct lock_repo *repo;
};

static void site_release(struct site *s)
{
	question_release(&s->q);
}

static void begin_url(const struct site *s, const char *verb,
		      const char *revision, struct str *url)
{
	str_addf(url, "%s/api/v1/%s/%s/%s", s->q.endpoint->url, s->type, s->id,
		 verb);
	url_escape(url, revision, false);
}

/* The body of a refusal is JSON with any status, and a web page is one of a
 * captive portal or of a site that has no such API. */
static int ask_site(const struct site *s, const char *url, struct str *body,
		    struct error *err)
{
	struct http_response res CLEANUP(http_response_release) = { 0 };

	if (ask_url(&s->q, url, body, &res, err) < 0)
		return -1;
	if (ask_first_byte(body) == '<')
		return endpoint_explain(s->q.hub, s->q.endpoint, NULL, &res,
					s->q.what, err);
	return 0;
}

static int wrap(const struct site *s, struct error *err)
{
	return err_wrap(err, "%s: %s", s->q.endpoint->name, s->q.what);
}

static int ask_commit(const struct site *s, const char *revision,
		      struct error *err)
{
	struct str url CLEANUP(str_release) = STR_INIT;
	struct str body CLEANUP(str_release) = STR_INIT;

	begin_url(s, "commits?Ref=", revision, &url);
	str_adds(&url, "&PageNumber=1&PageSize=1");
	if (ask_site(s, url.ptr, &body, err) < 0)
		return -1;
	if (modelscope_parse_commit(body.ptr, body.len, s->repo->commit, err) <
	    0)
		return wrap(s, err);
	return 0;
}

static int find_commit(const struct site *s, const char *revision,
		       struct error *err)
{
	if (!is_commit_id(revision))
		return ask_commit(s, revision, err);
	memcpy(s->repo->commit, revision, sizeof(s->repo->commit));
	return 0;
}

/* It may be a commit of this site or of the Hub, which are not the same ones. */
static int find_foreign(const struct site *s, const char *commit,
			struct error *err)
{
	if (ask_commit(s, commit, err) == 0)
		return 0;
	if (err->code != ERR_NOT_FOUND && err->code != ERR_FORMAT)
		return -1;
	err_clear(err);
	event_warn(s->q.hub->sink,
		   "%s: %s: that commit is not known there, so "
		   "its " MODELSCOPE_REVISION
		   " is taken; \"mirrors\" in the manifest can name another",
		   s->q.endpoint->name, s->q.what);
	return ask_commit(s, MODELSCOPE_REVISION, err);
}

static int list_model(const struct site *s, struct error *err)
{
	struct str url CLEANUP(str_release) = STR_INIT;
	struct str body CLEANUP(str_release) = STR_INIT;
	size_t rows;

	begin_url(s, "repo/files?Revision=", s->repo->commit, &url);
	str_adds(&url, "&Recursive=True");
	if (ask_site(s, url.ptr, &body, err) < 0)
		return -1;
	if (modelscope_parse_files(body.ptr, body.len, s->repo, &rows, err) < 0)
		return wrap(s, err);
	if (rows >= LISTING_CAP)
		event_warn(s->q.hub->sink,
			   "%s: %s: %zu files and more; ModelScope may not "
			   "have named them all",
			   s->q.endpoint->name, s->q.what, rows);
	return 0;
}

static int list_dataset(const struct site *s, struct error *err)
{
	struct str body CLEANUP(str_release) = STR_INIT;
	size_t rows = PAGE_SIZE;

	for (unsigned page = 1; rows == PAGE_SIZE; page++) {
		struct str url CLEANUP(str_release) = STR_INIT;

		if (page > MAX_PAGES)
			return err_set(err, ERR_FORMAT,
				       "%s: %s: the listing has no end",
				       s->q.endpoint->name, s->q.what);
		begin_url(s, "repo/tree?Revision=", s->repo->commit, &url);
		str_addf(&url,
			 "&Root=/&Recursive=True&PageNumber=%u"
			 "&PageSize=%d",
			 page, PAGE_SIZE);
		if (ask_site(s, url.ptr, &body, err) < 0)
			return -1;
		if (modelscope_parse_files(body.ptr, body.len, s->repo, &rows,
					   err) < 0)
			return wrap(s, err);
	}
	return 0;
}

int modelscope_list(struct hub *h, struct hub_endpoint *e, const char *revision,
		    struct lock_repo *repo, struct error *err)
{
	const char *id, *there;
	bool foreign;
	int rc;
	struct site s CLEANUP(site_release) = {
		.q = { .hub = h, .endpoint = e },
		.type = repo_type_plural(repo->type),
		.repo = repo,
	};

	if (repo->type == REPO_SPACE)
		return err_set(err, ERR_NOT_FOUND,
			       "%s: %s is a space, and ModelScope has none",
			       e->name, repo->id);
	foreign = endpoint_modelscope_asked(repo, revision, &id, &there);
	s.id = id;
	s.q.what = xasprintf("%s@%s", id, there);
	rc = foreign ? find_foreign(&s, there, err)
		     : find_commit(&s, there, err);
	if (rc < 0)
		return -1;
	return repo->type == REPO_DATASET ? list_dataset(&s, err)
					  : list_model(&s, err);
}
