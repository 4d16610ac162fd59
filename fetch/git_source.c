#include "fetch/git_source.h"

#include "base/mem.h"
#include "base/str.h"
#include "fetch/endpoint.h"
#include "fetch/git.h"
#include "fetch/lfs.h"

#include <stdlib.h>
#include <string.h>

/* --- listing ------------------------------------------------------------------------ */

/* Small files: the SHA-256 of what the pack has. */
static int hash_blobs(struct git_pack *pack, struct lock_repo *repo,
		      struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < repo->file_count; i++) {
		struct lock_file *f = &repo->files[i];

		if (lock_file_is_lfs(f))
			continue;
		str_clear(&text);
		if (git_pack_blob(pack, &f->etag, &text, err) < 0)
			return err_wrap(err, "%s", f->path);
		f->size = text.len;
		digest_buf(DIGEST_SHA256, text.ptr, text.len, &f->sha256);
	}
	return 0;
}

int git_source_list(struct hub *h, struct hfcache *store,
		    const struct manifest_model *m, struct lock_repo *repo,
		    struct error *err)
{
	struct git_remote g CLEANUP(git_remote_release) = { 0 };
	struct git_pack *pack CLEANUP(git_pack_close) = NULL;
	char commit[41];

	if (git_remote_open(&g, h, m->git, NULL, RETRY_GIT, err) == 0 &&
	    git_remote_resolve(&g, m->revision, commit, err) == 0 &&
	    git_remote_fetch(&g, commit, false, hfcache_root(store), &pack,
			     err) == 0) {
		if (git_pack_list(pack, commit, repo, err) == 0 &&
		    hash_blobs(pack, repo, err) == 0)
			return 0;
		http_say_late(h->http, err);
		err_name(err, g.name);
	}
	return err_wrap(err, "%s", m->id);
}

/* --- filling ------------------------------------------------------------------------- */

void git_filled_release(struct git_filled *f)
{
	free_ptr(&f->files);
	*f = (struct git_filled){ 0 };
}

static int by_place(const void *a, const void *b)
{
	const struct lock_file *x = *(const struct lock_file *const *)a;
	const struct lock_file *y = *(const struct lock_file *const *)b;

	return (x > y) - (x < y);
}

bool git_filled_has(const struct git_filled *f, const struct lock_file *file)
{
	return f->count && bsearch(&file, f->files, f->count,
				   sizeof(const struct lock_file *), by_place);
}

struct missing {
	struct lock_file **small, **large; /* borrowed files */
	size_t small_count, small_cap, large_count, large_cap;
};

static void missing_release(struct missing *m)
{
	free_ptr(&m->small);
	free_ptr(&m->large);
}

static int find_missing(struct hfcache *store, struct lock_repo *repo,
			const struct cancel *cancel, struct missing *m,
			struct error *err)
{
	for (size_t i = 0; i < repo->file_count; i++) {
		struct lock_file *f = &repo->files[i];
		enum blob_state state;

		if (hfcache_blob_check(store, repo, f, cancel, &state, err) < 0)
			return -1;
		if (state == BLOB_OK)
			continue;
		if (lock_file_is_lfs(f)) {
			m->large = xgrow(m->large, &m->large_cap,
					 m->large_count + 1, sizeof(*m->large));
			m->large[m->large_count++] = f;
		} else {
			m->small = xgrow(m->small, &m->small_cap,
					 m->small_count + 1, sizeof(*m->small));
			m->small[m->small_count++] = f;
		}
	}
	return 0;
}

/* Another process may be at the same file: its bytes are as good. */
#define WAIT_MS 60000

static int put_blob(struct hfcache *store, const struct lock_repo *repo,
		    const struct lock_file *file, const struct str *text,
		    struct error *err)
{
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	int lockfd CLEANUP(close_fd) = -1;

	if (hfcache_blob_lock(store, repo, &file->etag, WAIT_MS, &lockfd, err) <
		    0 ||
	    hfcache_part_open(&part, store, repo, file, false, take_fd(&lockfd),
			      err) < 0 ||
	    hfcache_part_write(&part, text->ptr, text->len, err) < 0)
		return -1;
	return hfcache_part_commit(&part, NULL, err);
}

