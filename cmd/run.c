/*
 * Input goes through a file in memory and output into another one, so that no
 * pipe can fill up and no thread is needed.
 */
#include "cmd/run.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int memory_file(const void *p, size_t n, struct error *err)
{
	int fd CLEANUP(close_fd) = memfd_create("itts-pack", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "a file in memory");
	if (file_pwrite_all(fd, p, n, 0, "a file in memory", err) != 0)
		return -1;
	return take_fd(&fd);
}

static int spawn(const char *const *argv, int in, int out, pid_t *pid,
		 struct error *err)
{
	posix_spawn_file_actions_t actions;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc != 0)
		return err_sys(err, rc, "%s", argv[0]);
	rc = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, out,
						      STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawnp(pid, argv[0], &actions, NULL,
				  (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "no program %s", argv[0]);
	return rc == 0 ? 0 : err_sys(err, rc, "%s", argv[0]);
}

static int wait_for(pid_t pid, const char *name, struct error *err)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "%s", name);
	if (WIFSIGNALED(status))
		return err_set(err, ERR_OTHER, "%s was ended by signal %d",
			       name, WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_OTHER, "%s failed, with status %d",
			       name, WEXITSTATUS(status));
	return 0;
}

int run_filter(const char *const *argv, const void *in, size_t len,
	       size_t limit, struct str *out, struct error *err)
{
	int from CLEANUP(close_fd) = memory_file(in, len, err);
	int to CLEANUP(close_fd) = from < 0 ? -1 : memory_file("", 0, err);
	char *buf CLEANUP(free_ptr) = NULL;
	pid_t pid = -1;
	size_t got;

	if (to < 0 || spawn(argv, from, to, &pid, err) != 0 ||
	    wait_for(pid, argv[0], err) != 0)
		return -1;
	buf = xmalloc(limit + 1);
	if (file_pread_full(to, buf, limit + 1, 0, &got, argv[0], err) != 0)
		return -1;
	if (got > limit)
		return err_set(err, ERR_FORMAT, "%s said more than %zu bytes",
			       argv[0], limit);
	str_add(out, buf, got);
	return 0;
}
