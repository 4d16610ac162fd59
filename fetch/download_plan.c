#include "fetch/download_plan.h"

#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/pool.h"
#include "cache/hashrun.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK	     4096u
#define LEARN_BUFFER 65536

char *plan_blob_name(const struct plan_blob *b)
{
	return xasprintf("%s %s", b->repo->id, b->file->path);
}

/* --- distinct blobs --------------------------------------------------------- */

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Two entries that compare equal are one blob. A lock that contradicts itself
 * in size or SHA-256 gets two, of which one will fail. */
static int compare_blobs(const struct lock_repo *ra, const struct lock_file *fa,
			 const struct lock_repo *rb, const struct lock_file *fb)
{
	int c = compare_u64(fb->size, fa->size); /* biggest first */

	if (c == 0)
		c = digest_cmp(&fa->etag, &fb->etag);
	if (c == 0)
		c = digest_cmp(&fa->sha256, &fb->sha256);
	if (c == 0)
		c = (int)ra->type - (int)rb->type;
	return c ? c : strcmp(ra->id, rb->id);
}

static int compare_entries(const void *a, const void *b)
{
	const struct plan_entry *x = a, *y = b;

	return compare_blobs(x->repo, x->file, y->repo, y->file);
}

static size_t count_files(const struct lock *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->repo_count; i++)
		n += l->repos[i].file_count;
	return n;
}

static void add_entries(struct plan *p, struct lock_repo *repo, bool learn)
{
	for (size_t i = 0; i < repo->file_count; i++) {
		struct lock_file *file = &repo->files[i];

		if (learn && file->sha256.alg != DIGEST_NONE)
			continue;
		p->entries[p->entry_count++] =
			(struct plan_entry){ .repo = repo, .file = file };
	}
}

void plan_make(struct plan *p, struct lock *l, bool learn)
{
	size_t files = count_files(l);

	p->lock = l;
	p->entries = xcalloc(files + 1, sizeof(*p->entries));
	p->blobs = xcalloc(files + 1, sizeof(*p->blobs));
	for (size_t i = 0; i < l->repo_count; i++)
		add_entries(p, &l->repos[i], learn);
	if (p->entry_count > 1)
		qsort(p->entries, p->entry_count, sizeof(*p->entries),
		      compare_entries);
	for (size_t i = 0; i < p->entry_count; i++) {
		struct plan_entry *e = &p->entries[i];

		if (i == 0 || compare_entries(e - 1, e) != 0)
			p->blobs[p->blob_count++] =
				(struct plan_blob){ .repo = e->repo,
						    .file = e->file,
						    .same_as = PLAN_NONE,
						    .entry = (uint32_t)i };
		e->blob = (uint32_t)(p->blob_count - 1);
	}
}

void plan_release(struct plan *p)
{
	free_ptr(&p->entries);
	free_ptr(&p->blobs);
	p->entry_count = p->blob_count = 0;
}

/* --- what is there ---------------------------------------------------------- */

/* Work on blobs by several threads; the first error stops it. */
struct survey {
	struct plan *plan;
	struct hfcache *store;
	const struct cancel *cancel;
	int (*look)(struct survey *s, struct plan_blob *b, struct error *err);
	pthread_mutex_t mutex; /* of err */
	struct error err;
};

static void survey_one(void *ctx, size_t item)
{
	struct survey *s = ctx;
	struct plan_blob *b = &s->plan->blobs[item];
	struct error err = { .code = ERR_NONE };

	if (s->look(s, b, &err) < 0) {
		pthread_mutex_lock(&s->mutex);
		if (s->err.code == ERR_NONE)
			s->err = err;
		pthread_mutex_unlock(&s->mutex);
	}
}

static int run_survey(struct survey *s, struct error *err)
{
	struct pool_job job = { .items = s->plan->blob_count,
				.threads = pool_cores(),
				.cancel = s->cancel,
				.work = survey_one,
				.ctx = s };

	pthread_mutex_init(&s->mutex, NULL);
	pool_run(&job);
	pthread_mutex_destroy(&s->mutex);
	if (cancel_check(s->cancel, err) < 0)
		return -1;
	if (s->err.code != ERR_NONE) {
		*err = s->err;
		return -1;
	}
	return 0;
}

static int open_blob(void *ctx, const struct hash_task *task, int *fd,
		     uint64_t *offset, struct error *err)
{
	const struct plan_blob *b = task->item;

	*offset = 0;
	return hfcache_blob_open(ctx, b->repo, b->file, fd, err);
}

static char *task_name(void *ctx, const struct hash_task *task)
{
	(void)ctx;
	return plan_blob_name(task->item);
}

