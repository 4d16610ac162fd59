#include "fetch/download_job.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fetch/download_lane.h"
#include "fetch/download_repair.h"
#include "fetch/endpoint.h"

#include <assert.h>
#include <string.h>

#define LARGE_MIN    (1u << 20) /* smaller files come in one piece */
#define TELL_MS	     100
#define MAX_LIES     2
#define MAX_FAILURES 2

/* --- telling ---------------------------------------------------------------- */

/* Bytes that are there, those of blocks on their way included. */
static uint64_t bytes_done(const struct job *j)
{
	const struct journal *journal;
	uint64_t done;

	if (j->state == JOB_SMALL)
		return j->part.offset;
	if (j->state != JOB_FILLING)
		return 0;
	journal = blocks_journal(j->blocks);
	done = (uint64_t)j->segments.have_count * journal->block_size;
	if (journal->blocks[journal->count - 1].have)
		done -= journal->block_size -
			journal_block_len(journal, journal->count - 1);
	for (unsigned i = 0; i < JOB_LANES; i++) {
		const struct lane *l = &j->common->lanes[i];

		if (l->job == j && l->kind != LANE_COPY &&
		    (l->kind == LANE_RANGE || l->own) && l->pos < l->end)
			done += l->pos % journal->block_size;
	}
	return done < journal->size ? done : journal->size;
}

void job_tell(const struct job *j, enum event_type type, const char *text,
	      unsigned delay_ms)
{
	struct event ev = { .type = type,
			    .id = j->id,
			    .name = j->name,
			    .text = text,
			    .source = j->last ? j->last->name : NULL,
			    .done = bytes_done(j),
			    .total = j->blob->file->size,
			    .delay_ms = delay_ms };
	event_emit(j->common->sink, &ev);
}

void job_tell_progress(struct job *j)
{
	uint64_t now = clock_ms();

	if (now - j->told_ms < TELL_MS)
		return;
	j->told_ms = now;
	job_tell(j, EVENT_PROGRESS, NULL, 0);
}

/* --- ending ----------------------------------------------------------------- */

static void drop_lanes(struct job *j, const struct hub_endpoint *only)
{
	for (unsigned i = 0; i < JOB_LANES && j->lanes > 0; i++) {
		struct lane *l = &j->common->lanes[i];

		if (l->job == j && (!only || l->endpoint == only))
			lane_abandon(l);
	}
}

/* Small: what is in the part will not be in the file. */
static void waste_part(struct job *j)
{
	for (size_t i = 0; j->sources && i < j->common->hub->count; i++) {
		job_waste(j, i, j->sources[i].held);
		j->sources[i].held = 0;
	}
}

static void release_sources(struct job *j)
{
	for (size_t i = 0; j->sources && i < j->common->hub->count; i++)
		free_ptr(&j->sources[i].direct);
	free_ptr(&j->sources);
}

void job_release(struct job *j)
{
	if (j->state != JOB_UNUSED) {
		drop_lanes(j, NULL);
		waste_part(j);
		http_hold(j->common->hub->http, -1);
	}
	repair_release(j);
	release_sources(j);
	segments_release(&j->segments);
	free_ptr(&j->senders);
	blocks_close(&j->blocks);
	hfcache_part_close(&j->part);
	free_ptr(&j->name);
	*j = (struct job){ .part = HFCACHE_PART_INIT };
}

static void end_with(struct job *j, const struct error *err, bool in_batch)
{
	struct job_common *common = j->common;
	struct job_end e = { .blob = j->blob,
			     .id = j->id,
			     .source = j->last ? j->last->name : NULL,
			     .resumed = j->resumed,
			     .in_batch = in_batch };

	/* the slot may be used for the next file at once */
	job_release(j);
	common->ended(common->ctx, &e, err);
}

void job_end(struct job *j, const struct error *err)
{
	struct error named = *err;
	size_t n = strlen(j->name);
	const char *why = err->msg;

	/* the event has the name already */
	if (str_starts(why, j->name) && str_starts(why + n, ": "))
		why += n + 2;
	if (err->code != ERR_CANCELLED)
		job_tell(j, EVENT_FAIL, why, 0);
	/* what the engine says names the host only */
	err_name(&named, j->name);
	end_with(j, &named, false);
}

