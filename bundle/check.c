/*
 * A bundle against its own manifest. First everything that is not payload, in
 * the order of the file; then the payloads: of a file by check_pieces.c, of a
 * stream as they come by.
 */
#include "bundle/check.h"

#include "base/mem.h"
#include "bundle/check_pieces.h"
#include "bundle/check_run.h"
#include "bundle/check_volumes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PIECE ((size_t)1 << 20)

static void count_right(struct check_run *run, uint64_t size)
{
	run->out->files++;
	run->out->bytes += size;
}

/* --- segments that are not payload ------------------------------------------ */

/* The message without "BUNDLE: MEMBER: ", which stand beside it. */
static const char *cut_names(const struct bundle_source *s,
			     const struct segment *seg, const char *msg)
{
	const char *const names[] = { s->name, seg->name };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t len = strlen(names[i]);

		if (!strncmp(msg, names[i], len) && str_starts(msg + len, ": "))
			msg += len + 2;
	}
	return msg;
}

/* 0: right; 1: damaged and reported; -1: the error is not about damage. */
static int expect(struct check_run *run, const struct segment *seg,
		  struct error *err)
{
	struct bundle_source *s = run->s;

	if (!bundle_source_expect(s, seg, err))
		return 0;
	if (err->code != ERR_INTEGRITY)
		return -1;
	check_member(run, VERIFY_WRONG_DIGEST, seg->name, seg->size,
		     cut_names(s, seg, err->msg));
	err_clear(err);
	/* the rest of it is behind what was read */
	if (bundle_source_skip(s, seg->offset + seg->size - s->offset, err))
		return -1;
	return 1;
}

/* A second copy of a small payload. */
static int expect_copy(struct check_run *run, const struct segment *seg,
		       struct error *err)
{
	const struct bundle_blob *b = &run->s->manifest.blobs[seg->blob];
	unsigned char *buf CLEANUP(free_ptr) = xmalloc((size_t)seg->size);
	char detail[64];
	struct digest got;

	if (bundle_source_read(run->s, buf, (size_t)seg->size, err))
		return -1;
	digest_buf(DIGEST_SHA256, buf, (size_t)seg->size, &got);
	if (digest_equal(&got, &b->sha256))
		return 0;
	snprintf(detail, sizeof(detail), "at byte %" PRIu64 " of the bundle",
		 seg->offset);
	check_member(run, VERIFY_WRONG_DIGEST, seg->name, seg->size, detail);
	return 0;
}

/* --- a payload of a stream --------------------------------------------------- */

struct passing {
	struct digest_ctx *ctx;
	unsigned char *states;
	size_t states_cap;
	uint64_t done;
};

static void passing_release(struct passing *p)
{
	digest_free(&p->ctx);
	free_ptr(&p->states);
}

/* A piece never crosses a step: both are powers of two. */
static void pass(struct passing *p, const void *buf, size_t n, uint64_t size)
{
	digest_update(p->ctx, buf, n);
	p->done += n;
	if (p->done % BUNDLE_STATE_STEP != 0 || p->done == size)
		return;
	p->states = xgrow(p->states, &p->states_cap,
			  (size_t)(p->done / BUNDLE_STATE_STEP),
			  DIGEST_STATE_LEN);
	bundle_keep_state(p->states, p->ctx, p->done, size);
}

static void emit(const struct check_run *run, enum event_type type,
		 const struct segment *seg, uint64_t done)
{
	struct str name CLEANUP(str_release) = STR_INIT;

	bundle_source_describe(run->s, seg, &name);
	event_emit(run->o->sink, &(struct event){ .type = type,
						  .id = (unsigned)seg->blob,
						  .name = name.ptr,
						  .done = done,
						  .total = seg->size });
}

static int hash_passing(struct check_run *run, const struct segment *seg,
			struct passing *p, struct error *err)
{
	unsigned char *buf CLEANUP(free_ptr) = xmalloc(PIECE);

	p->ctx = digest_begin(DIGEST_SHA256, seg->size);
	emit(run, EVENT_START, seg, 0);
	while (p->done < seg->size) {
		uint64_t left = seg->size - p->done;
		size_t n = left < PIECE ? (size_t)left : PIECE;

		if (bundle_source_read(run->s, buf, n, err))
			return -1;
		pass(p, buf, n, seg->size);
		emit(run, EVENT_PROGRESS, seg, p->done);
	}
	return 0;
}

static int stream_payload(struct check_run *run, const struct segment *seg,
			  struct error *err)
{
	const struct bundle_blob *b = &run->s->manifest.blobs[seg->blob];
	struct passing p CLEANUP(passing_release) = { 0 };
	struct digest got;

	if (hash_passing(run, seg, &p, err))
		return -1;
	digest_end(&p.ctx, &got);
	run->states[seg->blob] = take_ptr(p.states);
	if (digest_equal(&got, &b->sha256)) {
		count_right(run, b->size);
		emit(run, EVENT_DONE, seg, b->size);
		return 0;
	}
	/* where it begins is known when the states have come */
	run->payload_at[seg->blob] = seg->offset;
	if (bundle_blob_states(b) == 0)
		check_payload(run, VERIFY_WRONG_DIGEST, seg->blob, NULL);
	return 0;
}

/* The first state that differs from what was computed; count: none does. */
static int first_difference(struct check_run *run, size_t blob, uint64_t count,
			    uint64_t *out, struct error *err)
{
	unsigned char state[DIGEST_STATE_LEN];

	*out = count;
	for (uint64_t i = 0; i < count; i++) {
		if (bundle_source_read(run->s, state, sizeof(state), err))
			return -1;
		if (*out == count &&
		    memcmp(state, run->states[blob] + i * DIGEST_STATE_LEN,
			   sizeof(state)) != 0)
			*out = i;
	}
	return 0;
}

