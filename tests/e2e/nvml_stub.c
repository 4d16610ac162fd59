/*
 * A driver's library for tests: the functions of NVML that are asked for, one card of
 * 24 GiB. STUB_INIT: what nvmlInit_v2() returns. STUB_FREE: MiB that are free. STUB_USERS:
 * "PID:MIB,..." (MIB "?": not available). STUB_GONE: the card has gone.
 * STUB_NAME: of the card. STUB_HANGS, STUB_CRASHES: the function that does ("init", "list").
 * Compiled with STUB_V3 the third form of the list of processes writes larger structs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB (1ULL << 20)

struct memory {
	unsigned long long total, free, used;
};
struct process {
	unsigned pid;
	unsigned long long used;
	unsigned gpu_instance, compute_instance;
};
#ifdef STUB_V3
/* as the drivers of branch 535 have it */
struct process_v3 {
	struct process p;
	unsigned long long protected_memory;
};
#endif

static int is_up;

static unsigned long long number(const char *name, unsigned long long usual)
{
	const char *v = getenv(name);

	return v ? strtoull(v, NULL, 10) : usual;
}

static void misbehave(const char *function)
{
	const char *hangs = getenv("STUB_HANGS");
	const char *crashes = getenv("STUB_CRASHES");

	fputs("the library says something\n", stderr);
	while (hangs && !strcmp(hangs, function))
		pause();
	if (crashes && !strcmp(crashes, function))
		abort();
}

int nvmlInit_v2(void)
{
	misbehave("init");
	int rc = (int)number("STUB_INIT", 0);

	is_up = rc == 0;
	return rc;
}

int nvmlShutdown(void)
{
	is_up = 0;
	return 0;
}

int nvmlSystemGetDriverVersion(char *out, unsigned size)
{
	snprintf(out, size, "%s", "570.86.15");
	return 0;
}

int nvmlDeviceGetCount_v2(unsigned *out)
{
	*out = 1;
	return is_up ? 0 : 1; /* NVML_ERROR_UNINITIALIZED */
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out)
{
	*out = &is_up;
	if (getenv("STUB_GONE"))
		return 15; /* NVML_ERROR_GPU_IS_LOST */
	return index == 0 ? 0 : 2;
}

int nvmlDeviceGetName(void *dev, char *out, unsigned size)
{
	const char *v = getenv("STUB_NAME");

	snprintf(out, size, "%s", v ? v : "Stub RTX 4090");
	return dev == &is_up ? 0 : 2;
}

int nvmlDeviceGetMemoryInfo(void *dev, struct memory *out)
{
	out->total = 24576 * MIB;
	out->free = number("STUB_FREE", 24000) * MIB;
	out->used = out->total - out->free;
	return dev == &is_up ? 0 : 2;
}

int nvmlDeviceGetCudaComputeCapability(void *dev, int *major, int *minor)
{
	*major = 8;
	*minor = 9;
	return dev == &is_up ? 0 : 2;
}

static void fill(struct process *p, const char *v)
{
	const char *mib = strchr(v, ':') + 1;

	*p = (struct process){ .pid = (unsigned)strtoul(v, NULL, 10),
			       .used = ~0ULL,
			       .gpu_instance = ~0U,
			       .compute_instance = ~0U };
	if (*mib != '?')
		p->used = strtoull(mib, NULL, 10) * MIB;
}

static int list(unsigned *count, void *out, size_t stride)
{
	const char *v = getenv("STUB_USERS");
	unsigned room = *count;

	misbehave("list");

	for (*count = 0; v && *v; v += strcspn(v, ","), v += *v == ',') {
		if (*count == room)
			return 7; /* NVML_ERROR_INSUFFICIENT_SIZE */
		fill((struct process *)((char *)out + *count * stride), v);
		++*count;
	}
	return 0;
}

int nvmlDeviceGetComputeRunningProcesses_v2(void *dev, unsigned *count,
					    struct process *out)
{
	(void)dev;
	return list(count, out, sizeof(*out));
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *dev, unsigned *count,
					    void *out)
{
	(void)dev;
#ifdef STUB_V3
	return list(count, out, sizeof(struct process_v3));
#else
	return list(count, out, sizeof(struct process));
#endif
}
