/* What a program and its children do at one moment, as seen from outside. */
#ifndef ITTS_SAMPLE_H
#define ITTS_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"
#include "doctor/parents.h"
#include "doctor/pparse.h"
#include "doctor/proc.h"
#include "doctor/retries.h"
#include "doctor/sockdiag.h"

#define SAMPLE_PROCS_MAX   512
#define SAMPLE_FILES_MAX   256
#define SAMPLE_SOCKETS_MAX 256
#define SAMPLE_UNKNOWN	   UINT64_MAX

struct sample_proc {
	pid_t pid;
	struct pparse_stat stat;
	struct pparse_io io;
	uint64_t swap;	       /* bytes */
	uint64_t mapped;       /* bytes of mapped files that are in memory */
	uint64_t started;      /* s since 1970 */
	uint64_t wakes;	       /* times that its threads went to sleep */
	bool awake;	       /* one did not sleep when these were counted */
	bool runs;	       /* a thread was in state R, twice in a row */
	unsigned disk_threads; /* in state D */
};

struct sample_file {
	char *path;
	uint64_t dev, ino, size, pos;
	bool mapped;	   /* what is read so does not show in pos */
	uint64_t resident; /* of a mapped one: bytes that it has touched */
	bool is_lock;	   /* by its name */
	bool writes;	   /* open for writing */
	pid_t held_by;	   /* another process that has locked it, or 0 */
};

struct sample_socket {
	struct pparse_socket s;
	bool udp;
	bool lost; /* it was connected, and the kernel has forgotten it: a reset */
	pid_t pid; /* whose it is */
	struct sockdiag_flow flow;
};

struct sample {
	uint64_t ms; /* since watching began */
	struct sample_proc *procs;
	size_t proc_count, proc_cap;
	struct sample_file *files; /* large ones, models, locks */
	size_t file_count, file_cap;
	struct sample_socket *sockets;
	size_t socket_count, socket_cap;
	char *stale_lock; /* of a kernel build, older than the program; or NULL */
	uint64_t gpu;	  /* bytes, SAMPLE_UNKNOWN */
	unsigned closed; /* processes that may not be looked into */
	enum retries_kind retries;
	struct proc_refaults refaults;
};
void sample_release(struct sample *s); /* CLEANUP */

/* Keeps what need not be read each time. */
struct sampler_proc {
	pid_t pid;
	uint64_t start; /* its number may come again */
	bool runs, ran; /* at the last look and the one before */
	unsigned disk_threads;
};
struct sampler {
	const char *proc; /* "/proc" */
	const char *sys;  /* "/sys" */
	pid_t root;
	bool adopts;	       /* orphans become children of this process */
	struct pids strangers; /* children of this process that are none */
	unsigned turns;
	uint64_t majflt;	  /* of the last look */
	uint64_t boot;		  /* s since 1970 */
	uint64_t ticks;		  /* a second */
	uint64_t page;		  /* bytes */
	struct sample_file *maps; /* of the last look */
	size_t map_count, map_cap;
	struct sampler_proc
		*known; /* of the last look: the tree, its threads */
	size_t known_count, known_cap;
	struct sample_socket *sockets; /* of the last look */
	size_t socket_count;
	uint64_t socket_sum; /* of their numbers, to see a change */
	int diag;	     /* sockdiag.h, or -1 */
	bool diag_tried;
	struct retries retries;
};
void sampler_init(struct sampler *s, pid_t root);
void sampler_release(struct sampler *s); /* CLEANUP */
/* false: the program has ended. */
bool sampler_take(struct sampler *s, uint64_t ms, struct sample *out);

#endif
