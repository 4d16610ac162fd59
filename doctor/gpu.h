/* Graphics cards: from the driver's library (NVML, by dlopen), else nvidia-smi. */
#ifndef ITTS_GPU_H
#define ITTS_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

struct gpu {
	char name[96];
	char driver[32];
	uint64_t total_mib, free_mib;
	unsigned cc; /* compute capability: 86 for 8.6; 0: not known */
};
struct gpu_user {
	unsigned gpu; /* index */
	uint64_t pid, mib;
	bool untold; /* mib is not known */
	char name[64];
};
struct gpu_list {
	struct gpu *gpus;
	size_t count, cap;
	struct gpu_user *users;
	size_t user_count, user_cap;
	const char *source; /* "NVML", "nvidia-smi", or NULL: neither */
	char problem
		[160]; /* why a driver that is there does not answer, or "" */
};
void gpu_list_release(struct gpu_list *l); /* CLEANUP */

struct gpu_source {
	void (*read)(void *ctx, struct gpu_list *out); /* NULL: no cards */
	void *ctx;
};

struct gpu_places {
	const char *library; /* NULL: libnvidia-ml.so.1 */
	const char *path;    /* PATH, to look for nvidia-smi */
	const char *proc;    /* for names of processes */
};
/* ctx: a struct gpu_places. A driver that hangs is given 8 s, nvidia-smi 5 s. */
void gpu_read(void *ctx, struct gpu_list *out);
/* The driver's library alone, kept open: to ask it often. NULL: it cannot be had. */
struct gpu_driver;
struct gpu_driver *gpu_driver_open(const char *library);
/* The process that asks it, or 0. */
pid_t gpu_driver_pid(const struct gpu_driver *d);
void gpu_driver_close(struct gpu_driver **d); /* CLEANUP */
enum gpu_answer {
	GPU_TOLD, /* *out is filled */
	GPU_NONE, /* it does not work, out->problem says why, or is not there */
	GPU_LATER, /* not within ms: ask again */
};
enum gpu_answer gpu_driver_read(struct gpu_driver *d, unsigned ms,
				struct gpu_list *out);
/* One line of nvidia-smi --format=csv,noheader,nounits. Pure; false: no card. */
bool gpu_parse_line(const char *line, struct gpu *out);

#endif
