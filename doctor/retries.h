/* Tries that fail at once, or in a way that no socket tells of, and that a program
 * repeats: seen over several looks. */
#ifndef ITTS_RETRIES_H
#define ITTS_RETRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RETRIES_KEPT 32
#define RETRIES_UDP  16

/* What the kernel counts for the network that a program is in. */
struct retries_count {
	uint64_t refused;     /* connections that failed */
	uint64_t unreachable; /* packets that had no route */
};
/* The texts of /proc/PID/net/snmp; false: not told. */
bool retries_parse(const char *snmp, struct retries_count *out);

struct retries_look {
	uint64_t ms;
	/* before and after its threads were looked at */
	struct retries_count before, count;
	uint64_t wakes; /* how often the program has gone to sleep so far */
	bool awake;	/* one of its threads did not sleep then */
	uint64_t bytes; /* that it has read and written so far */
	uint64_t cpu;	/* ms of processors that it has used so far */
	/* numbers of its UDP sockets without an other side, each another than 0 */
	uint64_t udp[RETRIES_UDP];
	size_t udp_count;
};
enum retries_kind {
	RETRIES_NONE,
	RETRIES_REFUSED,
	RETRIES_UNREACHABLE,
	RETRIES_NAME, /* asks name servers */
};
struct retries {
	bool begun, worked; /* worked: it did something else as well */
	struct retries_look last;
	/* the latest, of all that has happened */
	struct retries_seen {
		uint64_t ms, took; /* when, and since the look before */
		uint64_t tries, wakes;
		enum retries_kind kind; /* NONE: somebody else's */
	} seen[RETRIES_KEPT];
	size_t count;
	uint64_t udp[RETRIES_KEPT]; /* those sockets, the last new ones */
	size_t udp_next;
	/* how often it woke up at the last looks at which nothing was tried */
	struct retries_rest {
		uint64_t wakes, took;
	} rests[2];
};
/* What the program tries again and again, as far as can be told. */
enum retries_kind retries_add(struct retries *r,
			      const struct retries_look *now);

#endif
