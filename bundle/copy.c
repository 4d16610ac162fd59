#include "bundle/copy.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "bundle/bmanifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* How much is written before the kernel is asked to begin with the disk. */
#define FLUSH_STEP  ((uint64_t)8 << 20)
#define SCARCE	    8 /* less than this part of all memory is free */
#define PROGRESS_MS 100

/* What is hashed at a time of bytes that stand in a file: stays in a core's cache. */
#define SLICE ((size_t)256 << 10)

/* Pieces that were read (and written) and wait for the hasher. */
struct ring {
	struct copy_job *job;
	/* Room for all pieces; NULL: the kernel copies from file to file, and the
	 * hasher reads what stands there. */
	unsigned char *mem;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t filled, hashed; /* pieces so far */
	bool stop;		 /* the hasher has given up */
	bool failed;		 /* the second thread has: err says why */
	struct error err;
};

static size_t piece_size(const struct copy_job *job, uint64_t at)
{
	uint64_t left = job->size - at;

	return left < COPY_BUFFER ? (size_t)left : COPY_BUFFER;
}

/* Reads what the source has at `at`, or dst where that stands already. */
static int fill(const struct copy_job *job, bool dst, void *buf, size_t n,
		uint64_t at, struct error *err)
{
	int fd = dst ? job->dst_fd : job->src_fd;
	uint64_t base = dst ? job->dst_offset : job->src_offset;
	const char *name = dst ? job->dst_name : job->src_name;
	size_t got;

	if (job->read)
		return job->read(job->read_ctx, buf, n, err);
	if (file_pread_full(fd, buf, n, base + at, &got, name, err))
		return -1;
	if (got < n)
		return err_set(err, ERR_INTEGRITY,
			       "%s: ends at byte %" PRIu64
			       ", expected %" PRIu64,
			       name, base + at + got, base + job->size);
	return 0;
}

/* Only advice: fsync() comes later and is what counts. */
static void begin_with_disk(const struct copy_job *job, uint64_t end)
{
	if (end % FLUSH_STEP == 0 && !job->append && !job->write)
		sync_file_range(job->dst_fd,
				(off_t)(job->dst_offset + end - FLUSH_STEP),
				(off_t)FLUSH_STEP, SYNC_FILE_RANGE_WRITE);
}

/* Where no memory is free the kernel would push out what was used longest ago to
 * make room for what is written: the rest of the source, or files of a program that
 * runs. It takes what we have read instead. */
static void give_back(const struct copy_job *job, uint64_t end)
{
	struct sysinfo now;

	if (!job->once || job->read || end % FLUSH_STEP != 0 || sysinfo(&now) ||
	    now.freeram >= now.totalram / SCARCE)
		return;
	(void)posix_fadvise(job->src_fd,
			    (off_t)(job->src_offset + end - FLUSH_STEP),
			    (off_t)FLUSH_STEP, POSIX_FADV_DONTNEED);
}

static int spill(const struct copy_job *job, const void *buf, size_t n,
		 uint64_t at, struct error *err)
{
	if (job->write)
		return job->write(job->write_ctx, buf, n, err);
	if (job->append)
		return file_write_all(job->dst_fd, buf, n, job->dst_name, err);
	return file_pwrite_all(job->dst_fd, buf, n, job->dst_offset + at,
			       job->dst_name, err);
}

/* One copy in the kernel instead of two through our memory. false: it cannot, or
 * something is wrong, which reading and writing will tell by its name. */
static bool send_piece(const struct copy_job *job, size_t n, uint64_t at)
{
	off_t from = (off_t)(job->src_offset + at);
	ssize_t got = 1;

	if (lseek(job->dst_fd, (off_t)(job->dst_offset + at), SEEK_SET) < 0)
		return false;
	while (n > 0 && got > 0) {
		do
			got = sendfile(job->dst_fd, job->src_fd, &from, n);
		while (got < 0 && errno == EINTR);
		n -= got > 0 ? (size_t)got : 0;
	}
	return n == 0;
}

/* Hashes bytes that begin at `at`. */
static void digest_bytes(struct copy_job *job, struct digest_ctx *ctx,
			 const void *buf, size_t n, uint64_t at)
{
	digest_update(ctx, buf, n);
	if (job->states)
		bundle_keep_state(job->states, ctx, at + n, job->size);
	if (job->seen)
		job->seen(job->ctx, buf, n);
}

static unsigned char *ring_slot(const struct ring *r, uint64_t piece)
{
	return r->mem + piece % COPY_BUFFERS * COPY_BUFFER;
}

/* Waits for an empty slot. false: nobody wants more. */
static bool ring_wait_empty(struct ring *r)
{
	bool stop;

	pthread_mutex_lock(&r->lock);
	while (!r->stop && r->filled - r->hashed == COPY_BUFFERS)
		pthread_cond_wait(&r->moved, &r->lock);
	stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	return !stop;
}

/* Waits for piece number `piece`. false: it will not come. */
static bool ring_wait_full(struct ring *r, uint64_t piece)
{
	bool there;

	pthread_mutex_lock(&r->lock);
	while (!r->failed && r->filled == piece)
		pthread_cond_wait(&r->moved, &r->lock);
	there = r->filled > piece;
	pthread_mutex_unlock(&r->lock);
	return there;
}

