/*
 * A repository of such files has no commit. Snapshots in a cache need one: it is
 * the git SHA-1 of the lines "<SHA-256> <size> <path>\n", sorted by path, so that
 * the same files have the same commit wherever they are.
 */
#include "fetch/plain.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fetch/http_response.h"
#include "fetch/retry.h"

#include <string.h>

static int ask_once(struct hub *h, const char *url, struct http_response *res,
		    unsigned delay_ms, struct error *err)
{
	const struct http_request rq = { .url = url, .head = true };

	http_response_release(res);
	return http_get(h->http, &rq, delay_ms, NULL, res, err);
}

/* The host of a URL and what it did. */
static int explain(const char *url, const char *name,
		   const struct http_response *res, struct error *err)
{
	char *origin CLEANUP(free_ptr) = NULL;

	if (http_origin(url, &origin, err) < 0)
		return -1;
	return retry_explain_as(RETRY_LINK, res, name, origin, err);
}

/* A login page in place of the file: its size must get into no lock. */
static bool is_other_page(const struct http_response *res, const char *url)
{
	char *path CLEANUP(free_ptr) = xstrndup(url, strcspn(url, "?#"));

	return http_is_page_for(res, path);
}

int plain_size(struct hub *h, const char *url, const char *name, uint64_t *out,
	       struct error *err)
{
	struct http_response res CLEANUP(http_response_release) = { 0 };
	unsigned delay_ms = 0;

	for (unsigned attempt = 1;; attempt++) {
		int rc = ask_once(h, url, &res, delay_ms, err);
		struct retry_decision d = retry_decide(
			&res, err, attempt,
			h->max_attempts ? h->max_attempts : RETRY_ATTEMPTS,
			clock_jitter());

		if (d.verdict == RETRY_OK)
			break;
		if (d.verdict != RETRY_AGAIN)
			return rc < 0 ? err_wrap(err, "%s", name)
				      : explain(url, name, &res, err);
		err_clear(err);
		delay_ms = d.delay_ms;
	}
	if (is_other_page(&res, url))
		return explain(url, name, &res, err);
	if (res.length == UINT64_MAX || res.encoded) {
		err_set(err, ERR_HTTP, "%s: the server does not say its size",
			name);
		return err_hint(err, "put it into the manifest");
	}
	*out = res.length;
	return 0;
}

static void put_line(const struct lock_file *f, struct str *line)
{
	char hex[DIGEST_HEX_MAX];

	str_clear(line);
	str_addf(line, "%s %llu %s\n", digest_hex(&f->sha256, hex),
		 (unsigned long long)f->size, f->path);
}

/* Of a text that is never in memory as a whole: its length comes first. */
void plain_commit(struct lock_repo *repo)
{
	struct str line CLEANUP(str_release) = STR_INIT;
	char hex[DIGEST_HEX_MAX];
	struct digest_ctx *sum;
	struct digest d;
	uint64_t len = 0;

	for (size_t i = 0; i < repo->file_count; i++) {
		put_line(&repo->files[i], &line);
		len += line.len;
	}
	sum = digest_begin(DIGEST_GIT_SHA1, len);
	for (size_t i = 0; i < repo->file_count; i++) {
		put_line(&repo->files[i], &line);
		digest_update(sum, line.ptr, line.len);
	}
	digest_end(&sum, &d);
	memcpy(repo->commit, digest_hex(&d, hex), sizeof(repo->commit));
}

int plain_list(struct hub *h, const struct manifest_model *m,
	       struct lock_repo *repo, struct error *err)
{
	for (size_t i = 0; i < m->pin_count; i++) {
		const struct manifest_pin *pin = &m->pins[i];
		struct lock_file *f;

		if (!pin->url)
			continue;
		f = lock_add_file(repo, pin->path);
		lock_file_set_url(repo, f, pin->url);
		f->sha256 = f->etag = pin->sha256;
		f->size = pin->size;
		if (f->size == UINT64_MAX &&
		    plain_size(h, pin->url, pin->path, &f->size, err) < 0)
			return err_wrap(err, "%s", m->id);
	}
	plain_commit(repo);
	return 0;
}
