/* Digests of many byte ranges on several threads, biggest first. */
#ifndef ITTS_HASHRUN_H
#define ITTS_HASHRUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/event.h"

struct hash_task {
	const void *item; /* the caller's */
	const char *name; /* for progress; borrowed */
	uint64_t size;
	struct digest want;
	/* results */
	struct digest got;   /* DIGEST_NONE if it could not be hashed */
	struct error failed; /* why, if so */
};

struct hash_run {
	struct hash_task *tasks;
	size_t count;
	unsigned threads; /* 0: all cores */
	/* On a worker thread: opens the bytes of a task; *offset: where they begin.
	 * hash_run() closes *fd. */
	int (*open)(void *ctx, const struct hash_task *task, int *fd,
		    uint64_t *offset, struct error *err);
	void *ctx;
	const struct cancel *cancel;
	const struct event_sink
		*sink; /* PLAN named phase, then START/PROGRESS/DONE */
	const char *phase;
};
/* ERR_CANCELLED only; what failed on its own is in its task. Page cache of the
 * files is left as it was found. Memory: one 1 MiB buffer a thread. */
int hash_run(struct hash_run *run, struct error *err) MUST_CHECK;

#endif
