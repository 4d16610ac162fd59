#include "cache/fresh.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/hfcache.h"
#include "cache/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS	   20000000L
#define WAIT_POLLS 100 /* whoever takes it away needs no time at all */
#define OPEN_TRIES 100

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_named(const char *path, int fd)
{
	struct stat named, open;

	return !stat(path, &named) && !fstat(fd, &open) &&
	       is_same(&named, &open);
}

/* Which directory is there already? */
static void look(struct fresh *f, const char *root)
{
	char *path CLEANUP(free_ptr) = xstrdup(*root ? root : ".");
	struct stat st;

	*f = (struct fresh){ .made = false };
	while (stat(path, &st)) {
		if (errno != ENOENT || !strcmp(path, "/") || !strcmp(path, "."))
			return;
		path_cut(path);
		f->above += f->made;
		f->made = true;
	}
	f->dev = st.st_dev;
	f->ino = st.st_ino;
}

/* False: this file system knows no such lock, or someone keeps it. */
static bool share(int fd)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };

	for (int i = 0; flock(fd, LOCK_SH | LOCK_NB); i++) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || i == WAIT_POLLS)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

int fresh_open(struct fresh *f, const char *root, int *out, struct error *err)
{
	look(f, root);
	for (int i = 0;; i++) {
		int fd CLEANUP(close_fd) = -1;
		bool last = i == OPEN_TRIES;

		if (file_mkdirs(AT_FDCWD, root, err))
			return err_wrap(err, "cache %s", root);
		fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && (last || errno != ENOENT))
			return err_sys(err, errno, "cache %s", root);
		if (fd >= 0 && (last || !share(fd)))
			f->made = false; /* works without, and stays */
		else if (fd < 0 || !is_named(root, fd))
			continue; /* taken away just now */
		*out = take_fd(&fd);
		return 0;
	}
}

/* Is there nothing in the directory but what is called like one of these? */
static bool has_only(int dirfd, const char *name, const char *a, const char *b)
{
	DIR *dir = file_dir_open(dirfd, name);
	const struct dirent *e;
	int failed = 0;

	if (!dir)
		return errno == ENOENT;
	while ((e = file_dir_next(dir, &failed)))
		if (strcmp(e->d_name, a) != 0 && strcmp(e->d_name, b) != 0)
			break;
	closedir(dir);
	return !e && !failed;
}

void fresh_end(const struct fresh *f, const char *root, int fd)
{
	char *path CLEANUP(free_ptr) = xstrdup(root);
	struct stat st;

	if (!f->made || flock(fd, LOCK_EX | LOCK_NB) || !is_named(root, fd) ||
	    !has_only(fd, ".", HFCACHE_TAG, ".locks") ||
	    !has_only(fd, ".locks", LEASE_NAME, LEASE_NAME))
		return;
	/* what comes into it from now on stays: rmdir() takes empty ones only */
	unlinkat(fd, ".locks/" LEASE_NAME, 0);
	unlinkat(fd, ".locks", AT_REMOVEDIR);
	unlinkat(fd, HFCACHE_TAG, 0);
	for (unsigned i = 0; i <= f->above; i++) {
		if (rmdir(path))
			return;
		path_cut(path);
		if (stat(path, &st) ||
		    (st.st_dev == f->dev && st.st_ino == f->ino))
			return;
	}
}
