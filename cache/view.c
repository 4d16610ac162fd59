#include "cache/view.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/checked.h"
#include "cache/place.h"
#include "cache/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_model_dir(const char *dir, int *out, struct error *err)
{
	if (file_mkdirs(AT_FDCWD, dir, err))
		return -1;
	*out = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out < 0 ? err_sys(err, errno, "%s", dir) : 0;
}

/* One view_place(): what goes where, in the order of the bytes. */
struct plan {
	struct placer placer;
	const struct lock *lock;
	struct hfcache **hubs; /* by repo; NULL: none, or the store itself */
	struct placement *items;
	size_t count, cap;
	struct recorded recorded;
};

static void plan_release(struct plan *p)
{
	for (size_t i = 0; p->hubs && i < p->lock->repo_count; i++)
		hfcache_close(&p->hubs[i]);
	free_ptr(&p->hubs);
	free_ptr(&p->items);
	recorded_release(&p->recorded);
	placer_release(&p->placer);
}

/* The Hub view of a repo as a cache of its own; *out stays NULL where that is
 * the store itself. */
static int open_hub_view(const struct placer *p, const struct lock_repo *repo,
			 struct hfcache **out, struct error *err)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s/%s", p->model_dir,
						 repo->hub_view);
	int fd CLEANUP(close_fd) = -1;

	if (file_open_beneath(p->dirfd, repo->hub_view, true, &fd, err))
		return err_inside(err, "%s", p->model_dir);
	if (!file_same(fd, hfcache_fd(p->store)))
		store_from_fd(out, take_fd(&fd), name, true);
	return 0;
}

static void add(struct plan *p, const struct lock_repo *repo,
		const struct lock_file *file, const char *view)
{
	p->items = xgrow(p->items, &p->cap, p->count + 1, sizeof(*p->items));
	p->items[p->count++] =
		(struct placement){ .repo = repo, .file = file, .view = view };
}

static int plan_repo(struct plan *p, size_t i, struct error *err)
{
	const struct lock_repo *repo = &p->lock->repos[i];

	if (repo->hub_view && open_hub_view(&p->placer, repo, &p->hubs[i], err))
		return -1;
	for (size_t k = 0; k < repo->file_count; k++) {
		const struct lock_file *file = &repo->files[k];

		if (p->hubs[i])
			add(p, repo, file, NULL);
		for (char **view = file->views; view && *view; view++)
			add(p, repo, file, *view);
	}
	return 0;
}

/* Equal bytes side by side, in the order of the lock otherwise. */
static int by_bytes(const void *a, const void *b)
{
	const struct placement *x = a, *y = b;
	int order = digest_cmp(store_want(x->file), store_want(y->file));

	if (order)
		return order;
	/* in the lock's order, not in that of the heap */
	if (x->repo != y->repo)
		return x->repo < y->repo ? -1 : 1;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	/* the blob of the Hub view first */
	return !y->view - !x->view;
}

static int place_all(struct plan *p, struct error *err)
{
	struct event ev = { .type = EVENT_PLAN,
			    .name = "place",
			    .items = p->count };

	for (size_t i = 0; i < p->count; i++)
		ev.total += p->items[i].file->size;
	event_emit(p->placer.sink, &ev);
	if (p->count)
		qsort(p->items, p->count, sizeof(*p->items), by_bytes);
	for (size_t i = 0; i < p->count; i++) {
		if (cancel_check(p->placer.cancel, err) ||
		    place_file(&p->placer, &p->items[i], (unsigned)i, err))
			return -1;
	}
	return 0;
}

/* Makes the blobs of a Hub view visible. */
static int finish_hub_view(struct hfcache *hub, const struct lock_repo *repo,
			   struct error *err)
{
	enum ref_change change;
	char old[41];

	for (size_t i = 0; i < repo->file_count; i++)
		if (hfcache_link(hub, repo, &repo->files[i], err))
			return -1;
	if (hfcache_write_tree(hub, repo, err) ||
	    hfcache_make_refs(hub, repo, err))
		return -1;
	for (size_t i = 0; i < repo->refs.count; i++)
		if (hfcache_set_ref(hub, repo, repo->refs.items[i], false,
				    &change, old, err))
			return -1;
	return 0;
}

static bool is_recorded(int dirfd, const char *name, const struct lock *l)
{
	int fd CLEANUP(close_fd) = -1;
	struct error unread = { 0 };
	struct digest has, want;
	struct stat st;

	if (file_open_read(dirfd, name, &fd, &unread) || fstat(fd, &st) ||
	    digest_fd(DIGEST_SHA256, fd, 0, (uint64_t)st.st_size, &has,
		      &unread))
		return false;
	lock_digest(l, &want);
	return digest_equal(&has, &want);
}

struct record_writer {
	struct atomic_file file;
	int failed;
	struct error *err;
};

static void add_to_record(void *ctx, const void *p, size_t n)
{
	struct record_writer *w = ctx;

	if (!w->failed)
		w->failed = file_write_all(w->file.fd, p, n, w->file.name,
					   w->err);
}

