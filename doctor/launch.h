/* Starting a program and waiting for one to end. */
#ifndef ITTS_LAUNCH_H
#define ITTS_LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"

/* envp: NULL-terminated "NAME=VALUE"; mask: signals that it has blocked. ERR_NOT_FOUND,
 * ERR_IO if it cannot be executed. */
int launch(char *const *argv, char *const *envp, const sigset_t *mask,
	   pid_t *pid, struct error *err) MUST_CHECK;
/* Readable once the process has ended; caller closes. ERR_NOT_FOUND. */
int launch_open(pid_t pid, int *pidfd, struct error *err) MUST_CHECK;
/* Waits up to ms: 1 it has ended, 0 not yet (or cancelled). */
int launch_wait(int pidfd, const struct cancel *cancel, unsigned ms);
/* Waits for a child: its exit status, 128 + signal if one has ended it (*sig, else 0). */
int launch_status(pid_t pid, int *sig);

/* From now on what children of this process start, and leave behind when they end, becomes
 * a child of this process. */
void launch_adopt(void);
/* Forgets those of them that have ended; keep: a child that is waited for elsewhere. */
void launch_reap(pid_t keep);

/* Ends a child at once. false: it is stuck in the kernel, and left there. */
bool launch_end(pid_t pid, int *status);

#endif
