#include "cache/derive.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/path.h"
#include "cache/census.h"
#include "cache/hashrun.h"
#include "cache/store.h"
#include "cache/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct deriver {
	struct hfcache *cache;
	const struct derive_want *want;
	struct lock *out;
	uint64_t unknown;
	bool *met;	    /* one a spec */
	struct strlist ids; /* that there are */
};

static void deriver_release(struct deriver *d)
{
	free_ptr(&d->met);
	strlist_release(&d->ids);
}

/* Is this the revision that a word behind '@' means? */
static bool is_meant(const struct census *c, const struct census_revision *r,
		     const char *word)
{
	return !strcmp(word, r->commit) || strlist_has(&r->refs, word) ||
	       (!*word && c->revision_count == 1);
}

/* ID@: the tip, where nothing else is said. */
static bool fits(const struct deriver *d, const char *spec,
		 const struct census *c, const struct census_revision *r)
{
	size_t len = strlen(c->id);
	const char *rest = spec + len;

	if (strncmp(spec, c->id, len) != 0 || (*rest && *rest != '@'))
		return false;
	if (*rest)
		return is_meant(c, r, rest + 1);
	return !d->want->tip || strlist_has(&r->refs, "main") ||
	       is_meant(c, r, "");
}

static bool is_wanted(struct deriver *d, const struct census *c,
		      const struct census_revision *r)
{
	const struct strlist *specs = d->want->specs;
	bool found = !specs->count;

	for (size_t i = 0; i < specs->count; i++)
		if (fits(d, specs->items[i], c, r))
			found = d->met[i] = true;
	return found;
}

/* One that is malformed is none; of one that cannot be read nobody knows. */
static int read_listing(struct hfcache *c, const char *folder,
			const char *commit, struct tree *out, struct error *err)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s/trees/%s.json", folder,
						 commit);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error bad = { 0 };

	if (file_read_all(c->fd, name, TREE_LIMIT, &text, err)) {
		int failed = err->code == ERR_IO ? err->sys : 0;

		err_clear(err);
		return failed && failed != ENOTDIR
			       ? err_sys(err, failed, "%s/%s", c->root, name)
			       : 0;
	}
	if (tree_parse(out, text.ptr, text.len, &bad))
		err_clear(&bad);
	return 0;
}

static void add_file(struct deriver *d, struct lock_repo *r, const char *path,
		     uint64_t size, const struct digest *etag)
{
	struct error unsafe = { 0 };
	struct lock_file *f;

	if (path_check(path, &unsafe)) {
		d->unknown++;
		return;
	}
	f = lock_add_file(r, path);
	f->size = size;
	f->etag = *etag;
	if (etag->alg == DIGEST_SHA256)
		f->sha256 = *etag;
}

/* What the name of the blob says of a file that no listing has. */
static void add_linked(struct deriver *d, struct lock_repo *r,
		       const struct census *c, const struct census_file *f)
{
	const char *name = f->wants		    ? f->wants
			   : f->blob != CENSUS_NONE ? c->blobs[f->blob].name
						    : "";
	struct digest etag;

	if (digest_from_hex(&etag, name))
		add_file(d, r, f->path, DERIVE_NO_SIZE, &etag);
	else
		d->unknown++;
}

