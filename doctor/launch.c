#include "doctor/launch.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What waits for a driver in the kernel does not take a signal. */
#define END_MS	    1000
#define END_STEP_MS 5

int launch(char *const *argv, char *const *envp, const sigset_t *mask,
	   pid_t *pid, struct error *err)
{
	posix_spawnattr_t attr;
	sigset_t usual;
	int failed;

	/* what this program handles or ignores is none of its business */
	sigemptyset(&usual);
	sigaddset(&usual, SIGINT);
	sigaddset(&usual, SIGTERM);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGXFSZ);
	failed = posix_spawnattr_init(&attr);
	if (failed)
		return err_sys(err, failed, "%s: cannot start", argv[0]);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setsigmask(&attr, mask);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETSIGMASK);
	failed = posix_spawnp(pid, argv[0], NULL, &attr, argv, envp);
	posix_spawnattr_destroy(&attr);
	if (failed == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s: no such program",
			       argv[0]);
	if (failed)
		return err_sys(err, failed, "%s: cannot be executed", argv[0]);
	return 0;
}

int launch_open(pid_t pid, int *pidfd, struct error *err)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0 && (errno == ESRCH || errno == EINVAL))
		return err_set(err, ERR_NOT_FOUND, "there is no process %d",
			       (int)pid);
	if (fd < 0)
		return err_sys(err, errno, "process %d", (int)pid);
	*pidfd = (int)fd;
	return 0;
}

int launch_wait(int pidfd, const struct cancel *cancel, unsigned ms)
{
	struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN },
				{ .fd = cancel ? cancel->fd : -1,
				  .events = POLLIN } };

	if (poll(fds, ARRAY_LEN(fds), (int)ms) <= 0)
		return 0;
	return fds[0].revents != 0;
}

int launch_status(pid_t pid, int *sig)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	*sig = 0;
	if (got < 0)
		return 1;
	if (WIFSIGNALED(status)) {
		*sig = WTERMSIG(status);
		return 128 + *sig;
	}
	return WEXITSTATUS(status);
}

void launch_adopt(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void launch_reap(pid_t keep)
{
	siginfo_t ended = { 0 };

	while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       ended.si_pid && ended.si_pid != keep &&
	       waitpid(ended.si_pid, NULL, WNOHANG) > 0)
		ended.si_pid = 0;
}

bool launch_end(pid_t pid, int *status)
{
	kill(pid, SIGKILL); /* nothing, if it has ended */
	for (int i = 0; i < END_MS / END_STEP_MS; i++) {
		pid_t got = waitpid(pid, status, WNOHANG);

		if (got == pid || (got < 0 && errno != EINTR))
			return got == pid;
		poll(NULL, 0, END_STEP_MS);
	}
	return false;
}
