/* What /proc tells of the threads of a process. */
#ifndef ITTS_THREADS_H
#define ITTS_THREADS_H

#include <stdint.h>

#include "doctor/sample.h"

/* runs and disk_threads of p. fd: of /proc/PID. */
void threads_states(int fd, struct sample_proc *p);
/* Times that they went to sleep, together: who downloads is seldom the first. text: the
 * status of the process. */
uint64_t threads_wakes(int fd, const char *text, int threads);

#endif
