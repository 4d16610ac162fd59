/* A request to stop, set from a signal handler, seen by every loop. */
#ifndef ITTS_CANCEL_H
#define ITTS_CANCEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

struct cancel {
	int fd; /* eventfd: readable once cancelled, for poll() */
	volatile int flag;
	/* of one that cancel_until() has made */
	const struct cancel *of;
	uint64_t until_ms;
};

int cancel_init(struct cancel *c, struct error *err) MUST_CHECK;
void cancel_release(struct cancel *c); /* CLEANUP */
void cancel_set(struct cancel *c);     /* async-signal-safe */
/* Set as soon as `of` is (borrowed, may be NULL), or clock_ms() is until_ms (0: never).
 * For whoever looks at it again and again: that time has come wakes nobody. Not to be
 * set or released. */
struct cancel cancel_until(const struct cancel *of, uint64_t until_ms);
bool cancel_is_set(const struct cancel *c); /* c may be NULL */
/* -1 with ERR_CANCELLED once set, else 0. */
int cancel_check(const struct cancel *c, struct error *err) MUST_CHECK;

#endif
