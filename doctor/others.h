/* Who else is in the network of a program: what the kernel counts there may be theirs. */
#ifndef ITTS_OTHERS_H
#define ITTS_OTHERS_H

#include <stdbool.h>

#include "base/attr.h"
#include "doctor/parents.h"

struct others {
	struct others_proc {
		uint64_t pid;
		uint64_t work; /* grows with all that it does */
	} * items;	       /* at the last look */
	size_t count;
	bool known; /* there was one */
};
void others_release(struct others *o); /* CLEANUP */
/* Has nobody but ours been awake in the network of process pid since the last call?
 * false also at the first call, in the network of the machine itself, and where there
 * are too many. proc: "/proc". */
bool others_slept(struct others *o, const char *proc, pid_t pid,
		  const struct pids *ours);

#endif
