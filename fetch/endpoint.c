/*
 * What differs between the kinds:
 *
 *              Hugging Face                 ModelScope
 * token        HF_TOKEN, as bearer          MODELSCOPE_API_TOKEN, as bearer for
 *                                           newer and as cookie m_session_id for
 *                                           older parts of the API
 * files        /ID/resolve/COMMIT/PATH      LFS: /models/ID/resolve/REV/PATH, a
 *                                           redirect to the CDN; others:
 *                                           /api/v1/models/ID/repo?..., sent by a
 *                                           gateway that gets ranges wrong
 * main branch  main                         master
 * refusals     a status, X-Error-Code       also status 200 with
 *                                           {"Code":N,"Success":false,...}
 */
#include "fetch/endpoint.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "fetch/modelscope.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MODELSCOPE_COOKIE   "m_session_id"
#define MODELSCOPE_REVISION "master"
/* Where a file's content is asked for, an answer of more bytes is no message. */
#define MESSAGE_LIMIT 4096

static const struct {
	const char *name;
	const char *const *hosts; /* and those below them: so are they known */
} kinds[] = {
	[ENDPOINT_HUGGINGFACE] = { "huggingface",
				   (const char *const[]){ "huggingface.co",
							  NULL } },
	[ENDPOINT_MODELSCOPE] = { MIRROR_MODELSCOPE,
				  (const char *const[]){ "modelscope.cn",
							 "modelscope.ai",
							 NULL } },
};

const char *endpoint_kind_name(enum endpoint_kind kind)
{
	return kinds[kind].name;
}

/* --- adding ----------------------------------------------------------------- */

/* "kind=URL": takes the kind off. */
static bool take_kind(const char **url, enum endpoint_kind *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t n = strlen(kinds[i].name);

		if (strncmp(*url, kinds[i].name, n) != 0 || (*url)[n] != '=')
			continue;
		*url += n + 1;
		*out = (enum endpoint_kind)i;
		return true;
	}
	return false;
}

const char *endpoint_bare_url(const char *url)
{
	enum endpoint_kind ignored;

	(void)take_kind(&url, &ignored);
	return url;
}

/* Is origin scheme://[x.]host? */
static bool is_at(const char *origin, const char *host)
{
	const char *name = strstr(origin, "://") + 3;
	size_t n = strlen(name), m = strlen(host);

	if (n <= m)
		return strcmp(name, host) == 0;
	return strcmp(name + n - m, host) == 0 && name[n - m - 1] == '.';
}

static bool is_of_kind(const char *origin, enum endpoint_kind kind)
{
	for (const char *const *h = kinds[kind].hosts; *h; h++)
		if (is_at(origin, *h))
			return true;
	return false;
}

/* The hub's own host, which gave the token out. */
static bool is_token_home(const char *origin, enum endpoint_kind kind)
{
	const char *host = strstr(origin, "://") + 3;

	if (!str_starts(origin, "https://"))
		return false;
	if (kind == ENDPOINT_MODELSCOPE && str_starts(host, "www."))
		host += strlen("www.");
	for (const char *const *h = kinds[kind].hosts; *h; h++)
		if (strcmp(host, *h) == 0)
			return true;
	return false;
}

