/*
 * .locks/itts-pack.lease: an empty file, which Hub clients do not look at. Each
 * repo is one byte of it, at the first 62 bits of the SHA-256 of its folder's
 * name, locked with F_OFD_SETLK: shared by whoever fills the repo, from the first
 * look at a blob to the last link, and alone by gc and rm. So a blob that has no
 * link yet is not taken for garbage. One descriptor does for any number of repos,
 * and the kernel drops the lock of a process that died. Two repos with one byte
 * would only wait for each other.
 */
#include "cache/lease.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "cache/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 120000
#define POLL_NS 20000000L

static struct flock lock_of(const char *folder, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_len = 1 };
	struct digest d;

	digest_buf(DIGEST_SHA256, folder, strlen(folder), &d);
	for (int i = 0; i < 8; i++)
		l.l_start = (off_t)((uint64_t)l.l_start << 8 | d.bytes[i]);
	l.l_start = (off_t)((uint64_t)l.l_start >> 2);
	return l;
}

/* Caller closes *out. */
static int open_lease(const struct hfcache *c, int *out, struct error *err)
{
	const int flags = O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	int dirfd CLEANUP(close_fd) = -1;
	int fd;

	if (file_open_beneath(c->fd, ".locks", true, &dirfd, err))
		return err_inside(err, "%s", c->root);
	fd = openat(dirfd, LEASE_NAME, O_RDWR | flags, 0664);
	/* sharing needs no more than reading: the file may be someone else's */
	if (fd < 0)
		fd = openat(dirfd, LEASE_NAME, O_RDONLY | flags, 0664);
	if (fd < 0)
		return err_sys(err, errno, "%s/.locks/" LEASE_NAME, c->root);
	/* so that a group can share a cache */
	if (fchmod(fd, 0664))
		errno = 0;
	*out = fd;
	return 0;
}

/* Opened at first use; several threads may come at once. */
static int need_lease(struct hfcache *c, struct error *err)
{
	int none = LEASE_CLOSED, fd = -1;

	if (c->lease != LEASE_CLOSED)
		return 0;
	if (open_lease(c, &fd, err))
		return -1;
	if (!atomic_compare_exchange_strong(&c->lease, &none, fd))
		close_fd(&fd);
	return 0;
}

/* errno: why the lease is open for reading only, as sharing it needs. */
static void ask_why(const struct hfcache *c)
{
	int fd = openat(c->fd, ".locks/" LEASE_NAME,
			O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	close_fd(&fd);
	errno = EACCES; /* it was so then */
}

/* 1: locked, 0: someone holds it, -1. */
static int try_lock(const struct hfcache *c, struct flock l, struct error *err)
{
	while (fcntl(c->lease, F_OFD_SETLK, &l)) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EACCES)
			return 0;
		if (errno == EBADF)
			ask_why(c);
		return err_sys(err, errno, "%s/.locks/" LEASE_NAME, c->root);
	}
	return 1;
}

int lease_share(struct hfcache *c, const char *folder, struct error *err)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	uint64_t begin = clock_ms();
	struct error ignored = { 0 };
	int locked;

	traces_note(c, folder);
	/* a cache that we cannot write to: nothing of ours will appear there */
	if (need_lease(c, &ignored) || c->lease < 0)
		return 0;
	while (!(locked = try_lock(c, lock_of(folder, F_RDLCK), err))) {
		if (clock_ms() - begin >= WAIT_MS)
			return err_set(err, ERR_BUSY,
				       "%s/%s: another process is deleting "
				       "there",
				       c->root, folder);
		nanosleep(&pause, NULL);
	}
	return locked < 0 ? -1 : 0;
}

int lease_take(struct hfcache *c, const char *folder, struct error *err)
{
	int locked;

	if (need_lease(c, err))
		return -1;
	assert(c->lease >= 0); /* nobody deletes where nobody deletes */
	locked = try_lock(c, lock_of(folder, F_WRLCK), err);
	if (!locked)
		return err_set(err, ERR_BUSY,
			       "%s/%s: another itts-pack is working there",
			       c->root, folder);
	return locked < 0 ? -1 : 0;
}

bool lease_is_held(const struct hfcache *c, const char *folder)
{
	struct flock l = lock_of(folder, F_WRLCK);
	int fd CLEANUP(close_fd) = -1;
	int dirfd CLEANUP(close_fd) = beneath_open_dir(c->fd, ".locks");

	if (dirfd >= 0)
		fd = openat(dirfd, LEASE_NAME,
			    O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && !fcntl(fd, F_OFD_GETLK, &l) && l.l_type != F_UNLCK;
}

void lease_drop(struct hfcache *c, const char *folder)
{
	struct flock l = lock_of(folder, F_UNLCK);

	if (c->lease >= 0 && fcntl(c->lease, F_OFD_SETLK, &l))
		errno = 0;
}
