#include "fetch/download_fetch.h"

#include "base/clock.h"
#include "base/human.h"
#include "base/mem.h"
#include "fetch/download_job.h"
#include "fetch/download_lane.h"
#include "fetch/download_pump.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

#define BUSY_POLL_MS 100
/* Small files get their names together, but no later than this. */
#define FLUSH_MS   2000
#define SOURCES_MS 1000
/* Of large files, which keep several connections busy each. */
#define LARGE_JOBS 64
/* Begun beside those that connections are at. */
#define JOBS_AHEAD 16
/* Descriptors of a file on its way, of one that waits for its name, of the rest. */
#define FDS_OF_JOB   5 /* part, its directory, lock; connections to hub and CDN */
#define FDS_OF_KEPT  3
#define FDS_OF_OTHER 64

/* Small files that are right, but for their names. */
struct kept {
	struct hfcache_batch *batch;
	struct job_end ends[HFCACHE_BATCH_CAP];
	size_t count;
};

struct fetch {
	struct plan *plan;
	const struct download_options *options;
	struct download_stats *stats;
	struct job_common common;
	uint32_t *queue; /* blobs to fetch; the place in it is the item's id */
	size_t count, next;
	uint32_t *busy; /* places of blobs that other processes hold */
	size_t busy_count;
	uint64_t busy_ms; /* when they were looked at last */
	bool stopped, filling;
	uint64_t *sent; /* of each endpoint, when it was told last */
	uint64_t told_ms;
	struct kept kept;     /* wait for a flush */
	struct kept naming;   /* what the running flush is about */
	size_t kept_most;     /* no more than this */
	uint64_t kept_ms;     /* when the first of them came */
	pthread_t thread;     /* of the flush: a disk may be slow */
	bool flushing;	      /* it has to be joined */
	_Atomic bool flushed; /* that will not take long */
	struct error flush_err;
	struct error *failed; /* the first file that failed */
	struct error fatal;
};

static void free_batch(struct hfcache_batch **batch)
{
	if (*batch)
		hfcache_batch_release(*batch);
	free_ptr(batch);
}

static void fetch_release(struct fetch *f)
{
	if (f->flushing)
		pthread_join(f->thread, NULL);
	for (unsigned i = 0; f->common.jobs && i < f->common.job_count; i++)
		job_release(&f->common.jobs[i]);
	free_ptr(&f->common.jobs);
	free_ptr(&f->common.lanes);
	free_ptr(&f->common.endpoints);
	reach_release(&f->common.reach);
	free_ptr(&f->queue);
	free_ptr(&f->sent);
	free_ptr(&f->busy);
	free_batch(&f->kept.batch);
	free_batch(&f->naming.batch);
}

/* Nothing that goes wrong in this way will go better for the next file. */
static bool is_fatal(const struct error *err)
{
	return err->code == ERR_IO || err->code == ERR_USAGE ||
	       err->code == ERR_OTHER || err->http == 407;
}

static void stop(struct fetch *f, const struct error *why)
{
	if (f->fatal.code == ERR_NONE)
		f->fatal = *why;
	f->stopped = true;
	http_stop(f->common.hub->http);
}

static bool is_named(const struct fetch *f)
{
	return !f->options->learn && !f->options->nameless;
}

static void finish(struct fetch *f, const struct job_end *e)
{
	char *name CLEANUP(free_ptr) = plan_blob_name(e->blob);
	struct error err = { .code = ERR_NONE };
	uint64_t size = e->blob->file->size;
	struct event ev = { .type = EVENT_DONE,
			    .id = e->id,
			    .name = name,
			    .source = e->source,
			    .done = size,
			    .total = size };

	e->blob->state = BLOB_OK;
	/* while others are waited for */
	if (is_named(f) && f->fatal.code == ERR_NONE &&
	    plan_link(f->plan, e->blob, f->common.store, &err) < 0)
		stop(f, &err);
	f->stats->got_files++;
	f->stats->got_bytes += size - e->resumed;
	f->stats->resumed_bytes += e->resumed;
	event_emit(f->options->sink, &ev);
}

