#include "cache/gc.h"
#include "cache/gc_priv.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/lease.h"
#include "cache/store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Longer than any client needs from finding a blob to linking to it. */
#define SETTLE_NS 400000000L
#define DEPTH_MAX 66

struct runner {
	struct hfcache *cache;
	const struct gc_rules *rules;
	struct gc_report *out;
	struct foreign foreign;
	struct strlist leased; /* folders */
};

static void runner_release(struct runner *r)
{
	for (size_t i = 0; i < r->leased.count; i++)
		lease_drop(r->cache, r->leased.items[i]);
	strlist_release(&r->leased);
	foreign_release(&r->foreign);
}

static void fail(struct gc_item *it, int errnum)
{
	it->state = GC_FAILED;
	free_ptr(&it->detail);
	it->detail = xstrdup(strerrordesc_np(errnum));
}

/* Below the root. Caller frees. */
static char *path_of(const struct gc_item *it)
{
	return *it->path ? xasprintf("%s/%s", it->folder, it->path)
			 : xstrdup(it->folder);
}

/* --- deleting trees ------------------------------------------------------------ */

/* 0 or an errno. NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static int delete_tree(int parent, const char *name, unsigned depth)
{
	DIR *dir = file_dir_open(parent, name);
	struct dirent *d;
	int failed = 0;

	if (!dir) {
		failed = errno;
		if (failed == ENOTDIR || failed == ELOOP)
			failed = unlinkat(parent, name, 0) ? errno : 0;
		return failed == ENOENT ? 0 : failed;
	}
	while (!failed && (d = file_dir_next(dir, &failed))) {
		if (depth == DEPTH_MAX)
			failed = ELOOP;
		else
			failed = delete_tree(dirfd(dir), d->d_name, depth + 1);
	}
	closedir(dir);
	if (!failed && unlinkat(parent, name, AT_REMOVEDIR) && errno != ENOENT)
		failed = errno;
	return failed;
}

/* --- first: only names change -------------------------------------------------- */

/* The lock of Python's client for a blob, if nobody has it. "": no blob. */
static int try_blob_lock(struct runner *r, const struct gc_item *it, int *fd)
{
	const char *name = path_base(it->path);
	char *dir CLEANUP(free_ptr) = xasprintf(".locks/%s", it->folder);
	char *lock CLEANUP(free_ptr) = xasprintf("%.*s.lock",
						 (int)strcspn(name, "."), name);
	int dirfd CLEANUP(close_fd) = -1;
	struct error why = { 0 };

	if (file_open_beneath(r->cache->fd, dir, true, &dirfd, &why) ||
	    file_lock(dirfd, lock, 0, fd, &why))
		return why.code == ERR_BUSY ? EBUSY : why.sys ? why.sys : EIO;
	return 0;
}

static void hide_blob(struct runner *r, struct gc_item *it)
{
	char *path CLEANUP(free_ptr) = path_of(it);
	int lockfd CLEANUP(close_fd) = -1;
	int failed = try_blob_lock(r, it, &lockfd);

	if (failed == EBUSY) {
		it->state = GC_LOCKED;
		return;
	}
	it->trash = xasprintf("%s.%08" PRIx32 TRASH_SUFFIX, path,
			      clock_jitter());
	if (!failed && renameat(r->cache->fd, path, r->cache->fd, it->trash))
		failed = errno;
	if (failed)
		free_ptr(&it->trash);
	if (failed == ENOENT)
		it->state = GC_DELETED;
	else if (failed)
		fail(it, failed);
}

/* A part belongs to whoever has the lock; nobody has. */
static void delete_part(struct runner *r, struct gc_item *it)
{
	char *path CLEANUP(free_ptr) = path_of(it);
	int lockfd CLEANUP(close_fd) = -1;
	int failed = try_blob_lock(r, it, &lockfd);

	it->state = failed == EBUSY ? GC_LOCKED : GC_DELETED;
	if (!failed && unlinkat(r->cache->fd, path, 0) && errno != ENOENT)
		failed = errno;
	if (failed && failed != EBUSY)
		fail(it, failed);
}

static void delete_link(struct runner *r, struct gc_item *it)
{
	char *path CLEANUP(free_ptr) = path_of(it);

	it->state = GC_DELETED;
	if (unlinkat(r->cache->fd, path, 0) && errno != ENOENT)
		fail(it, errno);
}

/* What makes a revision visible goes first: whatever happens then, no ref leads
 * to nothing. */
static int delete_refs(struct runner *r, const struct gc_item *it,
		       const struct census *repo)
{
	const char *commit = path_base(it->path);

	assert(repo);
	for (size_t i = 0; i < repo->ref_count; i++) {
		char *path CLEANUP(free_ptr) = xasprintf(
			"%s/refs/%s", it->folder, repo->refs[i].name);

		if (!strcmp(repo->refs[i].commit, commit) &&
		    unlinkat(r->cache->fd, path, 0) && errno != ENOENT)
			return errno;
	}
	return 0;
}

