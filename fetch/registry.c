#include "fetch/registry.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "fetch/http_response.h"
#include "fetch/retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SCHEME	     "oci:"
#define TOKEN_LIMIT  (64u << 10) /* bytes of a token server's answer */
#define NAME_MAX_LEN 255
#define TAG_MAX	     128

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789._-/";
static const char tag_chars[] = "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
static const char host_chars[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";

bool registry_is_ref(const char *text)
{
	return str_starts(text, SCHEME);
}

void registry_ref_release(struct registry_ref *r)
{
	free_ptr(&r->host);
	free_ptr(&r->name);
	free_ptr(&r->reference);
}

void registry_release(struct registry *r)
{
	if (r->token)
		explicit_bzero(r->token, strlen(r->token));
	free_ptr(&r->token);
}

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN &&
	       strspn(name, name_chars) == len && name[0] != '/' &&
	       name[len - 1] != '/' && !strstr(name, "//") &&
	       !strstr(name, "..");
}

int registry_ref_parse(struct registry_ref *out, const char *text,
		       struct error *err)
{
	struct registry_ref r CLEANUP(registry_ref_release) = { 0 };
	const char *host = text + (registry_is_ref(text) ? strlen(SCHEME) : 0);
	const char *name, *at, *colon;

	host += str_starts(host, "//") ? 2 : 0;
	name = strchr(host, '/');
	if (!name)
		return err_set(err, ERR_USAGE,
			       "%s: give oci:HOST/NAME:TAG or "
			       "oci:HOST/NAME@sha256:DIGEST",
			       text);
	r.host = xstrndup(host, (size_t)(name - host));
	name++;
	at = strchr(name, '@');
	colon = strchr(name, ':');
	if (at) {
		r.name = xstrndup(name, (size_t)(at - name));
		r.reference = xstrdup(at + 1);
		if (!str_starts(at + 1, "sha256:") ||
		    !digest_from_hex(&r.digest, at + 1 + strlen("sha256:")) ||
		    r.digest.alg != DIGEST_SHA256)
			return err_set(err, ERR_USAGE,
				       "%s: a digest is sha256: and 64 hex "
				       "digits",
				       text);
	} else {
		r.name = colon ? xstrndup(name, (size_t)(colon - name))
			       : xstrdup(name);
		r.reference = xstrdup(colon ? colon + 1 : "latest");
		if (!*r.reference || strlen(r.reference) > TAG_MAX ||
		    r.reference[strspn(r.reference, tag_chars)])
			return err_set(err, ERR_USAGE, "%s: not a tag", text);
	}
	if (!*r.host || r.host[strspn(r.host, host_chars)] || !is_name(r.name))
		return err_set(err, ERR_USAGE,
			       "%s: not a registry and a name (lower case, "
			       "digits, . _ - /)",
			       text);
	*out = r;
	r = (struct registry_ref){ 0 };
	return 0;
}

/* --- what went wrong ------------------------------------------------------------ */

/* Meanings of a registry's own; the first that fits speaks. */
static const struct meaning {
	long low, high; /* status */
	enum err_code code;
	const char *text, *hint, *rest; /* between them: the host */
} meanings[] = {
	{ 401, 401, ERR_AUTH, "the log-in is refused", "`skopeo login ",
	  "` stores a name and a password" },
	{ 403, 403, ERR_AUTH, "access is refused", "`skopeo login ",
	  "` stores the name and password of an account that may pull it" },
	{ 404, 404, ERR_NOT_FOUND, "not found", "copy the bundle to ",
	  " again with skopeo copy (docs/fleet.md)" },
	{ 429, 429, ERR_HTTP, "too many requests",
	  "wait some minutes, give more --retries, or an account that may ask "
	  "more often: `skopeo login ",
	  "`" },
	{ 500, 599, ERR_HTTP, "the server has a fault",
	  "run it again later or with more --retries; else ask who runs ", "" },
};

