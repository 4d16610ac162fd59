/*
 * Which answer may be believed:
 *   206  only if Content-Range is exactly what was asked for, of a file of the
 *        size that the lock has, with the validator that this endpoint's other
 *        answers had;
 *   200  to a range request: all of the file. Either the endpoint ignores ranges,
 *        then one stream brings what is missing, or the file there has become
 *        another (If-Range), then what it sent before counts no more;
 *   any  length that is not the lock's, or a Content-Encoding: the endpoint has
 *        another file. Its first bytes tell what it is (web page, LFS pointer).
 * All of that is decided before a byte is written.
 */
#include "fetch/download_answer.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "fetch/download_repair.h"
#include "fetch/endpoint.h"
#include "fetch/http_response.h"
#include "fetch/retry.h"

#include <string.h>

/* --- headers ----------------------------------------------------------------- */

/* Strong validators only: RFC 9110 forbids others in If-Range. */
static bool is_strong(const char *etag)
{
	return etag[0] == '"';
}

static bool has_changed(const struct lane *l, const struct http_response *res)
{
	return l->source->validator[0] && is_strong(res->etag) &&
	       strcmp(l->source->validator, res->etag) != 0;
}

/* The endpoint is one that bytes may come from. */
static int open_source(struct lane *l, const struct http_response *res,
		       struct error *err)
{
	struct job_source *s = l->source;
	char *text CLEANUP(free_ptr) = NULL;

	if (is_strong(res->etag))
		memcpy(s->validator, res->etag, sizeof(s->validator));
	if (res->redirected && res->url && !s->direct)
		s->direct = xstrdup(res->url);
	if (!s->open && l->job->blocks)
		/* others may ask it now */
		http_wake(l->job->common->hub->http);
	s->open = true;
	s->opening = false;
	l->job->last = l->endpoint;
	l->began_ms = clock_ms();
	if (!l->job->blocks)
		return 0;
	text = xasprintf("%s %s", l->endpoint->name,
			 s->validator[0] ? s->validator : "-");
	return blocks_source(l->job->blocks, text, &s->id, err);
}

static bool is_foreign(const struct lane *l, const struct http_response *res)
{
	return res->encoded || (res->length != UINT64_MAX &&
				res->length != l->job->blob->file->size);
}

/* From here on what comes is the file from its first byte. */
static int take_all(struct lane *l, const struct http_response *res,
		    struct error *err)
{
	struct job *j = l->job;

	switch (l->kind) {
	case LANE_SMALL:
		if (j->part.offset > 0 && job_restart_part(j, err) < 0)
			return -1;
		l->pos = 0;
		break;
	case LANE_RANGE:
		l->source->streams = true;
		lane_give_back(l);
		lane_waste(l, l->loose);
		l->run = (struct segment){ 0, 0 };
		l->kind = LANE_STREAM;
		l->pos = 0;
		l->end = j->blob->file->size;
		break;
	case LANE_COPY:
		l->source->streams = true;
		l->skip = l->pos;
		break;
	case LANE_STREAM:
		l->pos = 0;
		break;
	}
	return open_source(l, res, err);
}

static int take_whole(struct lane *l, const struct http_response *res,
		      struct error *err)
{
	if (is_foreign(l, res)) {
		l->foreign = true;
		return 0;
	}
	if (has_changed(l, res)) {
		l->source->changes++;
		if (job_forget_source(l->job, l->source, err) < 0)
			return -1;
		l->source->validator[0] = '\0';
	} else if (l->kind == LANE_RANGE && l->to > 0 && l->source->lanes > 1) {
		/* another lane is enough */
		l->source->streams = true;
		return err_set(err, ERR_CANCELLED, "ranges are ignored");
	}
	if (l->to == 0 && l->kind == LANE_RANGE)
		return open_source(l, res, err);
	return take_all(l, res, err);
}

static bool is_wanted_range(const struct lane *l,
			    const struct http_response *res)
{
	uint64_t size = l->job->blob->file->size;
	uint64_t to = l->to ? l->to : size;

	return (l->from > 0 || l->to > 0) && res->range_start == l->from &&
	       res->range_end == to - 1 && res->range_total == size &&
	       !res->encoded &&
	       (res->length == UINT64_MAX || res->length == to - l->from);
}

