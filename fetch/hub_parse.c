/*
 * Answers of the Hub API.
 *
 * GET /api/models/ID/tree/COMMIT?recursive=true: an array of entries
 *   {"type":"file","path":"a/b","size":N,"oid":"<git blob SHA-1>",
 *    "lfs":{"oid":"<SHA-256>","size":N,"pointerSize":N}}
 * where lfs is there for LFS files only (oid is the pointer's then), and
 * directories stand between the files, and whatever else is no file.
 *
 * GET /api/models/ID/revision/REV[?blobs=true]: an object with "sha" and
 *   "siblings":[{"rfilename":"a/b","size":N,"blobId":"<git blob SHA-1>",
 *    "lfs":{"sha256":"<SHA-256>","size":N}}]
 *
 * Both may name 100,000 files, so they are walked, not held as a tree.
 */
#include "fetch/hub.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"

#include <string.h>

/* What the two answers call the same things. */
struct keys {
	const char *path, *oid, *lfs_oid;
};
static const struct keys tree_keys = { "path", "oid", "oid" };
static const struct keys info_keys = { "rfilename", "blobId", "sha256" };

static int get_digest(const struct json *obj, const char *key,
		      enum digest_alg alg, struct digest *out,
		      const char *where, struct error *err)
{
	const char *hex = NULL;

	if (json_get_string(obj, key, &hex, where, err) < 0)
		return -1;
	if (!digest_from_hex(out, hex) || out->alg != alg)
		return err_set(err, ERR_FORMAT, "%s: %s is not a %s", where,
			       key,
			       alg == DIGEST_SHA256 ? "SHA-256" : "git SHA-1");
	return 0;
}

static int get_lfs(const struct json *lfs, const struct keys *keys,
		   struct lock_file *file, struct error *err)
{
	char *where CLEANUP(free_ptr) = xasprintf("%s: lfs", file->path);
	uint64_t size = 0;

	if (get_digest(lfs, keys->lfs_oid, DIGEST_SHA256, &file->etag, where,
		       err) < 0 ||
	    json_get_u64(lfs, "size", &size, where, err) < 0)
		return -1;
	if (size != file->size)
		return err_set(err, ERR_FORMAT, "%s: size is %llu, not %llu",
			       where, (unsigned long long)size,
			       (unsigned long long)file->size);
	file->sha256 = file->etag;
	return 0;
}

static int add_entry(const struct json *entry, const struct keys *keys,
		     struct lock_repo *repo, struct error *err)
{
	const struct json *lfs = json_member(entry, "lfs");
	const char *path = NULL;
	struct lock_file *file;

	if (json_get_string(entry, keys->path, &path, "listing", err) < 0 ||
	    path_check(path, err) < 0)
		return -1;
	if (repo->file_count >= LOCK_MAX_FILES)
		return err_set(err, ERR_FORMAT, "more than %d files",
			       LOCK_MAX_FILES);
	file = lock_add_file(repo, path);
	if (json_get_u64(entry, "size", &file->size, file->path, err) < 0)
		return -1;
	if (json_is_object(lfs))
		return get_lfs(lfs, keys, file, err);
	return get_digest(entry, keys->oid, DIGEST_GIT_SHA1, &file->etag,
			  file->path, err);
}

static int read_entry(struct json_reader *r, const struct keys *keys,
		      struct lock_repo *repo, struct strlist *others,
		      struct error *err)
{
	struct json *entry CLEANUP(json_free) = NULL;
	const char *type = "file";

	if (json_read_value(r, &entry, err) < 0)
		return -1;
	if (!json_is_object(entry))
		return err_set(err, ERR_FORMAT, "listing: not an object");
	if (keys == &tree_keys &&
	    json_get_string(entry, "type", &type, "listing", err) < 0)
		return -1;
	if (strcmp(type, "file") == 0)
		return add_entry(entry, keys, repo, err);
	if (others)
		strlist_add(others,
			    json_string_or(json_member(entry, keys->path), ""));
	return 0;
}

static int read_entries(struct json_reader *r, const struct keys *keys,
			struct lock_repo *repo, struct strlist *others,
			struct error *err)
{
	int more;

