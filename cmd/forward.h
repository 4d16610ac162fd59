/* Signals that this program gets go on to the one that it has started. */
#ifndef ITTS_FORWARD_H
#define ITTS_FORWARD_H

#include <signal.h>
#include <sys/types.h>

/* From here on they wait; *usual: what was blocked before, for the program. */
void forward_hold(sigset_t *usual);
/* They go to pid, those that have waited, too. 0: nobody is there, they are dropped. */
void forward_to(pid_t pid, const sigset_t *usual);

#endif
