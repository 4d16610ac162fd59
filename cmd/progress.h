/* What is going on: the sum of the events of a phase. Pure; time is told. */
#ifndef ITTS_PROGRESS_H
#define ITTS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/event.h"

#define PROGRESS_SAMPLES   20
#define PROGRESS_SAMPLE_MS 500 /* so the rate is that of the last 10 s */

struct progress_item {
	unsigned id;
	char *name;
	char *text; /* why it waits, or NULL */
	uint64_t done, total;
};

struct progress_source {
	unsigned id;
	char *name;
	uint64_t done, rate, connections;
};

struct progress {
	char *phase; /* NULL: none has begun */
	uint64_t items, finished, failed;
	uint64_t bytes;		       /* of the phase; 0: not known */
	uint64_t finished_bytes;       /* of items that are done */
	uint64_t failed_bytes;	       /* that will not come */
	struct progress_item *running; /* oldest first */
	size_t count, cap;
	struct progress_source *sources; /* of those that were told, as told */
	size_t source_count, source_cap;
	uint64_t received; /* grows only; what the rate is made of */
	struct {
		uint64_t at_ms, received;
	} samples[PROGRESS_SAMPLES];
	size_t sample_count, sample_next;
};
void progress_release(struct progress *p); /* CLEANUP */
void progress_event(struct progress *p, const struct event *ev,
		    uint64_t now_ms);
/* Borrowed until the next event; NULL: not running. */
const struct progress_item *progress_find(const struct progress *p,
					  unsigned id);
uint64_t progress_done(const struct progress *p);
/* Bytes a second over the last seconds; 0: not known yet. */
uint64_t progress_rate(const struct progress *p, uint64_t now_ms);
/* false: cannot be told. */
bool progress_left(const struct progress *p, uint64_t now_ms, uint64_t *ms);

#endif
