#include "cache/beneath.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/beneath_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

static int open_beneath(int dirfd, const char *path, uint64_t flags)
{
	int fd = file_openat2(dirfd, path, flags,
			      RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);

	/* an old kernel; an old filter of a container */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return beneath_walk(dirfd, path, (int)flags);
	return fd;
}

static enum beneath why_not(int dirfd, const char *path)
{
	struct stat st;
	int saved = errno;
	bool is_link = !fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) &&
		       S_ISLNK(st.st_mode);

	errno = saved;
	if (saved == EXDEV)
		return BENEATH_OUT;
	if (saved == ELOOP)
		return BENEATH_NOWHERE;
	if (saved == ENOENT || saved == ENOTDIR)
		return is_link ? BENEATH_NOWHERE : BENEATH_MISSING;
	return BENEATH_FAILED;
}

static enum beneath kind_of(const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return BENEATH_FILE;
	return S_ISDIR(st->st_mode) ? BENEATH_DIR : BENEATH_OTHER;
}

enum beneath beneath_stat(int dirfd, const char *path, struct stat *st)
{
	int fd CLEANUP(close_fd) = open_beneath(dirfd, path, O_PATH);

	if (fd < 0)
		return why_not(dirfd, path);
	return fstat(fd, st) ? BENEATH_FAILED : kind_of(st);
}

enum beneath beneath_open(int dirfd, const char *path, int *fd, struct stat *st)
{
	enum beneath kind = beneath_stat(dirfd, path, st);
	int found CLEANUP(close_fd) = -1;

	/* Looked at first: opening a pipe or device could do things. */
	if (kind != BENEATH_FILE)
		return kind;
	found = open_beneath(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (found < 0)
		return why_not(dirfd, path);
	if (fstat(found, st))
		return BENEATH_FAILED;
	kind = kind_of(st);
	if (kind == BENEATH_FILE)
		*fd = take_fd(&found);
	return kind;
}

int beneath_open_dir(int dirfd, const char *path)
{
	return open_beneath(dirfd, path, O_RDONLY | O_DIRECTORY);
}

const char *beneath_text(enum beneath b)
{
	static const char *const texts[] = {
		[BENEATH_FILE] = "is a file",
		[BENEATH_DIR] = "is a directory",
		[BENEATH_OTHER] = "is not a regular file",
		[BENEATH_MISSING] = "is not there",
		[BENEATH_NOWHERE] = "is a link that leads nowhere",
		[BENEATH_OUT] = "is a link that leads out of the directory",
		[BENEATH_FAILED] = "cannot be read",
	};

	return texts[b];
}
