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

static int open_place(struct held *h, const struct hfcache *c, const char *path)
{
	int fd = beneath_open_dir(c->fd, path);

	/* a link that leads out or nowhere is none */
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != EXDEV &&
	    errno != ELOOP)
		h->failed = errno;
	return fd;
}

void held_open(struct held *h, const struct hfcache *c, const char *folder)
{
	char *now CLEANUP(free_ptr) = xasprintf(".locks/%s", folder);
	char *old CLEANUP(free_ptr) = xasprintf("%s/blobs", folder);

	h->places[0] = open_place(h, c, now);
	h->places[1] = open_place(h, c, old);
}

void held_close(struct held *h)
{
	for (size_t i = 0; i < ARRAY_LEN(h->places); i++)
		close_fd(&h->places[i]);
}

bool held_blob(const struct held *h, const char *name)
{
	char *lock CLEANUP(free_ptr) = xasprintf("%.*s.lock",
						 (int)strcspn(name, "."), name);
	bool held = false;

	for (size_t i = 0; i < ARRAY_LEN(h->places) && !held; i++)
		held = h->places[i] >= 0 && is_held(h->places[i], lock);
	return held;
}

bool held_any(struct held *h)
{
	bool held = false;

	for (size_t i = 0; i < ARRAY_LEN(h->places) && !held; i++) {
		DIR *dir = h->places[i] < 0 ? NULL
					    : file_dir_open(h->places[i], ".");
		struct dirent *d;
		int failed = !dir && h->places[i] >= 0 ? errno : 0;

		while (dir && !held && (d = file_dir_next(dir, &failed)))
			held = str_ends(d->d_name, ".lock") &&
			       is_held(dirfd(dir), d->d_name);
		if (dir)
			closedir(dir);
		if (failed)
			h->failed = failed;
	}
	return held;
}
