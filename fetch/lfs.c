/*
 * Pointer (git-lfs docs/spec.md): UTF-8, below 1024 bytes, lines of "key value",
 *   version https://git-lfs.github.com/spec/v1
 *   oid sha256:<64 hex digits>
 *   size <decimal>
 * with keys behind version in order; ext-* lines would change what oid means.
 *
 * Batch (docs/api/batch.md): POST URL/info/lfs/objects/batch, answer
 *   {"transfer":"basic","objects":[{"oid":"...","size":N,
 *     "actions":{"download":{"href":"...","header":{"K":"V"}}}} or
 *     {"oid":"...","error":{"code":404,"message":"..."}}]}
 */
#include "fetch/lfs.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "fetch/endpoint.h"
#include "fetch/retry.h"
#include "manifest/check.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MIME "application/vnd.git-lfs+json"

/* --- pointers ------------------------------------------------------------------ */

/* Takes "key value\n" off; NULL: the next line is another one. */
static const char *take_line(const char **text, const char *key, size_t *len)
{
	const char *p = *text, *end = strchr(p, '\n');
	size_t n = strlen(key);

	if (!end || strncmp(p, key, n) != 0 || p[n] != ' ')
		return NULL;
	*text = end + 1;
	*len = (size_t)(end - p) - n - 1;
	return p + n + 1;
}

static bool is_version(const char *value, size_t len)
{
	static const char *const known[] = {
		"https://git-lfs.github.com/spec/v1",
		"https://hawser.github.com/spec/v1", "http://git-media.io/v/2"
	};

	for (size_t i = 0; value && i < ARRAY_LEN(known); i++)
		if (strlen(known[i]) == len && !memcmp(known[i], value, len))
			return true;
	return false;
}

static bool parse_oid(const char *value, size_t len, struct digest *out)
{
	char hex[DIGEST_HEX_MAX];

	if (!value || len != 7 + 64 || memcmp(value, "sha256:", 7) != 0)
		return false;
	memcpy(hex, value + 7, 64);
	hex[64] = '\0';
	return digest_from_hex(out, hex);
}

static bool parse_size(const char *value, size_t len, uint64_t *out)
{
	uint64_t n = 0;

	if (!value || len < 1 || len > 16 || (len > 1 && *value == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(value[i] - '0');
	}
	*out = n;
	return n <= JSON_MAX_INT;
}

bool lfs_parse_pointer(const char *text, size_t len, struct digest *sha256,
		       uint64_t *size)
{
	char copy[LFS_POINTER_MAX];
	const char *p = copy, *value;
	size_t n = 0;

	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	value = take_line(&p, "version", &n);
	if (!is_version(value, n))
		return false;
	value = take_line(&p, "oid", &n);
	if (!parse_oid(value, n, sha256))
		return false;
	value = take_line(&p, "size", &n);
	return parse_size(value, n, size) && !*p;
}

/* --- batch answers ---------------------------------------------------------------- */

void lfs_answer_release(struct lfs_answer *a)
{
	for (size_t i = 0; i < a->count; i++) {
		free(a->objects[i].url);
		free(a->objects[i].error);
		strlist_release(&a->objects[i].lines);
	}
	free(a->objects);
	*a = (struct lfs_answer){ 0 };
}

/* Names that are the engine's own business, or would break its answers. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = { "Host",
					    "Range",
					    "If-Range",
					    "Connection",
					    "Content-Length",
					    "Accept-Encoding",
					    "Transfer-Encoding",
					    "Cookie" };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return true;
	return false;
}

static bool is_header(const char *name, const char *value)
{
	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr(":;,\"()<>@\\/[]?={}", *p))
			return false;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return *name != '\0' && strlen(name) + strlen(value) < 8192;
}

static int parse_headers(const struct json *list, struct strlist *lines,
			 struct error *err)
{
	for (const struct json *m = json_first(list); m; m = json_next(m)) {
		const char *value = json_string_or(m, NULL);

		if (!value || !is_header(json_key(m), value))
			return err_set(err, ERR_UNSAFE,
				       "a header that is not to be sent");
		if (!is_ours(json_key(m)))
			strlist_take(lines,
				     xasprintf("%s: %s", json_key(m), value));
		if (lines->count > 32)
			return err_set(err, ERR_FORMAT, "too many headers");
	}
	return 0;
}

static int parse_download(const struct json *download, struct lfs_object *o,
			  struct error *err)
{
	const char *href = NULL;

	if (json_get_string(download, "href", &href, "download", err) < 0)
		return -1;
	/* signed URLs are longer than what people write */
	if (strlen(href) > 8192 ||
	    (strncmp(href, "https://", 8) != 0 &&
	     strncmp(href, "http://", 7) != 0) ||
	    strpbrk(href, " \r\n\t\"<>\\"))
		return err_set(err, ERR_UNSAFE,
			       "href is not a http or https URL");
	o->url = xstrdup(href);
	return parse_headers(json_member(download, "header"), &o->lines, err);
}

