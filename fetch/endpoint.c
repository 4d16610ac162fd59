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
#include "fetch/retry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MODELSCOPE_COOKIE "m_session_id"
/* Where a file's content is asked for, an answer of more bytes is no message. */
#define MESSAGE_LIMIT 4096
/* Of an endpoint: its name has room in messages and in journals. */
#define URL_LIMIT 512

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
	[ENDPOINT_DIRECT] = { "direct", (const char *const[]){ NULL } },
};

const char *endpoint_kind_name(enum endpoint_kind kind)
{
	return kinds[kind].name;
}

/* --- adding ----------------------------------------------------------------- */

/* "kind=URL": takes the kind off. */
static bool take_kind(const char **url, enum endpoint_kind *out)
{
	for (size_t i = 0; i < ENDPOINT_DIRECT; i++) {
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

/* The origin and the path: one host may have several. */
static char *name_of(const char *origin, const char *url)
{
	const char *host = strstr(url, "://") + 3;

	return xasprintf("%s%s", origin, host + strcspn(host, "/"));
}

/* The name of an endpoint however host, port, kind, credentials and last slashes
 * are written; NULL: that is no URL. */
static char *name_as_written(const char *url)
{
	char *origin CLEANUP(free_ptr) = NULL;
	struct error ignored = { 0 };
	const char *bare = url;
	enum endpoint_kind kind;
	char *name;

	(void)take_kind(&bare, &kind);
	if (http_origin(bare, &origin, &ignored) < 0) {
		err_clear(&ignored);
		return NULL;
	}
	name = name_of(origin, bare);
	for (size_t n = strlen(name); name[n - 1] == '/'; n--)
		name[n - 1] = '\0';
	return name;
}

bool endpoint_is(const char *a, const char *b)
{
	char *x CLEANUP(free_ptr) = name_as_written(a);
	char *y CLEANUP(free_ptr) = name_as_written(b);

	return x && y && strcmp(x, y) == 0;
}

static void endpoint_release(struct hub_endpoint *e)
{
	free_ptr(&e->url);
	free_ptr(&e->origin);
	free_ptr(&e->name);
}

/* "user:password@" of a URL, or "". */
static size_t userinfo(const char *url, const char **out)
{
	const char *host = strstr(url, "://") + 3;
	const char *at = memrchr(host, '@', strcspn(host, "/"));

	*out = host;
	return at ? (size_t)(at - host) : 0;
}

/* However its host, port or last slashes are written. */
static bool is_same(const struct hub_endpoint *a, const struct hub_endpoint *b)
{
	const char *x, *y;
	size_t n = userinfo(a->url, &x);

	return a->kind == b->kind && strcmp(a->name, b->name) == 0 &&
	       userinfo(b->url, &y) == n && memcmp(x, y, n) == 0;
}

/* Takes what e owns. One that is given twice is one. */
static int put_endpoint(struct hub *h, struct hub_endpoint *e,
			struct error *err)
{
	struct hub_endpoint own CLEANUP(endpoint_release) = *e;

	*e = (struct hub_endpoint){ 0 };
	for (size_t i = 0; i < h->count; i++)
		if (is_same(&h->endpoints[i], &own)) {
			h->endpoints[i].send_token |= own.send_token;
			return 0;
		}
	if (h->count == HUB_MAX_ENDPOINTS)
		return err_set(err, ERR_USAGE, "more than %d endpoints",
			       HUB_MAX_ENDPOINTS);
	h->endpoints = xgrow(h->endpoints, &h->cap, h->count + 1,
			     sizeof(*h->endpoints));
	h->endpoints[h->count++] = own;
	own = (struct hub_endpoint){ 0 };
	return 0;
}

int hub_add_endpoint(struct hub *h, const char *url, bool named,
		     struct error *err)
{
	char *origin CLEANUP(free_ptr) = NULL;
	enum endpoint_kind kind = ENDPOINT_HUGGINGFACE;
	bool said = take_kind(&url, &kind);
	struct hub_endpoint e;
	size_t len = strlen(url);

	if (http_origin(url, &origin, err) < 0)
		return -1;
	if (strpbrk(url, "?#"))
		return err_set(err, ERR_USAGE,
			       "%s: a query does not belong to an endpoint",
			       origin);
	if (len > URL_LIMIT)
		return err_set(err, ERR_USAGE,
			       "%s: more than %d bytes for an endpoint", origin,
			       URL_LIMIT);
	if (!said && is_of_kind(origin, ENDPOINT_MODELSCOPE))
		kind = ENDPOINT_MODELSCOPE;
	while (len > 0 && url[len - 1] == '/')
		len--;
	e = (struct hub_endpoint){ .kind = kind, .url = xstrndup(url, len) };
	e.send_token = named || is_token_home(origin, kind);
	e.name = name_of(origin, e.url);
	e.origin = take_ptr(origin);
	return put_endpoint(h, &e, err);
}

static void link_release(struct hub_link *l)
{
	free_ptr(&l->url);
	free_ptr(&l->batch);
	strlist_release(&l->lines);
}

void hub_release(struct hub *h)
{
	for (size_t i = 0; i < h->count; i++)
		endpoint_release(&h->endpoints[i]);
	for (size_t i = 0; i < h->link_count; i++)
		link_release(&h->links[i]);
	free_ptr(&h->endpoints);
	free_ptr(&h->links);
	h->count = h->cap = h->link_count = h->link_cap = 0;
}

/* --- choosing ----------------------------------------------------------------- */

/* Is text all of name, or does name go on with one of these? */
static bool begins_with(const char *name, const char *text, const char *next)
{
	size_t n = strlen(text);

	while (n > 0 && text[n - 1] == '/')
		n--;
	return strncasecmp(name, text, n) == 0 &&
	       (name[n] == '\0' || strchr(next, name[n]));
}

static bool is_meant(const struct hub_endpoint *e, const char *name)
{
	const char *text = endpoint_bare_url(name);

	if (strstr(text, "://")) {
		char *url CLEANUP(free_ptr) = name_as_written(text);

		return url && begins_with(e->name, url, "/");
	}
	return begins_with(strstr(e->origin, "://") + 3, text, ":");
}

static int means_none(const struct hub *h, const char *name, struct error *err)
{
	char *shown CLEANUP(free_ptr) = http_redact(endpoint_bare_url(name));
	struct str all CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < h->count; i++)
		str_addf(&all, "%s%s", i ? ", " : "", h->endpoints[i].name);
	return err_set(err, ERR_USAGE, "%s is none of the endpoints: %s", shown,
		       all.ptr);
}

int endpoint_keep_only(struct hub *h, const struct strlist *names,
		       struct error *err)
{
	bool *kept CLEANUP(free_ptr) = xcalloc(h->count + 1, sizeof(*kept));
	size_t n = 0;

	for (size_t i = 0; i < names->count; i++) {
		bool found = false;

		for (size_t k = 0; k < h->count; k++)
			if (is_meant(&h->endpoints[k], names->items[i]))
				kept[k] = found = true;
		if (!found)
			return means_none(h, names->items[i], err);
	}
	for (size_t k = 0; names->count && k < h->count; k++) {
		if (kept[k])
			h->endpoints[n++] = h->endpoints[k];
		else
			endpoint_release(&h->endpoints[k]);
	}
	if (names->count)
		h->count = n;
	return 0;
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

/* --- single files ------------------------------------------------------------- */

/* Of the first link that is not in front of it. */
static size_t link_place(const struct hub *h, const struct digest *sha256)
{
	size_t low = 0, high = h->link_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (digest_cmp(&h->links[mid].sha256, sha256) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_below(const char *url, const char *origin)
{
	char *own CLEANUP(free_ptr) = NULL;
	struct error ignored = { .code = ERR_NONE };

	return http_origin(url, &own, &ignored) == 0 &&
	       strcmp(own, origin) == 0;
}

struct hub_link *endpoint_link(const struct hub *h,
			       const struct hub_endpoint *e,
			       const struct digest *sha256)
{
	if (e->kind != ENDPOINT_DIRECT)
		return NULL;
	for (size_t i = link_place(h, sha256); i < h->link_count; i++) {
		struct hub_link *l = &h->links[i];

		if (!digest_equal(&l->sha256, sha256))
			break;
		if (is_below(l->url, e->origin))
			return l;
	}
	return NULL;
}

static int add_host(struct hub *h, const char *url, struct error *err)
{
	struct hub_endpoint e = { .kind = ENDPOINT_DIRECT };

	if (http_origin(url, &e.origin, err) < 0)
		return -1;
	e.url = xstrdup(e.origin);
	e.name = xstrdup(e.origin);
	return put_endpoint(h, &e, err);
}

int endpoint_add_link(struct hub *h, struct hub_link *link, struct error *err)
{
	struct hub_link own CLEANUP(link_release) = *link;
	size_t at = link_place(h, &own.sha256);

	*link = (struct hub_link){ 0 };
	for (size_t i = at; i < h->link_count; i++)
		if (digest_equal(&h->links[i].sha256, &own.sha256) &&
		    strcmp(h->links[i].url, own.url) == 0)
			return 0;
	if (add_host(h, own.url, err) < 0)
		return -1;
	h->links = xgrow(h->links, &h->link_cap, h->link_count + 1,
			 sizeof(*h->links));
	memmove(&h->links[at + 1], &h->links[at],
		(h->link_count - at) * sizeof(*h->links));
	h->links[at] = own;
	h->link_count++;
	own = (struct hub_link){ 0 };
	return 0;
}

int endpoint_add_links(struct hub *h, const struct lock *l, struct error *err)
{
	for (size_t i = 0; i < l->repo_count; i++)
		for (size_t k = 0; k < l->repos[i].file_count; k++) {
			const struct lock_file *f = &l->repos[i].files[k];
			struct hub_link link = { .sha256 = f->sha256 };

			if (!f->url)
				continue;
			link.url = xstrdup(f->url);
			if (endpoint_add_link(h, &link, err) < 0)
				return -1;
		}
	return 0;
}

/* --- one file -------------------------------------------------------------------- */

bool endpoint_has(const struct hub *h, const struct hub_endpoint *e,
		  const struct lock_repo *repo, const struct lock_file *file)
{
	if (e->kind == ENDPOINT_DIRECT)
		return endpoint_link(h, e, &file->sha256) != NULL;
	if (file->url || repo->git || repo->archive.url)
		return false;
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

bool endpoint_modelscope_asked(const struct lock_repo *repo,
			       const char *revision, const char **id,
			       const char **there)
{
	const struct mirror *m = mirrors_find(&repo->mirrors,
					      MIRROR_MODELSCOPE);

	endpoint_modelscope_name(repo, id, there);
	if ((m && m->revision) || strcmp(revision, "main") == 0)
		return false;
	*there = revision;
	return is_commit_id(revision);
}

void endpoint_file(const struct hub *h, const struct hub_endpoint *e,
		   const struct lock_repo *repo, const struct lock_file *file,
		   struct endpoint_file *out)
{
	struct str url CLEANUP(str_release) = STR_INIT;

	*out = (struct endpoint_file){ .token = endpoint_token(h, e),
				       .cookie = endpoint_cookie(e) };
	if (e->kind == ENDPOINT_DIRECT) {
		const struct hub_link *l = endpoint_link(h, e, &file->sha256);

		assert(l);
		out->url = xstrdup(l->url);
		out->lines = &l->lines;
		out->turn = l->turn;
	} else if (e->kind == ENDPOINT_MODELSCOPE) {
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
	rq->lines = f->lines;
}

int endpoint_explain(const struct hub *h, const struct hub_endpoint *e,
		     const struct lock_file *file,
		     const struct http_response *res, const char *what,
		     struct error *err)
{
	const struct hub_link *link = file ? endpoint_link(h, e, &file->sha256)
					   : NULL;
	enum retry_asker asker = RETRY_HUB;

	if (e->kind == ENDPOINT_MODELSCOPE)
		asker = RETRY_MODELSCOPE;
	else if (e->kind == ENDPOINT_DIRECT)
		asker = link && link->batch ? RETRY_LFS : RETRY_LINK;
	return retry_explain_as(asker, res, what, e->name, err);
}

void endpoint_blame(const struct hub_endpoint *e, struct error *err)
{
	bool known = err->code == ERR_NET || err->code == ERR_HTTP ||
		     err->code == ERR_AUTH || err->code == ERR_FORMAT;

	if (known)
		err_name(err, e->name);
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
				       e->name, repo->id, repo->files[i].path);
	return 0;
}

char *endpoint_question(const struct hub_endpoint *e,
			const struct lock_repo *repo, const char *revision)
{
	struct str url CLEANUP(str_release) = STR_INIT;
	const char *type = repo_type_plural(repo->type), *id, *there;

	if (e->kind != ENDPOINT_MODELSCOPE) {
		str_addf(&url, "%s/api/%s/%s/revision/", e->url, type,
			 repo->id);
		url_escape(&url, revision, false);
		return str_detach(&url);
	}
	if (endpoint_modelscope_asked(repo, revision, &id, &there))
		there = MODELSCOPE_REVISION;
	str_addf(&url, "%s/api/v1/%s/%s/commits?Ref=", e->url, type, id);
	url_escape(&url, there, false);
	str_adds(&url, "&PageNumber=1&PageSize=1");
	return str_detach(&url);
}

int endpoint_list(struct hub *h, struct hub_endpoint *e, const char *revision,
		  struct lock_repo *repo, struct error *err)
{
	if (e->kind == ENDPOINT_MODELSCOPE) {
		if (modelscope_list(h, e, revision, repo, err) < 0)
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
