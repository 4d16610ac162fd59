#include "cache/hashrun.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFER ((size_t)256 << 10) /* stays in a core's own cache */
#define WINDOW ((uint64_t)64 << 20)

/* --- one span ---------------------------------------------------------------- */

/* Are most pages of this range in memory already? Only then are they worth
 * keeping there. The mapping is never touched. */
static bool is_resident(int fd, uint64_t offset, uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t begin = offset / page * page;
	size_t len = (size_t)(offset + size - begin);
	size_t pages = (size_t)((len + page - 1) / page), there = 0;
	unsigned char *vec CLEANUP(free_ptr) = xcalloc(pages, 1);
	void *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, (off_t)begin);

	if (map == MAP_FAILED)
		return true;
	if (mincore(map, len, vec))
		there = pages;
	else
		for (size_t i = 0; i < pages; i++)
			there += vec[i] & 1;
	munmap(map, len);
	return there * 2 >= pages;
}

static int hash_window(const struct hash_span *s, struct digest_ctx *ctx,
		       char *buf, uint64_t begin, uint64_t end,
		       struct error *err)
{
	while (begin < end) {
		size_t want = end - begin < BUFFER ? (size_t)(end - begin)
						   : BUFFER;
		size_t got;

		if (cancel_check(s->cancel, err) ||
		    file_pread_full(s->fd, buf, want, s->offset + begin, &got,
				    "read", err))
			return -1;
		if (got < want)
			return err_set(err, ERR_INTEGRITY,
				       "ends after %" PRIu64
				       " bytes, expected %" PRIu64,
				       begin + got, s->size);
		digest_update(ctx, buf, want);
		begin += want;
		if (s->done)
			atomic_store_explicit(s->done, begin,
					      memory_order_relaxed);
	}
	return 0;
}

int hash_span(const struct hash_span *s, enum digest_alg alg,
	      struct digest *out, struct error *err)
{
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(alg,
								   s->size);
	char *buf CLEANUP(free_ptr) = xmalloc(s->size < BUFFER ? (size_t)s->size
							       : BUFFER);

	for (uint64_t at = 0, next; at < s->size; at = next) {
		uint64_t size = s->size - at < WINDOW ? s->size - at : WINDOW;
		bool keep = is_resident(s->fd, s->offset + at, size);

		next = at + size;
		if (hash_window(s, ctx, buf, at, next, err))
			return -1;
		if (!keep)
			(void)posix_fadvise(s->fd, (off_t)(s->offset + at),
					    (off_t)size, POSIX_FADV_DONTNEED);
	}
	digest_end(&ctx, out);
	return 0;
}

/* --- many of them -------------------------------------------------------------- */

struct run {
	struct hash_run *job;
	uint32_t *order;	/* task numbers, biggest first */
	_Atomic uint64_t *done; /* bytes, by place in order */
	pthread_mutex_t lock;
	uint32_t *finished; /* places in order, as they finish */
	size_t finished_count;
	size_t begun; /* places below this have begun */
	/* of the calling thread: what it has told */
	size_t told_begun, told_finished;
	size_t *active; /* places begun and not yet told to be finished */
	size_t active_count, active_cap;
};

static int bigger_first(const void *a, const void *b, void *ctx)
{
	const struct hash_task *tasks = ctx;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	uint64_t x = tasks[i].size, y = tasks[k].size;

	if (x != y)
		return x > y ? -1 : 1;
	return i < k ? -1 : 1;
}

static void hash_one(struct run *r, struct hash_task *t, size_t place)
{
	struct hash_span span = {
		.fd = -1,
		.size = t->size,
		.cancel = r->job->cancel,
		.done = &r->done[place],
	};
	enum digest_alg alg = t->want.alg ? t->want.alg : DIGEST_SHA256;
	struct error err = { 0 };
	int fd CLEANUP(close_fd) = -1;

	t->got = (struct digest){ 0 };
	if (!r->job->open(r->job->ctx, t, &fd, &span.offset, &err)) {
		span.fd = fd;
		if (!hash_span(&span, alg, &t->got, &err))
			return;
	}
	t->failed = err.code;
	t->sys = err.sys;
}

