/*
 * How many connections to one endpoint: few at first, more while that makes all
 * of them together faster, half as many when it has had enough. Pure: time is
 * told.
 */
#ifndef ITTS_PACE_H
#define ITTS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_START	4u
#define PACE_START_MANY 8u   /* where more than PACE_CAP are to be */
#define PACE_CAP	16u  /* where nobody says otherwise */
#define PACE_CAP_SMALL	128u /* for small files, which are mostly waiting */
#define PACE_MAX_CAP	128u

struct pace {
	unsigned limit; /* connections that may be open now */
	unsigned cap;
	uint64_t since_ms; /* when the running measurement began */
	uint64_t bytes;	   /* that came since then */
	uint64_t
		best; /* bytes a second before a step up that is on trial, 0: none */
	uint64_t hold_ms; /* no step up before this */
	unsigned in_vain; /* measurements since a step that showed nothing */
	unsigned holds;	  /* steps in a row that were taken back */
	unsigned strain;  /* grows with refusals, falls with answers */
	uint64_t wait_ms; /* the shortest wait for an answer, 0: none yet */
	bool busy;	  /* all of them were in use all the time */
	bool waited;	  /* answers have raised the limit meanwhile */
};
void pace_init(struct pace *p, unsigned cap, uint64_t now_ms);
void pace_count(struct pace *p, uint64_t bytes);
/* About ten times a second: in_use of limit connections are, and more would be if
 * they might. */
void pace_tick(struct pace *p, unsigned in_use, uint64_t now_ms);
/* An answer, or 429, 503, a reset instead: when these are more than a tenth of all,
 * half as many connections are used. true if that is so now. */
bool pace_answer(struct pace *p, bool refused, uint64_t now_ms);
/* An answer that took so long to begin, and less to come: whatever the line can do,
 * more of them at a time are faster, as long as none waits much longer than the
 * first did. */
void pace_waited(struct pace *p, uint64_t ms, uint64_t now_ms);
/* Another cap from now on; a high one before the first answer also begins higher. */
void pace_set_cap(struct pace *p, unsigned cap);

#endif
