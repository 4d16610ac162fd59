/* What /proc tells of the threads of a process. */
#ifndef ITTS_THREADS_H
#define ITTS_THREADS_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>

#include "doctor/sample.h"

#define THREADS_TEXT_MAX 8192 /* a text that the kernel gives in one piece */
/* A small text of /proc with one read(): there are hundreds of them. false: none. */
bool threads_text(int dirfd, const char *name, char out[THREADS_TEXT_MAX]);
/* Caller closes; NULL. */
DIR *threads_dir(int dirfd, const char *name);
/* runs and disk_threads of p. fd: of /proc/PID. */
void threads_states(int fd, struct sample_proc *p);
/* Times that they went to sleep, together: who downloads is seldom the first. text: the
 * status of the process. */
uint64_t threads_wakes(int fd, const char *text, int threads);

#endif