/* Names and links, on a thread of their own. The blobs are nobody else's now. */
static int name_kept(struct fetch *f, struct error *err)
{
	struct kept *k = &f->naming;

	if (hfcache_batch_flush(k->batch, err) < 0)
		return -1;
	for (size_t i = 0; i < k->count && is_named(f); i++)
		if (plan_link(f->plan, k->ends[i].blob, f->common.store, err) <
		    0)
			return -1;
	return 0;
}

static void *flush_thread(void *arg)
{
	struct fetch *f = arg;

	(void)name_kept(f, &f->flush_err);
	atomic_store(&f->flushed, true);
	http_wake(f->common.hub->http);
	return NULL;
}

/* The end of a flush. */
static void flush_end(struct fetch *f)
{
	struct kept *k = &f->naming;

	if (f->flushing)
		pthread_join(f->thread, NULL);
	f->flushing = false;
	if (f->flush_err.code != ERR_NONE) {
		stop(f, &f->flush_err);
		return;
	}
	for (size_t i = 0; i < k->count; i++)
		finish(f, &k->ends[i]);
	k->count = 0;
}

static void flush_begin(struct fetch *f)
{
	struct kept done = f->naming;
	sigset_t all, before;

	flush_end(f);
	if (f->kept.count == 0 || f->flush_err.code != ERR_NONE)
		return;
	done.count = 0;
	f->naming = f->kept;
	f->kept = done;
	f->common.batch = f->kept.batch;
	atomic_store(&f->flushed, false);
	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	f->flushing = pthread_create(&f->thread, NULL, flush_thread, f) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!f->flushing)
		flush_thread(f);
}

/* All that is complete has its name afterwards. */
static void flush(struct fetch *f)
{
	flush_begin(f);
	flush_end(f);
}

static void keep(struct fetch *f, const struct job_end *e)
{
	if (f->kept.count == 0)
		f->kept_ms = clock_ms();
	f->kept.ends[f->kept.count++] = *e;
	/* before the batch itself would, which tells nobody */
	if (f->kept.count >= f->kept_most)
		flush_begin(f);
}

static void fill(struct fetch *f);

static void job_ended(void *ctx, const struct job_end *e,
		      const struct error *err)
{
	struct fetch *f = ctx;

	if (err->code == ERR_CANCELLED)
		return;
	if (err->code == ERR_NONE && e->in_batch) {
		keep(f, e);
	} else if (err->code == ERR_NONE) {
		finish(f, e);
	} else {
		f->stats->failed_files++;
		if (f->failed->code == ERR_NONE)
			*f->failed = *err;
		if (is_fatal(err))
			stop(f, err);
	}
	fill(f);
}

/* No more files are begun than there may be connections for soon: the first
 * question does not wait until a hundred are. */
static unsigned most_jobs(const struct fetch *f)
{
	unsigned most = JOBS_AHEAD;

	for (size_t k = 0; k < f->common.hub->count; k++)
		most += 2 * f->common.endpoints[k].pace.limit;
	return most;
}

static struct job *free_job(struct fetch *f)
{
	struct job *unused = NULL;
	unsigned used = 0, large = 0;

	for (unsigned i = 0; i < f->common.job_count; i++) {
		struct job *j = &f->common.jobs[i];

		if (j->state == JOB_UNUSED) {
			unused = j;
			continue;
		}
		used++;
		large += j->state != JOB_SMALL;
	}
	return used < most_jobs(f) && large < LARGE_JOBS ? unused : NULL;
}

static void tell_busy(struct fetch *f, uint32_t place)
{
	char *name CLEANUP(free_ptr) = plan_blob_name(
		&f->plan->blobs[f->queue[place]]);

	event_info(f->options->sink,
		   "%s: another process is fetching it, waiting", name);
}

static void start(struct fetch *f, struct job *j, uint32_t place, bool waited)
{
	struct plan_blob *blob = &f->plan->blobs[f->queue[place]];

	switch (job_begin(j, &f->common, blob, place)) {
	case JOB_BUSY:
		/* locks held by complete files must not wait for others' */
		flush(f);
		if (!waited)
			tell_busy(f, place);
		f->busy[f->busy_count++] = place;
		break;
	case JOB_HAD:
		f->stats->had_files++;
		f->stats->had_bytes += blob->file->size;
		break;
	case JOB_RUNS:
	case JOB_ENDED:
		break;
	}
}

