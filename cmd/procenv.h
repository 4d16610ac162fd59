/* A running program's own circumstances: variables, directory, words. */
#ifndef ITTS_PROCENV_H
#define ITTS_PROCENV_H

#include <sys/types.h>

#include "base/attr.h"
#include "base/str.h"
#include "cmd/config.h"
#include "doctor/asking.h"

struct procenv {
	struct str variables; /* NAME=VALUE, each ended by a NUL */
	struct env env;
	char *root; /* "/proc/PID/root" if it has mounts of its own, or NULL */
};
/* What a process asks the network for; nothing is known of what may not be read.
 * Caller releases *out. */
void procenv_asking(pid_t pid, struct asking *out);
/* A lock of torch's builds that was there before the process, which started then (s since
 * 1970), as it names it. Caller frees; NULL: none. */
char *procenv_lock(pid_t pid, uint64_t started);

#endif