static int by_path(const void *a, const void *b)
{
	const struct lock_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int add_revision(struct deriver *d, const struct census *c,
			const struct census_revision *rev, struct error *err)
{
	struct lock_repo *r = lock_add_repo(d->out);
	struct tree listed CLEANUP(tree_release) = { 0 };

	if (read_listing(d->cache, c->folder, rev->commit, &listed, err))
		return -1;
	r->type = c->type;
	r->id = xstrdup(c->id);
	r->revision = xstrdup(rev->refs.count ? rev->refs.items[0]
					      : rev->commit);
	memcpy(r->commit, rev->commit, sizeof(r->commit));
	strlist_copy(&r->refs, &rev->refs);
	for (size_t i = 0; i < listed.count; i++)
		add_file(d, r, listed.files[i].path, listed.files[i].size,
			 tree_want(&listed.files[i]));
	r->complete = listed.count > 0;
	for (size_t i = 0; i < rev->file_count; i++) {
		if (tree_find(&listed, rev->files[i].path))
			continue;
		r->complete = false;
		add_linked(d, r, c, &rev->files[i]);
	}
	if (r->file_count)
		qsort(r->files, r->file_count, sizeof(*r->files), by_path);
	return 0;
}

/* Size and SHA-256 of one file, from its bytes. */
static int fill(struct hfcache *c, const struct lock_repo *r,
		struct lock_file *f, const struct cancel *cancel,
		struct error *err)
{
	struct hash_span span = { .cancel = cancel };
	int fd CLEANUP(close_fd) = -1;
	struct digest git = { 0 };
	struct stat st;
	enum beneath b = store_find(c, r, f, &fd, &st);

	if (b == BENEATH_FAILED)
		return store_unread(c, r, f, errno, err);
	if (b != BENEATH_FILE)
		return err_set(err, ERR_NOT_FOUND, "%s %s: %s", r->id, f->path,
			       beneath_text(b));
	if (f->size != DERIVE_NO_SIZE && f->size != (uint64_t)st.st_size)
		return err_set(err, ERR_INTEGRITY, "%s %s: wrong size", r->id,
			       f->path);
	f->size = span.size = (uint64_t)st.st_size;
	span.fd = fd;
	if (f->sha256.alg)
		return 0;
	if (hash_span(&span, DIGEST_SHA256, &f->sha256, err) ||
	    hash_span(&span, DIGEST_GIT_SHA1, &git, err)) {
		char *blob CLEANUP(free_ptr) = store_blob_path(r, &f->etag);

		return err_wrap(err, "%s %s: %s/%s", r->id, f->path, c->root,
				blob);
	}
	if (!digest_equal(&git, &f->etag))
		return err_set(err, ERR_INTEGRITY, "%s %s: wrong digest", r->id,
			       f->path);
	return 0;
}

/* Where a disk does not give what is there, other bytes help, too. */
static int hint_repair(struct error *err)
{
	if (err->code == ERR_NOT_FOUND || err->code == ERR_INTEGRITY ||
	    err->sys == EIO)
		err_hint(err, "itts-pack repair gets it again");
	return -1;
}

int derive_fill(struct hfcache *c, struct lock *l, const struct cancel *cancel,
		struct error *err)
{
	for (size_t i = 0; i < l->repo_count; i++)
		for (size_t k = 0; k < l->repos[i].file_count; k++)
			if (fill(c, &l->repos[i], &l->repos[i].files[k], cancel,
				 err))
				return hint_repair(err);
	return lock_finish(l, err);
}

/* Could a spec mean this repo at all? */
static bool is_named(const struct derive_want *want, const char *id)
{
	size_t len = strlen(id);

	for (size_t i = 0; i < want->specs->count; i++)
		if (!strncmp(want->specs->items[i], id, len) &&
		    strchr("@", want->specs->items[i][len]))
			return true;
	return !want->specs->count;
}

/* What was not seen would be left out. */
static int refuse(const struct deriver *d, const char *failed,
		  struct error *err)
{
	err_set(err, ERR_IO, "%s/%s", d->cache->root, failed);
	return err_hint(err, "what it holds would be left out");
}

static int add_repo(struct deriver *d, const char *folder, struct error *err)
{
	struct census c CLEANUP(census_release) = { 0 };

	if (!census_repo(d->cache, folder, CENSUS_FILES, &c))
		return 0;
	if (c.failed)
		return refuse(d, c.failed, err);
	for (size_t i = 0; i < c.revision_count; i++) {
		const struct census_revision *r = &c.revisions[i];

		if (!is_wanted(d, &c, r))
			continue;
		if (r->failed)
			return refuse(d, r->failed, err);
		if (add_revision(d, &c, r, err))
			return -1;
	}
	return 0;
}

/* Of a repo that is there it is the revision that is not. */
static int not_met(const struct deriver *d, const char *spec, struct error *err)
{
	char *id CLEANUP(free_ptr) = xstrndup(spec, strcspn(spec, "@"));

	if (strlist_has(&d->ids, id))
		return err_set(err, ERR_NOT_FOUND,
			       "%s: no such revision in the cache %s", spec,
			       d->cache->root);
	return near_fail(spec, &d->ids, d->cache->root, err);
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int derive_lock(struct hfcache *c, const struct derive_want *want,
		struct lock *out, uint64_t *unknown, struct error *err)
{
	struct deriver d CLEANUP(deriver_release) = {
		.cache = c,
		.want = want,
		.out = out,
		.met = xcalloc(want->specs->count + 1, sizeof(bool)),
	};
	struct dirent **names = NULL;
	int n = scandirat(c->fd, ".", &names, not_hidden, alphasort);
	int rc = 0;

	if (n < 0)
		return err_sys(err, errno, "%s", c->root);
	for (int i = 0; i < n; i++) {
		char *id CLEANUP(free_ptr) = NULL;
		enum repo_type type;

		if (!repo_folder_parse(names[i]->d_name, &type, &id)) {
			strlist_add(&d.ids, id);
			if (!rc && is_named(want, id))
				rc = add_repo(&d, names[i]->d_name, err);
		}
		free(names[i]);
	}
	free(names);
	*unknown = d.unknown;
	for (size_t i = 0; i < want->specs->count && !rc; i++)
		if (!d.met[i])
			return not_met(&d, want->specs->items[i], err);
	return rc;
}
