/*
 * Which answer may be believed:
 *   206  only if Content-Range begins where the part ends and names the size
 *        that the lock has;
 *   200  to a range request: the part begins anew;
 *   any  length that is not the lock's, or a Content-Encoding: the endpoint has
 *        another file. Its first bytes tell what it is (web page, LFS pointer).
 * Without a validator a range may join bytes of two files. The digest finds out;
 * then the file is fetched once more from 0 before the endpoint is blamed
 * (download_job.c).
 */
#include "fetch/download_answer.h"

#include "fetch/retry.h"

#include <string.h>

static int take_whole(struct job *j, const struct http_response *res,
		      struct error *err)
{
	if (res->encoded ||
	    (res->length != UINT64_MAX && res->length != j->blob->file->size)) {
		j->foreign = true;
		return 0;
	}
	return j->part.offset > 0 ? job_restart_part(j, err) : 0;
}

static int take_range(struct job *j, const struct http_response *res,
		      struct error *err)
{
	uint64_t size = j->blob->file->size;

	if (j->from > 0 && res->range_start == j->from &&
	    res->range_end == size - 1 && res->range_total == size &&
	    !res->encoded)
		return 0;
	return err_set(
		err, ERR_INTEGRITY,
		"%s: %s: asked for bytes from %llu of %llu, got another range",
		j->endpoint->origin, j->name, (unsigned long long)j->from,
		(unsigned long long)size);
}

int answer_headers(void *ctx, const struct http_response *res,
		   struct error *err)
{
	struct job *j = ctx;

	if (res->status == 206)
		return take_range(j, res, err);
	if (res->status == 200)
		return take_whole(j, res, err);
	return 0;
}

/* Strong validators only: RFC 9110 forbids others in If-Range. */
void answer_keep_validator(struct job *j, const struct http_response *res)
{
	if (res->etag[0] == '"' && (res->status == 206 || res->status == 200))
		memcpy(j->validator, res->etag, sizeof(j->validator));
}

int answer_body(void *ctx, const void *p, size_t n, struct error *err)
{
	struct job *j = ctx;

	if (j->foreign) {
		size_t room = sizeof(j->head) - j->head_len;
		size_t take = n < room ? n : room;

		memcpy(j->head + j->head_len, p, take);
		j->head_len += take;
		return take < n ? err_set(err, ERR_INTEGRITY, "foreign") : 0;
	}
	if (hfcache_part_write(&j->part, p, n, err) < 0)
		return -1;
	job_tell_progress(j);
	return 0;
}

static void explain_foreign(const struct job *j,
			    const struct http_response *res, struct error *err)
{
	const char *kind = retry_foreign_body(j->head, j->head_len);

	if (!kind && strcasestr(res->content_type, "text/html"))
		kind = "a web page";
	err_clear(err);
	if (kind)
		err_set(err, ERR_INTEGRITY,
			"%s: %s: sent %s instead of the file",
			j->endpoint->origin, j->name, kind);
	else if (res->encoded)
		err_set(err, ERR_INTEGRITY,
			"%s: %s: sent compressed, which was not asked for",
			j->endpoint->origin, j->name);
	else
		err_set(err, ERR_INTEGRITY,
			"%s: %s: the file there has %llu bytes, expected %llu",
			j->endpoint->origin, j->name,
			(unsigned long long)res->length,
			(unsigned long long)j->blob->file->size);
}

static void explain_short(const struct job *j, struct error *err)
{
	err_set(err, ERR_NET, "%s: %s: ended after %llu of %llu bytes",
		j->endpoint->origin, j->name,
		(unsigned long long)j->part.offset,
		(unsigned long long)j->blob->file->size);
}

/* Puts into err what is wrong with the answer, if anything. */
void answer_judge(const struct job *j, const struct http_response *res,
		  struct error *err)
{
	bool delivered = res->status == 200 || res->status == 206;

	if (j->foreign)
		explain_foreign(j, res, err);
	else if (err->code == ERR_NONE && !delivered)
		retry_explain(res, j->name, j->endpoint->origin, err);
	else if (err->code == ERR_NONE && j->part.offset < j->part.size)
		explain_short(j, err);
}
