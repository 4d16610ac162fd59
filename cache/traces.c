#include "cache/traces.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/checked.h"
#include "cache/held.h"
#include "cache/lease.h"
#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel's time of files lags behind its clock by a tick or two. */
#define LAG_NS 50000000

/* --- while the cache is open ------------------------------------------------ */

static bool has(const struct hfcache *c, const char *a, const char *b)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/%s", a, b);

	return !faccessat(c->fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

void traces_begin(struct hfcache *c)
{
	c->traces.had_lock = has(c, ".locks", HFCACHE_INSTALL_LOCK);
}

static void add(struct hfcache *c, const char *folder)
{
	struct traces *t = &c->traces;
	struct trace *new;

	/* one repo after the other: it is mostly the last */
	for (size_t i = t->count; i-- > 0;)
		if (!strcmp(t->items[i].folder, folder))
			return;
	t->items = xgrow(t->items, &t->cap, t->count + 1, sizeof(*t->items));
	new = &t->items[t->count++];
	*new = (struct trace){
		.folder = xstrdup(folder),
		.had_folder = has(c, folder, "."),
		.had_blobs = has(c, folder, "blobs"),
		.had_snapshots = has(c, folder, "snapshots"),
		.had_refs = has(c, folder, "refs"),
		.had_locks = has(c, ".locks", folder),
	};
}

void traces_note(struct hfcache *c, const char *folder)
{
	if (c->lease == LEASE_NEVER)
		return;
	pthread_mutex_lock(&c->notes_lock);
	add(c, folder);
	pthread_mutex_unlock(&c->notes_lock);
}

void traces_locked(struct hfcache *c)
{
	atomic_fetch_add(&c->traces.unnamed, 1);
}

void traces_named(struct hfcache *c)
{
	atomic_fetch_sub(&c->traces.unnamed, 1);
	traces_came(c);
}

void traces_came(struct hfcache *c)
{
	c->traces.came = true;
}

/* --- when it is closed -------------------------------------------------------- */

/* Nobody writes to a lock file: its time is that of its making. */
static bool is_ours(const struct hfcache *c, const struct trace *t,
		    const struct stat *st)
{
	int64_t made = (int64_t)st->st_mtim.tv_sec * 1000000000 +
		       st->st_mtim.tv_nsec;

	return S_ISREG(st->st_mode) && !st->st_size &&
	       (!t->had_locks || made + LAG_NS >= c->opened);
}

/* Did anything come of the lock? A part is taken up by the next run. */
static bool has_blob(const struct hfcache *c, const struct trace *t,
		     const char *lock)
{
	char *blob CLEANUP(free_ptr) = xasprintf(
		"blobs/%.*s", (int)(strlen(lock) - strlen(".lock")), lock);
	char *part CLEANUP(free_ptr) = xasprintf("%s" PART_SUFFIX, blob);

	return has(c, t->folder, blob) || has(c, t->folder, part);
}

/* False: another process is at it. Who waits for the lock finds, once he has it, that
 * the file has no name any more. */
static bool drop_lock(int dirfd, const char *name, const struct stat *seen)
{
	struct stat st;
	int fd CLEANUP(close_fd) = openat(
		dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) || st.st_ino != seen->st_ino ||
	    flock(fd, LOCK_EX | LOCK_NB))
		return false;
	return !unlinkat(dirfd, name, 0);
}

/* False: something of the repo is in use. */
static bool drop_locks(const struct hfcache *c, const struct trace *t)
{
	char *path CLEANUP(free_ptr) = xasprintf(".locks/%s", t->folder);
	DIR *dir = file_dir_take(beneath_open_dir(c->fd, path));
	bool idle = true;
	struct dirent *d;
	int failed;

	while (dir && idle && (d = file_dir_next(dir, &failed))) {
		struct stat st;

		if (!str_ends(d->d_name, ".lock") ||
		    fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !is_ours(c, t, &st) || has_blob(c, t, d->d_name))
			continue;
		idle = drop_lock(dirfd(dir), d->d_name, &st);
	}
	if (dir)
		closedir(dir);
	return idle;
}

/* Of a repo with blobs all three have to be there, for scanners of caches. */
static bool is_bare(const struct hfcache *c, const struct trace *t)
{
	static const char *const names[] = { "blobs", "snapshots", "refs" };
	bool bare = true;

	for (size_t i = 0; i < ARRAY_LEN(names) && bare; i++) {
		char *path CLEANUP(free_ptr) = xasprintf("%s/%s", t->folder,
							 names[i]);
		DIR *dir = file_dir_take(beneath_open_dir(c->fd, path));
		int failed = 0;

		bare = dir ? !file_dir_next(dir, &failed) && !failed
			   : !has(c, t->folder, names[i]);
		if (dir)
			closedir(dir);
	}
	return bare;
}

/* Only what is empty: what somebody puts there meanwhile stays. */
static void drop_dir(const struct hfcache *c, const char *a, const char *b)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/%s", a, b);

	if (unlinkat(c->fd, path, AT_REMOVEDIR))
		errno = 0;
}

static void drop_dirs(const struct hfcache *c, const struct trace *t)
{
	if (!t->had_snapshots)
		drop_dir(c, t->folder, "snapshots");
	if (!t->had_refs)
		drop_dir(c, t->folder, "refs");
	if (!t->had_blobs)
		drop_dir(c, t->folder, "blobs");
	if (!t->had_folder && unlinkat(c->fd, t->folder, AT_REMOVEDIR))
		errno = 0;
}

static void drop_install_lock(const struct hfcache *c)
{
	int dir CLEANUP(close_fd) = beneath_open_dir(c->fd, ".locks");
	struct stat st;

	if (dir >= 0 &&
	    !fstatat(dir, HFCACHE_INSTALL_LOCK, &st, AT_SYMLINK_NOFOLLOW))
		(void)drop_lock(dir, HFCACHE_INSTALL_LOCK, &st);
}

/* Also by a client that began long before. */
static bool is_held(const struct hfcache *c, const struct trace *t)
{
	struct held h = HELD_INIT;
	bool held;

	held_open(&h, c, t->folder);
	held = held_any(&h) || h.failed;
	held_close(&h);
	return held;
}

static void end_repo(struct hfcache *c, const struct trace *t)
{
	struct error busy = { 0 };

	if (lease_take(c, t->folder, &busy))
		return;
	if (!is_held(c, t) && drop_locks(c, t)) {
		if (is_bare(c, t))
			drop_dirs(c, t);
		if (!t->had_locks)
			drop_dir(c, ".locks", t->folder);
	}
	lease_drop(c, t->folder);
}

void traces_end(struct hfcache *c)
{
	struct traces *t = &c->traces;

	for (size_t i = 0; i < t->count; i++) {
		/* the lease of a cache that cannot be written is not to be had */
		if (t->unnamed && c->lease >= 0)
			end_repo(c, &t->items[i]);
		free_ptr(&t->items[i].folder);
	}
	free_ptr(&t->items);
	t->count = t->cap = 0;
	if (!t->came && !t->had_lock && c->writable && c->lease != LEASE_NEVER)
		drop_install_lock(c);
}
