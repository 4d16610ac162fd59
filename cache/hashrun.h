/* Digests of many byte ranges on several threads, biggest first. */
#ifndef ITTS_HASHRUN_H
#define ITTS_HASHRUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/event.h"

/* Part of an open file. */
struct hash_span {
	int fd;
	uint64_t offset, size;
	const struct cancel *cancel; /* may be NULL */
	_Atomic uint64_t *done;	     /* bytes so far, or NULL */
};
/* With pread() and one buffer of at most 256 KiB; the page cache is left as it was
 * found. ERR_CANCELLED, ERR_IO, ERR_INTEGRITY (the file ends early). */
int hash_span(const struct hash_span *s, enum digest_alg alg,
	      struct digest *out, struct error *err) MUST_CHECK;

struct hash_task {
	const void *item; /* the caller's */
	const char
		*name; /* for progress; borrowed, or NULL: run->name() tells */
	uint64_t size;
	struct digest want;
	/* results */
	struct digest got;    /* DIGEST_NONE if it could not be hashed */
	enum err_code failed; /* why, if so */
	int sys;	      /* errno, if there was one */
};

struct hash_run {
	struct hash_task *tasks;
	size_t count;
	unsigned threads; /* 0: all cores */
	/* On a worker thread: opens the bytes of a task; *offset: where they begin.
	 * hash_run() closes *fd. */
	int (*open)(void *ctx, const struct hash_task *task, int *fd,
		    uint64_t *offset, struct error *err);
	/* On the calling thread: a task's name, which the caller of it frees. */
	char *(*name)(void *ctx, const struct hash_task *task);
	void *ctx;
	const struct cancel *cancel;
	/* PLAN named phase; an item each: START, PROGRESS, DONE or FAIL */
	const struct event_sink *sink;
	const char *phase;
};
/* ERR_CANCELLED only; what failed on its own is in its task. The order of tasks
 * is left alone. Memory: one buffer a thread. */
int hash_run(struct hash_run *run, struct error *err) MUST_CHECK;

#endif