static int parse_object(const struct json *obj, struct lfs_answer *out,
			struct error *err)
{
	const struct json *error = json_member(obj, "error");
	const struct json *actions = json_member(obj, "actions");
	struct lfs_object *o;
	const char *oid = NULL;

	if (!json_is_object(obj))
		return err_set(err, ERR_FORMAT, "objects: not an object");
	if (json_get_string(obj, "oid", &oid, "objects", err) < 0)
		return -1;
	out->objects = xgrow(out->objects, &out->cap, out->count + 1,
			     sizeof(*out->objects));
	o = &out->objects[out->count++];
	*o = (struct lfs_object){ 0 };
	if (!digest_from_hex(&o->sha256, oid) || o->sha256.alg != DIGEST_SHA256)
		return err_set(err, ERR_FORMAT, "oid is not a SHA-256");
	if (json_is_object(error)) {
		o->error = xstrdup(json_string_or(json_member(error, "message"),
						  "refused"));
		return 0;
	}
	if (!json_is_object(json_member(actions, "download")))
		return err_set(err, ERR_FORMAT, "%s: no download", oid);
	return parse_download(json_member(actions, "download"), o, err);
}

int lfs_parse_batch(const char *text, size_t len, struct lfs_answer *out,
		    struct error *err)
{
	struct json *doc CLEANUP(json_free) = NULL;
	const char *transfer = "basic";
	const struct json *list;

	if (json_parse(&doc, text, len, err) < 0)
		return -1;
	if (!json_is_object(doc))
		return err_set(err, ERR_FORMAT, "not an object");
	if (json_opt_string(doc, "transfer", &transfer, "", err) < 0)
		return -1;
	if (strcmp(transfer, "basic") != 0)
		return err_set(
			err, ERR_FORMAT,
			"transfer is not \"basic\", which was asked for");
	list = json_member(doc, "objects");
	if (!json_is_array(list))
		return err_set(err, ERR_FORMAT, "objects: must be a list");
	if (json_count(list) > LFS_BATCH)
		return err_set(err, ERR_FORMAT, "more than %d objects",
			       LFS_BATCH);
	for (const struct json *o = json_first(list); o; o = json_next(o))
		if (parse_object(o, out, err) < 0)
			return -1;
	return 0;
}

/* --- asking -------------------------------------------------------------------------- */

