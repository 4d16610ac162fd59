#include "base/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CLONE_BLOCK \
	4096 /* every file system that can clone uses this or less */

int file_write_all(int fd, const void *buf, size_t n, const char *name,
		   struct error *err)
{
	const char *p = buf;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(err, errno, "%s", name);
		if (done == 0) /* some FUSE servers say so of a full disk */
			return err_sys(err, ENOSPC, "%s", name);
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int file_pwrite_all(int fd, const void *buf, size_t n, uint64_t offset,
		    const char *name, struct error *err)
{
	const char *p = buf;

	while (n) {
		ssize_t done = pwrite(fd, p, n, (off_t)offset);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(err, errno, "%s", name);
		if (done == 0) /* some FUSE servers say so of a full disk */
			return err_sys(err, ENOSPC, "%s", name);
		p += done;
		n -= (size_t)done;
		offset += (uint64_t)done;
	}
	return 0;
}

int file_read_full(int fd, void *buf, size_t n, size_t *got, const char *name,
		   struct error *err)
{
	size_t have = 0;

	while (have < n) {
		ssize_t done = read(fd, (char *)buf + have, n - have);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(err, errno, "%s", name);
		if (!done)
			break;
		have += (size_t)done;
	}
	*got = have;
	return 0;
}

int file_pread_full(int fd, void *buf, size_t n, uint64_t offset, size_t *got,
		    const char *name, struct error *err)
{
	size_t have = 0;

	while (have < n) {
		ssize_t done = pread(fd, (char *)buf + have, n - have,
				     (off_t)(offset + have));

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(err, errno, "%s", name);
		if (!done)
			break;
		have += (size_t)done;
	}
	*got = have;
	return 0;
}

/* Reads to the end; one byte beyond limit is enough to know it is too large. */
static int read_to_end(int fd, const char *name, size_t limit, struct str *out,
		       struct error *err)
{
	size_t before = out->len, got = 0, room = 65536;
	char *buf CLEANUP(free_ptr) = xmalloc(room);

	do {
		if (file_read_full(fd, buf, room, &got, name, err))
			return -1;
		if (out->len - before + got > limit)
			return err_set(err, ERR_FORMAT,
				       "%s: larger than %zu bytes", name,
				       limit);
		str_add(out, buf, got);
	} while (got == room);
	return 0;
}

int file_make_blocking(int fd, const char *name, struct error *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK))
		return err_sys(err, errno, "%s", name);
	return 0;
}

/* As open(2) without O_NONBLOCK, but a signal ends the wait for a FIFO's writer:
 * poll(2) is restarted by no handler. */
static int settle(int fd, const char *name, struct error *err)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(err, errno, "%s", name);
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return 0;
	if (S_ISFIFO(st.st_mode) && poll(&wait, 1, -1) < 0 && errno == EINTR)
		return err_set(err, ERR_CANCELLED, "%s: interrupted", name);
	return file_make_blocking(fd, name, err);
}

int file_open(int dirfd, const char *name, int flags, int *out,
	      struct error *err)
{
	int fd CLEANUP(close_fd) = openat(dirfd, name,
					  O_RDONLY | O_CLOEXEC | O_NOCTTY |
						  O_NONBLOCK | flags);

	*out = -1;
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s: no such %s", name,
			       flags & O_DIRECTORY ? "directory" : "file");
	if (fd < 0)
		return err_sys(err, errno, "%s", name);
	if (!(flags & O_NONBLOCK) && settle(fd, name, err))
		return -1;
	*out = take_fd(&fd);
	return 0;
}

int file_open_read(int dirfd, const char *name, int *out, struct error *err)
{
	bool found = dirfd != AT_FDCWD;
	int fd CLEANUP(close_fd) = -1;
	struct stat st;

	if (file_open(dirfd, name, found ? O_NONBLOCK : 0, &fd, err))
		return -1;
	if (fstat(fd, &st))
		return err_sys(err, errno, "%s", name);
	if (found && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return err_set(err, ERR_FORMAT, "%s: not a regular file", name);
	*out = take_fd(&fd);
	return 0;
}

int file_read_all(int dirfd, const char *name, size_t limit, struct str *out,
		  struct error *err)
{
	int fd CLEANUP(close_fd) = -1;
	size_t before = out->len;
	struct stat st;

	if (file_open_read(dirfd, name, &fd, err))
		return -1;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size <= limit)
		str_reserve(out, (size_t)st.st_size);
	if (read_to_end(fd, name, limit, out, err)) {
		str_truncate(out, before);
		return -1;
	}
	return 0;
}

int file_space(int fd, uint64_t *bytes, uint64_t *inodes, struct error *err)
{
	struct statvfs v;

	if (fstatvfs(fd, &v))
		return err_sys(err, errno, "free space");
	/* FUSE servers that cannot count say 0 of 0: the writes will tell */
	*bytes = v.f_blocks ? (uint64_t)v.f_bavail * v.f_frsize : UINT64_MAX;
	/* btrfs, FAT and others make inodes as they need them and say 0 */
	*inodes = v.f_files ? v.f_favail : UINT64_MAX;
	return 0;
}

/* Where link(2) has no answer: a look before, for which no other call is left. */
static int rename_if_free(int dirfd, const char *from, const char *to)
{
	struct stat st;

	if (!fstatat(dirfd, to, &st, AT_SYMLINK_NOFOLLOW))
		return EEXIST;
	if (errno != ENOENT)
		return errno;
	return renameat(dirfd, from, dirfd, to) ? errno : 0;
}

int file_rename_new(int dirfd, const char *from, const char *to)
{
	if (!renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE))
		return 0;
	/* NFS and many FUSE servers do not know the flag */
	if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
		return errno;
	if (!linkat(dirfd, from, dirfd, to, 0))
		return unlinkat(dirfd, from, 0) ? errno : 0;
	/* directories have no second names, nor files on FAT */
	if (errno != EPERM && errno != ENOSYS && errno != EOPNOTSUPP)
		return errno;
	return rename_if_free(dirfd, from, to);
}

bool file_same(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

bool file_clone_range(int src, uint64_t src_offset, int dst,
		      uint64_t dst_offset, uint64_t len)
{
	size_t tail = len % CLONE_BLOCK, got = 0;
	struct file_clone_range range = {
		.src_fd = src,
		.src_offset = src_offset,
		.src_length = len - tail,
		.dest_offset = dst_offset,
	};
	struct error ignored = { 0 };
	char buf[CLONE_BLOCK];

	/* a length of 0 would mean "to the end of src" to the kernel */
	if (!range.src_length || ioctl(dst, FICLONERANGE, &range))
		return false;
	src_offset += range.src_length;
	dst_offset += range.src_length;
	return !file_pread_full(src, buf, tail, src_offset, &got, "clone",
				&ignored) &&
	       got == tail &&
	       !file_pwrite_all(dst, buf, tail, dst_offset, "clone", &ignored);
}