/* --- endpoints -------------------------------------------------------------- */

size_t job_index(const struct job *j, const struct hub_endpoint *e)
{
	return (size_t)(e - j->common->hub->endpoints);
}

void job_waste(const struct job *j, size_t endpoint, uint64_t bytes)
{
	j->common->hub->endpoints[endpoint].wasted += bytes;
	j->common->stats->wasted_bytes += bytes;
}

bool job_may_use(const struct job *j, size_t endpoint)
{
	const struct hub_endpoint *e = &j->common->hub->endpoints[endpoint];

	return !j->sources[endpoint].refused && !e->dropped &&
	       endpoint_has(j->common->hub, e, j->blob->repo, j->blob->file);
}

bool job_has_other(const struct job *j, const struct hub_endpoint *but)
{
	const struct hub *h = j->common->hub;

	for (size_t i = 0; i < h->count; i++)
		if (&h->endpoints[i] != but && job_may_use(j, i))
			return true;
	return false;
}

size_t job_first(const struct job *j)
{
	const struct job_common *c = j->common;
	size_t first = SIZE_MAX;
	uint64_t now = clock_ms();

	for (size_t i = c->hub->count; i-- > 0;)
		if (job_may_use(j, i) && c->endpoints[i].wait_ms <= now)
			first = i;
	for (size_t i = 0; first == SIZE_MAX && i < c->hub->count; i++)
		if (job_may_use(j, i))
			first = i;
	return first;
}

static bool others_in_use(const struct hub *h, const struct hub_endpoint *but)
{
	for (size_t i = 0; i < h->count; i++)
		if (&h->endpoints[i] != but && !h->endpoints[i].dropped)
			return true;
	return false;
}

static void drop(struct job *j, struct hub_endpoint *e, const char *why)
{
	if (e->dropped)
		return;
	e->dropped = true;
	event_warn(j->common->sink, "%s is not asked any more: %s", e->name,
		   why);
}

void job_drop_endpoint(struct job *j, struct hub_endpoint *e, const char *why)
{
	e->lies = MAX_LIES;
	if (others_in_use(j->common->hub, e))
		drop(j, e, why);
	else
		event_warn(j->common->sink, "%s: %s", e->name, why);
}

/* This endpoint has failed the job; what does that say of it? */
static void blame(struct job *j, struct hub_endpoint *e,
		  const struct error *why)
{
	if (why->code == ERR_NET && ++e->failures >= MAX_FAILURES)
		drop(j, e, why->msg);
	/* digests protect us from a liar, so the last one may stay */
	if ((why->code == ERR_INTEGRITY || why->code == ERR_FORMAT) &&
	    ++e->lies >= MAX_LIES && others_in_use(j->common->hub, e))
		drop(j, e, "what it sends is not what it should be");
}

/* Nobody is left to ask. from, or NULL: who sent the wrong bytes. */
static void end_refused(struct job *j, const struct hub_endpoint *from,
			const struct error *why)
{
	struct error last = *why;

	if (last.code == ERR_INTEGRITY && j->blob->file->url)
		err_hint(&last, "check its URL and its sha256 in the manifest");
	else if (last.code == ERR_INTEGRITY && from &&
		 from->kind != ENDPOINT_DIRECT)
		err_hint(&last, "name another endpoint with --endpoint");
	job_end(j, &last);
}

void job_refuse(struct job *j, struct hub_endpoint *e, const struct error *why)
{
	struct job_source *s = &j->sources[job_index(j, e)];

	if (s->refused)
		return;
	s->refused = true;
	drop_lanes(j, e);
	blame(j, e, why);
	if (job_first(j) == SIZE_MAX) {
		end_refused(j, e, why);
		return;
	}
	j->common->stats->retries++;
	job_tell(j, EVENT_RETRY, why->msg, 0);
}

/* --- small files -------------------------------------------------------------- */

/* ERR_BUSY where another process holds the blob. */
static int lock_blob(struct job *j, int *lockfd, struct error *err)
{
	return hfcache_blob_lock(j->common->store, j->blob->repo,
				 &j->blob->file->etag, 0, lockfd, err);
}