static void ring_step(struct ring *r, uint64_t *count)
{
	pthread_mutex_lock(&r->lock);
	++*count;
	pthread_cond_signal(&r->moved);
	pthread_mutex_unlock(&r->lock);
}

static void ring_set(struct ring *r, bool *flag)
{
	pthread_mutex_lock(&r->lock);
	*flag = true;
	pthread_cond_signal(&r->moved);
	pthread_mutex_unlock(&r->lock);
}

static int move_piece(struct ring *r, bool *send, size_t n, uint64_t at)
{
	struct copy_job *job = r->job;
	unsigned char *own CLEANUP(free_ptr) = NULL;
	unsigned char *buf;

	if (*send)
		*send = send_piece(job, n, at);
	if (*send)
		return 0;
	buf = r->mem ? ring_slot(r, at / COPY_BUFFER) : (own = xmalloc(n));
	return fill(job, false, buf, n, at, &r->err) ||
			       spill(job, buf, n, at, &r->err)
		       ? -1
		       : 0;
}

/* The second thread: reads and writes. */
static void *move_pieces(void *arg)
{
	struct ring *r = arg;
	struct copy_job *job = r->job;
	bool send = !r->mem;

	for (uint64_t at = 0; at < job->size && ring_wait_empty(r);
	     at += COPY_BUFFER) {
		size_t n = piece_size(job, at);

		if (move_piece(r, &send, n, at)) {
			ring_set(r, &r->failed);
			break;
		}
		begin_with_disk(job, at + n);
		give_back(job, at + n);
		ring_step(r, &r->filled);
	}
	return NULL;
}

/* Hashes n bytes that stand in dst. */
static int hash_there(struct copy_job *job, struct digest_ctx *ctx,
		      unsigned char *slice, size_t n, uint64_t at,
		      struct error *err)
{
	for (size_t done = 0, k; done < n; done += k) {
		k = n - done < SLICE ? n - done : SLICE;
		if (fill(job, true, slice, k, at + done, err))
			return -1;
		digest_bytes(job, ctx, slice, k, at + done);
	}
	return 0;
}

static int hash_piece(struct ring *r, struct digest_ctx *ctx,
		      unsigned char *slice, size_t n, uint64_t at,
		      struct error *err)
{
	if (!r->mem)
		return hash_there(r->job, ctx, slice, n, at, err);
	digest_bytes(r->job, ctx, ring_slot(r, at / COPY_BUFFER), n, at);
	return 0;
}

static int hash_pieces(struct ring *r, struct digest_ctx *ctx,
		       struct error *err)
{
	struct copy_job *job = r->job;
	unsigned char *slice CLEANUP(free_ptr) = r->mem ? NULL : xmalloc(SLICE);
	uint64_t told = clock_ms();

	for (uint64_t at = 0; at < job->size; at += COPY_BUFFER) {
		size_t n = piece_size(job, at);

		if (cancel_check(job->cancel, err))
			return -1;
		if (!ring_wait_full(r, at / COPY_BUFFER))
			return 0; /* the second thread says why */
		if (hash_piece(r, ctx, slice, n, at, err))
			return -1;
		ring_step(r, &r->hashed);
		if (job->progress &&
		    (at + n == job->size || clock_ms() - told >= PROGRESS_MS)) {
			told = clock_ms();
			job->progress(job->ctx, at + n);
		}
	}
	return 0;
}

static int run_big(struct copy_job *job, struct digest_ctx *ctx,
		   struct error *err)
{
	bool through = job->read || job->write || job->append;
	unsigned char *mem CLEANUP(free_ptr) =
		through ? xmalloc(COPY_BUFFERS * COPY_BUFFER) : NULL;
	struct ring r = { .job = job,
			  .mem = mem,
			  .lock = PTHREAD_MUTEX_INITIALIZER,
			  .moved = PTHREAD_COND_INITIALIZER };
	pthread_t thread;
	int rc = pthread_create(&thread, NULL, move_pieces, &r);

	if (rc)
		return err_sys(err, rc, "no thread for copying");
	rc = hash_pieces(&r, ctx, err);
	ring_set(&r, &r.stop);
	pthread_join(thread, NULL);
	if (rc == 0 && r.failed) {
		*err = r.err;
		rc = -1;
	}
	return rc;
}

static int run_small(struct copy_job *job, struct digest_ctx *ctx,
		     struct error *err)
{
	size_t n = (size_t)job->size;
	void *buf CLEANUP(free_ptr) = xmalloc(n + 1);

	if (cancel_check(job->cancel, err) ||
	    fill(job, false, buf, n, 0, err) || spill(job, buf, n, 0, err))
		return -1;
	digest_bytes(job, ctx, buf, n, 0);
	return 0;
}

int copy_run(struct copy_job *job, struct error *err)
{
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(
		DIGEST_SHA256, job->size);
	bool small = job->size <= COPY_BUFFER;

	if (small ? run_small(job, ctx, err) : run_big(job, ctx, err))
		return -1;
	digest_end(&ctx, &job->sha256);
	return 0;
}