/* What only a registry has the words for. */
static int explain(const struct registry *r, const struct http_response *res,
		   const char *what, struct error *err)
{
	long s = res->status;

	for (size_t i = 0; i < ARRAY_LEN(meanings) && !res->proxy_refused;
	     i++) {
		const struct meaning *m = &meanings[i];

		if (s < m->low || s > m->high)
			continue;
		/* who only stores bytes for it has no log-in */
		if (s < 404 && res->redirected) {
			err_set(err, m->code,
				"%s: the host that %s redirects to has refused "
				"it (status %ld)",
				what, r->ref->host, s);
			return err_hint(err, "run it again; else ask who runs "
					     "the registry");
		}
		err_set(err, m->code, "%s: %s (status %ld)", what, m->text, s);
		err->http = s;
		retry_add_proxy(res, err);
		return err_hint(err, "%s%s%s", m->hint, r->ref->host, m->rest);
	}
	return retry_explain_as(RETRY_REGISTRY, res, what, r->ref->host, err);
}

static int web_page(const char *what, struct error *err)
{
	err_set(err, ERR_FORMAT, "%s: came as a web page", what);
	return err_hint(err,
			"is this the address of a registry, and does a proxy "
			"or login page stand before it?");
}

/* --- who asks ------------------------------------------------------------------ */

static unsigned attempts(const struct registry *r)
{
	return r->max_attempts ? r->max_attempts : RETRY_ATTEMPTS;
}

static char *base_url(const struct registry *r)
{
	return xasprintf("%s://%s", r->plain ? "http" : "https", r->ref->host);
}

/* Name and password as a header line, wiped by the caller's release. */
static void basic_line(const char *user_pass, struct strlist *lines)
{
	struct str line CLEANUP(str_release) = STR_INIT;

	str_adds(&line, "Authorization: Basic ");
	base64_encode(user_pass, strlen(user_pass), true, &line);
	strlist_add(lines, line.ptr);
	explicit_bzero(line.ptr, line.len);
}

static void lines_release(struct strlist *l)
{
	for (size_t i = 0; i < l->count; i++)
		explicit_bzero(l->items[i], strlen(l->items[i]));
	strlist_release(l);
}

/* Passwords go to the registry itself or over TLS, nowhere else. */
static int check_realm(const struct registry *r, const char *realm,
		       struct error *err)
{
	char *own CLEANUP(free_ptr) = base_url(r);
	char *origin CLEANUP(free_ptr) = NULL;
	char *home CLEANUP(free_ptr) = NULL;

	if (http_origin(realm, &origin, err) < 0 ||
	    http_origin(own, &home, err) < 0) {
		err->code = ERR_FORMAT;
		return err_wrap(err, "%s: where to log in", r->ref->host);
	}
	if (str_starts(origin, "https://") || !strcmp(origin, home))
		return 0;
	return err_set(err, ERR_UNSAFE,
		       "%s wants a log-in at %s, which is neither encrypted "
		       "nor the registry itself",
		       r->ref->host, origin);
}

static void add_query(struct str *url, const char *key, const char *value)
{
	str_addc(url, strchr(url->ptr, '?') ? '&' : '?');
	str_addf(url, "%s=", key);
	url_escape(url, value, false);
}

static int take_token(struct registry *r, const struct str *body,
		      struct error *err)
{
	struct json *doc CLEANUP(json_free) = NULL;
	const char *token = NULL;

	if (json_parse(&doc, body->ptr, body->len, err) ||
	    json_opt_string(doc, "token", &token, "", err) ||
	    ((!token || !*token) &&
	     json_get_string(doc, "access_token", &token, "", err)))
		return err_wrap(err, "%s: token", r->ref->host);
	registry_release(r);
	r->token = xstrdup(token);
	return 0;
}

