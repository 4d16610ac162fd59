/*
 * Answers of ModelScope. All stand in one envelope, and status 200 says nothing:
 *   {"Code":200,"Success":true,"Message":"...","RequestId":"...","Data":...}
 *
 * .../repo/files and .../repo/tree: "Data":{"Files":[...] or null}, a row being
 *   {"Path":"a/b","Type":"blob","Size":N,"Sha256":"<64 hex>","IsLFS":false,...}
 * or of Type "tree", or "commit" (a submodule). Spelling of keys varies ("IsLfs"), so case does not count.
 *
 * .../commits: "Data":{"Commit":[{"Id":"<40 hex>",...}],...}
 *
 * Listings may have 100,000 rows, so they are walked, not held as a tree.
 */
#include "fetch/modelscope.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"

#include <string.h>
#include <strings.h>

/* --- the envelope ----------------------------------------------------------- */

struct envelope {
	uint64_t code;
	bool success;
	char *message;
	/* walks what "Data" has under the key that matters */
	const char *key;
	int (*read)(struct json_reader *r, void *ctx, struct error *err);
	void *ctx;
	bool found;
};

static void envelope_release(struct envelope *e)
{
	free_ptr(&e->message);
}

static char next_byte(struct json_reader *r)
{
	while (r->p < r->end && *r->p && strchr(" \t\r\n", *r->p))
		r->p++;
	return r->p < r->end ? *r->p : '\0';
}

static int skip_value(struct json_reader *r, struct error *err)
{
	struct json *value CLEANUP(json_free) = NULL;

	return json_read_value(r, &value, err);
}

static int read_data(struct json_reader *r, struct envelope *e,
		     struct error *err)
{
	/* null or a text beside a refusal */
	if (next_byte(r) != '{')
		return skip_value(r, err);
	if (json_enter_object(r, err) < 0)
		return -1;
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;
		int more = json_next_key(r, &key, err);
		bool wanted = more > 0 && strcmp(key, e->key) == 0;

		if (more <= 0)
			return more;
		if (wanted && e->found)
			return err_set(err, ERR_FORMAT, "%s is there twice",
				       key);
		e->found |= wanted;
		if (wanted && next_byte(r) == '[') {
			if (e->read(r, e->ctx, err) < 0)
				return -1;
		} else if (skip_value(r, err) < 0) {
			return -1;
		}
	}
}

static int read_member(struct json_reader *r, const char *key,
		       struct envelope *e, struct error *err)
{
	struct json *value CLEANUP(json_free) = NULL;
	const char *begin;
	size_t len;

	if (strcmp(key, "Data") == 0)
		return read_data(r, e, err);
	(void)next_byte(r);
	begin = r->p;
	if (json_read_value(r, &value, err) < 0)
		return -1;
	len = (size_t)(r->p - begin);
	if (strcmp(key, "Code") == 0)
		e->code = len == 3 && memcmp(begin, "200", 3) == 0 ? 200 : 0;
	else if (strcmp(key, "Success") == 0)
		e->success = len == 4 && memcmp(begin, "true", 4) == 0;
	else if (strcmp(key, "Message") == 0 && !e->message)
		e->message = xstrdup(json_string_or(value, ""));
	return 0;
}

static int read_envelope(const char *text, size_t len, struct envelope *e,
			 struct error *err)
{
	struct json_reader r;

	json_reader_init(&r, text, len);
	if (json_enter_object(&r, err) < 0)
		return -1;
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;
		int more = json_next_key(&r, &key, err);

		if (more < 0)
			return -1;
		if (more == 0)
			break;
		if (read_member(&r, key, e, err) < 0)
			return -1;
	}
	if (json_reader_end(&r, err) < 0)
		return -1;
	if (e->code != 200 || !e->success)
		return err_set(err, ERR_NOT_FOUND, "the server says: %s",
			       e->message && *e->message ? e->message
							 : "no success");
	if (!e->found)
		return err_set(err, ERR_FORMAT, "%s is missing", e->key);
	return 0;
}

/* --- files ------------------------------------------------------------------ */

struct listing {
	struct lock_repo *repo;
	size_t rows;
};