static int fill_small(struct git_remote *g, struct hfcache *store,
		      const struct lock_repo *repo, const struct missing *m,
		      struct git_filled *out, struct error *err)
{
	struct git_pack *pack CLEANUP(git_pack_close) = NULL;
	struct str text CLEANUP(str_release) = STR_INIT;

	if (git_remote_fetch(g, repo->commit, false, hfcache_root(store), &pack,
			     err) < 0)
		return -1;
	for (size_t i = 0; i < m->small_count; i++) {
		str_clear(&text);
		if (git_pack_blob(pack, &m->small[i]->etag, &text, err) < 0 ||
		    put_blob(store, repo, m->small[i], &text, err) < 0)
			return err_wrap(err, "%s %s", repo->id,
					m->small[i]->path);
		out->files = xgrow(out->files, &out->cap, out->count + 1,
				   sizeof(const struct lock_file *));
		out->files[out->count++] = m->small[i];
	}
	return 0;
}

static int fill_repo(struct hub *h, struct hfcache *store,
		     struct lock_repo *repo, struct git_filled *out,
		     struct error *err)
{
	const struct cancel in_time = http_in_time(h->http);
	struct missing m CLEANUP(missing_release) = { 0 };
	struct git_remote g CLEANUP(git_remote_release) = { 0 };
	char *lfs CLEANUP(free_ptr) = NULL;

	if (find_missing(store, repo, &in_time, &m, err) < 0)
		return http_say_late(h->http, err);
	if (m.small_count + m.large_count == 0)
		return 0;
	if (git_remote_open(&g, h, repo->git, NULL, RETRY_GIT, err) < 0 ||
	    (m.small_count && fill_small(&g, store, repo, &m, out, err) < 0)) {
		http_say_late(h->http, err);
		return err_name(err, repo->id);
	}
	lfs = xasprintf("%s%s", g.base, str_ends(g.base, ".git") ? "" : ".git");
	if (lfs_find(h, lfs, NULL, m.large, m.large_count, err) == 0)
		return 0;
	if (!strstr(err->msg, g.origin))
		err_wrap(err, "%s", g.name);
	return err_wrap(err, "%s", repo->id);
}

int git_source_fill(struct hub *h, struct hfcache *store, struct lock *l,
		    struct git_filled *out, struct error *err)
{
	for (size_t i = 0; i < l->repo_count; i++)
		if (l->repos[i].git &&
		    fill_repo(h, store, &l->repos[i], out, err) < 0)
			return -1;
	if (out->count)
		qsort(out->files, out->count, sizeof(const struct lock_file *),
		      by_place);
	return 0;
}

/* --- proving ------------------------------------------------------------------------- */

/* Where the git repository of a hub's repository is; NULL: not at this endpoint. */
static char *git_url(const struct hub_endpoint *e, const struct lock_repo *r)
{
	const char *id, *revision;

	if (e->dropped || e->kind == ENDPOINT_DIRECT ||
	    (e->kind == ENDPOINT_MODELSCOPE) != (r->hub != NULL))
		return NULL;
	if (!r->hub)
		return xasprintf("%s/%s%s.git", e->url,
				 repo_type_prefix(r->type), r->id);
	endpoint_modelscope_name(r, &id, &revision);
	return xasprintf("%s/%s/%s.git", e->url, repo_type_plural(r->type), id);
}

static int ask_tree(struct hub *h, struct hfcache *store, const char *url,
		    const char *token, const struct lock_repo *r,
		    struct lock_repo *tree, struct error *err)
{
	struct git_remote g CLEANUP(git_remote_release) = { 0 };
	struct git_pack *pack CLEANUP(git_pack_close) = NULL;

	if (git_remote_open(&g, h, url, token,
			    r->hub ? RETRY_MODELSCOPE : RETRY_HUB, err) < 0 ||
	    git_remote_fetch(&g, r->commit, true, hfcache_root(store), &pack,
			     err) < 0)
		return -1;
	if (git_pack_list(pack, r->commit, tree, err) == 0)
		return 0;
	http_say_late(h->http, err);
	return err_name(err, g.name);
}

