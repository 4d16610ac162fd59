/*
 * Payloads of a local bundle on all cores. Piece i of a payload is hashed from
 * state i-1 of the states member and has to give state i, the last one the
 * SHA-256 that the manifest says. Every link being right proves the whole, so
 * the states need no trust. A wrong state makes the pieces on both sides of it
 * wrong; then the whole payload is hashed to tell which is the damaged one.
 */
#include "bundle/check_pieces.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER	  ((size_t)256 << 10) /* stays in a core's own cache */
#define MAX_WRONG 10000		      /* pieces kept */

/* A piece that is not what it has to be. */
struct wrong {
	size_t blob;
	uint64_t piece;
	char *unreadable; /* why, or NULL: its digest is wrong */
};

/* Blobs in the order in which they are hashed: biggest first. */
struct entry {
	size_t blob;
	uint64_t first_piece, pieces;
	uint64_t first_state; /* index in the states member */
};

struct pieces {
	struct check_run *run;
	struct entry *entries;
	size_t count;
	uint64_t total;
	struct wrong *wrong;
	size_t wrong_count, wrong_cap;
	bool *bad;	      /* one a blob */
	pthread_mutex_t lock; /* wrong*, bad */
	_Atomic uint64_t done;
};

static void pieces_release(struct pieces *p)
{
	for (size_t i = 0; i < p->wrong_count; i++)
		free_ptr(&p->wrong[i].unreadable);
	free_ptr(&p->wrong);
	free_ptr(&p->entries);
	free_ptr(&p->bad);
}

static const struct bundle_blob *entry_blob(const struct pieces *p,
					    const struct entry *e)
{
	return &p->run->s->manifest.blobs[e->blob];
}

static const struct entry *find_entry(const struct pieces *p, uint64_t item)
{
	size_t low = 0, high = p->count;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (p->entries[mid].first_piece <= item)
			low = mid;
		else
			high = mid;
	}
	return &p->entries[low];
}

/* --- hashing, on worker threads ---------------------------------------------- */

static int read_state(const struct pieces *p, const struct entry *e,
		      uint64_t piece, unsigned char out[DIGEST_STATE_LEN],
		      struct error *err)
{
	const struct bundle_source *s = p->run->s;
	uint64_t at = p->run->states_at +
		      (e->first_state + piece) * DIGEST_STATE_LEN;
	size_t got;

	if (bundle_source_pread(s, out, DIGEST_STATE_LEN, at, &got, err))
		return -1;
	return got == DIGEST_STATE_LEN
		       ? 0
		       : err_set(err, ERR_FORMAT, "%s: was cut meanwhile",
				 s->name);
}

static int hash_range(struct pieces *p, struct digest_ctx *ctx, uint64_t at,
		      uint64_t size, struct error *err)
{
	const struct bundle_source *s = p->run->s;
	size_t room = size < BUFFER ? (size_t)size : BUFFER;
	unsigned char *buf CLEANUP(free_ptr) = xmalloc(room);
	size_t got;

	while (size > 0) {
		size_t n = size < room ? (size_t)size : room;

		if (cancel_check(p->run->o->cancel, err) ||
		    bundle_source_pread(s, buf, n, at, &got, err))
			return -1;
		if (got < n)
			return err_set(err, ERR_FORMAT, "%s: was cut meanwhile",
				       s->name);
		digest_update(ctx, buf, n);
		atomic_fetch_add(&p->done, n);
		at += n;
		size -= n;
	}
	return 0;
}

/* 0: right; 1: wrong; -1: cannot be read. */
static int check_piece(struct pieces *p, const struct entry *e, uint64_t piece,
		       struct error *err)
{
	const struct bundle_blob *b = entry_blob(p, e);
	uint64_t from = piece * BUNDLE_STATE_STEP;
	bool last = piece + 1 == e->pieces;
	uint64_t size = last ? b->size - from : BUNDLE_STATE_STEP;
	struct digest_ctx *ctx CLEANUP(digest_free) = NULL;
	unsigned char state[DIGEST_STATE_LEN], got[DIGEST_STATE_LEN];
	struct digest digest;

	if (piece > 0) {
		if (read_state(p, e, piece - 1, state, err))
			return -1;
		ctx = digest_resume(state, from);
	} else {
		ctx = digest_begin(DIGEST_SHA256, b->size);
	}
	if (hash_range(p, ctx, p->run->payload_at[e->blob] + from, size, err))
		return -1;
	if (last) {
		digest_end(&ctx, &digest);
		return digest_equal(&digest, &b->sha256) ? 0 : 1;
	}
	digest_get_state(ctx, got);
	if (read_state(p, e, piece, state, err))
		return -1;
	return memcmp(got, state, sizeof(got)) ? 1 : 0;
}

static void add_wrong(struct pieces *p, const struct entry *e, uint64_t piece,
		      const char *unreadable)
{
	pthread_mutex_lock(&p->lock);
	p->bad[e->blob] = true;
	if (p->wrong_count < MAX_WRONG) {
		p->wrong = xgrow(p->wrong, &p->wrong_cap, p->wrong_count + 1,
				 sizeof(*p->wrong));
		p->wrong[p->wrong_count++] = (struct wrong){
			.blob = e->blob,
			.piece = piece,
			.unreadable = unreadable ? xstrdup(unreadable) : NULL,
		};
	}
	pthread_mutex_unlock(&p->lock);
}

