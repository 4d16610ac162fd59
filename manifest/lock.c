#include "manifest/lock.h"

#include "base/mem.h"
#include "manifest/glob.h"
#include "manifest/lock_pick.h"

#include <stdlib.h>
#include <string.h>

static void repo_release(struct lock_repo *r)
{
	free(r->id);
	free(r->revision);
	strlist_release(&r->refs);
	free(r->license);
	free(r->notice);
	free(r->hub_view);
	free(r->hub);
	free(r->git);
	archive_ref_release(&r->archive);
	mirrors_release(&r->mirrors);
	free(r->files);
	arena_release(&r->strings);
}

void lock_release(struct lock *l)
{
	free(l->name);
	strlist_release(&l->groups);
	for (size_t i = 0; i < l->repo_count; i++)
		repo_release(&l->repos[i]);
	free(l->repos);
	*l = (struct lock){ 0 };
}

void lock_keep(struct lock *l, const bool *keep)
{
	size_t n = 0;

	for (size_t i = 0; i < l->repo_count; i++) {
		if (keep[i])
			l->repos[n++] = l->repos[i];
		else
			repo_release(&l->repos[i]);
	}
	l->repo_count = n;
}

struct lock_repo *lock_add_repo(struct lock *l)
{
	struct lock_repo *r;

	l->repos = xgrow(l->repos, &l->repo_cap, l->repo_count + 1,
			 sizeof(*l->repos));
	r = &l->repos[l->repo_count++];
	*r = (struct lock_repo){ 0 }; /* the slot may have been used before */
	return r;
}

struct lock_file *lock_add_file(struct lock_repo *r, const char *path)
{
	return lock_take_file(r, arena_strdup(&r->strings, path));
}

struct lock_file *lock_take_file(struct lock_repo *r, char *path)
{
	struct lock_file *f;

	r->files = xgrow(r->files, &r->file_cap, r->file_count + 1,
			 sizeof(*r->files));
	f = &r->files[r->file_count++];
	*f = (struct lock_file){ .path = path };
	return f;
}

void lock_file_set_url(struct lock_repo *r, struct lock_file *f,
		       const char *url)
{
	f->url = arena_strdup(&r->strings, url);
}

void lock_trim(struct lock_repo *r)
{
	if (r->file_cap == r->file_count)
		return;
	r->file_cap = r->file_count;
	if (r->file_cap)
		r->files = xrealloc(r->files, r->file_cap * sizeof(*r->files));
	else
		free_ptr(&r->files);
}

static size_t view_count(const struct lock_file *f)
{
	size_t n = 0;

	while (f->views && f->views[n])
		n++;
	return n;
}

void lock_file_add_view(struct lock_repo *r, struct lock_file *f,
			const char *view)
{
	size_t n = view_count(f), room = 2 * (n + 1);
	char **before = f->views;

	/* with the NULL behind them: a list of 2, 4, 8, ... */
	if ((n & (n + 1)) == 0) {
		f->views = arena_alloc(&r->strings, room * sizeof(*f->views),
				       true);
		for (size_t i = 0; i < n; i++)
			f->views[i] = before[i];
	}
	f->views[n] = arena_strdup(&r->strings, view);
	f->views[n + 1] = NULL;
}

static int compare_path(const void *key, const void *file)
{
	return strcmp(key, ((const struct lock_file *)file)->path);
}

struct lock_file *lock_find_file(const struct lock_repo *r, const char *path)
{
	if (!r->file_count)
		return NULL;
	return bsearch(path, r->files, r->file_count, sizeof(*r->files),
		       compare_path);
}

void lock_unmatched(const struct lock_repo *r,
		    const struct manifest_model *model,
		    const struct strlist *groups_on, struct strlist *out)
{
	for (size_t i = 0; i < model->include.count; i++) {
		const char *path = model->include.items[i];

		if (!glob_is_pattern(path) &&
		    manifest_selects(model, groups_on, path) &&
		    !lock_find_file(r, path))
			strlist_add(out, path);
	}
}