static int compare_file(const struct lock_repo *r, const struct lock_file *f,
			const struct lock_file *t, struct error *err)
{
	char want[DIGEST_HEX_MAX], got[DIGEST_HEX_MAX];

	if (!t)
		return err_set(err, ERR_INTEGRITY,
			       "%s %s: commit %s has no such file", r->id,
			       f->path, r->commit);
	if (!digest_equal(&f->etag, &t->etag))
		return err_set(err, ERR_INTEGRITY,
			       "%s %s: commit %s has %s there, the lock has %s",
			       r->id, f->path, r->commit,
			       digest_hex(&t->etag, got),
			       digest_hex(&f->etag, want));
	if (t->size != UINT64_MAX && t->size != f->size)
		return err_set(err, ERR_INTEGRITY,
			       "%s %s: commit %s has %llu bytes there, the "
			       "lock has %llu",
			       r->id, f->path, r->commit,
			       (unsigned long long)t->size,
			       (unsigned long long)f->size);
	return 0;
}

static int compare(const struct lock_repo *r, const struct lock_repo *tree,
		   struct error *err)
{
	for (size_t i = 0; i < r->file_count; i++)
		if (compare_file(r, &r->files[i],
				 lock_find_file(tree, r->files[i].path),
				 err) < 0)
			return -1;
	for (size_t i = 0; r->complete && i < tree->file_count; i++)
		if (!lock_find_file(r, tree->files[i].path))
			return err_set(
				err, ERR_INTEGRITY,
				"%s: commit %s has %zu files, the lock says "
				"that its %zu are all: %s is not among them",
				r->id, r->commit, tree->file_count,
				r->file_count, tree->files[i].path);
	return 0;
}

static int compare_by(const char *url, const struct lock_repo *r,
		      const struct lock_repo *tree, struct error *err)
{
	char *shown CLEANUP(free_ptr) = NULL;

	if (compare(r, tree, err) == 0)
		return 0;
	shown = http_redact(url);
	return err_hint(err,
			"so says git at %s: take the listing from another "
			"endpoint",
			shown);
}

/* The first endpoint whose git server answers; what it says cannot be a lie. */
static int prove(struct hub *h, struct hfcache *store,
		 const struct lock_repo *r, struct error *err)
{
	struct error first = { .code = ERR_NONE };

	for (size_t i = 0; i < h->count; i++) {
		struct hub_endpoint *e = &h->endpoints[i];
		char *url CLEANUP(free_ptr) = git_url(e, r);
		struct lock l CLEANUP(lock_release) = { 0 };
		struct lock_repo *tree = lock_add_repo(&l);
		struct error silence = { .code = ERR_NONE };

		if (!url)
			continue;
		if (ask_tree(h, store, url, endpoint_token(h, e), r, tree,
			     &silence) == 0)
			return compare_by(url, r, tree, err);
		if (silence.code == ERR_CANCELLED || silence.code == ERR_IO) {
			*err = silence;
			return -1;
		}
		if (first.code == ERR_NONE)
			first = silence;
	}
	if (first.code == ERR_NONE)
		return err_set(err, ERR_NET,
			       "%s: no endpoint has its git repository", r->id);
	*err = first;
	err_wrap(err, "%s is not proven", r->id);
	return err->code == ERR_NOT_FOUND && err->http
		       ? err_hint(err, "not every mirror has git: add an "
				       "endpoint that has")
		       : -1;
}

int git_source_prove(struct hub *h, struct hfcache *store, const struct lock *l,
		     size_t *files, struct error *err)
{
	*files = 0;
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];

		/* those were listed from their own trees, or have no tree */
		if (r->git || r->archive.url ||
		    (r->file_count && r->files[0].url))
			continue;
		if (prove(h, store, r, err) < 0)
			return -1;
		*files += r->file_count;
	}
	return 0;
}
