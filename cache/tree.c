/*
 * trees/<commit>.json (huggingface_hub from 1.22 on): {"format_version": 1,
 * "files": {PATH: {"size", "blob_id", "lfs_sha256", "lfs_size", "xet_hash"}}},
 * as json.dump(indent=1) writes it, keys sorted, nothing behind the last brace.
 * blob_id is git's name of the file, which for LFS files is that of the pointer;
 * lfs_* are there for LFS files only, xet_hash where it is known. Clients take a
 * listing for the whole truth about its commit, for ever.
 */
#include "cache/tree.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/hfcache.h"
#include "cache/store.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITE_STEP ((size_t)64 << 10)

/* --- writing ----------------------------------------------------------------- */

static struct tree_file from_lock(const struct lock_file *f)
{
	struct tree_file t = { .path = f->path, .size = f->size };
	char hex[DIGEST_HEX_MAX], text[256];
	int n;

	t.blob = f->etag;
	if (!lock_file_is_lfs(f))
		return t;
	t.lfs = f->etag;
	n = snprintf(text, sizeof(text),
		     "version https://git-lfs.github.com/spec/v1\n"
		     "oid sha256:%s\nsize %" PRIu64 "\n",
		     digest_hex(&f->etag, hex), f->size);
	digest_buf(DIGEST_GIT_SHA1, text, (size_t)n, &t.blob);
	return t;
}

static void put_head(struct json_writer *w, struct str *out)
{
	json_writer_init(w, out, JSON_PYTHON1);
	json_begin_object(w);
	json_put_kv_u64(w, "format_version", 1);
	json_put_key(w, "files");
	json_begin_object(w);
}

static void put_file(struct json_writer *w, const struct tree_file *f)
{
	char hex[DIGEST_HEX_MAX];

	json_put_key(w, f->path);
	json_begin_object(w);
	json_put_kv_u64(w, "size", f->size);
	json_put_kv(w, "blob_id", digest_hex(&f->blob, hex));
	if (f->lfs.alg) {
		json_put_kv(w, "lfs_sha256", digest_hex(&f->lfs, hex));
		json_put_kv_u64(w, "lfs_size", f->size);
	}
	if (f->xet.alg)
		json_put_kv(w, "xet_hash", digest_hex(&f->xet, hex));
	json_end_object(w);
}

static void put_tail(struct json_writer *w)
{
	json_end_object(w);
	json_end_object(w);
}

void hfcache_tree_format(const struct lock_repo *repo, struct str *out)
{
	struct json_writer w;

	put_head(&w, out);
	for (size_t i = 0; i < repo->file_count; i++) {
		struct tree_file f = from_lock(&repo->files[i]);

		put_file(&w, &f);
	}
	put_tail(&w);
}

/* --- reading ----------------------------------------------------------------- */

void tree_release(struct tree *t)
{
	for (size_t i = 0; i < t->count; i++)
		free_ptr(&t->files[i].path);
	free_ptr(&t->files);
	*t = (struct tree){ 0 };
}

