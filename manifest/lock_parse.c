/*
 * Walks the text file by file: only one file's object is ever a tree. The
 * format is described in docs/manifest.md.
 */
#include "manifest/lock.h"

#include "base/json.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

/* Text of one file's object; enough for LOCK_MAX_FILE_VIEWS long views, and
 * little enough for the tree that a hostile one could ask for. */
#define FILE_TEXT_LIMIT (256u << 10)
_Static_assert(FILE_TEXT_LIMIT < JSON_WINDOW, "of a file that is read, too");

/* Index of key in the NULL-terminated list, each once; seen is a bit a key. */
static int find_key(const char *const *keys, const char *key, unsigned *seen,
		    struct error *err)
{
	struct str known CLEANUP(str_release) = STR_INIT;

	for (int i = 0; keys[i]; i++) {
		str_addf(&known, "%s%s", i ? ", " : "", keys[i]);
		if (strcmp(keys[i], key) != 0)
			continue;
		if (*seen & 1u << i)
			return err_set(err, ERR_FORMAT,
				       "key \"%s\" appears twice", key);
		*seen |= 1u << i;
		return i;
	}
	return err_set(err, ERR_FORMAT, "%s: unknown key; known here: %s", key,
		       known.ptr);
}

static int require_keys(const char *const *keys, unsigned required,
			unsigned seen, struct error *err)
{
	for (int i = 0; keys[i]; i++)
		if (required & ~seen & 1u << i)
			return err_set(err, ERR_FORMAT, "%s: is missing",
				       keys[i]);
	return 0;
}

/* --- values -------------------------------------------------------------- */

/* The next value, which must be a string, a number, a word. raw: its text. */
static int read_scalar(struct json_reader *r, struct json **out,
		       struct str *raw, struct error *err)
{
	int c = json_peek(r);
	const char *begin = r->p;

	if (c == '{' || c == '[')
		return err_set(err, ERR_FORMAT, "must be a plain value");
	if (json_read_value(r, out, err) < 0)
		return -1;
	if (raw)
		str_add(raw, begin, (size_t)(r->p - begin));
	return 0;
}

static int read_string(struct json_reader *r, char **out, struct error *err)
{
	struct json *value CLEANUP(json_free) = NULL;

	if (read_scalar(r, &value, NULL, err) < 0)
		return -1;
	if (!json_is_string(value))
		return err_set(err, ERR_FORMAT, "must be a string");
	*out = xstrdup(json_string_or(value, ""));
	return 0;
}

static int read_bool(struct json_reader *r, bool *out, struct error *err)
{
	struct json *value CLEANUP(json_free) = NULL;
	struct str raw CLEANUP(str_release) = STR_INIT;

	if (read_scalar(r, &value, &raw, err) < 0)
		return -1;
	*out = strcmp(raw.ptr, "true") == 0;
	if (!*out && strcmp(raw.ptr, "false") != 0)
		return err_set(err, ERR_FORMAT, "must be true or false");
	return 0;
}

static int read_strings(struct json_reader *r, size_t limit,
			struct strlist *out, struct error *err)
{
	int more;

	if (json_enter_array(r, err) < 0)
		return -1;
	while ((more = json_next_item(r, err)) > 0) {
		char *text CLEANUP(free_ptr) = NULL;

		if (out->count == limit)
			return err_set(err, ERR_FORMAT, "at most %zu", limit);
		if (read_string(r, &text, err) < 0)
			return -1;
		strlist_take(out, take_ptr(text));
	}
	return more;
}

/* --- files --------------------------------------------------------------- */

struct context {
	struct json_reader *r;
	size_t files, views; /* so far */
};

static int get_digest(const struct json *obj, const char *key,
		      struct digest *out, struct error *err)
{
	const char *hex = NULL;

	if (json_opt_string(obj, key, &hex, "", err) < 0)
		return -1;
	if (hex && !digest_from_hex(out, hex))
		return err_set(err, ERR_FORMAT, "%s: \"%s\" is no digest", key,
			       hex);
	return 0;
}

static int parse_views(struct context *c, struct lock_repo *repo,
		       struct lock_file *f, const struct json *obj,
		       struct error *err)
{
	struct strlist views CLEANUP(strlist_release) = { 0 };

