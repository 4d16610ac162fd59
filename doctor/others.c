#include "doctor/others.h"

#include "base/file.h"
#include "base/mem.h"
#include "doctor/pparse.h"
#include "doctor/proc.h"
#include "doctor/threads.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHERS_MAX 64 /* more of them never sleep all at once */

void others_release(struct others *o)
{
	free_ptr(&o->items);
	*o = (struct others){ .known = false };
}

/* Only the first network of a machine has this setting (6.18: net/core). Not all who are
 * in it need be seen from a container, and on a machine somebody is always awake. */
static bool is_machines(const char *proc)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/net/core/netdev_budget", proc);
	return access(path, F_OK) == 0;
}

/* The number of a file of which each network has its own: that of another user's process
 * is told, too, unlike its ns/net. 0: it has ended. */
static ino_t network_of(const char *proc, uint64_t pid)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%llu/net/snmp", proc,
		 (unsigned long long)pid);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* false: it has ended, or is a thread of the kernel: these have no command line. */
static bool read_work(const char *proc, uint64_t pid, uint64_t *work)
{
	char path[PATH_MAX], text[PROC_TEXT_MAX];
	struct pparse_stat st;
	int fd CLEANUP(close_fd) = -1;

	snprintf(path, sizeof(path), "%s/%llu", proc, (unsigned long long)pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !proc_text(fd, "cmdline", text) ||
	    !proc_text(fd, "stat", text) || !pparse_stat(text, &st))
		return false;
	proc_text(fd, "status", text);
	*work = threads_wakes(fd, text, (int)st.threads) + st.utime + st.stime;
	return true;
}

static bool has(const struct others *o, const struct others_proc *p)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->items[i].pid == p->pid && o->items[i].work == p->work)
			return true;
	return false;
}

bool others_slept(struct others *o, const char *proc, pid_t pid,
		  const struct pids *ours)
{
	struct parents_child *all CLEANUP(free_ptr) = NULL;
	struct others now CLEANUP(others_release) = { .known = true };
	ino_t network = network_of(proc, (uint64_t)pid);
	bool slept = o->known;
	size_t count, cap = 0;

	if (!network || (network_of(proc, (uint64_t)getpid()) == network &&
			 is_machines(proc)))
		return false;
	count = parents_read(proc, &all);
	for (size_t i = 0; i < count && now.count <= OTHERS_MAX; i++) {
		struct others_proc p = { .pid = all[i].pid };

		if (pids_has(ours, p.pid) ||
		    network_of(proc, p.pid) != network ||
		    !read_work(proc, p.pid, &p.work))
			continue;
		slept &= has(o, &p);
		now.items = xgrow(now.items, &cap, now.count + 1,
				  sizeof(*now.items));
		now.items[now.count++] = p;
	}
	slept &= now.count <= OTHERS_MAX;
	others_release(o);
	*o = now;
	now = (struct others){ .known = false };
	return slept;
}