static int open_part(struct job *j, int *lockfd, struct error *err)
{
	return hfcache_part_open(&j->part, j->common->store, j->blob->repo,
				 j->blob->file, false, take_fd(lockfd), err);
}

static int reopen_part(struct job *j, struct error *err)
{
	int lockfd CLEANUP(close_fd) = -1;

	hfcache_part_close(&j->part);
	j->part = (struct hfcache_part)HFCACHE_PART_INIT;
	if (lock_blob(j, &lockfd, err) < 0)
		return -1;
	return open_part(j, &lockfd, err);
}

int job_restart_part(struct job *j, struct error *err)
{
	waste_part(j);
	j->mixed = false;
	return hfcache_part_restart(&j->part, err);
}

/* The bytes were wrong: once more from the start if they came in pieces, then
 * whoever sent them is blamed. */
static void wrong_bytes(struct job *j, struct hub_endpoint *from,
			struct error *why)
{
	struct error err = { .code = ERR_NONE };

	waste_part(j);
	if (reopen_part(j, &err) < 0) {
		job_end(j, &err);
	} else if (j->mixed && !j->restarted) {
		j->restarted = true;
		j->mixed = false;
		j->common->stats->retries++;
		job_tell(j, EVENT_RETRY, why->msg, 0);
	} else {
		err_wrap(why, "%s", from->name);
		job_refuse(j, from, why);
	}
}

/* It only waits for its name. */
static void keep_part(struct job *j)
{
	const struct error none = { .code = ERR_NONE };

	for (size_t i = 0; i < j->common->hub->count; i++)
		j->sources[i].held = 0;
	end_with(j, &none, true);
}

void job_small_complete(struct job *j, struct hub_endpoint *from)
{
	struct error err = { .code = ERR_NONE };
	int rc = hfcache_batch_add(j->common->batch, &j->part, &err);

	if (rc < 0 && err.code == ERR_INTEGRITY && from)
		wrong_bytes(j, from, &err);
	else if (rc < 0)
		job_end(j, &err);
	else
		keep_part(j);
}

/* --- large files -------------------------------------------------------------- */

uint64_t job_block_at(const struct job *j, uint64_t pos, uint32_t *block)
{
	uint64_t size = blocks_journal(j->blocks)->block_size;

	*block = (uint32_t)(pos / size);
	return *block * size;
}

/* A block that is there has come in vain, in this run or an earlier one. */
static void waste_block(struct job *j, uint32_t i)
{
	uint64_t len = journal_block_len(blocks_journal(j->blocks), i);

	if (j->senders[i])
		job_waste(j, j->senders[i] - 1, len);
	else
		j->resumed -= len;
	j->senders[i] = 0;
}

void job_have_block(struct job *j, uint32_t i, size_t endpoint)
{
	if (j->segments.state[i] == SEGMENT_HAVE)
		waste_block(j, i);
	j->senders[i] = (uint32_t)endpoint + 1;
	segments_have(&j->segments, i);
}

int job_forget_source(struct job *j, const struct job_source *s,
		      struct error *err)
{
	const struct journal *journal;

	if (!j->blocks)
		return job_restart_part(j, err);
	journal = blocks_journal(j->blocks);
	for (uint32_t i = 0; s->open && i < journal->count; i++) {
		if (!journal->blocks[i].have ||
		    journal->blocks[i].source != s->id)
			continue;
		waste_block(j, i);
		segments_lose(&j->segments, i);
		if (blocks_lose(j->blocks, i, err) < 0)
			return -1;
	}
	return 0;
}

static void wake(void *ctx)
{
	const struct job_common *c = ctx;

	http_wake(c->hub->http);
}

static void begin_filling(struct job *j)
{
	const struct journal *journal = blocks_journal(j->blocks);

	segments_init(&j->segments, journal->count);
	j->senders = xcalloc(journal->count, sizeof(*j->senders));
	for (uint32_t i = 0; i < journal->count; i++)
		if (journal->blocks[i].have) {
			segments_have(&j->segments, i);
			j->resumed += journal_block_len(journal, i);
		}
	j->state = JOB_FILLING;
	if (j->resumed > 0)
		job_tell_progress(j);
}