static int stream_states(struct check_run *run, const struct segment *seg,
			 struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;

	for (size_t i = 0; i < m->blob_count; i++) {
		uint64_t count = bundle_blob_states(&m->blobs[i]);
		uint64_t first, from, to;
		char detail[96];

		if (count == 0)
			continue;
		if (first_difference(run, i, count, &first, err))
			return -1;
		from = first * BUNDLE_STATE_STEP;
		to = first < count ? from + BUNDLE_STATE_STEP
				   : m->blobs[i].size;
		snprintf(detail, sizeof(detail),
			 "between byte %" PRIu64 " and %" PRIu64 " of the file",
			 from, to);
		if (run->payload_at[i])
			check_payload(run, VERIFY_WRONG_DIGEST, i, detail);
		else if (first < count)
			check_member(run, VERIFY_WRONG_DIGEST, seg->name,
				     seg->size, NULL);
	}
	return 0;
}

/* --- the walk ----------------------------------------------------------------- */

static int take_segment(struct check_run *run, const struct segment *seg,
			struct error *err)
{
	struct bundle_source *s = run->s;

	if (!bundle_source_has(s, seg))
		return bundle_source_skip(s, seg->size, err);
	if (seg->kind == SEGMENT_PAYLOAD && seg->again)
		return expect_copy(run, seg, err);
	if (seg->kind == SEGMENT_PAYLOAD && !s->seekable)
		return stream_payload(run, seg, err);
	if (seg->kind == SEGMENT_STATES && !s->seekable)
		return stream_states(run, seg, err);
	if (seg->kind == SEGMENT_PAYLOAD || seg->kind == SEGMENT_STATES) {
		if (bundle_source_skip(s, seg->size, err))
			return -1;
		if (seg->kind == SEGMENT_PAYLOAD)
			run->payload_at[seg->blob] = seg->offset;
		else
			run->states_at = seg->offset;
		return 0;
	}
	return expect(run, seg, err) < 0 ? -1 : 0;
}

/* It ends within seg: that is damage, and so are the payloads behind. */
static int report_cut(struct check_run *run, struct segment *seg,
		      struct error *err)
{
	char *detail CLEANUP(free_ptr) = xstrdup(err->msg);
	bool first = true;

	err_clear(err);
	while (seg->kind != SEGMENT_END) {
		if (seg->kind == SEGMENT_PAYLOAD && !seg->again)
			check_payload(
				run, first ? VERIFY_WRONG_SIZE : VERIFY_MISSING,
				seg->blob, detail);
		else if (first)
			check_member(run, VERIFY_WRONG_SIZE, seg->name,
				     seg->size, detail);
		first = false;
		if (run->out->count >= CHECK_MAX_ITEMS)
			return 0;
		if (layout_next(run->s->layout, seg, err))
			return -1;
	}
	return 0;
}

static int report_tail(struct check_run *run, struct error *err)
{
	if (!bundle_source_end(run->s, err))
		return 0;
	if (err->code != ERR_FORMAT)
		return -1;
	verify_report_add(run->out, VERIFY_WRONG_SIZE, run->s->name, "",
			  run->s->offset, err->msg);
	err_clear(err);
	return 0;
}

static int walk(struct check_run *run, struct error *err)
{
	struct segment seg;

	layout_rewind(run->s->layout);
	run->s->offset = 0;
	while (run->out->count < CHECK_MAX_ITEMS) {
		if (layout_next(run->s->layout, &seg, err))
			return -1;
		if (seg.kind == SEGMENT_END)
			return report_tail(run, err);
		if (!take_segment(run, &seg, err))
			continue;
		if (err->code != ERR_FORMAT)
			return -1;
		return report_cut(run, &seg, err);
	}
	return 0;
}

static uint64_t payload_total(const struct bundle_manifest *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->blob_count; i++)
		sum += m->blobs[i].size;
	return sum - m->absent_bytes;
}

static void run_release(struct check_run *run)
{
	for (size_t i = 0; i < run->s->manifest.blob_count; i++)
		free_ptr(&run->states[i]);
	free_ptr(&run->states);
	free_ptr(&run->payload_at);
}

int bundle_check(struct bundle_source *s, const struct verify_options *o,
		 struct verify_report *out, struct error *err)
{
	size_t count = s->manifest.blob_count;
	struct check_run run CLEANUP(run_release) = {
		.s = s,
		.o = o,
		.out = out,
		.payload_at = xcalloc(count + 1, sizeof(*run.payload_at)),
		.states = xcalloc(count + 1, sizeof(*run.states)),
		.states_at = CHECK_NO_STATES,
	};

	s->cancel = o->cancel;
	if (s->stream)
		tar_reader_cancel(s->stream, o->cancel);
	event_emit(
		o->sink,
		&(struct event){ .type = EVENT_PLAN,
				 .name = "verifying",
				 .total = payload_total(&s->manifest),
				 .items = count - s->manifest.absent_count });
	if (s->volumes)
		check_volumes_there(&run);
	if (walk(&run, err) || (s->seekable && check_pieces(&run, err)))
		return -1;
	/* a member that is damaged, or not all here, says nothing of volumes */
	if (s->volumes && out->count > 0 && check_volumes(&run, err))
		return -1;
	/* payloads of no bytes are all header */
	for (size_t i = 0; i < count; i++)
		if (s->manifest.blobs[i].size == 0)
			count_right(&run, 0);
	verify_report_sort(out);
	return 0;
}
