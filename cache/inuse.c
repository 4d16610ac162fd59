/*
 * /proc/PID/fd/N leads to the open file itself (proc(5)), so fstatat() gives its
 * device and inode, whatever name it has by now. /proc/PID/maps names inode and
 * device of mapped files, which need not be open; on some file systems the device
 * there is not that of stat(), so only the inode counts: too careful at worst.
 */
#include "cache/inuse.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANY_DEV UINT64_MAX

void inuse_release(struct inuse *u)
{
	free_ptr(&u->entries);
	u->count = u->cap = 0;
}

static void add(struct inuse *u, uint64_t dev, uint64_t ino, pid_t pid)
{
	u->entries = xgrow(u->entries, &u->cap, u->count + 1,
			   sizeof(*u->entries));
	u->entries[u->count++] = (struct inuse_entry){ dev, ino, pid };
}

/* errno of a look at a process that is gone; or none. */
static bool has_ended(int failed)
{
	return !failed || failed == ENOENT || failed == ESRCH;
}

static void read_fds(struct inuse *u, int procfd, pid_t pid)
{
	DIR *dir = file_dir_open(procfd, "fd");
	struct dirent *d;
	struct stat st;
	int failed;

	if (!dir) {
		u->blind |= !has_ended(errno);
		return;
	}
	while ((d = file_dir_next(dir, &failed)))
		if (!fstatat(dirfd(dir), d->d_name, &st, 0) &&
		    S_ISREG(st.st_mode))
			add(u, st.st_dev, st.st_ino, pid);
	closedir(dir);
	u->blind |= !has_ended(failed);
}

uint64_t inuse_maps_inode(const char *line)
{
	uint64_t inode;

	/* address perms offset dev inode path */
	for (int field = 0; field < 4; field++) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	str_digits(line, &inode);
	return inode;
}

static void read_maps(struct inuse *u, int procfd, pid_t pid)
{
	int fd = openat(procfd, "maps", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char *line = NULL;
	size_t cap = 0;
	uint64_t last = 0;

	if (!f) {
		u->blind |= !has_ended(errno);
		close_fd(&fd);
		return;
	}
	while (getline(&line, &cap, f) > 0) {
		uint64_t ino = inuse_maps_inode(line);

		if (ino && ino != last)
			add(u, ANY_DEV, ino, pid);
		last = ino;
	}
	u->blind |= ferror(f) && !has_ended(errno);
	free(line);
	fclose(f);
}

static int by_inode(const void *a, const void *b)
{
	const struct inuse_entry *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return 0;
}

void inuse_read(struct inuse *out)
{
	DIR *proc = file_dir_open(AT_FDCWD, "/proc");
	struct dirent *d;
	int failed = 0;

	out->blind |= !proc;
	while (proc && (d = file_dir_next(proc, &failed))) {
		int fd CLEANUP(close_fd) = -1;
		uint64_t number;
		pid_t pid;

		if (*str_digits(d->d_name, &number) || !number)
			continue;
		pid = (pid_t)number;
		if (pid == getpid())
			continue;
		fd = openat(dirfd(proc), d->d_name,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0) {
			out->blind |= !has_ended(errno);
			continue;
		}
		read_fds(out, fd, pid);
		read_maps(out, fd, pid);
	}
	if (proc)
		closedir(proc);
	out->blind |= failed != 0;
	if (out->count)
		qsort(out->entries, out->count, sizeof(*out->entries),
		      by_inode);
}

static pid_t find(const struct inuse *u, uint64_t dev, uint64_t ino)
{
	const struct inuse_entry key = { .dev = dev, .ino = ino };
	const struct inuse_entry *e = u->count ? bsearch(&key, u->entries,
							 u->count, sizeof(key),
							 by_inode)
					       : NULL;

	return e ? e->pid : 0;
}

pid_t inuse_by(const struct inuse *u, uint64_t dev, uint64_t ino)
{
	pid_t pid = find(u, dev, ino);

	return pid ? pid : find(u, ANY_DEV, ino);
}
