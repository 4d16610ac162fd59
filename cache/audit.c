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
	for (size_t i = 0; i < a->count; i++)
		free_ptr(&a->files[i].path);
	free_ptr(&a->files);
	*a = (struct audit){ 0 };
}

const char *blob_state_name(enum blob_state s)
{
	static const char *const names[] = {
		[BLOB_MISSING] = "missing",
		[BLOB_OK] = "right",
		[BLOB_WRONG_SIZE] = "wrong size",
		[BLOB_WRONG_DIGEST] = "wrong digest",
		[BLOB_NOT_FILE] = "not a regular file",
	};

	return names[s];
}

struct auditor {
	struct hfcache *cache;
	const struct verify_options *o;
	struct audit *out;
	struct hash_task *tasks;
	size_t count; /* of tasks */
	/* one a file of out: as it was before it was read */
	struct stamp *stamps;
	size_t *order; /* files to be read, the same bytes side by side */
	size_t pending;
};

static void auditor_release(struct auditor *a)
{
	free_ptr(&a->tasks);
	free_ptr(&a->stamps);
	free_ptr(&a->order);
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

/* What can be seen without reading; what is worth reading becomes a task. */
static void look(struct auditor *a, size_t i)
{
	struct audit_file *f = &a->out->files[i];
	char *snap CLEANUP(free_ptr) = store_snapshot_path(f->repo,
							   f->file->path);
	struct stat st;
	bool own = !fstatat(a->cache->fd, snap, &st, AT_SYMLINK_NOFOLLOW) &&
		   S_ISREG(st.st_mode);
	enum beneath b;

	f->path = own ? take_ptr(snap)
		      : store_blob_path(f->repo, &f->file->etag);
	b = beneath_stat(a->cache->fd, f->path, &st);
	f->unlinked = !own &&
		      (b != BENEATH_FILE || !leads_to_blob(a, snap, &st));
	if (b != BENEATH_FILE) {
		f->state = b == BENEATH_MISSING ? BLOB_MISSING : BLOB_NOT_FILE;
		return;
	}
	f->size = (uint64_t)st.st_size;
	f->state = BLOB_OK;
	if (f->file->size != DERIVE_NO_SIZE && f->file->size != f->size)
		f->state = BLOB_WRONG_SIZE;
	else if (!is_known(a, &st, store_want(f->file)))
		a->order[a->pending++] = i;
	stamp_read(&a->stamps[i], &st);
}

/* Revisions share most of their blobs: each is read once. */
static int by_bytes(const void *x, const void *y, void *ctx)
{
	const struct auditor *a = ctx;
	size_t i = *(const size_t *)x, k = *(const size_t *)y;
	const struct stamp *s = &a->stamps[i], *t = &a->stamps[k];

	if (s->dev != t->dev)
		return s->dev < t->dev ? -1 : 1;
	if (s->ino != t->ino)
		return s->ino < t->ino ? -1 : 1;
	return digest_cmp(store_want(a->out->files[i].file),
			  store_want(a->out->files[k].file));
}

static void plan(struct auditor *a)
{
	a->tasks = xcalloc(a->pending + 1, sizeof(*a->tasks));
	if (a->pending)
		qsort_r(a->order, a->pending, sizeof(*a->order), by_bytes, a);
	for (size_t i = 0; i < a->pending; i++) {
		const struct audit_file *f = &a->out->files[a->order[i]];

		if (i && !by_bytes(&a->order[i - 1], &a->order[i], a))
			continue;
		a->tasks[a->count++] = (struct hash_task){
			.item = f,
			.name = f->file->path,
			.size = f->size,
			.want = *store_want(f->file),
		};
	}
}

static int open_task(void *ctx, const struct hash_task *task, int *fd,
		     uint64_t *offset, struct error *err)
{
	const struct auditor *a = ctx;
	const struct audit_file *f = task->item;
	struct stat st;

	*offset = 0;
	return beneath_open(a->cache->fd, f->path, fd, &st) == BENEATH_FILE
		       ? 0
		       : err_sys(err, errno, "%s", f->path);
}

static void remember(struct auditor *a, const struct hash_task *t,
		     const struct stamp *before)
{
	const struct audit_file *f = t->item;
	struct stamp now;
	struct stat st;

	if (!a->o->checked ||
	    beneath_stat(a->cache->fd, f->path, &st) != BENEATH_FILE)
		return;
	stamp_read(&now, &st);
	if (stamp_same(&now, before))
		checked_add(a->o->checked, &now, &t->want);
}

static void judge(struct auditor *a)
{
	const struct hash_task *t = a->tasks;

	for (size_t i = 0; i < a->pending; i++) {
		struct audit_file *f = &a->out->files[a->order[i]];
		bool first = !i ||
			     by_bytes(&a->order[i - 1], &a->order[i], a) != 0;

		t += i && first;
		if (!digest_equal(&t->got, &t->want))
			f->state = BLOB_WRONG_DIGEST;
		else if (first)
			remember(a, t, &a->stamps[a->order[i]]);
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
	a.stamps = xcalloc(n + 1, sizeof(*a.stamps));
	a.order = xcalloc(n + 1, sizeof(*a.order));
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