static void work(void *ctx, size_t place)
{
	struct run *r = ctx;

	pthread_mutex_lock(&r->lock);
	if (place >= r->begun)
		r->begun = place + 1;
	pthread_mutex_unlock(&r->lock);
	hash_one(r, &r->job->tasks[r->order[place]], place);
	pthread_mutex_lock(&r->lock);
	r->finished[r->finished_count++] = (uint32_t)place;
	pthread_mutex_unlock(&r->lock);
}

static void tell(const struct run *r, size_t place, enum event_type type,
		 const char *text)
{
	const struct hash_task *t = &r->job->tasks[r->order[place]];
	char *made CLEANUP(free_ptr) = t->name ? NULL
					       : r->job->name(r->job->ctx, t);
	struct event ev = {
		.type = type,
		.id = r->order[place],
		.name = made ? made : t->name,
		.text = text,
		.total = t->size,
		.done = atomic_load_explicit(&r->done[place],
					     memory_order_relaxed),
	};

	event_emit(r->job->sink, &ev);
}

static void tell_begun(struct run *r, size_t place)
{
	r->active = xgrow(r->active, &r->active_cap, r->active_count + 1,
			  sizeof(*r->active));
	r->active[r->active_count++] = place;
	tell(r, place, EVENT_START, NULL);
}

static void tell_finished(struct run *r, size_t place)
{
	const struct hash_task *t = &r->job->tasks[r->order[place]];
	size_t i = 0;

	while (r->active[i] != place)
		i++;
	r->active[i] = r->active[--r->active_count];
	if (t->failed == ERR_CANCELLED)
		return;
	if (t->failed)
		tell(r, place, EVENT_FAIL, "cannot be read");
	else if (t->want.alg && !digest_equal(&t->got, &t->want))
		tell(r, place, EVENT_FAIL, "wrong digest");
	else
		tell(r, place, EVENT_DONE, NULL);
}

/* On the calling thread: tells what has happened since it last looked. */
static void tick(void *ctx)
{
	struct run *r = ctx;
	size_t begun, finished;

	pthread_mutex_lock(&r->lock);
	begun = r->begun;
	finished = r->finished_count;
	pthread_mutex_unlock(&r->lock);
	for (; r->told_begun < begun; r->told_begun++)
		tell_begun(r, r->told_begun);
	for (; r->told_finished < finished; r->told_finished++)
		tell_finished(r, r->finished[r->told_finished]);
	for (size_t i = 0; i < r->active_count; i++)
		tell(r, r->active[i], EVENT_PROGRESS, NULL);
}

static void run_release(struct run *r)
{
	free_ptr(&r->order);
	free_ptr(&r->done);
	free_ptr(&r->finished);
	free_ptr(&r->active);
	pthread_mutex_destroy(&r->lock);
}

int hash_run(struct hash_run *run, struct error *err)
{
	struct run r CLEANUP(run_release) = {
		.job = run,
		.order = xcalloc(run->count, sizeof(*r.order)),
		.done = xcalloc(run->count, sizeof(*r.done)),
		.finished = xcalloc(run->count, sizeof(*r.finished)),
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	struct pool_job job = {
		.items = run->count,
		.threads = run->threads,
		.cancel = run->cancel,
		.work = work,
		.tick = tick,
		.ctx = &r,
	};
	struct event plan = {
		.type = EVENT_PLAN,
		.name = run->phase,
		.items = run->count,
	};

	for (size_t i = 0; i < run->count; i++) {
		r.order[i] = (uint32_t)i;
		plan.total += run->tasks[i].size;
	}
	qsort_r(r.order, run->count, sizeof(*r.order), bigger_first,
		run->tasks);
	event_emit(run->sink, &plan);
	pool_run(&job);
	return cancel_check(run->cancel, err);
}