static int take_range(struct lane *l, const struct http_response *res,
		      struct error *err)
{
	if (!is_wanted_range(l, res))
		return err_set(err, ERR_INTEGRITY,
			       "%s: %s: asked for bytes from %llu of %llu, got "
			       "another range",
			       l->endpoint->name, l->job->name,
			       (unsigned long long)l->from,
			       (unsigned long long)l->job->blob->file->size);
	if (has_changed(l, res)) {
		l->changed = true;
		return err_set(err, ERR_INTEGRITY,
			       "%s: %s: changed while it was fetched",
			       l->endpoint->name, l->job->name);
	}
	return open_source(l, res, err);
}

int answer_headers(void *ctx, const struct http_response *res,
		   struct error *err)
{
	struct lane *l = ctx;

	if (res->status == 206)
		return take_range(l, res, err);
	if (res->status == 200)
		return take_whole(l, res, err);
	return 0;
}

/* --- body -------------------------------------------------------------------- */

static int peek(struct lane *l, const void *p, size_t n, struct error *err)
{
	size_t room = sizeof(l->head) - l->head_len;
	size_t take = n < room ? n : room;

	memcpy(l->head + l->head_len, p, take);
	l->head_len += take;
	return take < n ? err_set(err, ERR_INTEGRITY, "foreign") : 0;
}

static void begin_block(struct lane *l, uint32_t i)
{
	struct job *j = l->job;

	xxh64_begin(&l->sum, blocks_journal(j->blocks)->seed);
	l->block_ms = clock_ms();
	l->hedged = false;
	l->waiting = 0;
	if (l->kind == LANE_STREAM)
		l->own = segments_take_one(&j->segments, i);
}

/* Is the block at pos to be written by this lane? It may have come from elsewhere
 * meanwhile. */
static bool writes(const struct lane *l, uint32_t i)
{
	if (l->kind == LANE_COPY || (l->kind == LANE_STREAM && !l->own))
		return false;
	return l->job->segments.state[i] == SEGMENT_TAKEN;
}

static int end_block(struct lane *l, uint32_t i, struct error *err)
{
	struct job *j = l->job;
	uint64_t len = journal_block_len(blocks_journal(j->blocks), i);

	if (l->kind == LANE_COPY)
		return repair_take_copy(l, i, xxh64_end(&l->sum), err);
	if (!writes(l, i)) {
		lane_waste(l, len);
		return 0;
	}
	job_have_block(j, i, job_index(j, l->endpoint));
	l->loose -= len;
	return blocks_done(j->blocks, i, xxh64_end(&l->sum), l->source->id,
			   err);
}

/* At the end of block i, or when as much waits as is written at once. */
static int write_waiting(struct lane *l, uint32_t i, struct error *err)
{
	size_t n = l->waiting;

	xxh64_update(&l->sum, l->buffer, n);
	l->waiting = 0;
	if (l->kind == LANE_COPY || !writes(l, i))
		return 0;
	return blocks_write(l->job->blocks, l->pos - n, l->buffer, n, err);
}

/* n bytes that do not reach beyond the block at pos. */
static int take_bytes(struct lane *l, const unsigned char *p, size_t n,
		      struct error *err)
{
	struct job *j = l->job;
	uint32_t i;
	uint64_t start = job_block_at(j, l->pos, &i);
	uint64_t end = start + journal_block_len(blocks_journal(j->blocks), i);

	if (l->pos == start)
		begin_block(l, i);
	while (n > 0) {
		size_t room = l->buffer_size - l->waiting;
		size_t k = n < room ? n : room;

		memcpy(l->buffer + l->waiting, p, k);
		l->waiting += k;
		l->pos += k;
		p += k;
		n -= k;
		if ((k == room || l->pos == end) &&
		    write_waiting(l, i, err) < 0)
			return -1;
	}
	return l->pos == end ? end_block(l, i, err) : 0;
}