static const struct json *member(const struct json *obj, const char *key)
{
	for (const struct json *m = json_first(obj); m; m = json_next(m))
		if (strcasecmp(json_key(m), key) == 0)
			return m;
	return NULL;
}

static const char *text_of(const struct json *obj, const char *key)
{
	return json_string_or(member(obj, key), "");
}

static int get_lfs(const struct json *row, const char *path, bool *out,
		   struct error *err)
{
	const struct json *m = member(row, "IsLFS");

	*out = false;
	return m ? json_opt_bool(row, json_key(m), out, path, err) : 0;
}

static int get_size(const struct json *row, const char *path, uint64_t *out,
		    struct error *err)
{
	const struct json *m = member(row, "Size");

	return json_get_u64(row, m ? json_key(m) : "Size", out, path, err);
}

static int add_row(const struct json *row, struct lock_repo *repo,
		   struct error *err)
{
	const char *path = text_of(row, "Path");
	struct lock_file *file;
	bool lfs;

	if (path_check(path, err) < 0)
		return -1;
	if (repo->file_count >= LOCK_MAX_FILES)
		return err_set(err, ERR_FORMAT, "more than %d files",
			       LOCK_MAX_FILES);
	file = lock_add_file(repo, path);
	if (get_size(row, path, &file->size, err) < 0 ||
	    get_lfs(row, path, &lfs, err) < 0)
		return -1;
	if (!digest_from_hex(&file->sha256, text_of(row, "Sha256")) ||
	    file->sha256.alg != DIGEST_SHA256)
		return err_set(err, ERR_FORMAT, "%s: Sha256 is not a SHA-256",
			       path);
	if (lfs)
		file->etag = file->sha256;
	return 0;
}

/* A submodule is a commit. */
static bool is_file(const struct json *row)
{
	const char *type = text_of(row, "Type");

	return strcmp(type, "tree") != 0 && strcmp(type, "commit") != 0;
}

static int read_rows(struct json_reader *r, void *ctx, struct error *err)
{
	struct listing *l = ctx;
	int more;

	if (json_enter_array(r, err) < 0)
		return -1;
	while ((more = json_next_item(r, err)) > 0) {
		struct json *row CLEANUP(json_free) = NULL;

		if (json_read_value(r, &row, err) < 0)
			return -1;
		if (!json_is_object(row))
			return err_set(err, ERR_FORMAT,
				       "listing: not an object");
		l->rows++;
		if (is_file(row) && add_row(row, l->repo, err) < 0)
			return -1;
	}
	return more;
}

int modelscope_parse_files(const char *text, size_t len, struct lock_repo *repo,
			   size_t *rows, struct error *err)
{
	struct listing l = { .repo = repo };
	struct envelope e CLEANUP(envelope_release) = { .key = "Files",
							.read = read_rows,
							.ctx = &l };

	if (read_envelope(text, len, &e, err) < 0)
		return -1;
	*rows = l.rows;
	return 0;
}

/* --- commits ---------------------------------------------------------------- */

/* The newest stands first. */
static int read_commits(struct json_reader *r, void *ctx, struct error *err)
{
	char *commit = ctx;
	int more;

	if (json_enter_array(r, err) < 0)
		return -1;
	while ((more = json_next_item(r, err)) > 0) {
		struct json *row CLEANUP(json_free) = NULL;

		if (json_read_value(r, &row, err) < 0)
			return -1;
		if (*commit || !json_is_object(row))
			continue;
		if (!is_commit_id(text_of(row, "Id")))
			return err_set(err, ERR_FORMAT,
				       "Id is not a commit id");
		memcpy(commit, text_of(row, "Id"), 41);
	}
	return more;
}

int modelscope_parse_commit(const char *text, size_t len, char commit[41],
			    struct error *err)
{
	struct envelope e CLEANUP(envelope_release) = { .key = "Commit",
							.read = read_commits,
							.ctx = commit };

	commit[0] = '\0';
	if (read_envelope(text, len, &e, err) < 0)
		return -1;
	return commit[0] ? 0 : err_set(err, ERR_FORMAT, "there is no commit");
}