static void put_digest(struct json_writer *w, const char *key,
		       const struct digest *d)
{
	char hex[DIGEST_HEX_MAX];

	if (d->alg != DIGEST_NONE)
		json_put_kv(w, key, digest_hex(d, hex));
}

static void put_optional(struct json_writer *w, const char *key,
			 const char *text)
{
	if (text)
		json_put_kv(w, key, text);
}

static void put_file(const struct lock_file *f, struct json_writer *w)
{
	json_one_line(w);
	json_begin_object(w);
	json_put_kv(w, "path", f->path);
	json_put_kv_u64(w, "size", f->size);
	put_digest(w, "sha256", &f->sha256);
	if (!digest_equal(&f->etag, &f->sha256))
		put_digest(w, "etag", &f->etag);
	put_optional(w, "url", f->url);
	if (view_count(f)) {
		json_put_key(w, "views");
		json_begin_array(w);
		for (char **v = f->views; *v; v++)
			json_put_string(w, *v);
		json_end_array(w);
	}
	json_end_object(w);
}

static void put_repo(const struct lock_repo *r, struct json_writer *w)
{
	json_begin_object(w);
	json_put_kv(w, "id", r->id);
	json_put_kv(w, "type", repo_type_name(r->type));
	json_put_kv(w, "revision", r->revision);
	json_put_kv(w, "commit", r->commit);
	put_optional(w, "hub", r->hub);
	put_optional(w, "git", r->git);
	archive_ref_put(&r->archive, w);
	json_put_kv_strings(w, "refs", &r->refs);
	put_optional(w, "license", r->license);
	put_optional(w, "notice", r->notice);
	put_optional(w, "hub_view", r->hub_view);
	mirrors_put(&r->mirrors, w);
	json_put_kv_bool(w, "complete", r->complete);
	json_put_key(w, "files");
	json_begin_array(w);
	for (size_t i = 0; i < r->file_count; i++)
		put_file(&r->files[i], w);
	json_end_array(w);
	json_end_object(w);
}

void lock_put_repos(const struct lock *l, struct json_writer *w)
{
	json_begin_array(w);
	for (size_t i = 0; i < l->repo_count; i++)
		put_repo(&l->repos[i], w);
	json_end_array(w);
}

static void put_lock(const struct lock *l, struct json_writer *w)
{
	char hex[DIGEST_HEX_MAX];

	json_begin_object(w);
	json_put_kv(w, "format", "itts-lock");
	json_put_kv_u64(w, "version", LOCK_VERSION);
	json_put_kv(w, "name", l->name);
	if (l->manifest.alg != DIGEST_NONE) {
		char *text CLEANUP(free_ptr) = xasprintf(
			"sha256:%s", digest_hex(&l->manifest, hex));

		json_put_kv(w, "manifest", text);
	}
	json_put_kv_strings(w, "groups", &l->groups);
	json_put_key(w, "repos");
	lock_put_repos(l, w);
	json_end_object(w);
	str_addc(w->out, '\n');
}

void lock_format(const struct lock *l, struct str *out)
{
	struct json_writer w;

	json_writer_init(&w, out, JSON_PRETTY);
	put_lock(l, &w);
}

void lock_drain(const struct lock *l,
		void (*drain)(void *ctx, const void *p, size_t n), void *ctx)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer w;

	json_writer_init(&w, &text, JSON_PRETTY);
	json_writer_drain(&w, drain, ctx);
	put_lock(l, &w);
	drain(ctx, text.ptr, text.len);
}

static void add_to_digest(void *ctx, const void *p, size_t n)
{
	digest_update(ctx, p, n);
}

void lock_digest(const struct lock *l, struct digest *out)
{
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(
		DIGEST_SHA256, 0);

	lock_drain(l, add_to_digest, ctx);
	digest_end(&ctx, out);
}

bool lock_file_is_lfs(const struct lock_file *f)
{
	return f->etag.alg == DIGEST_SHA256;
}

bool lock_file_is_editable(const struct lock_file *f)
{
	return !lock_file_is_lfs(f) && f->size <= LOCK_EDITABLE_MAX;
}