void lfs_put_question(struct str *out, const struct lock_file *const *files,
		      size_t count)
{
	char hex[DIGEST_HEX_MAX];
	struct json_writer w;

	json_writer_init(&w, out, JSON_COMPACT);
	json_begin_object(&w);
	json_put_kv(&w, "operation", "download");
	json_put_key(&w, "transfers");
	json_begin_array(&w);
	json_put_string(&w, "basic");
	json_end_array(&w);
	json_put_key(&w, "objects");
	json_begin_array(&w);
	for (size_t i = 0; i < count; i++) {
		json_begin_object(&w);
		json_put_kv(&w, "oid", digest_hex(&files[i]->sha256, hex));
		json_put_kv_u64(&w, "size", files[i]->size);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_put_kv(&w, "hash_algo", "sha256");
	json_end_object(&w);
}

static int post(struct hub *h, const struct http_request *rq, struct str *body,
		struct error *err)
{
	struct http_response res CLEANUP(http_response_release) = { 0 };
	char *origin CLEANUP(free_ptr) = NULL;
	unsigned delay_ms = 0;

	if (http_origin(rq->url, &origin, err) < 0)
		return -1;
	for (unsigned attempt = 1;; attempt++) {
		struct retry_decision d;
		int rc;

		str_clear(body);
		http_response_release(&res);
		rc = http_get(h->http, rq, delay_ms, body, &res, err);
		d = retry_decide(&res, err, attempt,
				 h->max_attempts ? h->max_attempts
						 : RETRY_ATTEMPTS,
				 clock_jitter());
		if (d.verdict == RETRY_OK)
			return 0;
		if (d.verdict != RETRY_AGAIN)
			return rc < 0 ? -1
				      : retry_explain_as(RETRY_GIT, &res,
							 "Git LFS", origin,
							 err);
		err_clear(err);
		delay_ms = d.delay_ms;
	}
}

static int take_objects(struct hub *h, struct lfs_answer *a,
			const struct http_request *rq,
			struct lock_file *const *files, size_t count,
			struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct lfs_object *o = NULL;
		struct hub_link link = { .sha256 = files[i]->sha256 };

		for (size_t k = 0; k < a->count && !o; k++)
			if (digest_equal(&a->objects[k].sha256,
					 &files[i]->sha256))
				o = &a->objects[k];
		if (!o || o->error)
			return err_set(err, ERR_NOT_FOUND,
				       "%s: Git LFS does not give it out: %s",
				       files[i]->path,
				       o ? o->error : "no answer for it");
		if (!o->url)
			continue;
		link.url = take_ptr(o->url);
		link.batch = xstrdup(rq->url);
		link.lines = o->lines;
		o->lines = (struct strlist){ 0 };
		if (endpoint_add_link(h, &link, err) < 0)
			return -1;
	}
	return 0;
}

int lfs_take_link(struct hub_link *link, const char *text, size_t len,
		  struct error *err)
{
	struct lfs_answer a CLEANUP(lfs_answer_release) = { 0 };
	char *was CLEANUP(free_ptr) = NULL;
	char *now CLEANUP(free_ptr) = NULL;
	struct lfs_object *o;

	if (lfs_parse_batch(text, len, &a, err) < 0)
		return err_wrap(err, "answer of Git LFS");
	o = a.objects;
	if (a.count != 1 || !o->url || !digest_equal(&o->sha256, &link->sha256))
		return err_set(err, ERR_NOT_FOUND,
			       "Git LFS does not give it out any more: %s",
			       a.count == 1 && o->error ? o->error
							: "no answer for it");
	if (http_origin(link->url, &was, err) < 0 ||
	    http_origin(o->url, &now, err) < 0)
		return -1;
	/* an endpoint each; they are counted when a run begins */
	if (strcmp(was, now) != 0)
		return err_set(err, ERR_NET,
			       "it has moved from %s to %s; run the command "
			       "again",
			       was, now);
	free_ptr(&link->url);
	strlist_release(&link->lines);
	link->url = take_ptr(o->url);
	link->lines = o->lines;
	o->lines = (struct strlist){ 0 };
	link->turn++;
	return 0;
}

static int find_some(struct hub *h, const struct http_request *like,
		     struct lock_file *const *files, size_t count,
		     struct error *err)
{
	struct lfs_answer answer CLEANUP(lfs_answer_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str body CLEANUP(str_release) = STR_INIT;
	struct http_request rq = *like;

	lfs_put_question(&text, (const struct lock_file *const *)files, count);
	rq.post = text.ptr;
	rq.post_len = text.len;
	if (post(h, &rq, &body, err) < 0)
		return -1;
	if (lfs_parse_batch(body.ptr, body.len, &answer, err) < 0)
		return err_wrap(err, "answer of Git LFS");
	return take_objects(h, &answer, like, files, count, err);
}

void lfs_add_lines(struct strlist *out)
{
	strlist_add(out, "Accept: " MIME);
	strlist_add(out, "Content-Type: " MIME);
}

int lfs_find(struct hub *h, const char *git_url, const char *token,
	     struct lock_file *const *files, size_t count, struct error *err)
{
	char *url CLEANUP(free_ptr) = xasprintf("%s/info/lfs/objects/batch",
						git_url);
	struct strlist lines CLEANUP(strlist_release) = { 0 };
	const struct http_request rq = {
		.url = url, .token = token, .lines = &lines, .api = true
	};

	lfs_add_lines(&lines);
	for (size_t i = 0; i < count; i += LFS_BATCH) {
		size_t n = count - i < LFS_BATCH ? count - i : LFS_BATCH;

		if (find_some(h, &rq, files + i, n, err) < 0)
			return -1;
	}
	return 0;
}