/* As patiently as the registry itself. */
static int ask_token(struct registry *r, const struct http_request *rq,
		     struct str *body, struct http_response *res,
		     const char *what, struct error *err)
{
	unsigned most = attempts(r), delay_ms = 0;

	for (unsigned attempt = 1;; attempt++) {
		struct retry_decision d;
		int rc;

		http_response_release(res);
		str_clear(body);
		rc = http_get(r->http, rq, delay_ms, body, res, err);
		d = retry_decide(res, err, attempt, most, clock_jitter());
		if (d.verdict != RETRY_AGAIN)
			return rc;
		err_clear(err);
		delay_ms = d.delay_ms;
		event_info(r->sink, "%s: trying again", what);
	}
}

static int get_token(struct registry *r, const struct registry_challenge *c,
		     struct error *err)
{
	struct str url CLEANUP(str_release) = STR_INIT;
	struct str body CLEANUP(str_release) = STR_INIT;
	struct strlist lines CLEANUP(lines_release) = { 0 };
	struct http_response res CLEANUP(http_response_release) = { 0 };
	struct http_request rq = { .api = true, .max_body = TOKEN_LIMIT };
	char *what CLEANUP(free_ptr) = xasprintf("log-in for %s", r->ref->name);

	if (check_realm(r, c->realm, err) < 0)
		return -1;
	str_adds(&url, c->realm);
	if (c->service)
		add_query(&url, "service", c->service);
	if (c->scope)
		add_query(&url, "scope", c->scope);
	if (r->user_pass)
		basic_line(r->user_pass, &lines);
	r->basic = false;
	rq.url = url.ptr;
	rq.lines = &lines;
	if (ask_token(r, &rq, &body, &res, what, err) < 0)
		return err_wrap(err, "%s", what);
	if (res.status != 200)
		return explain(r, &res, what, err);
	if (http_is_page(&res))
		return web_page(what, err);
	return take_token(r, &body, err);
}

/* After a 401. */
static int log_in(struct registry *r, const char *challenge, struct error *err)
{
	struct registry_challenge c CLEANUP(registry_challenge_release) = { 0 };

	if (!registry_parse_challenge(challenge, &c))
		return err_set(err, ERR_AUTH,
			       "%s: wants a log-in of a kind that is not known",
			       r->ref->host);
	if (!c.basic)
		return get_token(r, &c, err);
	if (r->user_pass && !r->basic) {
		r->basic = true;
		return 0;
	}
	err_set(err, ERR_AUTH, "%s: %s", r->ref->host,
		r->user_pass ? "name or password is wrong"
			     : "wants a name and a password");
	return err_hint(err, "`skopeo login %s` stores them", r->ref->host);
}

static void sign_request(struct registry *r, struct http_request *rq,
			 struct strlist *lines)
{
	if (r->basic && r->user_pass)
		basic_line(r->user_pass, lines);
	else
		rq->token = r->token;
	rq->lines = lines;
}

/* --- one request, as often as it takes ---------------------------------------- */

struct exchange {
	struct registry *r;
	const char *what;
	const char *absent; /* what a 404 means, or NULL */
	const char *accept; /* kind of answer, or NULL */
	/* a blob */
	struct hfcache_part *part;
	uint64_t from;
	/* or a text */
	struct str *text;
	uint64_t limit; /* of its bytes */
	/* what came */
	struct http_response res;
	struct error err;
};

/* What the server itself says, before bytes are taken that can only be wrong. */
static int check_size(const struct exchange *x, const struct http_response *res,
		      struct error *err)
{
	uint64_t size = res->status == 206 ? res->range_total : res->length;

	if (size == UINT64_MAX || size == x->part->size)
		return 0;
	return err_set(err, ERR_INTEGRITY,
		       "%s: the registry has %" PRIu64
		       " bytes, expected %" PRIu64,
		       x->what, size, x->part->size);
}

static int on_headers(void *ctx, const struct http_response *res,
		      struct error *err)
{
	struct exchange *x = ctx;