static void delete_listing(struct runner *r, const struct gc_item *it)
{
	const char *commit = path_base(it->path);
	char *tree CLEANUP(free_ptr) = xasprintf("%s/trees/%s.json", it->folder,
						 commit);
	char *none CLEANUP(free_ptr) = xasprintf("%s/.no_exist", it->folder);
	int fd CLEANUP(close_fd) = -1;

	/* harmless where they stay */
	if (unlinkat(r->cache->fd, tree, 0))
		errno = 0;
	fd = openat(r->cache->fd, none,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && delete_tree(fd, commit, 0))
		errno = 0;
}

static void hide_dir(struct runner *r, struct gc_item *it)
{
	char *path CLEANUP(free_ptr) = path_of(it);
	char *name CLEANUP(free_ptr) = *it->path
					       ? xasprintf("%s.%s", it->folder,
							   path_base(path))
					       : xstrdup(it->folder);
	int locks CLEANUP(close_fd) = -1;
	struct error why = { 0 };

	if (file_open_beneath(r->cache->fd, ".locks", true, &locks, &why)) {
		fail(it, why.sys ? why.sys : EIO);
		return;
	}
	it->trash = xasprintf(".locks/%s.%08" PRIx32 TRASH_SUFFIX, name,
			      clock_jitter());
	if (renameat(r->cache->fd, path, r->cache->fd, it->trash)) {
		int failed = errno;

		free_ptr(&it->trash);
		if (failed == ENOENT)
			it->state = GC_DELETED;
		else
			fail(it, failed);
	}
}

static void hide_revision(struct runner *r, struct gc_item *it,
			  const struct census *repo)
{
	int failed = delete_refs(r, it, repo);

	if (failed) {
		fail(it, failed);
		return;
	}
	hide_dir(r, it);
	if (it->trash)
		delete_listing(r, it);
}

static void begin(struct runner *r, struct gc_item *it,
		  const struct census *repo)
{
	if (!gc_is_due(it))
		return;
	switch (it->kind) {
	case GC_BLOB:
		hide_blob(r, it);
		break;
	case GC_PART:
		delete_part(r, it);
		break;
	case GC_LINK:
		delete_link(r, it);
		break;
	case GC_TRASH:
		/* decided by the second look */
		it->trash = path_of(it);
		break;
	case GC_REVISION:
		hide_revision(r, it, repo);
		break;
	case GC_REPO:
		hide_dir(r, it);
		break;
	case GC_KINDS:
		break;
	}
}

static int begin_repo(struct runner *r, const char *folder,
		      const struct inuse *inuse, struct error *err)
{
	struct census repo CLEANUP(census_release) = { 0 };
	size_t from = r->out->count;
	bool mine = false;

	if (!lease_take(r->cache, folder, err)) {
		strlist_add(&r->leased, folder);
		mine = true;
	} else if (err->code != ERR_BUSY) {
		return -1;
	}
	err_clear(err);
	/* a look of its own: what was shown before may be out of date */
	if (!census_repo(r->cache, folder, CENSUS_FILES, &repo))
		return 0;
	gc_plan_repo(r->cache, &repo, r->rules, inuse, &r->foreign, r->out);
	if (!mine)
		gc_lock_out(r->out, from);
	for (size_t i = from; i < r->out->count; i++)
		begin(r, &r->out->items[i], &repo);
	return 0;
}

/* --- then: the second look ------------------------------------------------------ */

static void put_back(struct runner *r, struct gc_item *it, const char *name)
{
	int root = r->cache->fd;
	int failed = file_rename_new(root, it->trash, name);

	it->state = GC_NEEDED;
	if (!failed)
		return;
	if (failed != EEXIST) {
		fail(it, failed);
		return;
	}
	/* someone has brought it anew */
	it->state = GC_DELETED;
	failed = delete_tree(root, it->trash, 0);
	if (failed)
		fail(it, failed);
}

static bool has_ref(const struct census *repo, const char *commit)
{
	for (size_t i = 0; i < repo->ref_count; i++)
		if (!strcmp(repo->refs[i].commit, commit))
			return true;
	return false;
}

static bool tree_in_use(const struct inuse *inuse, int parent, const char *name,
			unsigned depth, int *failed);

/* An entry that is no directory. */
static bool file_in_use(const struct inuse *inuse, int parent, const char *name,
			int *failed)
{
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			*failed = errno;
		return false;
	}
	return inuse_by(inuse, st.st_dev, st.st_ino);
}

/* Is a file in this tree open? *failed: an errno where something could not be looked
 * at, else it stays. NOLINTNEXTLINE(misc-no-recursion): see above */
