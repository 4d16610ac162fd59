/* What /proc tells of the threads of a process. */
#ifndef ITTS_THREADS_H
#define ITTS_THREADS_H

#include <stdint.h>

#include "doctor/sample.h"

/* runs and disk_threads of p. fd: of /proc/PID. */
void threads_states(int fd, struct sample_proc *p);
/* wakes and awake of p. text: the status of the process. */
void threads_wakes(int fd, const char *text, struct sample_proc *p);

#endif
