#include "bundle/space.h"

#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK_BLOCK 4096u
/* Directories and small files of one repo: blobs/, refs/, trees/ and so on. */
#define REPO_INODES 16
/* The directory itself, its tag, the lock file. */
#define STORE_INODES 8
/* Of a file in a listing, but for its name. */
#define TREE_ENTRY 256

static void add_small(struct space_need *need, uint64_t inodes)
{
	need->inodes += inodes;
	need->bytes += inodes * DISK_BLOCK;
}

void space_add_store(struct space_need *need)
{
	add_small(need, STORE_INODES);
}

void space_add_repo(struct space_need *need)
{
	add_small(need, REPO_INODES);
}

void space_add_link(struct space_need *need, const char *path,
		    const char *before)
{
	/* ext4 gives a link that names a SHA-256 a block of its own */
	add_small(need, 1 + path_new_dirs(path, before));
	need->bytes += TREE_ENTRY + strlen(path);
}

uint64_t space_on_disk(uint64_t size)
{
	return (size + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
}

int space_nearest(const char *dir, char **out, struct error *err)
{
	char *path CLEANUP(free_ptr) = xstrdup(dir);
	struct stat st;

	while (stat(path, &st)) {
		if (file_is_dangling(AT_FDCWD, path))
			return err_sys(err, ENOENT,
				       "%s is a link that leads nowhere", path);
		if (errno != ENOENT || !*path || !strcmp(path, "/") ||
		    !strcmp(path, "."))
			return err_sys(err, errno, "%s", dir);
		path_cut(path);
	}
	if (!S_ISDIR(st.st_mode))
		return err_sys(err, ENOTDIR, "%s", path);
	*out = take_ptr(path);
	return 0;
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
		char *dir CLEANUP(free_ptr) = NULL;
		int fd CLEANUP(close_fd) = -1;
		uint64_t bytes = 0, inodes = 0;
		struct space_need sum = needs[i];
		struct stat st;

		if (space_nearest(needs[i].dir, &dir, err))
			return -1;
		assert(dir);
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st))
			return err_sys(err, errno, "%s", dir);
		if (file_space(fd, &bytes, &inodes, err))
			return err_wrap(err, "%s", dir);
		if (needs[i].inodes &&
		    faccessat(fd, ".", W_OK | X_OK, AT_EACCESS)) {
			err_sys(err, errno, "%s: cannot write into %s",
				needs[i].dir, dir);
			return err_hint(err, "choose another directory with %s",
					needs[i].option);
		}
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
