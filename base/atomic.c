#include "base/file.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINK_PATH_MAX 32  /* /proc/self/fd/N */
#define TEMP_BASE_MAX 200 /* of NAME, so that a long one still fits in 255 */

/* "dir/NAME" -> "dir/.NAME.XXXXXXXX.tmp" */
static char *temp_name(const char *name)
{
	const char *base = path_base(name);
	size_t len = strlen(base);

	if (len > TEMP_BASE_MAX)
		len = TEMP_BASE_MAX;
	while (len && ((unsigned char)base[len] & 0xC0) == 0x80)
		len--; /* FAT wants whole characters */
	return xasprintf("%.*s.%.*s.%08x.tmp", (int)(base - name), name,
			 (int)len, base, clock_jitter());
}

int atomic_open(struct atomic_file *f, int dirfd, const char *name, mode_t mode,
		struct error *err)
{
	char *tmp CLEANUP(free_ptr) = NULL;
	int fd CLEANUP(close_fd) = -1;

	do {
		free_ptr(&tmp);
		tmp = temp_name(name);
		fd = openat(dirfd, tmp,
			    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    mode);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0)
		return err_sys(err, errno, "%s: cannot create", name);
	/* The umask shall not decide. Some file systems know no modes. */
	if (fchmod(fd, mode) && errno != EPERM && errno != ENOTSUP &&
	    errno != ENOSYS) {
		err_sys(err, errno, "%s: cannot set mode", name);
		unlinkat(dirfd, tmp, 0);
		return -1;
	}
	*f = (struct atomic_file){ .dirfd = dirfd,
				   .fd = take_fd(&fd),
				   .name = xstrdup(name),
				   .tmp = take_ptr(tmp) };
	return 0;
}

static void link_path(int fd, char path[LINK_PATH_MAX])
{
	snprintf(path, LINK_PATH_MAX, "/proc/self/fd/%d", fd);
}

static bool has_link_path(int fd)
{
	char path[LINK_PATH_MAX];

	link_path(fd, path);
	return !access(path, F_OK);
}

int atomic_open_unnamed(struct atomic_file *f, int dirfd, const char *name,
			mode_t mode, struct error *err)
{
	size_t len = (size_t)(path_base(name) - name);
	char *parent CLEANUP(free_ptr) = len ? xstrndup(name, len)
					     : xstrdup(".");
	int fd CLEANUP(close_fd) = openat(dirfd, parent,
					  O_RDWR | O_TMPFILE | O_CLOEXEC, mode);

	/* a name has to be possible in the end */
	if (fd < 0 || fchmod(fd, mode) || !has_link_path(fd))
		return atomic_open(f, dirfd, name, mode, err);
	*f = (struct atomic_file){ .dirfd = dirfd,
				   .fd = take_fd(&fd),
				   .name = xstrdup(name) };
	return 0;
}

int file_link_fd(int fd, int dirfd, const char *name)
{
	char proc[LINK_PATH_MAX];

	/* needs a capability on older kernels; /proc may lack in a chroot */
	if (!linkat(fd, "", dirfd, name, AT_EMPTY_PATH))
		return 0;
	if (errno == EEXIST)
		return EEXIST;
	link_path(fd, proc);
	return linkat(AT_FDCWD, proc, dirfd, name, AT_SYMLINK_FOLLOW) ? errno
								      : 0;
}

/* Its final name if that is free, else a temporary one. */
static int give_name(struct atomic_file *f, struct error *err)
{
	char *tmp CLEANUP(free_ptr) = NULL;
	int failed = file_link_fd(f->fd, f->dirfd, f->name);

	while (failed == EEXIST) {
		free_ptr(&tmp);
		tmp = temp_name(f->name);
		failed = file_link_fd(f->fd, f->dirfd, tmp);
	}
	if (failed)
		return err_sys(err, failed, "%s: cannot be given its name",
			       f->name);
	f->tmp = take_ptr(tmp);
	return 0;
}

/* Makes the directory entry of name durable. */
static int sync_parent(int dirfd, const char *name, struct error *err)
{
	size_t len = (size_t)(path_base(name) - name);
	char *parent CLEANUP(free_ptr) = len ? xstrndup(name, len)
					     : xstrdup(".");
	int fd CLEANUP(close_fd) = openat(dirfd, parent,
					  O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "its directory");
	return file_sync_dir(fd, err);
}

int atomic_commit(struct atomic_file *f, struct error *err)
{
	if (fsync(f->fd))
		return err_sys(err, errno, "%s", f->name);
	if (!f->tmp && give_name(f, err))
		return -1;
	if (close(take_fd(&f->fd)))
		return err_sys(err, errno, "%s", f->name);
	if (f->tmp && renameat(f->dirfd, f->tmp, f->dirfd, f->name))
		return err_sys(err, errno, "%s", f->name);
	free_ptr(&f->tmp);
	if (sync_parent(f->dirfd, f->name, err))
		return err_wrap(err, "%s", f->name);
	free_ptr(&f->name);
	return 0;
}

void atomic_abort(struct atomic_file *f)
{
	int saved = errno;

	if (f->tmp)
		unlinkat(f->dirfd, f->tmp, 0);
	close_fd(&f->fd);
	free_ptr(&f->tmp);
	free_ptr(&f->name);
	errno = saved;
}

int file_replace(int dirfd, const char *name, const void *buf, size_t n,
		 struct error *err)
{
	struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;

	if (atomic_open_unnamed(&f, dirfd, name, 0644, err))
		return -1;
	if (file_write_all(f.fd, buf, n, name, err))
		return -1;
	return atomic_commit(&f, err);
}
