#include "base/fifo.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#define FIFO_POLL_MS 100

/* Until fd is readable, ms are over (-1: never) or c is set. */
static int wait_for(int fd, int ms, const struct cancel *c, struct error *err)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = c ? c->fd : -1, .events = POLLIN } };

	while (poll(fds, ARRAY_LEN(fds), ms) < 0 && errno == EINTR)
		if (cancel_is_set(c))
			break;
	return cancel_check(c, err);
}

int fifo_open_input(const char *path, const struct cancel *c, int *out,
		    struct error *err)
{
	int fd CLEANUP(close_fd) = -1;
	struct stat st;

	if (file_open(AT_FDCWD, path, O_NONBLOCK, &fd, err))
		return -1;
	if (fstat(fd, &st))
		return err_sys(err, errno, "%s", path);
	if (S_ISFIFO(st.st_mode) && wait_for(fd, -1, c, err))
		return err_wrap(err, "%s", path);
	if (file_make_blocking(fd, path, err))
		return -1;
	*out = take_fd(&fd);
	return 0;
}

int fifo_open_output(const char *path, const struct cancel *c, int *out,
		     struct error *err)
{
	int fd CLEANUP(close_fd) = -1;

	while (fd < 0) {
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 && errno != ENXIO)
			return err_sys(err, errno, "%s", path);
		if (fd < 0 && wait_for(-1, FIFO_POLL_MS, c, err))
			return err_wrap(err, "%s", path);
	}
	if (file_make_blocking(fd, path, err))
		return -1;
	*out = take_fd(&fd);
	return 0;
}