/* Looks again at what other processes held. */
static void retry_busy(struct fetch *f)
{
	size_t count = f->busy_count;
	struct job *j;

	if (clock_ms() - f->busy_ms < BUSY_POLL_MS)
		return;
	f->busy_count = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t place = f->busy[i];

		/* what start() appends stands at i or before */
		j = f->stopped ? NULL : free_job(f);
		if (j)
			start(f, j, place, true);
		else
			f->busy[f->busy_count++] = place;
	}
	f->busy_ms = clock_ms();
}

static void fill(struct fetch *f)
{
	struct job *j;

	/* a job that ends at once must not stack another fill() on this one */
	if (f->filling)
		return;
	f->filling = true;
	while (!f->stopped && f->next < f->count && (j = free_job(f)))
		start(f, j, (uint32_t)f->next++, false);
	f->filling = false;
}

static void look_at_clock(struct fetch *f)
{
	struct error err = { .code = ERR_NONE };

	if (!f->stopped && http_late(f->common.hub->http, &err) < 0)
		stop(f, &err);
}

/* Of requests that have ended and of those that run. */
static uint64_t bytes_sent(const struct job_common *c, size_t endpoint)
{
	const struct hub_endpoint *e = &c->hub->endpoints[endpoint];
	uint64_t bytes = e->bytes;

	for (unsigned i = 0; i < JOB_LANES; i++)
		if (c->lanes[i].job && c->lanes[i].endpoint == e)
			bytes += c->lanes[i].got;
	return bytes;
}

static void tell_sources(struct fetch *f)
{
	const struct job_common *c = &f->common;
	uint64_t now = clock_ms(), ms = now - f->told_ms;

	for (size_t i = 0; i < c->hub->count; i++) {
		uint64_t bytes = bytes_sent(c, i);
		struct event ev = { .type = EVENT_SOURCE,
				    .id = (unsigned)i,
				    .source = c->hub->endpoints[i].name,
				    .done = bytes,
				    .items = c->endpoints[i].lanes };

		if (ms > 0 && bytes > f->sent[i])
			ev.rate = (bytes - f->sent[i]) * 1000 / ms;
		f->sent[i] = bytes;
		if (bytes > 0 || ev.items > 0)
			event_emit(f->options->sink, &ev);
	}
	f->told_ms = now;
}

static void on_tick(void *ctx)
{
	struct fetch *f = ctx;

	look_at_clock(f);
	if (f->options->per_source && clock_ms() - f->told_ms >= SOURCES_MS)
		tell_sources(f);

	f->filling = true;
	if (f->flushing && atomic_load(&f->flushed))
		flush_end(f);
	if (f->kept.count > 0 && clock_ms() - f->kept_ms >= FLUSH_MS)
		flush_begin(f);
	retry_busy(f);
	for (unsigned i = 0; i < f->common.job_count && !f->stopped; i++)
		job_tick(&f->common.jobs[i]);
	f->filling = false;
	fill(f);
	if (!f->stopped)
		pump_tick(&f->common);
}

static bool is_idle(const struct fetch *f)
{
	for (unsigned i = 0; i < f->common.job_count; i++)
		if (f->common.jobs[i].state != JOB_UNUSED)
			return false;
	return true;
}

static void wait_for_others(const struct cancel *cancel)
{
	struct pollfd p = { .fd = cancel ? cancel->fd : -1, .events = POLLIN };

	poll(&p, 1, BUSY_POLL_MS);
}

/* Until every file has come or failed, or all has to stop. */
static int run_jobs(struct fetch *f, struct error *err)
{
	const struct cancel *cancel = f->options->cancel;

	while (!f->stopped) {
		on_tick(f);
		if (!f->stopped && !is_idle(f) &&
		    http_run(f->common.hub->http, on_tick, f, err) < 0)
			return -1;
		if (f->stopped || f->next < f->count)
			continue;
		if (f->busy_count == 0)
			break;
		flush(f);
		wait_for_others(cancel);
		if (cancel_check(cancel, err) < 0)
			return -1;
	}
	return 0;
}

