#include "base/pool.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_NS	      100000000L
#define AFFINITY_CPUS 4096

/* CPUs that a cgroup v2 file "QUOTA PERIOD" or "max PERIOD" allows, rounded up;
 * UINT64_MAX where there is no limit. */
static uint64_t quota_of(const char *dir)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s/cpu.max", dir);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error ignored = { 0 };
	unsigned long long quota, period;
	char *end;

	if (file_read_all(AT_FDCWD, name, 4096, &text, &ignored))
		return UINT64_MAX;
	quota = strtoull(text.ptr, &end, 10);
	if (end == text.ptr)
		return UINT64_MAX; /* "max" */
	period = strtoull(end, NULL, 10);
	if (!quota || !period)
		return UINT64_MAX;
	return quota / period + (quota % period != 0);
}

/* The tightest limit of our cgroup and those around it. */
static uint64_t cgroup_cores(void)
{
	static const char root[] = "/sys/fs/cgroup";
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error ignored = { 0 };
	char *dir CLEANUP(free_ptr) = NULL;
	uint64_t least = UINT64_MAX;
	const char *group;

	if (file_read_all(AT_FDCWD, "/proc/self/cgroup", 65536, &text,
			  &ignored))
		return least;
	group = strstr(text.ptr, "0::/");
	group = group ? group + 3 : "";
	dir = xasprintf("%s%.*s", root, (int)strcspn(group, "\n"), group);
	for (;;) {
		uint64_t cores = quota_of(dir);
		char *slash = strrchr(dir, '/');

		if (cores < least)
			least = cores;
		if (!slash || strlen(dir) < sizeof(root))
			return least;
		*slash = '\0';
	}
}

unsigned pool_cores(void)
{
	size_t size = CPU_ALLOC_SIZE(AFFINITY_CPUS);
	cpu_set_t *set CLEANUP(free_ptr) = xcalloc(1, size);
	uint64_t quota = cgroup_cores();
	uint64_t cores = 1;

	if (!sched_getaffinity(0, size, set))
		cores = (uint64_t)CPU_COUNT_S(size, set);
	if (quota < cores)
		cores = quota;
	return cores ? (unsigned)cores : 1;
}

struct pool {
	const struct pool_job *job;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t next, finished; /* items */
	unsigned running;      /* threads */
};

/* false: nothing left to begin */
static bool take_item(struct pool *p, size_t *item)
{
	bool more;

	pthread_mutex_lock(&p->lock);
	more = p->next < p->job->items && !cancel_is_set(p->job->cancel);
	if (more)
		*item = p->next++;
	pthread_mutex_unlock(&p->lock);
	return more;
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	size_t item;

	while (take_item(p, &item)) {
		p->job->work(p->job->ctx, item);
		pthread_mutex_lock(&p->lock);
		p->finished++;
		pthread_cond_signal(&p->changed);
		pthread_mutex_unlock(&p->lock);
	}
	pthread_mutex_lock(&p->lock);
	p->running--;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Waits for a change or 100 ms; false once every thread has ended. */
static bool wait_change(struct pool *p, size_t *seen)
{
	struct timespec until;
	bool running;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&p->lock);
	while (p->running && p->finished == *seen)
		if (pthread_cond_timedwait(&p->changed, &p->lock, &until))
			break;
	*seen = p->finished;
	running = p->running > 0;
	pthread_mutex_unlock(&p->lock);
	return running;
}

static void tick(const struct pool_job *job)
{
	if (job->tick)
		job->tick(job->ctx);
}

/* Signals stay with the calling thread. Returns how many threads began. */
static unsigned start_threads(struct pool *p, pthread_t *threads,
			      unsigned count)
{
	sigset_t all, before;
	unsigned n = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_mutex_lock(&p->lock);
	while (n < count && !pthread_create(&threads[n], NULL, worker, p))
		n++;
	p->running = n;
	pthread_mutex_unlock(&p->lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return n;
}

static void run_here(struct pool *p)
{
	size_t item;

	while (take_item(p, &item)) {
		p->job->work(p->job->ctx, item);
		tick(p->job);
	}
}

void pool_run(const struct pool_job *job)
{
	unsigned count = job->threads ? job->threads : pool_cores();
	struct pool p = { .job = job, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t *threads CLEANUP(free_ptr) = NULL;
	pthread_condattr_t attr;
	size_t seen = 0;

	if (count > job->items)
		count = (unsigned)job->items;
	threads = xcalloc(count, sizeof(*threads));
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p.changed, &attr);
	pthread_condattr_destroy(&attr);
	count = start_threads(&p, threads, count);
	if (!count)
		run_here(&p); /* no thread to be had: slower, not wrong */
	while (wait_change(&p, &seen))
		tick(job);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	tick(job);
	pthread_cond_destroy(&p.changed);
	pthread_mutex_destroy(&p.lock);
}
