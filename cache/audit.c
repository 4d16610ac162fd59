#include "cache/audit.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/derive.h"
#include "cache/hashrun.h"
#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void audit_release(struct audit *a)
{
	free_ptr(&a->files);
	*a = (struct audit){ 0 };
}

/* Made anew each time it is asked for: kept they would be most of the memory. */
char *audit_path(const struct audit_file *f)
{
	return f->own ? store_snapshot_path(f->repo, f->file->path)
		      : store_blob_path(f->repo, &f->file->etag);
}

int audit_place_cmp(const struct audit_file *a, const struct audit_file *b)
{
	int order;

	if (a->own != b->own)
		return a->own ? 1 : -1;
	if (a->repo->type != b->repo->type)
		return a->repo->type < b->repo->type ? -1 : 1;
	order = strcmp(a->repo->id, b->repo->id);
	if (order)
		return order;
	if (!a->own)
		return digest_cmp(&a->file->etag, &b->file->etag);
	order = strcmp(a->repo->commit, b->repo->commit);
	return order ? order : strcmp(a->file->path, b->file->path);
}

const char *blob_state_name(enum blob_state s)
{
	static const char *const names[] = {
		[BLOB_MISSING] = "missing",
		[BLOB_OK] = "right",
		[BLOB_WRONG_SIZE] = "wrong size",
		[BLOB_WRONG_DIGEST] = "wrong digest",
		[BLOB_UNREADABLE] = "cannot be read",
		[BLOB_NOT_FILE] = "not a regular file",
	};

	return names[s];
}

struct pending {
	struct audit_file *file;
	struct stamp stamp; /* as it was before it was read */
};

struct auditor {
	struct hfcache *cache;
	const struct verify_options *o;
	struct audit *out;
	struct hash_task *tasks;
	size_t count; /* of tasks */
	struct pending
		*pending; /* files to be read, the same bytes side by side */
	size_t pending_count, pending_cap;
};

static void auditor_release(struct auditor *a)
{
	free_ptr(&a->tasks);
	free_ptr(&a->pending);
}

/* A link must lead to the very blob. */
static bool leads_to_blob(const struct auditor *a, const char *snap,
			  const struct stat *blob)
{
	struct stat st;

	return beneath_stat(a->cache->fd, snap, &st) == BENEATH_FILE &&
	       st.st_dev == blob->st_dev && st.st_ino == blob->st_ino;
}

static bool is_known(const struct auditor *a, const struct stat *st,
		     const struct digest *want)
{
	bool first;

	return a->o->checked && checked_knows(a->o->checked, st, want, &first);
}

static void add_pending(struct auditor *a, struct audit_file *f,
			const struct stat *st)
{
	struct pending *p;

	a->pending = xgrow(a->pending, &a->pending_cap, a->pending_count + 1,
			   sizeof(*a->pending));
	p = &a->pending[a->pending_count++];
	p->file = f;
	stamp_read(&p->stamp, st);
}

/* What can be seen without reading; what is worth reading becomes a task. */
static void look(struct auditor *a, size_t i)
{
	struct audit_file *f = &a->out->files[i];
	char *snap CLEANUP(free_ptr) = store_snapshot_path(f->repo,
							   f->file->path);
	char *path CLEANUP(free_ptr) = NULL;
	struct stat st;
	enum beneath b;

	f->own = !fstatat(a->cache->fd, snap, &st, AT_SYMLINK_NOFOLLOW) &&
		 S_ISREG(st.st_mode);
	path = audit_path(f);
	b = beneath_stat(a->cache->fd, path, &st);
	f->unlinked = !f->own &&
		      (b != BENEATH_FILE || !leads_to_blob(a, snap, &st));
	if (b != BENEATH_FILE) {
		f->state = b == BENEATH_MISSING	 ? BLOB_MISSING
			   : b == BENEATH_FAILED ? BLOB_UNREADABLE
						 : BLOB_NOT_FILE;
		return;
	}
	f->size = (uint64_t)st.st_size;
	f->state = BLOB_OK;
	if (f->file->size != DERIVE_NO_SIZE && f->file->size != f->size)
		f->state = BLOB_WRONG_SIZE;
	else if (!is_known(a, &st, store_want(f->file)))
		add_pending(a, f, &st);
}