	if (json_opt_strings(obj, "views", &views, "", err) < 0)
		return -1;
	c->views += views.count;
	if (views.count > LOCK_MAX_FILE_VIEWS || c->views > LOCK_MAX_VIEWS)
		return err_set(err, ERR_FORMAT,
			       "more than %d views of a file or %d in all",
			       LOCK_MAX_FILE_VIEWS, LOCK_MAX_VIEWS);
	for (size_t i = 0; i < views.count; i++)
		lock_file_add_view(repo, f, views.items[i]);
	return 0;
}

static int parse_file(struct context *c, struct lock_repo *repo,
		      const struct json *obj, struct error *err)
{
	static const char *const keys[] = { "path", "size",  "sha256", "etag",
					    "url",  "views", NULL };
	const char *path, *url = NULL;
	struct lock_file *f;

	if (!json_is_object(obj))
		return err_set(err, ERR_FORMAT, "must be an object");
	if (json_only_keys(obj, keys, "", err) < 0 ||
	    json_get_string(obj, "path", &path, "", err) < 0)
		return -1;
	f = lock_add_file(repo, path);
	if (json_get_u64(obj, "size", &f->size, path, err) < 0 ||
	    json_opt_string(obj, "url", &url, path, err) < 0)
		return -1;
	if (url)
		lock_file_set_url(repo, f, url);
	if (get_digest(obj, "sha256", &f->sha256, err) < 0 ||
	    get_digest(obj, "etag", &f->etag, err) < 0)
		return err_wrap(err, "%s", path);
	if (f->sha256.alg != DIGEST_SHA256)
		return err_set(err, ERR_FORMAT,
			       "%s.sha256: must be 64 lower-case hex digits",
			       path);
	if (f->etag.alg == DIGEST_NONE)
		f->etag = f->sha256;
	if (parse_views(c, repo, f, obj, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

/* The next value, a tree of limited size. */
static int read_small(struct json_reader *r, struct json **out,
		      struct error *err)
{
	bool cut;

	json_peek(r);
	cut = r->end - r->p > (ptrdiff_t)FILE_TEXT_LIMIT;
	if (json_read_short(r, FILE_TEXT_LIMIT, out, err) < 0)
		return cut ? err_hint(err, "or more than %u bytes of text",
				      FILE_TEXT_LIMIT)
			   : -1;
	return 0;
}

static int read_file(struct context *c, struct lock_repo *repo,
		     struct error *err)
{
	struct json *obj CLEANUP(json_free) = NULL;

	if (++c->files > LOCK_MAX_FILES)
		return err_set(err, ERR_FORMAT, "more than %d files",
			       LOCK_MAX_FILES);
	if (read_small(c->r, &obj, err) < 0)
		return -1;
	return parse_file(c, repo, obj, err);
}

static int read_archive(struct context *c, struct lock_repo *repo,
			struct error *err)
{
	struct json *value CLEANUP(json_free) = NULL;

	if (read_small(c->r, &value, err) < 0)
		return -1;
	return archive_ref_read(&repo->archive, value, "", err);
}

static int read_files(struct context *c, struct lock_repo *repo,
		      struct error *err)
{
	int more;

	if (json_enter_array(c->r, err) < 0)
		return -1;
	while ((more = json_next_item(c->r, err)) > 0)
		if (read_file(c, repo, err) < 0)
			return err_wrap(err, "[%zu]", repo->file_count);
	return more;
}

/* --- repos --------------------------------------------------------------- */

enum repo_key {
	KEY_ID,
	KEY_TYPE,
	KEY_REVISION,
	KEY_COMMIT,
	KEY_LICENSE,
	KEY_NOTICE,
	KEY_HUB_VIEW,
	KEY_HUB,
	KEY_GIT,
	KEY_TEXTS, /* so many are strings */
	KEY_REFS = KEY_TEXTS,
	KEY_COMPLETE,
	KEY_MIRRORS,
	KEY_ARCHIVE,
	KEY_FILES,
};

static const char *const repo_keys[] = { [KEY_ID] = "id",
					 [KEY_TYPE] = "type",
					 [KEY_REVISION] = "revision",
					 [KEY_COMMIT] = "commit",
					 [KEY_LICENSE] = "license",
					 [KEY_NOTICE] = "notice",
					 [KEY_HUB_VIEW] = "hub_view",
					 [KEY_HUB] = "hub",
					 [KEY_GIT] = "git",
					 [KEY_REFS] = "refs",
					 [KEY_COMPLETE] = "complete",
					 [KEY_MIRRORS] = "mirrors",
					 [KEY_ARCHIVE] = "archive",
					 [KEY_FILES] = "files",
					 NULL };

static int read_mirrors(struct json_reader *r, struct mirrors *out,
			struct error *err)
{
	if (json_enter_object(r, err) < 0)
		return -1;
	for (;;) {
		char *hub CLEANUP(free_ptr) = NULL;
		char *text CLEANUP(free_ptr) = NULL;
		int more = json_next_key(r, &hub, err);

		if (more <= 0)
			return more;
		if (read_string(r, &text, err) < 0 ||
		    mirrors_add(out, hub, text, err) < 0)
			return err_wrap(err, "%s", hub);
	}
}

static int read_member(struct context *c, struct lock_repo *repo,
		       struct strlist *texts, int key, struct error *err)
{
	if (key == KEY_FILES)
		return read_files(c, repo, err);
	if (key == KEY_REFS)
		return read_strings(c->r, LOCK_MAX_REFS, &repo->refs, err);
	if (key == KEY_COMPLETE)
		return read_bool(c->r, &repo->complete, err);
	if (key == KEY_MIRRORS)
		return read_mirrors(c->r, &repo->mirrors, err);
	if (key == KEY_ARCHIVE)
		return read_archive(c, repo, err);
	return read_string(c->r, &texts->items[key], err);
}

static int read_members(struct context *c, struct lock_repo *repo,
			struct strlist *texts, struct error *err)
{
	const unsigned required = 1u << KEY_ID | 1u << KEY_TYPE |
				  1u << KEY_REVISION | 1u << KEY_COMMIT |
				  1u << KEY_FILES;
	unsigned seen = 0;
	int more;

	if (json_enter_object(c->r, err) < 0)
		return -1;
	for (;;) {
		char *name CLEANUP(free_ptr) = NULL;
		int key;

		more = json_next_key(c->r, &name, err);
		if (more < 0)
			return -1;
		if (!more)
			return require_keys(repo_keys, required, seen, err);
		key = find_key(repo_keys, name, &seen, err);
		if (key < 0)
			return -1;
		if (read_member(c, repo, texts, key, err) < 0)
			return err_wrap(err, "%s", name);
	}
}

static int read_repo(struct context *c, struct lock_repo *repo,
		     struct error *err)
{
	struct strlist texts CLEANUP(strlist_release) = { 0 };
	const char *commit;

	texts.items = xgrow(NULL, &texts.cap, KEY_TEXTS, sizeof(char *));
	texts.count = KEY_TEXTS;
	if (read_members(c, repo, &texts, err) < 0)
		return -1;
	if (repo_type_parse(&repo->type, texts.items[KEY_TYPE], err) < 0) {
		err->code = ERR_FORMAT;
		return -1;
	}
	commit = texts.items[KEY_COMMIT];
	if (!is_commit_id(commit))
		return err_set(err, ERR_FORMAT,
			       "commit: must be 40 lower-case hex digits");
	memcpy(repo->commit, commit, sizeof(repo->commit));
	repo->id = take_ptr(texts.items[KEY_ID]);
	repo->revision = take_ptr(texts.items[KEY_REVISION]);
	repo->license = take_ptr(texts.items[KEY_LICENSE]);
	repo->notice = take_ptr(texts.items[KEY_NOTICE]);
	repo->hub_view = take_ptr(texts.items[KEY_HUB_VIEW]);
	repo->hub = take_ptr(texts.items[KEY_HUB]);
	repo->git = take_ptr(texts.items[KEY_GIT]);
	return 0;
}

int lock_read_repos(struct lock *l, struct json_reader *r, struct error *err)
{
	struct context c = { .r = r };
	int more;

	if (json_enter_array(r, err) < 0)
		return -1;
	while ((more = json_next_item(r, err)) > 0) {
		size_t i = l->repo_count;

		if (i == LOCK_MAX_REPOS)
			return err_set(err, ERR_FORMAT, "more than %d repos",
				       LOCK_MAX_REPOS);
		if (read_repo(&c, lock_add_repo(l), err) < 0)
			return err_wrap(err, "repos[%zu]", i);
	}
	return more;
}

/* --- the whole ----------------------------------------------------------- */

enum lock_key {
	TOP_FORMAT,
	TOP_VERSION,
	TOP_NAME,
	TOP_MANIFEST,
	TOP_GROUPS,
	TOP_REPOS,
};

static const char *const lock_keys[] = { "format",   "version", "name",
					 "manifest", "groups",	"repos",
					 NULL };

static int read_format(struct lock *l, struct json_reader *r, struct error *err)
{
	char *format CLEANUP(free_ptr) = NULL;

	(void)l;
	if (read_string(r, &format, err) < 0)
		return -1;
	assert(format);
	if (strcmp(format, "itts-lock") != 0)
		return err_set(err, ERR_FORMAT,
			       "not a lock file: it must be \"itts-lock\", "
			       "not \"%.32s\"",
			       format);
	return 0;
}

static int read_version(struct lock *l, struct json_reader *r,
			struct error *err)
{
	struct json *value CLEANUP(json_free) = NULL;
	struct str raw CLEANUP(str_release) = STR_INIT;

	(void)l;
	if (read_scalar(r, &value, &raw, err) < 0)
		return -1;
	if (strcmp(raw.ptr, "1") != 0)
		return err_set(err, ERR_FORMAT,
			       "%s, but this program reads %d; a newer "
			       "itts-pack may be needed",
			       raw.ptr, LOCK_VERSION);
	return 0;
}

static int read_name(struct lock *l, struct json_reader *r, struct error *err)
{
	return read_string(r, &l->name, err);
}

static int read_manifest(struct lock *l, struct json_reader *r,
			 struct error *err)
{
	char *text CLEANUP(free_ptr) = NULL;

	if (read_string(r, &text, err) < 0)
		return -1;
	if (str_starts(text, "sha256:") &&
	    digest_from_hex(&l->manifest, text + strlen("sha256:")) &&
	    l->manifest.alg == DIGEST_SHA256)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "must be \"sha256:\" and 64 lower-case hex digits");
}

static int read_groups(struct lock *l, struct json_reader *r, struct error *err)
{
	return read_strings(r, LOCK_MAX_GROUPS, &l->groups, err);
}

static int read_lock(struct lock *l, struct json_reader *r, struct error *err)
{
	static int (*const readers[])(struct lock *, struct json_reader *,
				      struct error *) = {
		[TOP_FORMAT] = read_format, [TOP_VERSION] = read_version,
		[TOP_NAME] = read_name,	    [TOP_MANIFEST] = read_manifest,
		[TOP_GROUPS] = read_groups, [TOP_REPOS] = lock_read_repos,
	};
	const unsigned required = 1u << TOP_FORMAT | 1u << TOP_VERSION |
				  1u << TOP_NAME | 1u << TOP_REPOS;
	unsigned seen = 0;

	if (json_enter_object(r, err) < 0)
		return -1;
	for (;;) {
		char *name CLEANUP(free_ptr) = NULL;
		int key, more = json_next_key(r, &name, err);

		if (more < 0)
			return -1;
		if (!more)
			break;
		key = find_key(lock_keys, name, &seen, err);
		if (key < 0)
			return -1;
		if (readers[key](l, r, err) < 0)
			return key == TOP_REPOS ? -1
						: err_wrap(err, "%s", name);
	}
	if (require_keys(lock_keys, required, seen, err) < 0)
		return -1;
	return json_reader_end(r, err);
}

static int parse(struct lock *out, struct json_reader *r, struct error *err)
{
	struct lock l CLEANUP(lock_release) = { 0 };

	if (read_lock(&l, r, err) < 0 || lock_finish(&l, err) < 0)
		return -1;
	*out = l;
	l = (struct lock){ 0 };
	return 0;
}

int lock_parse(struct lock *out, const char *text, size_t len,
	       struct error *err)
{
	struct json_reader r;

	if (len > LOCK_LIMIT)
		return err_set(err, ERR_FORMAT,
			       "a lock file of %zu bytes, at most %u", len,
			       LOCK_LIMIT);
	json_reader_init(&r, text, len);
	return parse(out, &r, err);
}

int lock_read(struct lock *out, int fd, const char *name, struct error *err)
{
	struct json_reader r CLEANUP(json_reader_close);

	json_reader_open(&r, fd, name, LOCK_LIMIT);
	if (parse(out, &r, err) == 0)
		return 0;
	return json_reader_failed(&r) ? -1 : err_wrap(err, "%s", name);
}
