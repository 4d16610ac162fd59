#include "base/file.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOCK_POLL_MS   50
#define LOCK_LOST_SOON 8 /* so often at once, then more slowly */
#define LOCK_LOST_MAX  100
/* The kernel gives up with EAGAIN if something was renamed meanwhile. */
#define OPENAT2_TRIES 64
#define DIR_FLAGS     (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static bool is_dir(int dirfd, const char *name)
{
	struct stat st;

	return !fstatat(dirfd, name, &st, 0) && S_ISDIR(st.st_mode);
}

bool file_is_dangling(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, 0) && errno == ENOENT &&
	       !fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW);
}

int file_mkdirs(int dirfd, const char *name, struct error *err)
{
	char *path CLEANUP(free_ptr) = xstrdup(name);
	char *p = path;

	do {
		char kept;
		int failed;

		p += strspn(p, "/");
		p += strcspn(p, "/");
		kept = *p;
		*p = '\0';
		failed = *path && mkdirat(dirfd, path, 0777) ? errno : 0;
		/* whatever mkdir says, a directory that is there is fine */
		if (failed && is_dir(dirfd, path))
			failed = 0;
		if (failed == EEXIST && file_is_dangling(dirfd, path))
			return err_sys(err, ENOENT,
				       "%s is a link that leads nowhere", path);
		if (failed == EEXIST)
			failed = ENOTDIR;
		if (failed)
			return err_sys(err, failed,
				       "%s: cannot make the directory", path);
		*p = kept;
	} while (*p);
	return 0;
}

/* One component: opens it, or says why it is not a directory to walk into. */
static int open_step(int dirfd, const char *step, bool create, const char *path,
		     struct error *err)
{
	struct stat st;
	int fd = openat(dirfd, step, DIR_FLAGS | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT && create) {
		if (mkdirat(dirfd, step, 0777) && errno != EEXIST)
			return err_sys(err, errno, "%s: cannot make \"%s\"",
				       path, step);
		fd = openat(dirfd, step, DIR_FLAGS | O_NOFOLLOW);
	}
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s: no such directory",
			       path);
	if (errno != ELOOP && errno != ENOTDIR)
		return err_sys(err, errno, "%s", path);
	if (!fstatat(dirfd, step, &st, AT_SYMLINK_NOFOLLOW) &&
	    S_ISLNK(st.st_mode))
		return err_set(err, ERR_UNSAFE, "%s: \"%s\" is a symbolic link",
			       path, step);
	return err_sys(err, ENOTDIR, "%s", path);
}

static int open_steps(int dirfd, const char *path, bool create, int *out,
		      struct error *err)
{
	char *copy CLEANUP(free_ptr) = xstrdup(path);
	int fd CLEANUP(close_fd) = openat(dirfd, ".", DIR_FLAGS);
	char *rest = *copy ? copy : NULL;

	if (fd < 0)
		return err_sys(err, errno, "%s", path);
	while (rest) {
		char *step = strsep(&rest, "/");
		int next;

		if (!*step || !strcmp(step, ".") || !strcmp(step, ".."))
			return err_set(err, ERR_UNSAFE,
				       "%s: not a plain relative path", path);
		next = open_step(fd, step, create, path, err);
		if (next < 0)
			return -1;
		close_fd(&fd);
		fd = next;
	}
	*out = take_fd(&fd);
	return 0;
}

DIR *file_dir_take(int fd)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		close_fd(&fd);
	return dir;
}

DIR *file_dir_open(int dirfd, const char *name)
{
	return file_dir_take(openat(
		dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

struct dirent *file_dir_next(DIR *dir, int *failed)
{
	struct dirent *d;

	do {
		errno = 0;
		d = readdir(dir);
	} while (d && (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..")));
	*failed = d ? 0 : errno;
	return d;
}

int file_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC,
				.resolve = resolve };
	long fd = -1;

	for (int i = 0; i < OPENAT2_TRIES; i++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

static bool is_plain(const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/");

		if (!n || (n <= 2 && !strncmp(path, "..", n)))
			return false;
		if (!path[n])
			return true;
		path += n + 1;
	}
}

int file_open_beneath(int dirfd, const char *path, bool create, int *out,
		      struct error *err)
{
	/* All steps at once. Where openat2() is not to be had they are gone one by
	 * one, and also for who needs to know why not. */
	int whole = is_plain(path) ? file_openat2(dirfd, path, DIR_FLAGS,
						  RESOLVE_BENEATH |
							  RESOLVE_NO_SYMLINKS)
				   : -1;

	if (whole >= 0) {
		*out = whole;
		return 0;
	}
	return open_steps(dirfd, path, create, out, err);
}

int file_sync_dir(int dirfd, struct error *err)
{
	/* FUSE and network file systems may not know it: EINVAL, not a loss */
	if (fsync(dirfd) && errno != EINVAL && errno != ENOTSUP)
		return err_sys(err, errno, "fsync of the directory");
	return 0;
}

/* 1: locked, 0: held by someone, -1. */
static int try_lock(int fd, const char *name, struct error *err)
{
	int failed;

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno == EINTR)
			continue;
		if (errno == EWOULDBLOCK)
			return 0;
		failed = errno;
		err_sys(err, failed, "%s: cannot lock", name);
		if (failed == ENOSYS || failed == ENOTSUP || failed == ENOLCK)
			err_hint(err, "this file system has no flock(); "
				      "use a cache on a local disk");
		return -1;
	}
	return 1;
}

/* Some clients delete lock files: a lock on a deleted one protects nothing. */
static bool still_named(int dirfd, const char *name, int fd)
{
	struct stat named, held;

	return !fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) &&
	       !fstat(fd, &held) && named.st_dev == held.st_dev &&
	       named.st_ino == held.st_ino;
}

static int open_lock(int dirfd, const char *name, struct error *err)
{
	int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			0664);

	if (fd < 0 && errno == ELOOP)
		return err_set(err, ERR_UNSAFE, "%s: is a symbolic link", name);
	if (fd < 0)
		return err_sys(err, errno, "%s: cannot open the lock", name);
	/* so that a group can share a cache; the owner may be someone else */
	if (fchmod(fd, 0664))
		errno = 0;
	return fd;
}

int file_lock(int dirfd, const char *name, unsigned wait_ms, int *fd_out,
	      struct error *err)
{
	const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * 1000000L };
	uint64_t begin = clock_ms();
	unsigned lost = 0;

	for (;;) {
		int fd CLEANUP(close_fd) = open_lock(dirfd, name, err);
		int locked = fd < 0 ? -1 : try_lock(fd, name, err);

		if (locked < 0)
			return -1;
		if (locked && still_named(dirfd, name, fd)) {
			*fd_out = take_fd(&fd);
			return 0;
		}
		if (clock_ms() - begin >= wait_ms && !locked)
			return err_set(err, ERR_BUSY,
				       "%s: locked by another process", name);
		/* a name that never is the file that was opened by it */
		if (locked && ++lost == LOCK_LOST_MAX)
			return err_set(err, ERR_IO,
				       "%s: is replaced each time it is locked",
				       name);
		if (!locked || lost > LOCK_LOST_SOON)
			nanosleep(&pause, NULL);
	}
}
