#include "bundle/install_run.h"

#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* The directory, or the nearest one above it that exists. */
static int open_nearest(const char *dir, int *out, struct error *err)
{
	char *path CLEANUP(free_ptr) = xstrdup(dir);

	for (;;) {
		int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		char *slash = strrchr(path, '/');

		if (fd >= 0) {
			*out = fd;
			return 0;
		}
		if (errno != ENOENT || !path[0] || !strcmp(path, "/") ||
		    !strcmp(path, "."))
			return err_sys(err, errno, "%s", dir);
		if (!slash)
			memcpy(path, ".", 2);
		else if (slash == path)
			path[1] = '\0';
		else
			*slash = '\0';
	}
}

static int lacking(const struct space_need *need, uint64_t free_bytes,
		   uint64_t free_inodes, struct error *err)
{
	char want[HUMAN_MAX], have[HUMAN_MAX];

	if (need->bytes > free_bytes)
		err_set(err, ERR_IO, "%s: needs %s, %s is free", need->dir,
			human_size(need->bytes, want),
			human_size(free_bytes, have));
	else if (need->inodes > free_inodes)
		err_set(err, ERR_IO,
			"%s: needs %" PRIu64 " inodes, %" PRIu64 " are free",
			need->dir, need->inodes, free_inodes);
	else
		return 0;
	err->sys = ENOSPC;
	return err_hint(err, "make room, or choose another directory with %s",
			need->option);
}

int space_check(const struct space_need *needs, size_t count, struct error *err)
{
	dev_t dev = 0;
	struct space_need all = { 0 };

	for (size_t i = 0; i < count; i++) {
		int fd CLEANUP(close_fd) = -1;
		uint64_t bytes = 0, inodes = 0;
		struct space_need sum = needs[i];
		struct stat st;

		if (open_nearest(needs[i].dir, &fd, err) ||
		    file_space(fd, &bytes, &inodes, err))
			return -1;
		if (fstat(fd, &st))
			return err_sys(err, errno, "%s", needs[i].dir);
		if (i > 0 && st.st_dev == dev) {
			sum.bytes += all.bytes;
			sum.inodes += all.inodes;
		}
		if (lacking(&sum, bytes, inodes, err))
			return -1;
		dev = st.st_dev;
		all = sum;
	}
	return 0;
}
