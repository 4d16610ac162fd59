#include "cache/fresh.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/hfcache.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS	    20000000L
#define WAIT_POLLS  100 /* whoever takes it away needs no time at all */
#define OPEN_TRIES  100
#define REMAINS_MAX 100000

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

/* "a/b" -> "a" -> ".", "/a" -> "/". */
static void cut_last(char *path)
{
	char *slash;

	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		memcpy(path, ".", 2);
	else
		slash[slash == path] = '\0';
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
		cut_last(path);
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

/* --- taking it away ------------------------------------------------------------- */

/* What is below the root, directories before what is in them. */
struct remains {
	struct strlist dirs, locks;
};

static void remains_release(struct remains *r)
{
	strlist_release(&r->dirs);
	strlist_release(&r->locks);
}

/* Locks are empty files, ours and those that Hub clients know. */
static bool is_lock(int dirfd, const char *path)
{
	struct stat st;

	return !strncmp(path, ".locks/", 7) &&
	       !fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISREG(st.st_mode) && st.st_size == 0;
}

/* One name that was found. false: it is worth something. */
static bool add_entry(struct remains *r, int fd, const char *path)
{
	struct stat st;

	if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	if (S_ISDIR(st.st_mode))
		strlist_add(&r->dirs, path);
	else if (is_lock(fd, path))
		strlist_add(&r->locks, path);
	else
		return !strcmp(path, HFCACHE_TAG);
	return r->dirs.count + r->locks.count < REMAINS_MAX;
}

static bool add_entries(struct remains *r, int fd, const char *dir)
{
	DIR *d = file_dir_open(fd, *dir ? dir : ".");
	bool fine = d;
	struct dirent *e;
	int failed = 0;

	while (fine && (e = file_dir_next(d, &failed))) {
		char *path CLEANUP(free_ptr) = xasprintf(
			"%s%s%s", dir, *dir ? "/" : "", e->d_name);

		fine = add_entry(r, fd, path);
	}
	if (d)
		closedir(d);
	return fine && !failed;
}

/* Is there nothing but directories and locks? */
static bool is_bare(struct remains *r, int fd)
{
	if (!add_entries(r, fd, ""))
		return false;
	for (size_t i = 0; i < r->dirs.count; i++)
		if (!add_entries(r, fd, r->dirs.items[i]))
			return false;
	return true;
}

/* false: someone holds it. */
static bool drop_lock(int dirfd, const char *path)
{
	int fd CLEANUP(close_fd) = openat(dirfd, path,
					  O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB) &&
	       !unlinkat(dirfd, path, 0);
}

/* What comes into it meanwhile stays: rmdir() takes empty directories only. */
static bool clear(const struct remains *r, int fd)
{
	for (size_t i = 0; i < r->locks.count; i++)
		if (!drop_lock(fd, r->locks.items[i]))
			return false;
	for (size_t i = r->dirs.count; i > 0; i--)
		if (unlinkat(fd, r->dirs.items[i - 1], AT_REMOVEDIR))
			return false;
	return !unlinkat(fd, HFCACHE_TAG, 0) || errno == ENOENT;
}

void fresh_end(const struct fresh *f, const char *root, int fd)
{
	struct remains r CLEANUP(remains_release) = { 0 };
	char *path CLEANUP(free_ptr) = xstrdup(root);
	struct stat st;

	if (!f->made || flock(fd, LOCK_EX | LOCK_NB) || !is_named(root, fd) ||
	    !is_bare(&r, fd) || !clear(&r, fd))
		return;
	for (unsigned i = 0; i <= f->above; i++) {
		if (rmdir(path))
			return;
		cut_last(path);
		if (stat(path, &st) ||
		    (st.st_dev == f->dev && st.st_ino == f->ino))
			return;
	}
}
