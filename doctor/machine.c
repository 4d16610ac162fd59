/* Memory, limits, disk: enough for these files? */
#include "base/human.h"
#include "base/mem.h"
#include "doctor/look.h"
#include "doctor/proc.h"
#include "doctor/state.h"

#include <string.h>
#include <sys/statvfs.h>

#define MEMINFO_MAX  (64u << 10)
#define GIB	     ((uint64_t)1 << 30)
#define RAM_WANTED   (12 * GIB) /* of 16 as sold, less firmware and kernel */
#define SHM_WANTED   ((uint64_t)64 << 20)
#define SPACE_WANTED (1 * GIB)

struct memory {
	uint64_t total, available, swap, limit, used;
};

static void read_memory(const struct doctor *d, struct memory *m)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/meminfo", d->in->proc);
	struct str text CLEANUP(str_release) = STR_INIT;

	look_read(path, MEMINFO_MAX, &text);
	m->total = proc_kib(text.ptr, "MemTotal");
	m->available = proc_kib(text.ptr, "MemAvailable");
	m->swap = proc_kib(text.ptr, "SwapFree");
	proc_cgroup(d->in->proc, d->in->sys, &m->limit, &m->used);
}

/* What this process may still take. */
static uint64_t usable(const struct memory *m, bool *by_cgroup)
{
	uint64_t left = PROC_NONE;

	if (m->limit != PROC_NONE)
		left = m->used == PROC_NONE || m->used > m->limit
			       ? m->limit
			       : m->limit - m->used;
	*by_cgroup = left < m->available;
	return *by_cgroup ? left : m->available;
}

static void check_memory(struct doctor *d, const struct memory *m)
{
	char have[HUMAN_MAX], need[HUMAN_MAX], swap[HUMAN_MAX];
	bool by_cgroup;
	uint64_t left = usable(m, &by_cgroup);
	struct finding *f;

	if (left == PROC_NONE)
		return;
	human_size(left, have);
	human_size(m->swap == PROC_NONE ? 0 : m->swap, swap);
	fact_add(d, "memory", "%s free%s, %s of swap", have,
		 by_cgroup ? " under the limit of the cgroup" : "", swap);
	if (d->largest_file && left < d->largest_file) {
		f = FIND(d, SEV_ERROR, "machine.memory",
			 "not enough memory to load the weights");
		finding_evidence(f, "%s free%s, the largest file has %s", have,
				 by_cgroup ? " under the cgroup's limit" : "",
				 human_size(d->largest_file, need));
		finding_meaning(f, "each file is loaded into memory before "
				   "it goes to the card: the kernel ends the "
				   "program (\"Killed\", status 137)");
		finding_remedy(f, by_cgroup ? "raise the limit of the "
					      "container (docker run "
					      "--memory 16g)"
					    : "end other programs, or add "
					      "memory");
	} else if (m->total != PROC_NONE &&
		   d->family & (FAMILY_20 | FAMILY_25) &&
		   (m->total < RAM_WANTED ||
		    (by_cgroup && m->limit < RAM_WANTED))) {
		f = FIND(d, SEV_WARNING, "machine.memory-small",
			 "little memory for this model");
		finding_evidence(f, "%s free; 16 GB are advised", have);
		finding_meaning(f, "loading may swap, which looks like a "
				   "hang, or end with \"Killed\"");
		finding_remedy(f, "end other programs, or add memory");
	}
}

static void check_shm(struct doctor *d)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/shm", d->in->dev);
	struct statvfs v;
	char have[HUMAN_MAX];
	struct finding *f;
	uint64_t size;

	if (statvfs(path, &v) != 0)
		return;
	size = (uint64_t)v.f_blocks * v.f_frsize;
	/* docker's default is exactly 64 MiB */
	if (size > SHM_WANTED)
		return;
	f = FIND(d, SEV_NOTE, "machine.shm", "/dev/shm is small");
	finding_evidence(f, "%s", human_size(size, have));
	finding_meaning(f, "worker processes of torch share tensors there: "
			   "\"Bus error\"; loading the model needs none");
	finding_remedy(f, "docker run --shm-size 1g");
}

static void check_disk(struct doctor *d)
{
	struct statvfs v;
	char have[HUMAN_MAX];
	char *mend CLEANUP(free_ptr) = NULL;
	struct finding *f;
	uint64_t left;

	if (!d->has_dir || statvfs(d->in->model_dir, &v) != 0)
		return;
	left = (uint64_t)v.f_bavail * v.f_frsize;
	fact_add(d, "disk", "%s free where the models are",
		 human_size(left, have));
	if (left >= SPACE_WANTED || v.f_flag & ST_RDONLY)
		return;
	f = FIND(d, SEV_WARNING, "machine.disk", "the disk is nearly full");
	finding_evidence(f, "%s free", have);
	finding_meaning(f, "\"No space left on device\" when the program "
			   "writes its normaliser, kernel or output");
	mend = model_command(d, "df -h ", "");
	finding_remedy(f, "%s", mend);
}

void check_machine(struct doctor *d)
{
	struct memory m;

	read_memory(d, &m);
	check_memory(d, &m);
	check_shm(d);
	check_disk(d);
}
