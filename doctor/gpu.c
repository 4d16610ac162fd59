/*
 * The driver's library may hang, even in the kernel, and may crash: it works in a child,
 * which answers over a pipe. A question is one byte, an answer is a struct head and both
 * arrays as they are in memory; where there is no library the child just ends.
 */
#include "doctor/gpu.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "doctor/launch.h"
#include "doctor/nvml.h"
#include "doctor/nvsmi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* With many cards, whose driver has to wake up first, it takes seconds. */
#define ANSWER_MS 8000
#define USERS_MAX 16384

struct head {
	uint32_t works, gpus, users;
	char problem[sizeof(((struct gpu_list *)NULL)->problem)];
};

struct gpu_driver {
	pid_t pid; /* 0: it has ended */
	int ask, answer;
	bool asked;
	struct str got;
};

void gpu_list_release(struct gpu_list *l)
{
	free_ptr(&l->gpus);
	free_ptr(&l->users);
	*l = (struct gpu_list){ 0 };
}

/* --- the child ----------------------------------------------------------------- */

static bool send_list(int fd, bool works, const struct gpu_list *l)
{
	struct head h = { .works = works,
			  .gpus = (uint32_t)l->count,
			  .users = (uint32_t)l->user_count };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error gone = { 0 };

	if (h.users > USERS_MAX)
		h.users = USERS_MAX;
	memcpy(h.problem, l->problem, sizeof(h.problem));
	str_add(&text, &h, sizeof(h));
	if (h.gpus)
		str_add(&text, l->gpus, h.gpus * sizeof(*l->gpus));
	if (h.users)
		str_add(&text, l->users, h.users * sizeof(*l->users));
	return !file_write_all(fd, text.ptr, text.len, "pipe", &gone);
}

/* What the library prints is for nobody, and if it cannot be ended it must not keep
 * open what others wait for the end of. */
static void be_alone(void)
{
	const struct rlimit none = { 0, 0 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

_Noreturn static void serve(const char *library, int questions, int answers)
{
	struct gpu_list list = { 0 };
	struct nvml *n;
	char question;

	be_alone();
	n = nvml_open(library, &list);
	if (!n && !list.problem[0])
		_exit(0);
	while (read(questions, &question, 1) == 1) {
		if (n)
			nvml_read(n, &list);
		if (!send_list(answers, n, &list))
			break;
		list.count = list.user_count = 0;
	}
	_exit(0);
}

/* --- the parent ---------------------------------------------------------------- */

struct gpu_driver *gpu_driver_open(const char *library)
{
	int ask[2] = { -1, -1 }, answer[2] = { -1, -1 };
	struct gpu_driver *d = NULL;
	pid_t pid = -1;

	/* no loader: linked statically, as the carried program is, and dlopen()
	 * would need the very glibc that it was linked with */
	if (!getauxval(AT_BASE))
		return NULL;
	if (pipe2(ask, O_CLOEXEC) == 0 && pipe2(answer, O_CLOEXEC) == 0)
		pid = fork();
	if (pid == 0) {
		close_fd(&ask[1]);
		close_fd(&answer[0]);
		serve(library, ask[0], answer[1]);
	}
	if (pid > 0) {
		d = xcalloc(1, sizeof(*d));
		*d = (struct gpu_driver){ .pid = pid,
					  .ask = take_fd(&ask[1]),
					  .answer = take_fd(&answer[0]),
					  .got = STR_INIT };
	}
	for (int i = 0; i < 2; i++) {
		close_fd(&ask[i]);
		close_fd(&answer[i]);
	}
	return d;
}

pid_t gpu_driver_pid(const struct gpu_driver *d)
{
	return d ? d->pid : 0;
}

void gpu_driver_close(struct gpu_driver **d)
{
	int status;

	if (!*d)
		return;
	if ((*d)->pid)
		launch_end((*d)->pid, &status);
	close_fd(&(*d)->ask);
	close_fd(&(*d)->answer);
	str_release(&(*d)->got);
	free_ptr(d);
}

/* It has closed its pipe. */
static void say_end(struct gpu_driver *d, struct gpu_list *out)
{
	int status = 0;

	launch_end(d->pid, &status);
	d->pid = 0;
	if (WIFSIGNALED(status))
		snprintf(out->problem, sizeof(out->problem),
			 "the driver's library has crashed (signal %d)",
			 WTERMSIG(status));
	else if (status)
		snprintf(out->problem, sizeof(out->problem),
			 "the driver's library has crashed");
}

/* An answer, once it is complete. */
static bool take_answer(struct gpu_driver *d, struct gpu_list *out)
{
	struct head h = { .works = 0 };
	const char *at = d->got.ptr + sizeof(h);
	size_t gpus, users;

	if (d->got.len < sizeof(h))
		return false;
	memcpy(&h, d->got.ptr, sizeof(h));
	if (h.gpus > NVML_GPUS || h.users > USERS_MAX)
		h.gpus = h.users = 0; /* (it is a stranger's process) */
	gpus = h.gpus * sizeof(*out->gpus);
	users = h.users * sizeof(*out->users);
	if (d->got.len < sizeof(h) + gpus + users)
		return false;
	gpu_list_release(out);
	out->count = out->cap = h.gpus;
	out->user_count = out->user_cap = h.users;
	out->gpus = gpus ? memcpy(xmalloc(gpus), at, gpus) : NULL;
	out->users = users ? memcpy(xmalloc(users), at + gpus, users) : NULL;
	for (size_t i = 0; out->gpus && i < out->count; i++) {
		struct gpu *g = &out->gpus[i];

		g->name[sizeof(g->name) - 1] = '\0';
		g->driver[sizeof(g->driver) - 1] = '\0';
	}
	snprintf(out->problem, sizeof(out->problem), "%.*s",
		 (int)sizeof(h.problem), h.problem);
	out->source = h.works ? "NVML" : NULL;
	str_clear(&d->got);
	return true;
}

enum gpu_answer gpu_driver_read(struct gpu_driver *d, unsigned ms,
				struct gpu_list *out)
{
	uint64_t now = clock_ms(), end = now + ms;
	char buf[4096];

	if (!d->pid)
		return GPU_NONE;
	if (!d->asked && write(d->ask, "?", 1) < 0 && errno != EPIPE)
		return GPU_LATER;
	d->asked = true;
	for (; now <= end; now = clock_ms()) {
		struct pollfd p = { .fd = d->answer, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		n = read(d->answer, buf, sizeof(buf));
		if (n == 0) {
			say_end(d, out);
			return GPU_NONE;
		}
		if (n > 0)
			str_add(&d->got, buf, (size_t)n);
		if (n > 0 && take_answer(d, out)) {
			d->asked = false;
			return out->source ? GPU_TOLD : GPU_NONE;
		}
	}
	snprintf(out->problem, sizeof(out->problem),
		 "the driver's library does not answer for %u s", ms / 1000);
	return GPU_LATER;
}

void gpu_read(void *ctx, struct gpu_list *out)
{
	const struct gpu_places *p = ctx;
	struct gpu_driver *d CLEANUP(gpu_driver_close) = gpu_driver_open(
		p->library);

	/* (nvidia-smi stands on the same library: it would hang as well) */
	if (!d || gpu_driver_read(d, ANSWER_MS, out) == GPU_NONE)
		nvsmi_read(p->path, out);
}