static int by_path(const void *a, const void *b)
{
	const struct tree_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

const struct tree_file *tree_find(const struct tree *t, const char *path)
{
	struct tree_file key = { .path = (char *)path };

	if (!t->count)
		return NULL;
	return bsearch(&key, t->files, t->count, sizeof(key), by_path);
}

const struct digest *tree_want(const struct tree_file *f)
{
	return f->lfs.alg ? &f->lfs : &f->blob;
}

/* An optional key that has to be a digest of this kind. */
static int read_digest(const struct json *doc, const char *key,
		       enum digest_alg alg, const char *path,
		       struct digest *out, struct error *err)
{
	const char *hex = NULL;
	struct digest d = { 0 };

	if (json_opt_string(doc, key, &hex, path, err))
		return -1;
	if (hex && (!digest_from_hex(&d, hex) || d.alg != alg))
		return err_set(err, ERR_FORMAT, "%s: %s is no digest", path,
			       key);
	*out = d;
	return 0;
}

static int read_file(struct json_reader *r, struct tree *t, const char *path,
		     struct error *err)
{
	struct json *doc CLEANUP(json_free) = NULL;
	struct tree_file f = { 0 };

	if (path_check(path, err) || json_read_value(r, &doc, err))
		return -1;
	if (!json_is_object(doc))
		return err_set(err, ERR_FORMAT, "%s: not an object", path);
	if (json_get_u64(doc, "size", &f.size, path, err) ||
	    read_digest(doc, "blob_id", DIGEST_GIT_SHA1, path, &f.blob, err) ||
	    read_digest(doc, "lfs_sha256", DIGEST_SHA256, path, &f.lfs, err) ||
	    read_digest(doc, "xet_hash", DIGEST_SHA256, path, &f.xet, err))
		return -1;
	if (!f.blob.alg)
		return err_set(err, ERR_FORMAT, "%s: no blob_id", path);
	if (t->count == LOCK_MAX_FILES) {
		t->foreign = true; /* clients may well read it */
		return err_set(err, ERR_FORMAT, "more than %d files",
			       LOCK_MAX_FILES);
	}
	f.path = xstrdup(path);
	t->files = xgrow(t->files, &t->cap, t->count + 1, sizeof(*t->files));
	t->files[t->count++] = f;
	return 0;
}

static int read_files(struct json_reader *r, struct tree *t, struct error *err)
{
	if (json_enter_object(r, err))
		return -1;
	for (;;) {
		char *path CLEANUP(free_ptr) = NULL;
		int more = json_next_key(r, &path, err);

		if (more <= 0)
			return more;
		if (read_file(r, t, path, err))
			return -1;
	}
}

/* Is the value that comes next the number 1? Reads it. */
static int read_version(struct json_reader *r, bool *is_one, struct error *err)
{
	struct json *value CLEANUP(json_free) = NULL;
	const char *from;

	json_peek(r);
	from = r->p;
	if (json_read_value(r, &value, err))
		return -1;
	*is_one = r->p == from + 1 && *from == '1';
	return 0;
}

static int read_document(struct json_reader *r, struct tree *t, bool *known,
			 struct error *err)
{
	if (json_enter_object(r, err))
		return -1;
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;
		struct json *other CLEANUP(json_free) = NULL;
		int more = json_next_key(r, &key, err);

		if (more < 0)
			return -1;
		if (!more)
			return json_reader_end(r, err);
		if (!strcmp(key, "format_version"))
			more = read_version(r, known, err);
		else if (!strcmp(key, "files"))
			more = read_files(r, t, err);
		else
			more = json_read_value(r, &other, err);
		if (more < 0)
			return -1;
	}
}

/* A later format may say anything, also what would be an error in ours. */
static bool is_foreign(struct json_reader *r)
{
	struct error ignored = { 0 };
	bool known = true;

	if (json_enter_object(r, &ignored))
		return false;
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;

		if (json_next_key(r, &key, &ignored) <= 0)
			return false;
		if (!strcmp(key, "format_version"))
			return !read_version(r, &known, &ignored) && !known;
		if (json_skip_value(r, &ignored))
			return false;
	}
}

/* r: at the beginning of the text. */
static int parse(struct tree *out, bool foreign, struct json_reader *r,
		 struct error *err)
{
	struct tree t CLEANUP(tree_release) = { .foreign = foreign };
	bool known = false;

	if (!t.foreign && read_document(r, &t, &known, err)) {
		if (!t.foreign)
			return -1;
		err_clear(err);
		tree_release(&t);
		t.foreign = true;
	}
	if (!t.foreign) {
		if (!known)
			return err_set(err, ERR_FORMAT, "no format_version");
		if (t.count)
			qsort(t.files, t.count, sizeof(*t.files), by_path);
		for (size_t i = 1; i < t.count; i++)
			if (!strcmp(t.files[i - 1].path, t.files[i].path))
				return err_set(err, ERR_FORMAT,
					       "\"%s\" is there twice",
					       t.files[i].path);
	}
	*out = t;
	t = (struct tree){ 0 };
	return 0;
}

int tree_parse(struct tree *out, const char *text, size_t len,
	       struct error *err)
{
	struct json_reader r;
	bool foreign;

	json_reader_init(&r, text, len);
	foreign = is_foreign(&r);
	json_reader_init(&r, text, len);
	return parse(out, foreign, &r, err);
}

/* The same of a file, whose text is never in memory as a whole: beside a lock there
 * may be no room for it. */
static int read_tree(struct tree *out, int dirfd, const char *name,
		     struct error *err)
{
	struct json_reader look CLEANUP(json_reader_close) = { 0 };
	struct json_reader r CLEANUP(json_reader_close) = { 0 };
	int fd CLEANUP(close_fd) = -1;
	bool foreign;

	if (file_open_read(dirfd, name, &fd, err))
		return -1;
	json_reader_open(&look, fd, name, TREE_LIMIT);
	foreign = is_foreign(&look);
	if (lseek(fd, 0, SEEK_SET) != 0)
		return err_sys(err, errno, "%s", name);
	json_reader_open(&r, fd, name, TREE_LIMIT);
	return parse(out, foreign, &r, err);
}

