/* Runs one function over numbered items on several threads. */
#ifndef ITTS_POOL_H
#define ITTS_POOL_H

#include <stddef.h>

#include "base/cancel.h"

unsigned pool_cores(void); /* usable by this process (affinity, cgroup quota) */

struct pool_job {
	size_t items;
	unsigned threads;
	const struct cancel *cancel; /* may be NULL; no new item once set */
	/* On a worker thread. Results go where ctx says, one slot an item. */
	void (*work)(void *ctx, size_t item);
	/* On the calling thread, about 10 times a second and after each item;
	 * may be NULL. For progress events. */
	void (*tick)(void *ctx);
	void *ctx;
};
void pool_run(const struct pool_job *job); /* returns when all has ended */

#endif