int view_write_lock(int dirfd, const char *name, const struct lock *l,
		    struct error *err)
{
	struct record_writer w = { .file = ATOMIC_FILE_INIT, .err = err };
	int rc = atomic_open_unnamed(&w.file, dirfd, name, 0644, err);

	if (!rc) {
		lock_drain(l, add_to_record, &w);
		rc = w.failed ? -1 : atomic_commit(&w.file, err);
	}
	atomic_abort(&w.file);
	return rc;
}

/* Written last: a directory that has it is complete. */
static int write_record(int model_fd, const char *model_dir,
			const struct lock *l, struct error *err)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s.lock.json", l->name);
	int dirfd CLEANUP(close_fd) = -1;

	if (syncfs(model_fd))
		return err_sys(err, errno, "%s", model_dir);
	if (file_open_beneath(model_fd, VIEW_RECORD_DIR, true, &dirfd, err))
		return err_inside(err, "%s", model_dir);
	if (!is_recorded(dirfd, name, l) &&
	    view_write_lock(dirfd, name, l, err))
		return err_inside(err, "%s/" VIEW_RECORD_DIR, model_dir);
	return 0;
}

/* For the quick check: all that was placed is right, unless it has changed since. */
static void remember(const struct plan *p)
{
	static const struct digest none = { 0 };
	struct checked k CLEANUP(checked_release) = CHECKED_INIT;
	struct error ignored = { 0 };

	checked_open(&k, p->placer.dirfd, CHECKED_VIEW_DIR, CHECKED_VIEW_NAME,
		     false);
	for (size_t i = 0; i < p->count; i++) {
		const struct placement *at = &p->items[i];
		char *path CLEANUP(free_ptr) = placement_path(at);
		struct stamp s;
		struct stat st;

		if (beneath_stat(p->placer.dirfd, path, &st) != BENEATH_FILE)
			continue;
		stamp_read(&s, &st);
		if (s.ino == at->ino && s.mtime == at->mtime &&
		    s.size == at->file->size)
			checked_add_made(&k, &s, store_want(at->file), &none);
	}
	/* a help and no more */
	if (checked_save(&k, false, &ignored))
		err_clear(&ignored);
}

static int place_lock(struct plan *p, int dirfd, struct error *err)
{
	const struct lock *l = p->lock;

	p->placer.dirfd = dirfd;
	p->hubs = xcalloc(l->repo_count + 1, sizeof(struct hfcache *));
	for (size_t i = 0; i < l->repo_count; i++)
		if (plan_repo(p, i, err))
			return -1;
	if (place_all(p, err))
		return -1;
	for (size_t i = 0; i < l->repo_count; i++)
		if (p->hubs[i] &&
		    finish_hub_view(p->hubs[i], &l->repos[i], err))
			return -1;
	return 0;
}

/* Into the model directory of the placer; *dirfd is open then. */
static int place_into(struct plan *p, int *dirfd, struct view_stats *out,
		      struct error *err)
{
	p->recorded.model_dir = p->placer.model_dir;
	p->placer.recorded = &p->recorded;
	if (open_model_dir(p->placer.model_dir, dirfd, err) ||
	    place_lock(p, *dirfd, err))
		return -1;
	*out = p->placer.stats;
	return 0;
}

int view_place(struct hfcache *c, const struct lock *l, const char *model_dir,
	       const struct cancel *cancel, const struct event_sink *sink,
	       struct view_stats *out, struct error *err)
{
	int dirfd CLEANUP(close_fd) = -1;
	struct plan p CLEANUP(plan_release) = { .placer = PLACER_INIT,
						.lock = l };

	p.placer.store = c;
	p.placer.model_dir = model_dir;
	p.placer.cancel = cancel;
	p.placer.sink = sink;
	if (place_into(&p, &dirfd, out, err))
		return -1;
	if (write_record(dirfd, model_dir, l, err))
		return -1;
	recorded_release(&p.recorded);
	remember(&p);
	return 0;
}

int view_mend(struct hfcache *c, const struct lock *part, const char *model_dir,
	      const struct cancel *cancel, const struct event_sink *sink,
	      struct view_stats *out, struct error *err)
{
	int dirfd CLEANUP(close_fd) = -1;
	struct plan p CLEANUP(plan_release) = { .placer = PLACER_INIT,
						.lock = part };

	p.placer.store = c;
	p.placer.model_dir = model_dir;
	p.placer.cancel = cancel;
	p.placer.sink = sink;
	if (place_into(&p, &dirfd, out, err))
		return -1;
	if (syncfs(dirfd))
		return err_sys(err, errno, "%s", model_dir);
	recorded_release(&p.recorded);
	remember(&p);
	return 0;
}

int view_record(const char *model_dir, const struct lock *l, struct error *err)
{
	int dirfd CLEANUP(close_fd) = -1;

	if (open_model_dir(model_dir, &dirfd, err))
		return -1;
	return write_record(dirfd, model_dir, l, err);
}
