#include "cache/hashrun.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE ((size_t)1 << 20)
#define TELL_MS	  100

enum task_stage { TASK_WAITS, TASK_RUNS, TASK_ENDED, TASK_TOLD };

struct progress {
	_Atomic uint64_t done;
	_Atomic int stage;
	bool started;
};

struct runner {
	struct hash_run *run;
	size_t *order; /* task numbers, biggest first */
	struct progress *progress;
	size_t told; /* tasks in front of this one are all told */
	uint64_t last_tick;
};

static int biggest_first(const void *a, const void *b, void *ctx)
{
	const struct hash_task *tasks = ctx;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (tasks[x].size != tasks[y].size)
		return tasks[x].size < tasks[y].size ? 1 : -1;
	return x < y ? -1 : 1;
}

static int hash_bytes(struct runner *r, struct hash_task *t, struct progress *p,
		      int fd, uint64_t offset)
{
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(t->want.alg,
								   t->size);
	size_t room = t->size < READ_SIZE ? (size_t)t->size : READ_SIZE;
	void *buf CLEANUP(free_ptr) = xmalloc(room + 1);
	uint64_t done = 0;
	size_t got;

	/* advice only */
	(void)posix_fadvise(fd, (off_t)offset, (off_t)t->size,
			    POSIX_FADV_SEQUENTIAL);
	while (done < t->size) {
		size_t n = t->size - done < room ? (size_t)(t->size - done)
						 : room;

		if (cancel_check(r->run->cancel, &t->failed) ||
		    file_pread_full(fd, buf, n, offset + done, &got, t->name,
				    &t->failed))
			return -1;
		if (got < n)
			return err_set(&t->failed, ERR_INTEGRITY,
				       "ends at byte %" PRIu64
				       ", expected %" PRIu64,
				       done + got, t->size);
		digest_update(ctx, buf, n);
		done += n;
		p->done = done;
	}
	digest_end(&ctx, &t->got);
	return 0;
}

static void work(void *ctx, size_t item)
{
	struct runner *r = ctx;
	size_t index = r->order[item];
	struct hash_task *t = &r->run->tasks[index];
	struct progress *p = &r->progress[index];
	int fd CLEANUP(close_fd) = -1;
	uint64_t offset = 0;

	p->stage = TASK_RUNS;
	if (!r->run->open(r->run->ctx, t, &fd, &offset, &t->failed) &&
	    hash_bytes(r, t, p, fd, offset))
		t->got = (struct digest){ 0 };
	p->stage = TASK_ENDED;
}

static void tell_task(struct runner *r, size_t index)
{
	const struct hash_task *t = &r->run->tasks[index];
	struct progress *p = &r->progress[index];
	int stage = p->stage;
	struct event ev = { .id = (unsigned)index,
			    .name = t->name,
			    .total = t->size,
			    .done = p->done };

	if (stage == TASK_WAITS || stage == TASK_TOLD)
		return;
	if (!p->started) {
		p->started = true;
		ev.type = EVENT_START;
		event_emit(r->run->sink, &ev);
	}
	ev.type = EVENT_PROGRESS;
	if (stage == TASK_ENDED) {
		ev.type = EVENT_DONE;
		if (!t->got.alg || !digest_equal(&t->got, &t->want)) {
			ev.type = EVENT_FAIL;
			ev.text = t->failed.code ? t->failed.msg
						 : "wrong digest";
		}
		p->stage = TASK_TOLD;
	}
	event_emit(r->run->sink, &ev);
}

static void tick(void *ctx)
{
	struct runner *r = ctx;
	uint64_t now = clock_ms();
	size_t i;

	if (now - r->last_tick < TELL_MS)
		return;
	r->last_tick = now;
	while (r->told < r->run->count &&
	       r->progress[r->order[r->told]].stage == TASK_TOLD)
		r->told++;
	/* tasks begin in this order: behind the first that waits, all wait */
	for (i = r->told; i < r->run->count; i++) {
		if (r->progress[r->order[i]].stage == TASK_WAITS)
			break;
		tell_task(r, r->order[i]);
	}
}

int hash_run(struct hash_run *run, struct error *err)
{
	size_t *order CLEANUP(free_ptr) = xcalloc(run->count + 1,
						  sizeof(*order));
	struct progress *progress CLEANUP(free_ptr) = xcalloc(
		run->count + 1, sizeof(*progress));
	struct runner r = { .run = run, .order = order, .progress = progress };
	struct event plan = { .type = EVENT_PLAN,
			      .name = run->phase,
			      .items = run->count };
	struct pool_job job = { .items = run->count,
				.threads = run->threads,
				.cancel = run->cancel,
				.work = work,
				.tick = tick,
				.ctx = &r };

	for (size_t i = 0; i < run->count; i++) {
		order[i] = i;
		plan.total += run->tasks[i].size;
	}
	qsort_r(order, run->count, sizeof(*order), biggest_first, run->tasks);
	event_emit(run->sink, &plan);
	pool_run(&job);
	r.last_tick = 0;
	tick(&r);
	return cancel_check(run->cancel, err);
}
