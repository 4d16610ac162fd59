#include "doctor/endtree.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "doctor/launch.h"
#include "doctor/parents.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STEP_MS 50
#define ROUNDS	5 /* while they are being killed, they may start others */

/* By descriptor: the number of one that has ended may come again as a stranger's. */
struct member {
	pid_t pid;
	int fd;
};
struct members {
	struct member *items;
	size_t count, cap;
};

static void members_release(struct members *m)
{
	for (size_t i = 0; i < m->count; i++)
		close_fd(&m->items[i].fd);
	free_ptr(&m->items);
	m->count = 0;
}

static bool has(const struct members *m, uint64_t pid)
{
	for (size_t i = 0; i < m->count; i++)
		if ((uint64_t)m->items[i].pid == pid)
			return true;
	return false;
}

static bool add(struct members *m, pid_t pid)
{
	struct error gone = { 0 };
	int fd = -1;

	if (launch_open(pid, &fd, &gone) != 0)
		return false;
	m->items = xgrow(m->items, &m->cap, m->count + 1, sizeof(*m->items));
	m->items[m->count++] = (struct member){ pid, fd };
	return true;
}

/* Those that the members have started, and orphans. */
static void add_children(struct members *m, const struct pids *strangers)
{
	struct parents_child *all CLEANUP(free_ptr) = NULL;
	size_t count = parents_read("/proc", &all);
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++)
			if ((has(m, all[i].ppid) ||
			     (all[i].ppid == (uint64_t)getpid() &&
			      !pids_has(strangers, all[i].pid))) &&
			    !has(m, all[i].pid))
				more |= add(m, (pid_t)all[i].pid);
	}
}

static void tell(const struct members *m, int sig)
{
	for (size_t i = 0; i < m->count; i++)
		syscall(SYS_pidfd_send_signal, m->items[i].fd, sig, NULL, 0);
}

/* Forgets those that have ended. */
static void sift(struct members *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->count; i++) {
		struct pollfd p = { .fd = m->items[i].fd, .events = POLLIN };

		if (poll(&p, 1, 0) > 0)
			close_fd(&m->items[i].fd);
		else
			m->items[kept++] = m->items[i];
	}
	m->count = kept;
}

void endtree(pid_t root, const struct pids *strangers, unsigned grace)
{
	struct members m CLEANUP(members_release) = { .items = NULL };
	uint64_t begin = clock_ms();

	if (!add(&m, root))
		return;
	add_children(&m, strangers);
	tell(&m, SIGTERM);
	tell(&m, SIGCONT); /* one that is stopped does not hear it */
	for (sift(&m); m.count && clock_ms() - begin < grace; sift(&m))
		poll(NULL, 0, STEP_MS);
	for (int i = 0; m.count && i < ROUNDS; i++) {
		add_children(&m, strangers);
		tell(&m, SIGKILL);
		poll(NULL, 0, STEP_MS);
		sift(&m);
	}
}
