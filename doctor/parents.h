/* All processes and who has started them. */
#ifndef ITTS_PARENTS_H
#define ITTS_PARENTS_H

#include <stddef.h>
#include <stdint.h>

struct parents_child {
	uint64_t pid, ppid;
};
/* Those of a file system like /proc, in no order; caller frees *out. Returns how many. */
size_t parents_read(const char *proc, struct parents_child **out);

#endif
