/*
 * trees/<commit>.json (huggingface_hub >= 1.22): {"format_version": 1, "files":
 * {"<path>": {"size", "blob_id" (git id; of the pointer for LFS files),
 * "lfs_sha256", "lfs_size"}}}, json.dump(indent=1), keys sorted, no newline at
 * the end. Python takes it for the whole truth about the commit, so it must name
 * exactly what the snapshot holds, or all that the commit has.
 */
#include "cache/tree.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/hfcache_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TREE_LIMIT ((size_t)64 << 20)

static void put_file(struct json_writer *w, const struct lock_file *f)
{
	bool lfs = lock_file_is_lfs(f);
	struct digest id = f->etag;
	char hex[DIGEST_HEX_MAX], text[256];

	if (lfs) {
		int n = snprintf(text, sizeof(text),
				 "version https://git-lfs.github.com/spec/v1\n"
				 "oid sha256:%s\nsize %" PRIu64 "\n",
				 digest_hex(&f->etag, hex), f->size);

		digest_buf(DIGEST_GIT_SHA1, text, (size_t)n, &id);
	}
	json_put_key(w, f->path);
	json_begin_object(w);
	json_put_kv_u64(w, "size", f->size);
	json_put_kv(w, "blob_id", digest_hex(&id, hex));
	if (lfs) {
		json_put_kv(w, "lfs_sha256", digest_hex(&f->etag, hex));
		json_put_kv_u64(w, "lfs_size", f->size);
	}
	json_end_object(w);
}

void hfcache_tree_format(const struct lock_repo *repo, struct str *out)
{
	struct json_writer w;

	json_writer_init(&w, out, JSON_PYTHON1);
	json_begin_object(&w);
	json_put_kv_u64(&w, "format_version", 1);
	json_put_key(&w, "files");
	json_begin_object(&w);
	for (size_t i = 0; i < repo->file_count; i++)
		put_file(&w, &repo->files[i]);
	json_end_object(&w);
	json_end_object(&w);
}

static int read_entry(struct json_reader *r, const char *path,
		      struct lock_repo *out, struct error *err)
{
	struct json *doc CLEANUP(json_free) = NULL;
	const char *id = NULL, *sha = NULL;
	struct lock_file *f;
	uint64_t size = 0;

	if (json_read_value(r, &doc, err) || path_check(path, err) ||
	    json_get_u64(doc, "size", &size, path, err) ||
	    json_get_string(doc, "blob_id", &id, path, err))
		return -1;
	sha = json_string_or(json_member(doc, "lfs_sha256"), NULL);
	if (out->file_count == LOCK_MAX_FILES)
		return err_set(err, ERR_FORMAT, "more than %d files",
			       LOCK_MAX_FILES);
	f = lock_add_file(out, path);
	f->size = size;
	if (!digest_from_hex(&f->etag, sha ? sha : id))
		return err_set(err, ERR_FORMAT, "%s: no digest", path);
	if (sha)
		f->sha256 = f->etag;
	return 0;
}

static int read_files(struct json_reader *r, struct lock_repo *out,
		      struct error *err)
{
	int more;

	if (json_enter_object(r, err))
		return -1;
	for (;;) {
		char *path CLEANUP(free_ptr) = NULL;

		more = json_next_key(r, &path, err);
		if (more <= 0)
			return more;
		if (read_entry(r, path, out, err))
			return -1;
	}
}

int tree_parse(const char *text, size_t len, struct lock_repo *out,
	       struct error *err)
{
	struct json_reader r;
	bool known = false;
	int more;

	json_reader_init(&r, text, len);
	if (json_enter_object(&r, err))
		return -1;
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;
		struct json *doc CLEANUP(json_free) = NULL;

		more = json_next_key(&r, &key, err);
		if (more < 0)
			return -1;
		if (!more)
			break;
		if (!strcmp(key, "files")) {
			if (read_files(&r, out, err))
				return -1;
			continue;
		}
		if (json_read_value(&r, &doc, err))
			return -1;
		if (!strcmp(key, "format_version"))
			known = r.p[-1] == '1' && strchr(" :\n", r.p[-2]);
	}
	if (!known)
		return err_set(err, ERR_FORMAT, "another format_version");
	return json_reader_end(&r, err);
}

/* Does the snapshot hold every file that the listing names? */
static bool is_true(struct hfcache *c, const struct lock_repo *repo,
		    const struct lock_repo *listed)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);

	for (size_t i = 0; i < listed->file_count; i++) {
		char *path CLEANUP(free_ptr) = xasprintf("%s/snapshots/%s/%s",
							 folder, repo->commit,
							 listed->files[i].path);
		int fd CLEANUP(close_fd) = hfcache_open_inside(c->fd, path,
							       O_PATH);

		if (fd < 0)
			return false;
	}
	return true;
}

static int by_path(const void *a, const void *b)
{
	const struct lock_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* Adds what is in `more` and not in repo. Both sorted. */
static void merge(struct lock_repo *into, const struct lock_repo *more)
{
	size_t own = into->file_count;

	if (own)
		qsort(into->files, own, sizeof(*into->files), by_path);
	for (size_t i = 0; i < more->file_count; i++) {
		const struct lock_file *f = &more->files[i];
		struct lock_file *added;

		if (own && bsearch(f, into->files, own, sizeof(*f), by_path))
			continue;
		added = lock_add_file(into, f->path);
		added->size = f->size;
		added->etag = f->etag;
	}
	if (into->file_count)
		qsort(into->files, into->file_count, sizeof(*into->files),
		      by_path);
}

int hfcache_write_tree(struct hfcache *c, const struct lock_repo *repo,
		       struct error *err)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s.json", repo->commit);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str old CLEANUP(str_release) = STR_INIT;
	struct lock scratch CLEANUP(lock_release) = { 0 };
	struct lock_repo *listed = lock_add_repo(&scratch);
	struct error ignored = { 0 };
	int dirfd CLEANUP(close_fd) = -1;
	bool there;

	if (hfcache_repo_dir(c, repo, "trees", true, &dirfd, err))
		return -1;
	there = !file_read_all(dirfd, name, TREE_LIMIT, &old, &ignored) &&
		!tree_parse(old.ptr, old.len, listed, &ignored);
	if (there && !is_true(c, repo, listed))
		return 0; /* all of the commit, and we hold a part: it stays */
	if (!there) {
		lock_release(&scratch);
		listed = lock_add_repo(&scratch);
	}
	merge(listed, repo);
	hfcache_tree_format(listed, &text);
	if (text.len == old.len && !memcmp(text.ptr, old.ptr, old.len))
		return 0;
	if (file_replace(dirfd, name, text.ptr, text.len, err))
		return err_wrap(err, "%s trees/%s", repo->id, name);
	return 0;
}