/* Sizes of all, before the first byte is read. Returns how many fit. */
static int look_at_all(struct plan *p, struct hfcache *store, size_t *fit,
		       struct error *err)
{
	for (size_t i = 0; i < p->blob_count; i++) {
		struct plan_blob *b = &p->blobs[i];

		if (hfcache_blob_look(store, b->repo, b->file, &b->state, err))
			return -1;
		*fit += b->state == BLOB_OK;
	}
	return 0;
}

/* What changed while it was read, or cannot be read, is not right either; a read
 * error is one of the disk and ends all. */
static int judge(struct plan_blob *b, const struct hash_task *t,
		 struct error *err)
{
	if (t->failed == ERR_IO) {
		char *name CLEANUP(free_ptr) = plan_blob_name(b);

		return err_sys(err, t->sys, "%s in the cache", name);
	}
	if (t->failed || !digest_equal(&t->got, &t->want))
		b->state = BLOB_WRONG_DIGEST;
	return 0;
}

static const struct digest *wanted(const struct lock_file *f)
{
	return f->sha256.alg ? &f->sha256 : &f->etag;
}

int plan_check(struct plan *p, struct hfcache *store,
	       const struct download_options *o, struct error *err)
{
	struct hash_task *tasks CLEANUP(free_ptr) = NULL;
	struct hash_run run = { .open = open_blob,
				.name = task_name,
				.ctx = store,
				.cancel = o->cancel,
				.sink = o->sink,
				.phase = o->learn ? "checking small files"
						  : "checking what is there" };
	size_t fit = 0;

	if (look_at_all(p, store, &fit, err))
		return -1;
	if (!fit)
		return 0;
	tasks = xcalloc(fit, sizeof(*tasks));
	for (size_t i = 0; i < p->blob_count; i++) {
		struct plan_blob *b = &p->blobs[i];

		if (b->state != BLOB_OK)
			continue;
		tasks[run.count++] = (struct hash_task){
			.item = b,
			.size = b->file->size,
			.want = *wanted(b->file),
		};
	}
	run.tasks = tasks;
	if (hash_run(&run, err))
		return -1;
	for (size_t i = 0, k = 0; i < p->blob_count; i++)
		if (p->blobs[i].state == BLOB_OK &&
		    judge(&p->blobs[i], &tasks[k++], err))
			return -1;
	return 0;
}

/* --- equal bytes ------------------------------------------------------------ */

/* Entries of one content stand together: same size, then same etag. Blobs whose
 * names differ (LFS here, plain there) need the SHA-256. */
static int compare_content(const void *a, const void *b)
{
	const struct plan_blob *const *x = a, *const *y = b;
	int c = compare_u64((*x)->file->size, (*y)->file->size);

	return c ? c : digest_cmp(&(*x)->file->sha256, &(*y)->file->sha256);
}

static int share_group(struct plan *p, struct hfcache *store,
		       struct plan_blob **group, size_t count,
		       struct error *err)
{
	struct plan_blob *source = group[0];

	for (size_t i = 0; i < count; i++)
		if (group[i]->state == BLOB_OK)
			source = group[i];
	for (size_t i = 0; i < count; i++) {
		struct plan_blob *b = group[i];

		if (b == source || b->state == BLOB_OK)
			continue;
		b->same_as = (uint32_t)(source - p->blobs);
		if (source->state != BLOB_OK)
			continue;
		if (store &&
		    hfcache_blob_share(store, source->repo, source->file,
				       b->repo, b->file, err) < 0)
			return -1;
		b->state = BLOB_OK;
	}
	return 0;
}

int plan_share(struct plan *p, struct hfcache *store, struct error *err)
{
	struct plan_blob **known CLEANUP(free_ptr) = xcalloc(p->blob_count + 1,
							     sizeof(*known));
	size_t count = 0, first = 0;

	for (size_t i = 0; i < p->blob_count; i++)
		if (p->blobs[i].file->sha256.alg != DIGEST_NONE)
			known[count++] = &p->blobs[i];
	if (count > 1)
		qsort(known, count, sizeof(*known), compare_content);
	for (size_t i = 1; i <= count; i++) {
		if (i < count && compare_content(&known[first], &known[i]) == 0)
			continue;
		if (share_group(p, store, known + first, i - first, err) < 0)
			return -1;
		first = i;
	}
	return 0;
}

/* --- links ------------------------------------------------------------------- */