int hub_add_endpoint(struct hub *h, const char *url, bool named,
		     struct error *err)
{
	char *origin CLEANUP(free_ptr) = NULL;
	enum endpoint_kind kind = ENDPOINT_HUGGINGFACE;
	bool said = take_kind(&url, &kind);
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
	if (!said && is_of_kind(origin, ENDPOINT_MODELSCOPE))
		kind = ENDPOINT_MODELSCOPE;
	while (len > 0 && url[len - 1] == '/')
		len--;
	h->endpoints = xgrow(h->endpoints, &h->cap, h->count + 1,
			     sizeof(*h->endpoints));
	e = &h->endpoints[h->count++];
	*e = (struct hub_endpoint){ .kind = kind, .url = xstrndup(url, len) };
	e->send_token = named || is_token_home(origin, kind);
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

/* --- asking for files --------------------------------------------------------- */

const char *endpoint_token(const struct hub *h, const struct hub_endpoint *e)
{
	if (!e->send_token)
		return NULL;
	return e->kind == ENDPOINT_MODELSCOPE ? h->modelscope_token : h->token;
}

const char *endpoint_cookie(const struct hub_endpoint *e)
{
	return e->kind == ENDPOINT_MODELSCOPE ? MODELSCOPE_COOKIE : NULL;
}

bool endpoint_has(const struct hub_endpoint *e, const struct lock_repo *repo)
{
	return e->kind != ENDPOINT_MODELSCOPE || repo->type != REPO_SPACE;
}

/* The name of the locked commit on the Hub: its own id, unless it was locked
 * from elsewhere; then only what was asked for. */
static const char *hub_revision(const struct lock_repo *repo)
{
	return repo->hub ? repo->revision : repo->commit;
}

static void modelscope_file(const struct hub_endpoint *e,
			    const struct lock_repo *repo,
			    const struct lock_file *file, struct str *url)
{
	const char *type = repo_type_plural(repo->type), *id, *revision;

	endpoint_modelscope_name(repo, &id, &revision);
	if (lock_file_is_lfs(file)) {
		str_addf(url, "%s/%s/%s/resolve/", e->url, type, id);
		url_escape(url, revision, false);
		str_addc(url, '/');
		url_escape(url, file->path, true);
		return;
	}
	str_addf(url, "%s/api/v1/%s/%s/repo?Revision=", e->url, type, id);
	url_escape(url, revision, false);
	str_adds(url, "&FilePath=");
	url_escape(url, file->path, false);
}

void endpoint_modelscope_name(const struct lock_repo *repo, const char **id,
			      const char **revision)
{
	const struct mirror *m = mirrors_find(&repo->mirrors,
					      MIRROR_MODELSCOPE);

	*id = m ? m->id : repo->id;
	*revision = MODELSCOPE_REVISION;
	if (repo->hub && *repo->commit)
		*revision = repo->commit;
	else if (m && m->revision)
		*revision = m->revision;
}

void endpoint_file(const struct hub *h, const struct hub_endpoint *e,
		   const struct lock_repo *repo, const struct lock_file *file,
		   struct endpoint_file *out)
{
	struct str url CLEANUP(str_release) = STR_INIT;

	*out = (struct endpoint_file){ .token = endpoint_token(h, e),
				       .cookie = endpoint_cookie(e) };
	if (e->kind == ENDPOINT_MODELSCOPE) {
		out->whole = !lock_file_is_lfs(file);
		modelscope_file(e, repo, file, &url);
		out->url = str_detach(&url);
	} else {
		out->url = hub_resolve_url(e, repo->type, repo->id,
					   hub_revision(repo), file->path);
	}
}

void endpoint_file_release(struct endpoint_file *f)
{
	free_ptr(&f->url);
}

void endpoint_request(const struct endpoint_file *f, struct http_request *rq)
{
	rq->url = f->url;
	rq->token = f->token;
	rq->cookie = f->cookie;
}

/* --- listing -------------------------------------------------------------------- */

static int compare_paths(const void *a, const void *b)
{
	const struct lock_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int sort_files(const struct hub_endpoint *e, struct lock_repo *repo,
		      struct error *err)
{
	if (repo->file_count > 1)
		qsort(repo->files, repo->file_count, sizeof(*repo->files),
		      compare_paths);
	for (size_t i = 1; i < repo->file_count; i++)
		if (compare_paths(&repo->files[i - 1], &repo->files[i]) == 0)
			return err_set(err, ERR_FORMAT,
				       "%s: %s: the listing has %s twice",
				       e->origin, repo->id,
				       repo->files[i].path);
	return 0;
}

int endpoint_list(struct hub *h, struct hub_endpoint *e, const char *revision,
		  struct lock_repo *repo, struct error *err)
{
	if (e->kind == ENDPOINT_MODELSCOPE) {
		if (modelscope_list(h, e, repo, err) < 0)
			return -1;
		repo->hub = xstrdup(MIRROR_MODELSCOPE);
	} else if (hub_list(h, e, revision, repo, err) < 0) {
		return -1;
	}
	return sort_files(e, repo, err);
}

/* --- refusals ----------------------------------------------------------------- */

char *endpoint_message(const struct hub_endpoint *e, const char *text,
		       size_t len)
{
	struct json *doc CLEANUP(json_free) = NULL;
	struct error ignored = { .code = ERR_NONE };

	if (e->kind != ENDPOINT_MODELSCOPE || len > MESSAGE_LIMIT ||
	    json_parse(&doc, text, len, &ignored) < 0 || !json_is_object(doc) ||
	    !json_member(doc, "Code") || !json_member(doc, "Message"))
		return NULL;
	return xstrdup(json_string_or(json_member(doc, "Message"), ""));
}