/* Revisions share most of their blobs: each is read once. */
static int by_bytes(const void *x, const void *y)
{
	const struct pending *p = x, *q = y;
	const struct stamp *s = &p->stamp, *t = &q->stamp;

	if (s->dev != t->dev)
		return s->dev < t->dev ? -1 : 1;
	if (s->ino != t->ino)
		return s->ino < t->ino ? -1 : 1;
	return digest_cmp(store_want(p->file->file), store_want(q->file->file));
}

static void plan(struct auditor *a)
{
	const struct pending *p = a->pending;

	a->tasks = xcalloc(a->pending_count + 1, sizeof(*a->tasks));
	if (a->pending_count)
		qsort(a->pending, a->pending_count, sizeof(*p), by_bytes);
	for (size_t i = 0; i < a->pending_count; i++, p++) {
		if (i && !by_bytes(p - 1, p))
			continue;
		a->tasks[a->count++] = (struct hash_task){
			.item = p->file,
			.name = p->file->file->path,
			.size = p->file->size,
			.want = *store_want(p->file->file),
		};
	}
}

static int open_task(void *ctx, const struct hash_task *task, int *fd,
		     uint64_t *offset, struct error *err)
{
	const struct auditor *a = ctx;
	char *path CLEANUP(free_ptr) = audit_path(task->item);
	struct stat st;

	*offset = 0;
	return beneath_open(a->cache->fd, path, fd, &st) == BENEATH_FILE
		       ? 0
		       : err_sys(err, errno, "%s", path);
}

static void remember(struct auditor *a, const struct hash_task *t,
		     const struct stamp *before)
{
	char *path CLEANUP(free_ptr) = audit_path(t->item);
	struct stamp now;
	struct stat st;

	if (!a->o->checked ||
	    beneath_stat(a->cache->fd, path, &st) != BENEATH_FILE)
		return;
	stamp_read(&now, &st);
	if (stamp_same(&now, before))
		checked_add(a->o->checked, &now, &t->want);
}

static void judge(struct auditor *a)
{
	const struct hash_task *t = a->tasks;
	const struct pending *p = a->pending;

	for (size_t i = 0; i < a->pending_count; i++, p++) {
		bool first = !i || by_bytes(p - 1, p) != 0;

		t += i && first;
		if (!digest_equal(&t->got, &t->want))
			p->file->state = t->sys ? BLOB_UNREADABLE
						: BLOB_WRONG_DIGEST;
		else if (first)
			remember(a, t, &p->stamp);
	}
}

static void count(struct audit *out)
{
	for (size_t i = 0; i < out->count; i++) {
		out->bad += out->files[i].state != BLOB_OK;
		out->unlinked += out->files[i].state == BLOB_OK &&
				 out->files[i].unlinked;
	}
}

int audit_lock(struct hfcache *c, struct lock *l,
	       const struct verify_options *o, struct audit *out,
	       struct error *err)
{
	struct auditor a CLEANUP(
		auditor_release) = { .cache = c, .o = o, .out = out };
	struct hash_run run = {
		.threads = o->threads,
		.open = open_task,
		.ctx = &a,
		.cancel = o->cancel,
		.sink = o->sink,
		.phase = "checking what is there",
	};
	size_t n = 0;

	for (size_t i = 0; i < l->repo_count; i++)
		n += l->repos[i].file_count;
	out->files = xcalloc(n + 1, sizeof(*out->files));
	for (size_t i = 0; i < l->repo_count; i++)
		for (size_t k = 0; k < l->repos[i].file_count; k++)
			out->files[out->count++] = (struct audit_file){
				.repo = &l->repos[i],
				.file = &l->repos[i].files[k],
			};
	for (size_t i = 0; i < out->count; i++)
		look(&a, i);
	plan(&a);
	run.tasks = a.tasks;
	run.count = a.count;
	if (a.count && hash_run(&run, err))
		return -1;
	judge(&a);
	count(out);
	return 0;
}