/* --- the listing of a snapshot ------------------------------------------------- */

struct merge {
	struct hfcache *cache;
	const struct lock_repo *repo;
	struct tree old; /* empty if there is none that counts */
	struct atomic_file file;
	struct str text;
	struct json_writer json;
};

static void merge_release(struct merge *m)
{
	tree_release(&m->old);
	atomic_abort(&m->file);
	str_release(&m->text);
}

static bool holds(const struct merge *m, const char *path)
{
	char *full CLEANUP(free_ptr) = store_snapshot_path(m->repo, path);
	struct stat st;

	return beneath_stat(m->cache->fd, full, &st) == BENEATH_FILE;
}

/* Is all that it names in the snapshot? Else it tells of the whole commit, or of
 * files that someone has deleted: not ours to change. */
static bool holds_all_of_old(const struct merge *m)
{
	for (size_t i = 0; i < m->old.count; i++)
		if (!holds(m, m->old.files[i].path))
			return false;
	return true;
}

static bool says_the_same(const struct tree_file *t, const struct lock_file *f)
{
	return t && t->size == f->size && digest_equal(tree_want(t), &f->etag);
}

/* Does the old listing say all that there is to say? */
static bool is_complete(const struct merge *m)
{
	for (size_t i = 0; i < m->repo->file_count; i++) {
		const struct lock_file *f = &m->repo->files[i];

		if (!says_the_same(tree_find(&m->old, f->path), f) &&
		    holds(m, f->path))
			return false;
	}
	return true;
}

static int put(struct merge *m, const struct tree_file *f, struct error *err)
{
	put_file(&m->json, f);
	if (m->text.len < WRITE_STEP)
		return 0;
	if (file_write_all(m->file.fd, m->text.ptr, m->text.len, m->file.name,
			   err))
		return -1;
	str_clear(&m->text);
	return 0;
}

/* Both lists are sorted. What the repo says wins, unless the old listing agrees
 * and may know more (xet_hash). */
static int put_union(struct merge *m, struct error *err)
{
	const struct lock_repo *repo = m->repo;
	size_t i = 0, k = 0;

	while (i < repo->file_count || k < m->old.count) {
		const struct tree_file *t = k < m->old.count ? &m->old.files[k]
							     : NULL;
		const struct lock_file *f = i < repo->file_count
						    ? &repo->files[i]
						    : NULL;
		int order = !t ? -1 : !f ? 1 : strcmp(f->path, t->path);
		struct tree_file mine;

		if (order <= 0)
			i++;
		if (order >= 0)
			k++;
		if (order < 0 && (!f || !holds(m, f->path)))
			continue;
		if (order < 0 || (!order && !says_the_same(t, f))) {
			mine = from_lock(f);
			t = &mine;
		}
		if (put(m, t, err))
			return -1;
	}
	return 0;
}

static int write_listing(struct merge *m, int dirfd, const char *name,
			 struct error *err)
{
	if (atomic_open_unnamed(&m->file, dirfd, name, 0644, err))
		return -1;
	put_head(&m->json, &m->text);
	if (put_union(m, err))
		return -1;
	put_tail(&m->json);
	if (file_write_all(m->file.fd, m->text.ptr, m->text.len, name, err))
		return -1;
	return atomic_commit(&m->file, err);
}

/* A listing that is malformed counts as none. One that is another user's alone may
 * say more than we know: it stays, as a foreign one does. */
static void read_old(struct merge *m, int dirfd, const char *name)
{
	struct error ignored = { 0 };
	struct stat st;

	if (beneath_stat(dirfd, name, &st) == BENEATH_FILE &&
	    read_tree(&m->old, dirfd, name, &ignored))
		m->old.foreign = ignored.sys == EACCES;
}

int hfcache_write_tree(struct hfcache *c, const struct lock_repo *repo,
		       struct error *err)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s.json", repo->commit);
	struct merge m CLEANUP(merge_release) = {
		.cache = c,
		.repo = repo,
		.file = ATOMIC_FILE_INIT,
		.text = STR_INIT,
	};
	int dirfd CLEANUP(close_fd) = -1;

	if (store_open_dir(c, repo, "trees", &dirfd, err))
		return -1;
	read_old(&m, dirfd, name);
	if (m.old.foreign || !holds_all_of_old(&m) || is_complete(&m))
		return 0;
	/* none is no lie; one that is short already gets less so */
	if (!m.old.count && tree_has_unnamed(c, repo, &m.old))
		return 0;
	if (write_listing(&m, dirfd, name, err))
		return store_inside(c, repo, "trees", err);
	return 0;
}
