#include "cache/held.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Shared and for a moment, so that two who look do not take each other for holders.
 * A client that comes right then tries again. */
static bool is_held(int dirfd, const char *lock)
{
	int fd CLEANUP(close_fd) = openat(dirfd, lock,
					  O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
						  O_NOCTTY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

/* Caller closes; -1. */
static int open_place(const struct hfcache *c, bool old, const char *folder)
{
	char *path CLEANUP(free_ptr) = xasprintf(old ? "%s/blobs" : ".locks/%s",
						 folder);

	return beneath_open_dir(c->fd, path);
}

bool held_blob(const struct hfcache *c, const char *folder, const char *name)
{
	char *lock CLEANUP(free_ptr) = xasprintf("%.*s.lock",
						 (int)strcspn(name, "."), name);
	bool held = false;

	for (int old = 0; old < 2 && !held; old++) {
		int dirfd CLEANUP(close_fd) = open_place(c, old, folder);

		held = dirfd >= 0 && is_held(dirfd, lock);
	}
	return held;
}

bool held_repo(const struct hfcache *c, const char *folder)
{
	bool held = false;

	for (int old = 0; old < 2 && !held; old++) {
		DIR *dir = file_dir_take(open_place(c, old, folder));
		struct dirent *d;
		int failed;

		while (dir && !held && (d = file_dir_next(dir, &failed)))
			held = str_ends(d->d_name, ".lock") &&
			       is_held(dirfd(dir), d->d_name);
		if (dir)
			closedir(dir);
	}
	return held;
}