static int take_blocks(struct lane *l, const unsigned char *p, size_t n,
		       struct error *err)
{
	uint64_t block = blocks_journal(l->job->blocks)->block_size;

	while (n > 0) {
		uint64_t room = block - l->pos % block;
		size_t k;

		/* the end may have come nearer since it was asked for */
		if (l->pos >= l->end)
			return err_set(err, ERR_CANCELLED, "enough");
		room = room < l->end - l->pos ? room : l->end - l->pos;
		k = n < room ? n : (size_t)room;
		if (take_bytes(l, p, k, err) < 0)
			return -1;
		p += k;
		n -= k;
	}
	return 0;
}

int answer_body(void *ctx, const void *bytes, size_t n, struct error *err)
{
	struct lane *l = ctx;
	struct job *j = l->job;
	const unsigned char *p = bytes;

	if (l->foreign)
		return peek(l, p, n, err);
	l->got += n;
	l->loose += n;
	pace_count(&j->common->endpoints[job_index(j, l->endpoint)].pace, n);
	if (l->skip > 0) {
		size_t k = n < l->skip ? n : (size_t)l->skip;

		l->skip -= k;
		lane_waste(l, k);
		p += k;
		n -= k;
	}
	if (l->kind != LANE_SMALL) {
		if (take_blocks(l, p, n, err) < 0)
			return -1;
	} else if (hfcache_part_write(&j->part, p, n, err) < 0) {
		return -1;
	} else {
		l->pos += n;
		l->source->held += n;
		l->loose -= n;
	}
	job_tell_progress(j);
	return 0;
}

uint64_t answer_rank(const void *ctx)
{
	const struct lane *l = ctx;
	uint64_t front;

	if (l->kind == LANE_SMALL)
		return 0;
	front = l->job->segments.front *
		blocks_journal(l->job->blocks)->block_size;
	return l->pos > front ? l->pos - front : 0;
}

/* --- end --------------------------------------------------------------------- */

static void explain_foreign(const struct lane *l,
			    const struct http_response *res, struct error *err)
{
	const char *kind = retry_foreign_body(l->head, l->head_len);
	const char *from = l->endpoint->name, *name = l->job->name;
	char *message CLEANUP(free_ptr) = endpoint_message(l->endpoint, l->head,
							   l->head_len);

	if (!kind && http_is_page(res))
		kind = "a web page";
	err_clear(err);
	if (message)
		err_set(err, ERR_NOT_FOUND, "%s: %s: the server says: %s", from,
			name, message);
	else if (kind)
		err_set(err, ERR_INTEGRITY,
			"%s: %s: sent %s instead of the file", from, name,
			kind);
	else if (res->encoded)
		err_set(err, ERR_INTEGRITY,
			"%s: %s: sent compressed, which was not asked for",
			from, name);
	else
		err_set(err, ERR_INTEGRITY,
			"%s: %s: the file there has %llu bytes, expected %llu",
			from, name, (unsigned long long)res->length,
			(unsigned long long)l->job->blob->file->size);
	if (kind)
		retry_add_proxy(res, err);
}

static void explain_short(const struct lane *l, struct error *err)
{
	err_set(err, ERR_NET, "%s: %s: ended after %llu of %llu bytes",
		l->endpoint->name, l->job->name, (unsigned long long)l->pos,
		(unsigned long long)l->job->blob->file->size);
}

void answer_judge(const struct lane *l, const struct http_response *res,
		  struct error *err)
{
	bool delivered = res->status == 200 || res->status == 206;

	if (l->foreign)
		explain_foreign(l, res, err);
	else if (err->code == ERR_NONE && !delivered)
		endpoint_explain(l->job->common->hub, l->endpoint,
				 l->job->blob->file, res, l->job->name, err);
	else if ((err->code == ERR_CANCELLED || err->code == ERR_NET) &&
		 l->pos == l->end && l->got > 0)
		/* all of it has come: stopped because it was enough, or the
		 * connection broke behind the last byte */
		err_clear(err);
	else if (err->code == ERR_NONE && l->pos < l->end)
		explain_short(l, err);
	else
		endpoint_blame(l->endpoint, err);
}