	if (res->status != 200 && res->status != 206)
		return 0;
	if (res->encoded)
		return err_set(err, ERR_FORMAT, "%s: comes compressed",
			       x->what);
	/* some files of models are pages */
	if (http_is_page_for(res, x->what))
		return web_page(x->what, err);
	if (!x->part)
		return 0;
	if (check_size(x, res, err) < 0)
		return -1;
	if (res->status == 200 && x->from > 0)
		return hfcache_part_restart(x->part, err);
	if (res->status == 206 && res->range_start != x->from)
		return err_set(err, ERR_FORMAT, "%s: another range than asked",
			       x->what);
	return 0;
}

static int on_body(void *ctx, const void *p, size_t n, struct error *err)
{
	struct exchange *x = ctx;

	if (x->part)
		return hfcache_part_write(x->part, p, n, err);
	str_add(x->text, p, n);
	return 0;
}

static void on_done(void *ctx, const struct http_response *res,
		    const struct error *err)
{
	struct exchange *x = ctx;

	x->res = *res;
	x->res.link_next = NULL;
	x->res.location = NULL;
	x->err = *err;
}

static bool is_whole(const struct exchange *x)
{
	return x->err.code == ERR_NONE &&
	       (x->res.status == 200 || x->res.status == 206) &&
	       (!x->part || x->part->offset == x->part->size);
}

static int ask_once(struct exchange *x, const char *url, unsigned delay_ms,
		    struct error *err)
{
	struct strlist lines CLEANUP(lines_release) = { 0 };
	struct http_request rq = { .url = url,
				   .accept = x->accept,
				   .max_body = x->limit,
				   .ctx = x,
				   .headers = on_headers,
				   .body = on_body,
				   .done = on_done };

	sign_request(x->r, &rq, &lines);
	if (x->part) {
		x->from = x->part->offset;
		rq.range_from = x->from;
		rq.max_body = x->part->size;
	} else {
		str_clear(x->text);
	}
	x->res = (struct http_response){ 0 };
	err_clear(&x->err);
	return http_submit(x->r->http, &rq, delay_ms, err) < 0 ||
			       http_run(x->r->http, NULL, NULL, err) < 0
		       ? -1
		       : 0;
}

static int give_up(const struct exchange *x, struct error *err)
{
	if (x->err.code != ERR_NONE) {
		*err = x->err;
		err_name(err, x->what);
		if (err->code == ERR_NET)
			err_hint(err, "run it again to continue, or with more "
				      "--retries");
		if (err->code == ERR_HTTP ||
		    (err->code == ERR_FORMAT && !http_is_page(&x->res)))
			err_hint(err, "ask who runs %s", x->r->ref->host);
		return -1;
	}
	if (x->res.status == 200 || x->res.status == 206)
		return err_set(err, ERR_NET, "%s: %s sends less than it should",
			       x->what, x->r->ref->host);
	if (x->res.status == 404 && x->absent) {
		err_set(err, ERR_NOT_FOUND, "%s (status 404)", x->absent);
		return err_hint(
			err,
			"`skopeo list-tags docker://%s/%s` says what is there",
			x->r->ref->host, x->r->ref->name);
	}
	return explain(x->r, &x->res, x->what, err);
}

static int exchange(struct exchange *x, const char *url, struct error *err)
{
	unsigned delay_ms = 0, attempt = 0, logins = 0;
	unsigned most = attempts(x->r);

	for (;;) {
		struct retry_decision d;

		if (ask_once(x, url, delay_ms, err) < 0)
			return -1;
		if (is_whole(x))
			return 0;
		/* what came counts: only attempts in vain are numbered */
		if (x->part && x->part->offset > x->from)
			attempt = logins = 0;
		/* who is behind a redirect has no claim to the password */
		if (x->err.code == ERR_NONE && x->res.status == 401 &&
		    !x->res.redirected && logins++ < 2) {
			if (log_in(x->r, x->res.challenge, err) < 0)
				return -1;
			delay_ms = 0;
			continue;
		}
		/* what is here already is not of this blob, or ranges are
		 * not for this server: from the beginning */
		if (x->res.status == 416 && x->from > 0 && ++attempt < most) {
			if (hfcache_part_restart(x->part, err) < 0)
				return -1;
			continue;
		}
		d = retry_decide(&x->res, &x->err, ++attempt, most,
				 clock_jitter());
		if (d.verdict == RETRY_OK && attempt < most)
			d.verdict = RETRY_AGAIN; /* cut short */
		if (d.verdict != RETRY_AGAIN && d.verdict != RETRY_REFRESH)
			return give_up(x, err);
		delay_ms = d.delay_ms;
		event_info(x->r->sink, "%s: trying again", x->what);
	}
}

