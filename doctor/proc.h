/* Numbers out of /proc and /sys, whose roots tests bring along. */
#ifndef ITTS_PROC_H
#define ITTS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/str.h"

#define PROC_NONE UINT64_MAX

#define PROC_TEXT_MAX 8192 /* a text that the kernel gives in one piece */
/* A small text with one read(): there are hundreds of them. false: none, and out is "". */
bool proc_text(int dirfd, const char *name, char out[PROC_TEXT_MAX]);

/* "KEY:   123 kB" of a text; PROC_NONE: not there. Bytes. Pure. */
uint64_t proc_kib(const char *text, const char *key);
/* The least limit of the cgroup of this process and those above it, and what is used
 * under it; PROC_NONE: no limit. */
void proc_cgroup(const char *proc, const char *sys, uint64_t *limit,
		 uint64_t *used);
/* Pages that came again, as the kernel counts them in the group where the memory of
 * that process is, else in the whole machine; PROC_NONE: not told. */
struct proc_refaults {
	uint64_t anon; /* had been swapped out */
	uint64_t file; /* had been dropped */
};
void proc_refaults(const char *proc, const char *sys, pid_t pid,
		   struct proc_refaults *out);
/* How many processes the kernel has killed since it began, for lack of memory; PROC_NONE:
 * not told. */
uint64_t proc_oom_kills(const char *proc);
/* Does a process of one of these names (NULL-terminated) work in directory dir, or
 * in one that we may not see? *pid if so. */
bool proc_find(const char *proc, const char *const *names, const char *dir,
	       uint64_t *pid);
/* A program on a PATH; caller frees, NULL: none. */
char *proc_program(const char *path, const char *name);

#endif
