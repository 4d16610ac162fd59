#include "cache/follow.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/xxh64.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE  ((size_t)64 << 10) /* stays in the processor's cache */
#define FLUSH_STEP ((uint64_t)16 << 20)
#define NO_BLOCK   UINT32_MAX

struct follow {
	/* the thread's own */
	int fd;
	struct journal *journal; /* changed before checked only */
	uint64_t size, block_size, flushed;
	uint64_t hashed;		  /* bytes */
	struct digest_ctx *etag, *sha256; /* sha256: NULL if it is the etag */
	unsigned char (*states)[DIGEST_STATE_LEN]; /* before each block */
	unsigned char *buf;
	pthread_t thread;
	struct follow_hooks hooks;

	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t more;
	uint64_t front;	 /* bytes */
	uint32_t rewind; /* block, or NO_BLOCK */
	bool stop, checked, complete;
	struct follow_result result;
};

/* --- what the journal says ------------------------------------------------------ */

static bool stopped(struct follow *f)
{
	bool stop;

	pthread_mutex_lock(&f->mutex);
	stop = f->stop;
	pthread_mutex_unlock(&f->mutex);
	return stop;
}

/* Bytes that cannot be read are bytes that are not there. */
static bool block_holds(struct follow *f, uint32_t i)
{
	uint64_t at = (uint64_t)i * f->block_size;
	uint64_t end = at + journal_block_len(f->journal, i);
	struct error ignored = { 0 };
	struct xxh64 x;
	size_t got;

	xxh64_begin(&x, f->journal->seed);
	for (; at < end; at += got) {
		size_t n = end - at < READ_SIZE ? (size_t)(end - at)
						: READ_SIZE;

		if (file_pread_full(f->fd, f->buf, n, at, &got, "", &ignored) ||
		    got < n)
			return false;
		xxh64_update(&x, f->buf, n);
	}
	return xxh64_end(&x) == f->journal->blocks[i].sum;
}

static void check_blocks(struct follow *f)
{
	const struct journal *j = f->journal;

	for (uint32_t i = 0; i < j->count && !stopped(f); i++)
		if (j->blocks[i].have && !block_holds(f, i))
			j->blocks[i].have = false;
	pthread_mutex_lock(&f->mutex);
	f->checked = true;
	pthread_mutex_unlock(&f->mutex);
	f->hooks.wake(f->hooks.wake_ctx);
}

/* --- hashing --------------------------------------------------------------------- */

static void begin_at(struct follow *f, uint32_t block)
{
	enum digest_alg alg = f->journal->etag.alg;

	/* a git name's SHA-1 cannot be taken up in the middle */
	if (alg != DIGEST_SHA256)
		block = 0;
	f->hashed = block * f->block_size;
	f->flushed = f->hashed;
	digest_free(&f->etag);
	digest_free(&f->sha256);
	f->etag = block ? digest_resume(f->states[block], f->hashed)
			: digest_begin(alg, f->size);
	if (alg != DIGEST_SHA256)
		f->sha256 = digest_begin(DIGEST_SHA256, f->size);
}

static void start_writing(struct follow *f)
{
	if (f->hashed - f->flushed < FLUSH_STEP)
		return;
	/* only a beginning; what fails is seen by fsync() */
	sync_file_range(f->fd, (off_t)f->flushed,
			(off_t)(f->hashed - f->flushed), SYNC_FILE_RANGE_WRITE);
	f->flushed = f->hashed;
}

/* One buffer further, at most to the end of its block. */
static int hash_some(struct follow *f, uint64_t front, struct error *err)
{
	uint64_t in_block = f->hashed % f->block_size;
	uint64_t n = f->block_size - in_block;
	size_t got;

	n = n < READ_SIZE ? n : READ_SIZE;
	n = n < front - f->hashed ? n : front - f->hashed;
	if (in_block == 0 && !f->sha256)
		digest_get_state(f->etag, f->states[f->hashed / f->block_size]);
	if (file_pread_full(f->fd, f->buf, (size_t)n, f->hashed, &got,
			    "reading back", err))
		return -1;
	if (got < n)
		return err_set(err, ERR_IO, "the part has become shorter");
	digest_update(f->etag, f->buf, got);
	if (f->sha256)
		digest_update(f->sha256, f->buf, got);
	f->hashed += got;
	start_writing(f);
	return 0;
}

static void finish(struct follow *f, struct follow_result *r)
{
	digest_end(&f->etag, &r->etag);
	if (f->sha256)
		digest_end(&f->sha256, &r->sha256);
	else
		r->sha256 = r->etag;
	if (fsync(f->fd)) {
		err_sys(&r->err, errno, "fsync");
		r->unsynced = true;
	}
}