/* --- the two things that are asked for --------------------------------------------- */

int registry_manifest(struct registry *r, struct registry_image *out,
		      struct error *err)
{
	static const char what[] = "the manifest of the image";
	char *base CLEANUP(free_ptr) = base_url(r);
	char *url CLEANUP(free_ptr) = xasprintf(
		"%s/v2/%s/manifests/%s", base, r->ref->name, r->ref->reference);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct exchange x = { .r = r,
			      .what = what,
			      .accept = "application/vnd.oci.image.manifest.v1+"
					"json",
			      .absent = "no such image",
			      .text = &text,
			      .limit = REGISTRY_MANIFEST_LIMIT };
	char hex[DIGEST_HEX_MAX], name[DIGEST_HEX_MAX + 8];
	struct digest got;

	if (exchange(&x, url, err) < 0)
		return -1;
	digest_buf(DIGEST_SHA256, text.ptr, text.len, &got);
	if (r->ref->digest.alg != DIGEST_NONE &&
	    !digest_equal(&got, &r->ref->digest))
		return err_set(err, ERR_INTEGRITY,
			       "%s: the registry sends another manifest", what);
	snprintf(name, sizeof(name), "sha256:%s", digest_hex(&got, hex));
	if (str_starts(x.res.content_digest, "sha256:") &&
	    strcmp(x.res.content_digest, name) != 0)
		return err_set(err, ERR_INTEGRITY,
			       "%s: came with digest %s, the registry says %s",
			       what, name, x.res.content_digest);
	if (retry_foreign_body(text.ptr, text.len))
		return web_page(what, err);
	if (registry_parse_manifest(text.ptr, text.len, out, err) < 0) {
		err_wrap(err, "%s", what);
		return err_hint(err, "images are those that skopeo has copied "
				     "from a bundle (docs/fleet.md)");
	}
	out->text = text;
	text = (struct str)STR_INIT;
	return 0;
}

static char *blob_url(const struct registry *r, const struct digest *sha256)
{
	char hex[DIGEST_HEX_MAX];
	char *base CLEANUP(free_ptr) = base_url(r);

	return xasprintf("%s/v2/%s/blobs/sha256:%s", base, r->ref->name,
			 digest_hex(sha256, hex));
}

int registry_bundle(struct registry *r, const struct registry_image *image,
		    struct str *out, struct error *err)
{
	static const char what[] = "the manifest of its bundle";
	char *url CLEANUP(free_ptr) = blob_url(r, &image->bundle);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct exchange x = {
		.r = r, .what = what, .text = &text, .limit = image->bundle_size
	};
	struct digest got;

	if (exchange(&x, url, err) < 0)
		return -1;
	digest_buf(DIGEST_SHA256, text.ptr, text.len, &got);
	if (text.len != image->bundle_size ||
	    !digest_equal(&got, &image->bundle))
		return err_set(err, ERR_INTEGRITY,
			       "%s: %s is not what the image names",
			       r->ref->host, what);
	*out = text;
	text = (struct str)STR_INIT;
	return 0;
}

int registry_blob(struct registry *r, const struct lock_file *file,
		  struct hfcache_part *part, struct error *err)
{
	char *url CLEANUP(free_ptr) = blob_url(r, &file->sha256);
	struct exchange x = { .r = r, .what = file->path, .part = part };

	if (part->offset == part->size)
		return 0;
	return exchange(&x, url, err);
}