/* All is there and hashed: is it right? */
static void judge(struct job *j, struct error *why)
{
	struct error err = { .code = ERR_NONE };
	enum blocks_verdict v;
	bool comparing = j->repair.on && j->repair.left > 0 &&
			 job_may_use(j, j->repair.endpoint);

	if (blocks_verdict(j->blocks, &v, why, &err) < 0 ||
	    (v == BLOCKS_RIGHT && blocks_commit(j->blocks, &err) < 0)) {
		job_end(j, &err);
	} else if (v == BLOCKS_RIGHT) {
		repair_blame(j);
		end_with(j, &err, false);
	} else if (v == BLOCKS_WRONG && !comparing && j->lanes == 0 &&
		   !repair_begin(j)) {
		if (j->last)
			err_wrap(why, "%s", j->last->name);
		end_refused(j, j->last, why);
	}
}

/* Nobody may be asked any more, and nobody is at it. */
static bool is_lost(const struct job *j)
{
	return j->lanes == 0 && job_first(j) == SIZE_MAX;
}

void job_tick(struct job *j)
{
	struct error err = { .code = ERR_NONE };
	bool ready = true;

	if (j->state == JOB_UNUSED)
		return;
	if (j->state == JOB_CHECKING) {
		if (blocks_checked(j->blocks, &ready, &err) < 0)
			job_end(j, &err);
		else if (ready)
			begin_filling(j);
	} else if (is_lost(j) && (j->state == JOB_SMALL ||
				  j->segments.have_count < j->segments.count)) {
		err_set(&err, ERR_NET, "%s: no endpoint is left to ask",
			j->name);
		job_end(j, &err);
	} else if (j->state == JOB_FILLING) {
		judge(j, &err);
	}
}

/* --- beginning ------------------------------------------------------------------ */

static int begin_large(struct job *j, int *lockfd, struct error *err)
{
	j->state = JOB_CHECKING;
	if (blocks_open(&j->blocks, j->common->store, j->blob->repo,
			j->blob->file, take_fd(lockfd), err) < 0)
		return -1;
	return blocks_start(j->blocks, wake, j->common, err);
}

static enum job_start begin(struct job *j, struct error *err)
{
	int lockfd CLEANUP(close_fd) = -1;
	int rc;

	if (lock_blob(j, &lockfd, err) < 0)
		return err->code == ERR_BUSY ? JOB_BUSY : JOB_ENDED;
	/* while we looked at others, another process may have brought it */
	if (hfcache_blob_check(j->common->store, j->blob->repo, j->blob->file,
			       NULL, &j->blob->state, err) < 0)
		return JOB_ENDED;
	if (j->blob->state == BLOB_OK)
		return JOB_HAD;
	rc = j->blob->file->size >= LARGE_MIN ? begin_large(j, &lockfd, err)
					      : open_part(j, &lockfd, err);
	return rc < 0 ? JOB_ENDED : JOB_RUNS;
}

enum job_start job_begin(struct job *j, struct job_common *common,
			 struct plan_blob *blob, unsigned id)
{
	struct error err = { .code = ERR_NONE };
	enum job_start rc;

	assert(j->state == JOB_UNUSED);
	*j = (struct job){ .common = common,
			   .blob = blob,
			   .id = id,
			   .state = JOB_SMALL,
			   .name = plan_blob_name(blob),
			   .sources = xcalloc(common->hub->count + 1,
					      sizeof(struct job_source)),
			   .part = HFCACHE_PART_INIT };
	http_hold(common->hub->http, 1);
	rc = begin(j, &err);
	if (rc == JOB_BUSY || rc == JOB_HAD)
		job_release(j);
	if (rc == JOB_ENDED)
		job_end(j, &err);
	if (rc != JOB_RUNS)
		return rc;
	job_tell(j, EVENT_START, NULL, 0);
	if (j->state == JOB_SMALL && blob->file->size == 0)
		job_small_complete(j, NULL);
	return JOB_RUNS;
}
