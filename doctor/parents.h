/* All processes and who has started them. */
#ifndef ITTS_PARENTS_H
#define ITTS_PARENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct parents_child {
	uint64_t pid, ppid;
};
/* Those of a file system like /proc, in no order; caller frees *out. Returns how many. */
size_t parents_read(const char *proc, struct parents_child **out);

struct pids {
	pid_t *items;
	size_t count, cap;
};
void pids_release(struct pids *p); /* CLEANUP */
void pids_add(struct pids *p, pid_t pid);
bool pids_has(const struct pids *p, uint64_t pid);
/* The children of this process, but for these; appended. */
void parents_own(const char *proc, const struct pids *less, struct pids *out);

#endif
