/* A request to stop, set from a signal handler, seen by every loop. */
#ifndef ITTS_CANCEL_H
#define ITTS_CANCEL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

struct cancel {
	int fd; /* eventfd: readable once cancelled, for poll() */
	volatile int flag;
};

int cancel_init(struct cancel *c, struct error *err) MUST_CHECK;
void cancel_release(struct cancel *c);	    /* CLEANUP */
void cancel_set(struct cancel *c);	    /* async-signal-safe */
bool cancel_is_set(const struct cancel *c); /* c may be NULL */
/* -1 with ERR_CANCELLED once set, else 0. */
int cancel_check(const struct cancel *c, struct error *err) MUST_CHECK;

#endif