int plan_link(struct plan *p, struct plan_blob *b, struct hfcache *store,
	      struct error *err)
{
	for (size_t i = b->entry; i < p->entry_count; i++) {
		struct plan_entry *e = &p->entries[i];

		if (&p->blobs[e->blob] != b)
			break;
		if (!e->linked && hfcache_link(store, e->repo, e->file, err))
			return -1;
		e->linked = true;
	}
	return 0;
}

/* --- room ------------------------------------------------------------------- */

/* Bytes that an earlier run left of this blob. */
static uint64_t part_bytes(struct hfcache *store, const struct plan_blob *b)
{
	char *folder CLEANUP(free_ptr) = repo_folder(b->repo->type,
						     b->repo->id);
	char *name CLEANUP(free_ptr) = NULL;
	char hex[DIGEST_HEX_MAX];
	struct stat st;

	name = xasprintf("%s/blobs/%s.itts-part", folder,
			 digest_hex(&b->file->etag, hex));
	if (fstatat(hfcache_fd(store), name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

static uint64_t bytes_needed(struct hfcache *store, const struct plan_blob *b)
{
	uint64_t size = (b->file->size + BLOCK - 1) / BLOCK * BLOCK;
	uint64_t there = part_bytes(store, b);

	return size > there ? size - there : 0;
}

int plan_space(const struct plan *p, struct hfcache *store, struct error *err)
{
	uint64_t bytes = 0, inodes = 0, free_bytes, free_inodes;
	char need[HUMAN_MAX], have[HUMAN_MAX];

	for (size_t i = 0; i < p->blob_count; i++) {
		const struct plan_blob *b = &p->blobs[i];

		if (b->state == BLOB_OK || b->same_as != PLAN_NONE)
			continue;
		bytes += bytes_needed(store, b);
		inodes += 3; /* blob, lock, link */
	}
	if (bytes == 0 && inodes == 0)
		return 0;
	if (file_space(hfcache_fd(store), &free_bytes, &free_inodes, err) < 0)
		return err_wrap(err, "%s", hfcache_root(store));
	if (bytes > free_bytes)
		err_set(err, ERR_IO, "needs %s, %s free on %s",
			human_size(bytes, need), human_size(free_bytes, have),
			hfcache_root(store));
	else if (inodes > free_inodes)
		err_set(err, ERR_IO, "needs %llu inodes, %llu free on %s",
			(unsigned long long)inodes,
			(unsigned long long)free_inodes, hfcache_root(store));
	else
		return 0;
	err->sys = ENOSPC;
	return err_hint(err,
			"make room or choose another directory with --cache");
}

/* --- learning --------------------------------------------------------------- */

/* Both digests from one reading: what is learned is of the bytes that have the
 * git name. */
static int digest_both(int fd, const struct lock_file *file, const char *name,
		       struct digest *git, struct digest *sha256,
		       struct error *err)
{
	struct digest_ctx *a CLEANUP(digest_free) = digest_begin(file->etag.alg,
								 file->size);
	struct digest_ctx *b CLEANUP(digest_free) = digest_begin(DIGEST_SHA256,
								 file->size);
	char *buf CLEANUP(free_ptr) = xmalloc(LEARN_BUFFER);
	size_t got;

	do {
		if (file_read_full(fd, buf, LEARN_BUFFER, &got, name, err) < 0)
			return -1;
		digest_update(a, buf, got);
		digest_update(b, buf, got);
	} while (got == LEARN_BUFFER);
	digest_end(&a, git);
	digest_end(&b, sha256);
	return 0;
}

static int look_at_digest(struct survey *s, struct plan_blob *b,
			  struct error *err)
{
	char *name CLEANUP(free_ptr) = plan_blob_name(b);
	int fd CLEANUP(close_fd) = -1;
	struct digest git = { .alg = DIGEST_NONE }, sha256 = git;

	if (b->state != BLOB_OK)
		return 0;
	if (hfcache_blob_open(s->store, b->repo, b->file, &fd, err) < 0 ||
	    digest_both(fd, b->file, name, &git, &sha256, err) < 0)
		return -1;
	if (!digest_equal(&git, &b->file->etag))
		return err_set(err, ERR_INTEGRITY,
			       "%s: changed in the cache while it was read",
			       name);
	b->file->sha256 = sha256;
	return 0;
}

int plan_learn(struct plan *p, struct hfcache *store,
	       const struct cancel *cancel, struct error *err)
{
	struct survey s = { .plan = p,
			    .store = store,
			    .cancel = cancel,
			    .look = look_at_digest };

	if (run_survey(&s, err) < 0)
		return -1;
	for (size_t i = 0; i < p->entry_count; i++)
		p->entries[i].file->sha256 =
			p->blobs[p->entries[i].blob].file->sha256;
	return 0;
}
