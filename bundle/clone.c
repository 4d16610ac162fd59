#include "bundle/clone.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "bundle/bmanifest.h"

#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>

/* Divides BUNDLE_STATE_STEP, and stays in a core's own cache. */
#define SLICE ((size_t)256 << 10)
/* More than a file system's clock needs: it may also be set. */
#define SETTLED_NS 2000000000LL

/*
 * Making the clone writes back what is dirty in src and takes away the right to
 * write through mappings, so that every later change sets ctime; not on network file
 * systems, where it comes late. One that was changed just now cannot be told from
 * one that is changed once more.
 */
static bool keeps_time(int fd, struct stamp *before)
{
	struct timespec now;
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) || fstat(fd, &st) ||
	    clock_gettime(CLOCK_REALTIME, &now))
		return false;
	if (fs.f_type != XFS_SUPER_MAGIC && fs.f_type != BTRFS_SUPER_MAGIC)
		return false;
	stamp_read(before, &st);
	return !stamp_is_racy(before, (int64_t)now.tv_sec * 1000000000 +
					      now.tv_nsec - SETTLED_NS);
}

static bool is_unchanged(const struct clone *c)
{
	struct stamp now;
	struct stat st;

	if (fstat(c->src_fd, &st))
		return false;
	stamp_read(&now, &st);
	return stamp_same(&now, &c->before);
}

bool clone_make(struct clone *c)
{
	c->proven = keeps_time(c->src_fd, &c->before);
	c->sha256 = (struct digest){ 0 };
	c->err = (struct error){ 0 };
	c->done = 0;
	return file_clone_range(c->src_fd, c->src_offset, c->dst_fd,
				c->dst_offset, c->size);
}

/* --- hashing, on worker threads ---------------------------------------------- */

/* What src has in memory. false: not all of it. */
static bool at_hand(const struct clone *c, unsigned char *buf, size_t n,
		    uint64_t at)
{
	const struct iovec to = { .iov_base = buf, .iov_len = n };

	return preadv2(c->src_fd, &to, 1, (off_t)(c->src_offset + at),
		       RWF_NOWAIT) == (ssize_t)n;
}

static int read_slice(struct clone *c, bool from_src, unsigned char *buf,
		      size_t n, uint64_t at)
{
	size_t got;

	if (from_src && at_hand(c, buf, n, at))
		return 0;
	if (file_pread_full(c->dst_fd, buf, n, c->dst_offset + at, &got,
			    c->dst_name, &c->err))
		return -1;
	return got == n ? 0
			: err_set(&c->err, ERR_INTEGRITY,
				  "%s: ends at byte %" PRIu64
				  ", expected %" PRIu64,
				  c->dst_name, c->dst_offset + at + got,
				  c->dst_offset + c->size);
}

static void hash_one(struct clone *c, bool from_src,
		     const struct cancel *cancel, unsigned char *buf)
{
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(
		DIGEST_SHA256, c->size);

	for (uint64_t at = 0, n; at < c->size; at += n) {
		n = c->size - at < SLICE ? c->size - at : SLICE;
		if (cancel_check(cancel, &c->err) ||
		    read_slice(c, from_src, buf, (size_t)n, at))
			return;
		digest_update(ctx, buf, (size_t)n);
		if (c->states)
			bundle_keep_state(c->states, ctx, at + n, c->size);
		c->done = at + n;
	}
	digest_end(&ctx, &c->sha256);
}

struct hashing {
	const struct clone_job *job;
	size_t *order; /* biggest first */
	uint64_t *told;
};

static void hash_item(void *ctx, size_t item)
{
	struct hashing *h = ctx;
	struct clone *c = h->job->clones[h->order[item]];
	unsigned char *buf CLEANUP(free_ptr) = xmalloc(SLICE);

	hash_one(c, c->proven, h->job->cancel, buf);
	if (c->proven && !c->err.code && !is_unchanged(c))
		hash_one(c, false, h->job->cancel, buf);
}

static void tick(void *ctx)
{
	struct hashing *h = ctx;

	for (size_t i = 0; h->job->progress && i < h->job->count; i++) {
		uint64_t done = h->job->clones[i]->done;

		if (done > h->told[i]) {
			h->told[i] = done;
			h->job->progress(h->job->ctx, i, done);
		}
	}
}

static int bigger_first(const void *a, const void *b, void *ctx)
{
	struct clone *const *clones = ctx;
	uint64_t x = clones[*(const size_t *)a]->size;
	uint64_t y = clones[*(const size_t *)b]->size;

	return (x < y) - (x > y);
}

void clone_hash(const struct clone_job *job)
{
	size_t *order CLEANUP(free_ptr) = xcalloc(job->count, sizeof(*order));
	uint64_t *told CLEANUP(free_ptr) = xcalloc(job->count, sizeof(*told));
	struct hashing h = { .job = job, .order = order, .told = told };
	struct pool_job pool = { .items = job->count,
				 .cancel = job->cancel,
				 .work = hash_item,
				 .tick = tick,
				 .ctx = &h };

	for (size_t i = 0; i < job->count; i++)
		order[i] = i;
	qsort_r(order, job->count, sizeof(*order), bigger_first,
		(void *)job->clones);
	pool_run(&pool);
	for (size_t i = 0; i < job->count; i++) {
		struct clone *c = job->clones[i];

		/* the pool begins with no new one once all is cancelled */
		if (c->sha256.alg == DIGEST_NONE && !c->err.code &&
		    !cancel_check(job->cancel, &c->err))
			err_set(&c->err, ERR_OTHER, "%s: was not hashed",
				c->dst_name);
	}
}