static int run(struct fetch *f, struct error *err)
{
	int rc = run_jobs(f, err);

	/* what is complete stays, however the rest has ended */
	flush(f);
	if (f->options->per_source)
		tell_sources(f);
	if (rc == 0 && f->fatal.code != ERR_NONE) {
		*err = f->fatal;
		return -1;
	}
	return rc;
}

static void make_queue(struct fetch *f)
{
	struct event ev = { .type = EVENT_PLAN,
			    .name = f->options->learn ? "fetching small files"
						      : "fetching" };
	size_t room = f->plan->blob_count + 1;

	f->queue = xcalloc(room, sizeof(*f->queue));
	f->busy = xcalloc(room, sizeof(*f->busy));
	for (size_t i = 0; i < f->plan->blob_count; i++) {
		const struct plan_blob *b = &f->plan->blobs[i];

		/* what is in an archive comes from there */
		if (b->state == BLOB_OK || b->same_as != PLAN_NONE ||
		    b->repo->archive.url)
			continue;
		f->queue[f->count++] = (uint32_t)i;
		ev.total += b->file->size;
	}
	ev.items = f->count;
	event_emit(f->options->sink, &ev);
}

static uint64_t between(uint64_t least, uint64_t value, uint64_t most)
{
	if (value < least)
		return least;
	return value < most ? value : most;
}

/* As many files at a time, and before they get their names, as the process may have
 * descriptors for: three quarters to those on their way. */
static void share_descriptors(struct fetch *f)
{
	const struct download_options *o = f->options;
	uint64_t jobs = o->jobs ? o->jobs : DOWNLOAD_JOBS, room = 0;
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &most) == 0 &&
	    most.rlim_cur > FDS_OF_OTHER)
		room = most.rlim_cur - FDS_OF_OTHER;
	jobs = between(1, jobs, DOWNLOAD_MAX_JOBS);
	jobs = between(1, room / 4 * 3 / FDS_OF_JOB, jobs);
	room -= room < jobs * FDS_OF_JOB ? room : jobs * FDS_OF_JOB;
	f->common.job_count = (unsigned)jobs;
	/* one batch is being named while the next one grows */
	f->kept_most = between(1, room / 2 / FDS_OF_KEPT, HFCACHE_BATCH_CAP);
}

static void make_jobs(struct fetch *f)
{
	struct job_common *c = &f->common;

	share_descriptors(f);
	c->jobs = xcalloc(c->job_count, sizeof(*c->jobs));
	for (unsigned i = 0; i < c->job_count; i++)
		c->jobs[i].part = (struct hfcache_part)HFCACHE_PART_INIT;
	c->lanes = xcalloc(JOB_LANES, sizeof(*c->lanes));
	c->endpoints = xcalloc(c->hub->count + 1, sizeof(*c->endpoints));
	f->sent = xcalloc(c->hub->count + 1, sizeof(*f->sent));
	for (size_t i = 0; i < c->hub->count; i++)
		f->sent[i] = c->hub->endpoints[i].bytes;
	f->told_ms = clock_ms();
	for (size_t i = 0; i < c->hub->count; i++)
		pace_init(&c->endpoints[i].pace, c->hub->connections,
			  clock_ms());
}

int download_fetch(struct plan *p, struct hub *h, struct hfcache *store,
		   const struct download_options *o,
		   struct download_stats *stats, struct error *failed,
		   struct error *err)
{
	struct fetch f CLEANUP(fetch_release) = {
		.plan = p,
		.options = o,
		.stats = stats,
		.failed = failed,
		.common = { .hub = h,
			    .store = store,
			    .sink = o->sink,
			    .stats = stats,
			    .ended = job_ended },
	};

	f.common.ctx = &f;
	f.kept.batch = f.common.batch = xcalloc(1, sizeof(*f.kept.batch));
	f.naming.batch = xcalloc(1, sizeof(*f.naming.batch));
	make_queue(&f);
	if (f.count == 0)
		return 0;
	make_jobs(&f);
	return run(&f, err);
}