static void work(void *ctx, size_t item)
{
	struct pieces *p = ctx;
	const struct entry *e = find_entry(p, item);
	struct error err = { 0 };
	int rc = check_piece(p, e, item - e->first_piece, &err);

	if (rc != 0 && err.code != ERR_CANCELLED)
		add_wrong(p, e, item - e->first_piece, rc < 0 ? err.msg : NULL);
}

static void tick(void *ctx)
{
	struct pieces *p = ctx;

	event_emit(p->run->o->sink,
		   &(struct event){ .type = EVENT_PROGRESS,
				    .name = p->run->s->name,
				    .done = atomic_load(&p->done),
				    .total = p->total });
}

/* --- what to hash -------------------------------------------------------------- */

static int by_size(const void *a, const void *b, void *ctx)
{
	const struct bundle_blob *blobs = ctx;
	const struct entry *x = a, *y = b;
	uint64_t m = blobs[x->blob].size, n = blobs[y->blob].size;

	if (m != n)
		return m < n ? 1 : -1;
	return x->blob < y->blob ? -1 : 1;
}

static void list_entries(struct pieces *p)
{
	const struct bundle_manifest *m = &p->run->s->manifest;
	bool states = p->run->states_at != CHECK_NO_STATES;
	uint64_t state = 0, piece = 0;

	p->entries = xcalloc(m->blob_count + 1, sizeof(*p->entries));
	p->bad = xcalloc(m->blob_count + 1, sizeof(*p->bad));
	for (size_t i = 0; i < m->blob_count; i++) {
		uint64_t count = bundle_blob_states(&m->blobs[i]);

		if (p->run->payload_at[i]) {
			p->entries[p->count++] = (struct entry){
				.blob = i,
				.pieces = states ? count + 1 : 1,
				.first_state = state,
			};
			p->total += m->blobs[i].size;
		}
		state += count;
	}
	qsort_r(p->entries, p->count, sizeof(*p->entries), by_size, m->blobs);
	for (size_t i = 0; i < p->count; i++) {
		p->entries[i].first_piece = piece;
		piece += p->entries[i].pieces;
	}
}

/* --- what it means --------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct wrong *x = a, *y = b;

	if (x->blob != y->blob)
		return x->blob < y->blob ? -1 : 1;
	return x->piece < y->piece ? -1 : x->piece > y->piece ? 1 : 0;
}

/* Are the bytes right and only the states wrong? */
static int whole_is_right(struct pieces *p, size_t blob, bool *right,
			  struct error *err)
{
	const struct bundle_blob *b = &p->run->s->manifest.blobs[blob];
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(
		DIGEST_SHA256, b->size);
	struct digest got;

	if (hash_range(p, ctx, p->run->payload_at[blob], b->size, err))
		return -1;
	digest_end(&ctx, &got);
	*right = digest_equal(&got, &b->sha256);
	return 0;
}

/* The pieces of one blob, w[0] to w[count - 1], ascending. */
static int judge(struct pieces *p, const struct wrong *w, size_t count,
		 struct error *err)
{
	uint64_t size = p->run->s->manifest.blobs[w->blob].size;
	uint64_t from = w->piece * BUNDLE_STATE_STEP, to;
	bool right = false;
	size_t n = 1;
	char detail[96];

	if (w->unreadable) {
		check_payload(p->run, VERIFY_UNREADABLE, w->blob,
			      w->unreadable);
		return 0;
	}
	while (n < count && w[n].piece == w[n - 1].piece + 1)
		n++;
	if (n > 1 && whole_is_right(p, w->blob, &right, err))
		return -1;
	if (right) {
		p->bad[w->blob] = false;
		check_member(p->run, VERIFY_WRONG_DIGEST, "itts-bundle.states",
			     0, "the payloads are right");
		return 0;
	}
	to = (w[n - 1].piece + 1) * BUNDLE_STATE_STEP;
	if (to > size || p->run->states_at == CHECK_NO_STATES)
		to = size;
	snprintf(detail, sizeof(detail),
		 "between byte %" PRIu64 " and %" PRIu64 " of the file%s", from,
		 to, n < count ? ", and further on" : "");
	check_payload(p->run, VERIFY_WRONG_DIGEST, w->blob, detail);
	return 0;
}

static int judge_all(struct pieces *p, struct error *err)
{
	size_t end;

	if (p->wrong_count > 0)
		qsort(p->wrong, p->wrong_count, sizeof(*p->wrong), by_place);
	for (size_t i = 0; i < p->wrong_count; i = end) {
		for (end = i + 1; end < p->wrong_count &&
				  p->wrong[end].blob == p->wrong[i].blob;
		     end++)
			;
		if (judge(p, &p->wrong[i], end - i, err))
			return -1;
	}
	for (size_t i = 0; i < p->count; i++)
		if (!p->bad[p->entries[i].blob]) {
			p->run->out->files++;
			p->run->out->bytes +=
				entry_blob(p, &p->entries[i])->size;
		}
	return 0;
}

int check_pieces(struct check_run *run, struct error *err)
{
	struct pieces p CLEANUP(pieces_release) = {
		.run = run,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct pool_job job = {
		.threads = run->o->threads ? run->o->threads : pool_cores(),
		.cancel = run->o->cancel,
		.work = work,
		.tick = tick,
		.ctx = &p,
	};

	list_entries(&p);
	if (p.count == 0)
		return 0;
	job.items = p.entries[p.count - 1].first_piece +
		    p.entries[p.count - 1].pieces;
	pool_run(&job);
	if (cancel_check(run->o->cancel, err))
		return -1;
	return judge_all(&p, err);
}