static bool tree_in_use(const struct inuse *inuse, int parent, const char *name,
			unsigned depth, int *failed)
{
	DIR *dir = file_dir_open(parent, name);
	struct dirent *d;
	bool found = false;
	int broken = 0;

	if (!dir && (errno == ENOTDIR || errno == ELOOP))
		return file_in_use(inuse, parent, name, failed);
	if (!dir) {
		if (errno != ENOENT)
			*failed = errno;
		return false;
	}
	while (!found && (d = file_dir_next(dir, &broken)))
		if (depth < DEPTH_MAX)
			found = tree_in_use(inuse, dirfd(dir), d->d_name,
					    depth + 1, failed);
	closedir(dir);
	if (broken)
		*failed = broken;
	return found;
}

/* The name that it had, if it must get it back; caller frees. *why (caller frees): it
 * does so only because nobody can tell, and this is the reason; else it stays NULL. */
static char *name_again(const struct runner *r, const struct gc_item *it,
			const struct census *repo, const struct inuse *inuse,
			char **why)
{
	char origin[512];
	int failed = 0;

	if (!strcmp(it->folder, ".locks"))
		return NULL;
	if (it->kind == GC_REPO) {
		if (tree_in_use(inuse, r->cache->fd, it->trash, 0, &failed))
			return xstrdup(it->folder);
		if (failed)
			*why = xasprintf("stays, not all of it can be looked "
					 "at: %s",
					 strerrordesc_np(failed));
		return failed ? xstrdup(it->folder) : NULL;
	}
	/* what cannot be read any more may need it */
	if (repo->unread)
		*why = xasprintf("stays, not all that may need it can be read: "
				 "%s",
				 repo->unread);
	if (it->kind == GC_REVISION)
		return repo->unread || has_ref(repo, path_base(it->path))
			       ? path_of(it)
			       : NULL;
	if (!gc_trash_origin(path_base(it->trash), origin, sizeof(origin)))
		return NULL;
	if (!repo->unread && !strlist_sorted_has(&repo->lacking, origin) &&
	    !(it->ino && inuse_by(inuse, it->dev, it->ino)))
		return NULL;
	return xasprintf("%s/blobs/%s", it->folder, origin);
}

static void finish(struct runner *r, struct gc_item *it,
		   const struct census *repo, const struct inuse *inuse)
{
	char *why CLEANUP(free_ptr) = NULL;
	char *name CLEANUP(free_ptr) = name_again(r, it, repo, inuse, &why);
	int failed;

	if (name) {
		put_back(r, it, name);
		if (why && it->state == GC_NEEDED) {
			it->state = GC_FAILED;
			it->detail = take_ptr(why);
		}
		return;
	}
	it->state = GC_DELETED;
	failed = delete_tree(r->cache->fd, it->trash, 0);
	if (failed)
		fail(it, failed);
}

/* Items of one repo follow one another. */
static void finish_all(struct runner *r)
{
	struct inuse inuse CLEANUP(inuse_release) = { 0 };
	struct census repo CLEANUP(census_release) = { 0 };
	const char *folder = "";

	inuse_read(&inuse);
	for (size_t i = 0; i < r->out->count; i++) {
		struct gc_item *it = &r->out->items[i];

		if (!it->trash)
			continue;
		if (strcmp(folder, it->folder) != 0) {
			census_release(&repo);
			folder = it->folder;
			if (!census_repo(r->cache, folder, CENSUS_FILES, &repo))
				repo = (struct census){ 0 };
		}
		finish(r, it, &repo, &inuse);
		/* a snapshot that is back has links again */
		if (it->kind == GC_REVISION && it->state != GC_DELETED)
			folder = "";
	}
}

/* ------------------------------------------------------------------------------- */

int gc_run(struct hfcache *c, const struct gc_rules *rules,
	   struct gc_report *out, struct error *err)
{
	const struct timespec settle = { .tv_nsec = SETTLE_NS };
	struct runner r CLEANUP(
		runner_release) = { .cache = c, .rules = rules, .out = out };
	struct strlist folders CLEANUP(strlist_release) = { 0 };
	struct inuse inuse CLEANUP(inuse_release) = { 0 };
	bool hidden = false;
	int rc = 0;

	/* one at a time: what another has renamed waits for its second look */
	if (lease_take(c, ".locks", err))
		return -1;
	strlist_add(&r.leased, ".locks");
	if (gc_folders(c, rules, &folders, err) ||
	    foreign_read(&r.foreign, c, rules->cancel, err))
		return -1;
	inuse_read(&inuse);
	out->blind = inuse.blind;
	for (size_t i = 0; i < folders.count && !rc; i++) {
		rc = cancel_check(rules->cancel, err);
		if (!rc)
			rc = begin_repo(&r, folders.items[i], &inuse, err);
	}
	if (!rc) {
		size_t from = out->count;

		gc_plan_trash(c, rules, out);
		for (size_t i = from; i < out->count; i++)
			begin(&r, &out->items[i], NULL);
	}
	for (size_t i = 0; i < out->count; i++)
		hidden |= out->items[i].trash != NULL;
	if (hidden)
		nanosleep(&settle, NULL);
	finish_all(&r);
	return rc;
}
