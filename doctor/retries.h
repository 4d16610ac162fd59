/* Tries that fail at once, or in a way that no socket tells of, and that a program
 * repeats: seen over several looks. */
#ifndef ITTS_RETRIES_H
#define ITTS_RETRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RETRIES_KEPT 32

/* What the kernel counts for the network that a program is in. */
struct retries_count {
	uint64_t refused;     /* connections that failed */
	uint64_t unreachable; /* packets that had no route */
};
/* The texts of /proc/PID/net/snmp; false: not told. */
bool retries_parse(const char *snmp, struct retries_count *out);

struct retries_look {
	uint64_t ms;
	struct retries_count count;
	uint64_t wakes; /* how often the program has gone to sleep so far */
	/* of its UDP sockets without an other side the one with the highest number,
	 * 0: none */
	uint64_t udp;
};
enum retries_kind {
	RETRIES_NONE,
	RETRIES_REFUSED,
	RETRIES_UNREACHABLE,
	RETRIES_NAME, /* asks name servers */
};
struct retries {
	bool begun;
	struct retries_look last;
	/* the latest, of all that has happened */
	struct {
		uint64_t ms;
		enum retries_kind kind; /* NONE: somebody else's */
	} seen[RETRIES_KEPT];
	size_t count;
};
/* What the program tries again and again, as far as can be told. */
enum retries_kind retries_add(struct retries *r,
			      const struct retries_look *now);

#endif