/* Waits for something to do: false at the end. */
static bool next(struct follow *f, uint64_t *front)
{
	bool go;

	pthread_mutex_lock(&f->mutex);
	while (!f->stop && f->rewind == NO_BLOCK &&
	       (f->complete || f->hashed >= f->front))
		pthread_cond_wait(&f->more, &f->mutex);
	if (f->rewind != NO_BLOCK) {
		/* what is hashed is not looked at where it is behind */
		if (f->rewind * f->block_size < f->hashed)
			begin_at(f, f->rewind);
		f->rewind = NO_BLOCK;
		f->complete = false;
	}
	*front = f->front;
	go = !f->stop;
	pthread_mutex_unlock(&f->mutex);
	return go;
}

static void conclude(struct follow *f, const struct follow_result *r)
{
	pthread_mutex_lock(&f->mutex);
	/* bytes that changed meanwhile: once more */
	if (f->rewind == NO_BLOCK || r->err.code != ERR_NONE) {
		f->result = *r;
		f->rewind = NO_BLOCK;
	}
	f->complete = true;
	pthread_mutex_unlock(&f->mutex);
	f->hooks.wake(f->hooks.wake_ctx);
}

static void follow_front_of(struct follow *f)
{
	uint64_t front;

	begin_at(f, 0);
	while (next(f, &front)) {
		struct follow_result r = { 0 };

		if (f->hashed < front && hash_some(f, front, &r.err)) {
			conclude(f, &r);
			return;
		}
		if (f->hashed < f->size)
			continue;
		finish(f, &r);
		conclude(f, &r);
		if (r.err.code != ERR_NONE)
			return;
	}
}

static void *main_of_thread(void *arg)
{
	struct follow *f = arg;

	struct follow_result r = { 0 };

	check_blocks(f);
	if (f->hooks.prepare(f->hooks.prepare_ctx, &r.err))
		conclude(f, &r);
	else
		follow_front_of(f);
	return NULL;
}

/* --- the writer's side ------------------------------------------------------------ */

static void release(struct follow *f)
{
	digest_free(&f->etag);
	digest_free(&f->sha256);
	free_ptr(&f->states);
	free_ptr(&f->buf);
	pthread_mutex_destroy(&f->mutex);
	pthread_cond_destroy(&f->more);
}

int follow_start(struct follow **out, int fd, struct journal *j,
		 const struct follow_hooks *hooks, struct error *err)
{
	struct follow *f = xcalloc(1, sizeof(*f));
	sigset_t all, before;
	int failed;

	*f = (struct follow){ .fd = fd,
			      .journal = j,
			      .size = j->size,
			      .block_size = j->block_size,
			      .states = xcalloc(j->count, DIGEST_STATE_LEN),
			      .buf = xmalloc(READ_SIZE),
			      .hooks = *hooks,
			      .rewind = NO_BLOCK };
	pthread_mutex_init(&f->mutex, NULL);
	pthread_cond_init(&f->more, NULL);
	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&f->thread, NULL, main_of_thread, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed) {
		release(f);
		free_ptr(&f);
		return err_sys(err, failed, "cannot start a thread");
	}
	*out = f;
	return 0;
}

void follow_end(struct follow **follow)
{
	struct follow *f = *follow;

	if (!f)
		return;
	*follow = NULL;
	pthread_mutex_lock(&f->mutex);
	f->stop = true;
	pthread_cond_signal(&f->more);
	pthread_mutex_unlock(&f->mutex);
	pthread_join(f->thread, NULL);
	release(f);
	free_ptr(&f);
}

bool follow_checked(struct follow *f)
{
	bool checked;

	pthread_mutex_lock(&f->mutex);
	checked = f->checked;
	pthread_mutex_unlock(&f->mutex);
	return checked;
}

void follow_front(struct follow *f, uint32_t front)
{
	uint64_t bytes = front * f->block_size;

	pthread_mutex_lock(&f->mutex);
	f->front = bytes < f->size ? bytes : f->size;
	pthread_cond_signal(&f->more);
	pthread_mutex_unlock(&f->mutex);
}

void follow_again(struct follow *f, uint32_t i)
{
	pthread_mutex_lock(&f->mutex);
	if (i < f->rewind)
		f->rewind = i;
	pthread_cond_signal(&f->more);
	pthread_mutex_unlock(&f->mutex);
}

bool follow_result(struct follow *f, struct follow_result *out)
{
	bool complete;

	pthread_mutex_lock(&f->mutex);
	complete = f->complete && f->rewind == NO_BLOCK;
	if (complete)
		*out = f->result;
	pthread_mutex_unlock(&f->mutex);
	return complete;
}
