/*
 * NVML (docs.nvidia.com/deploy/nvml-api), of which only what is declared here is used;
 * the library belongs to the driver and is not there without one, hence dlopen().
 */
#include "doctor/nvml.h"

#include "base/mem.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define MAX_USERS 256
#define MIB	  ((unsigned long long)1 << 20)

/* nvmlMemory_t, nvmlProcessInfo_v2_t of nvml.h (versions 11 to 13). */
struct nvml_memory {
	unsigned long long total, free, used;
};
struct nvml_process {
	unsigned pid;
	unsigned long long used;
	unsigned gpu_instance, compute_instance;
};
/* NVML_VALUE_NOT_AVAILABLE: as under Windows, and in some containers */
#define NOT_AVAILABLE (~0ULL)

/* All return 0 for success (nvmlReturn_t). */
struct nvml {
	void *library;
	int (*init)(void);
	int (*driver)(char *out, unsigned size);
	int (*count)(unsigned *out);
	int (*handle)(unsigned index, void **out);
	int (*name)(void *dev, char *out, unsigned size);
	int (*memory)(void *dev, struct nvml_memory *out);
	int (*capability)(void *dev, int *major, int *minor);
	int (*users)(void *dev, unsigned *count, struct nvml_process *out);
};

/* A function pointer out of dlsym(), which gives a pointer to data. */
static bool symbol(const struct nvml *n, const char *name, void *to)
{
	void *p = dlsym(n->library, name);

	memcpy(to, &p, sizeof(p));
	return p != NULL;
}

static bool load(struct nvml *n, const char *name)
{
	n->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (!n->library)
		return false;
	/* _v2 first: the _v3 of some drivers of branch 535 writes larger structs
	 * (github.com/XuehaiPan/nvitop, pull request 79); else they are equal */
	if (!symbol(n, "nvmlDeviceGetComputeRunningProcesses_v2", &n->users))
		symbol(n, "nvmlDeviceGetComputeRunningProcesses_v3", &n->users);
	return symbol(n, "nvmlInit_v2", &n->init) &&
	       symbol(n, "nvmlSystemGetDriverVersion", &n->driver) &&
	       symbol(n, "nvmlDeviceGetCount_v2", &n->count) &&
	       symbol(n, "nvmlDeviceGetHandleByIndex_v2", &n->handle) &&
	       symbol(n, "nvmlDeviceGetName", &n->name) &&
	       symbol(n, "nvmlDeviceGetMemoryInfo", &n->memory) &&
	       symbol(n, "nvmlDeviceGetCudaComputeCapability", &n->capability);
}

static struct gpu_user *add_user(struct gpu_list *l)
{
	l->users = xgrow(l->users, &l->user_cap, l->user_count + 1,
			 sizeof(*l->users));
	return &l->users[l->user_count++];
}

static void read_users(const struct nvml *n, void *dev, unsigned index,
		       struct gpu_list *out)
{
	struct nvml_process list[MAX_USERS];
	unsigned count = MAX_USERS;

	if (!n->users || n->users(dev, &count, list) != 0)
		return;
	for (unsigned i = 0; i < count && i < MAX_USERS; i++) {
		bool untold = list[i].used == NOT_AVAILABLE;

		*add_user(out) = (struct gpu_user){
			.gpu = index,
			.pid = list[i].pid,
			.mib = untold ? 0 : list[i].used / MIB,
			.untold = untold,
		};
	}
}

static void read_one(const struct nvml *n, unsigned index, struct gpu_list *out)
{
	struct nvml_memory memory = { 0 };
	int major = 0, minor = 0;
	struct gpu g = { 0 };
	void *dev = NULL;

	if (n->handle(index, &dev) != 0)
		return;
	n->name(dev, g.name, sizeof(g.name));
	n->driver(g.driver, sizeof(g.driver));
	if (n->memory(dev, &memory) == 0) {
		g.total_mib = memory.total / MIB;
		g.free_mib = memory.free / MIB;
	}
	if (n->capability(dev, &major, &minor) == 0 && major > 0 && minor >= 0)
		g.cc = (unsigned)(major * 10 + minor);
	out->gpus = xgrow(out->gpus, &out->cap, out->count + 1,
			  sizeof(*out->gpus));
	out->gpus[out->count++] = g;
	read_users(n, dev, index, out);
}

static void say_problem(int rc, struct gpu_list *out)
{
	/* NVML_ERROR_DRIVER_NOT_LOADED, _NO_PERMISSION, _LIB_RM_VERSION_MISMATCH */
	static const struct {
		int rc;
		const char *words;
	} known[] = {
		{ 4, " (no permission for /dev/nvidia*)" },
		{ 9, " (the kernel has no driver loaded)" },
		{ 18, " (library and kernel module are of different versions; "
		      "a restart mends that)" },
	};
	const char *words = "";

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].rc == rc)
			words = known[i].words;
	snprintf(out->problem, sizeof(out->problem),
		 "the driver's library says error %d%s", rc, words);
}

struct nvml *nvml_open(const char *library, struct gpu_list *out)
{
	struct nvml *n = xcalloc(1, sizeof(*n));
	int rc = load(n, library ? library : "libnvidia-ml.so.1") ? n->init()
								  : -1;

	if (rc == 0)
		return n;
	if (rc > 0)
		say_problem(rc, out);
	if (n->library)
		dlclose(n->library);
	free_ptr(&n);
	return NULL;
}

void nvml_read(const struct nvml *n, struct gpu_list *out)
{
	unsigned count = 0;

	if (n->count(&count) != 0)
		return;
	for (unsigned i = 0; i < count && i < NVML_GPUS; i++)
		read_one(n, i, out);
}