	if (json_enter_array(r, err) < 0)
		return -1;
	while ((more = json_next_item(r, err)) > 0)
		if (read_entry(r, keys, repo, others, err) < 0)
			return -1;
	return more;
}

int hub_parse_tree(const char *text, size_t len, struct lock_repo *repo,
		   struct strlist *others, struct error *err)
{
	struct json_reader r;

	json_reader_init(&r, text, len);
	if (read_entries(&r, &tree_keys, repo, others, err) < 0)
		return -1;
	return json_reader_end(&r, err);
}

static int set_commit(const struct json *sha, struct lock_repo *repo,
		      struct error *err)
{
	const char *commit = json_string_or(sha, "");

	if (!is_commit_id(commit))
		return err_set(err, ERR_FORMAT, "sha is not a commit id");
	if (repo->commit[0])
		return err_set(err, ERR_FORMAT, "sha is there twice");
	memcpy(repo->commit, commit, sizeof(repo->commit));
	return 0;
}

/* Whatever else stands there is no name. */
static int read_names(struct json_reader *r, struct strlist *names,
		      struct error *err)
{
	int more;

	if (json_peek(r) != '[')
		return json_skip_value(r, err);
	if (json_enter_array(r, err) < 0)
		return -1;
	while ((more = json_next_item(r, err)) > 0) {
		struct json *s CLEANUP(json_free) = NULL;

		if (json_read_value(r, &s, err) < 0)
			return -1;
		strlist_add(names,
			    json_string_or(json_member(s, info_keys.path), ""));
	}
	return more;
}

/* The value of one key of the object. */
static int read_member(struct json_reader *r, const char *key, bool files,
		       struct strlist *names, struct lock_repo *repo,
		       struct error *err)
{
	struct json *value CLEANUP(json_free) = NULL;

	if (files && strcmp(key, "siblings") == 0)
		return read_entries(r, &info_keys, repo, NULL, err);
	if (names && strcmp(key, "siblings") == 0)
		return read_names(r, names, err);
	if (json_read_value(r, &value, err) < 0)
		return -1;
	if (strcmp(key, "sha") == 0)
		return set_commit(value, repo, err);
	return 0;
}

int hub_parse_info(const char *text, size_t len, bool files,
		   struct strlist *names, struct lock_repo *repo,
		   struct error *err)
{
	struct json_reader r;
	bool listed = false;
	int more;

	repo->commit[0] = '\0';
	json_reader_init(&r, text, len);
	if (json_enter_object(&r, err) < 0)
		return -1;
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;

		more = json_next_key(&r, &key, err);
		if (more < 0)
			return -1;
		if (more == 0)
			break;
		if (read_member(&r, key, files, names, repo, err) < 0)
			return -1;
		listed |= strcmp(key, "siblings") == 0;
	}
	if (!repo->commit[0])
		return err_set(err, ERR_FORMAT, "sha is missing");
	if (files && !listed)
		return err_set(err, ERR_FORMAT, "siblings is missing");
	return json_reader_end(&r, err);
}

/* Where the path of a URL begins; a relative one begins at once. */
static const char *path_of(const char *url)
{
	const char *sep = strstr(url, "://");

	if (!sep || strcspn(url, "/?#") < (size_t)(sep - url))
		return url;
	return sep + 3 + strcspn(sep + 3, "/?#");
}

static bool is_plain(const char *link)
{
	for (const char *p = link; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '\\' || *p == '#')
			return false;
	return !strstr(link, "/..") && !strstr(link, "//api/");
}

int hub_rehost(const struct hub_endpoint *e, const char *link, char **out,
	       struct error *err)
{
	const char *path = path_of(link);
	const char *prefix = path_of(e->url);
	size_t n = strlen(prefix);

	/* a mirror that has put its own prefix in front already */
	if (n > 0 && strncmp(path, prefix, n) == 0 && path[n] == '/')
		path += n;
	if (!is_plain(path) || strncmp(path, "/api/", 5) != 0) {
		char *shown CLEANUP(free_ptr) = http_redact(link);

		return err_set(err, ERR_FORMAT,
			       "%s: the next page is said to be at %s, which "
			       "is not the Hub API",
			       e->name, shown);
	}
	*out = xasprintf("%s%s", e->url, path);
	return 0;
}
