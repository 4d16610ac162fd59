/*
 * NVML (docs.nvidia.com/deploy/nvml-api), of which only what is declared here is used;
 * the library belongs to the driver and is not there without one, hence dlopen().
 */
#include "doctor/gpu.h"

#include "base/mem.h"
#include "doctor/nvsmi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#define MAX_GPUS  64
#define MAX_USERS 256
#define MIB	  ((unsigned long long)1 << 20)

struct nvml_memory {
	unsigned long long total, free, used;
};
struct nvml_process {
	unsigned pid;
	unsigned long long used;
	unsigned gpu_instance, compute_instance;
};

/* All return 0 for success. */
struct nvml {
	void *library;
	int (*init)(void);
	int (*shutdown)(void);
	int (*driver)(char *out, unsigned size);
	int (*count)(unsigned *out);
	int (*handle)(unsigned index, void **out);
	int (*name)(void *dev, char *out, unsigned size);
	int (*memory)(void *dev, struct nvml_memory *out);
	int (*capability)(void *dev, int *major, int *minor);
	int (*users)(void *dev, unsigned *count, struct nvml_process *out);
};

void gpu_list_release(struct gpu_list *l)
{
	free_ptr(&l->gpus);
	free_ptr(&l->users);
	*l = (struct gpu_list){ 0 };
}

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
	if (!symbol(n, "nvmlDeviceGetComputeRunningProcesses_v3", &n->users))
		symbol(n, "nvmlDeviceGetComputeRunningProcesses_v2", &n->users);
	return symbol(n, "nvmlInit_v2", &n->init) &&
	       symbol(n, "nvmlShutdown", &n->shutdown) &&
	       symbol(n, "nvmlSystemGetDriverVersion", &n->driver) &&
	       symbol(n, "nvmlDeviceGetCount_v2", &n->count) &&
	       symbol(n, "nvmlDeviceGetHandleByIndex_v2", &n->handle) &&
	       symbol(n, "nvmlDeviceGetName", &n->name) &&
	       symbol(n, "nvmlDeviceGetMemoryInfo", &n->memory) &&
	       symbol(n, "nvmlDeviceGetCudaComputeCapability", &n->capability);
}

static void unload(struct nvml *n)
{
	if (n->library)
		dlclose(n->library);
	n->library = NULL;
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
		/* all ones: not told, as in containers */
		bool told = list[i].used != ~0ULL;

		*add_user(out) = (struct gpu_user){
			.gpu = index,
			.pid = list[i].pid,
			.mib = told ? list[i].used / MIB : 0,
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

static bool read_nvml(const char *library, struct gpu_list *out)
{
	struct nvml n CLEANUP(unload) = { 0 };
	unsigned count = 0;
	int rc;

	if (!load(&n, library ? library : "libnvidia-ml.so.1"))
		return false;
	rc = n.init();
	if (rc != 0) {
		/* 9: no driver in the kernel; 18: it and the library differ */
		snprintf(out->problem, sizeof(out->problem),
			 "the driver's library says error %d%s", rc,
			 rc == 9    ? " (the kernel has no driver loaded)"
			 : rc == 18 ? " (library and kernel module are of "
				      "different versions; a restart mends "
				      "that)"
				    : "");
		return true;
	}
	out->source = "NVML";
	if (n.count(&count) == 0)
		for (unsigned i = 0; i < count && i < MAX_GPUS; i++)
			read_one(&n, i, out);
	n.shutdown();
	return true;
}

void gpu_read(void *ctx, struct gpu_list *out)
{
	const struct gpu_places *p = ctx;

	if (!read_nvml(p->library, out) || (out->problem[0] && !out->count))
		nvsmi_read(p->path, out);
}
