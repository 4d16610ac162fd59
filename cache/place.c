#include "cache/place.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/hashrun.h"
#include "cache/stamps.h"
#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_SIZE  ((size_t)1 << 20)
#define FLUSH_STEP ((uint64_t)8 << 20)
#define ORIG_MAX   1000

char *placement_path(const struct placement *at)
{
	char *folder CLEANUP(free_ptr) = NULL;
	char hex[DIGEST_HEX_MAX];

	if (at->view)
		return xstrdup(at->view);
	folder = repo_folder(at->repo->type, at->repo->id);
	return xasprintf("%s/%s/blobs/%s", at->repo->hub_view, folder,
			 digest_hex(&at->file->etag, hex));
}

bool placement_is_editable(const struct placement *at)
{
	return at->view && lock_file_is_editable(at->file);
}

void placer_release(struct placer *p)
{
	close_fd(&p->blob_fd);
	close_fd(&p->copy_fd);
}

/* One placement under way. */
struct job {
	struct placer *p;
	const struct placement *at;
	const char *path; /* in the model directory */
	const char *name; /* its last part, in dirfd */
	int dirfd;
	unsigned id;
};

static void emit(const struct job *j, enum event_type type, uint64_t done)
{
	event_emit(j->p->sink, &(struct event){ .type = type,
						.id = j->id,
						.name = j->path,
						.done = done,
						.total = j->at->file->size });
}

/* --- bytes ------------------------------------------------------------------- */

static int failed(const struct job *j, int errnum, struct error *err)
{
	return err_sys(err, errnum, "%s/%s", j->p->model_dir, j->path);
}

static int not_written(const struct job *j, struct error *err)
{
	err_wrap(err, "%s", j->p->model_dir);
	if (err->sys == ENOSPC || err->sys == EDQUOT)
		err_hint(err, "free some space and run the command again");
	return -1;
}

static bool is_right(int fd, const struct lock_file *file,
		     const struct cancel *cancel)
{
	const struct hash_span span = {
		.fd = fd,
		.size = file->size,
		.cancel = cancel,
	};
	const struct digest *want = store_want(file);
	struct error unreadable = { 0 };
	struct digest got;
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == file->size &&
	       !hash_span(&span, want->alg, &got, &unreadable) &&
	       digest_equal(&got, want);
}

static int damaged(const struct job *j, struct error *err)
{
	err_set(err, ERR_INTEGRITY, "%s %s: the blob in the cache is damaged",
		j->at->repo->id, j->at->file->path);
	return err_hint(err, "install or fetch it again");
}

/* With the digest checked on the way. */
static int copy_bytes(const struct job *j, int to, struct error *err)
{
	const struct lock_file *file = j->at->file;
	const struct digest *want = store_want(file);
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(want->alg,
								   file->size);
	char *buf CLEANUP(free_ptr) = xmalloc(COPY_SIZE);
	uint64_t done = 0, flushed = 0;
	struct digest got;
	size_t n;

	do {
		if (cancel_check(j->p->cancel, err) ||
		    file_pread_full(j->p->blob_fd, buf, COPY_SIZE, done, &n,
				    j->path, err))
			return -1;
		if (file_write_all(to, buf, n, j->path, err))
			return not_written(j, err);
		digest_update(ctx, buf, n);
		done += n;
		if (done - flushed >= FLUSH_STEP) {
			sync_file_range(to, (off_t)flushed,
					(off_t)(done - flushed),
					SYNC_FILE_RANGE_WRITE);
			flushed = done;
			emit(j, EVENT_PROGRESS, done);
		}
	} while (n == COPY_SIZE);
	digest_end(&ctx, &got);
	if (done != file->size || !digest_equal(&got, want))
		return damaged(j, err);
	return 0;
}

static int fill(const struct job *j, int to, struct error *err)
{
	struct view_stats *st = &j->p->stats;
	uint64_t size = j->at->file->size;

	if (file_clone_range(j->p->blob_fd, 0, to, 0, size)) {
		st->cloned++;
		return 0;
	}
	/* the clone may have got half-way */
	if (ftruncate(to, 0))
		return failed(j, errno, err);
	emit(j, EVENT_START, 0); /* links and clones take no time */
	if (copy_bytes(j, to, err))
		return -1;
	st->copied++;
	st->copied_bytes += size;
	return 0;
}

/* A file of its own. No fsync: the caller syncs once for all. */
static int make_copy(const struct job *j, struct error *err)
{
	char *temp CLEANUP(free_ptr) = store_temp_name(j->name);
	bool editable = placement_is_editable(j->at);
	int fd CLEANUP(close_fd) = openat(
		j->dirfd, temp,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return failed(j, errno, err);
	if (fill(j, fd, err)) {
		unlinkat(j->dirfd, temp, 0);
		return -1;
	}
	/* some file systems have no modes */
	if (fchmod(fd, editable ? 0644 : 0444))
		errno = 0;
	if (renameat(j->dirfd, temp, j->dirfd, j->name)) {
		failed(j, errno, err);
		unlinkat(j->dirfd, temp, 0);
		return -1;
	}
	if (!editable && j->p->copy_fd < 0)
		j->p->copy_fd = take_fd(&fd);
	return 0;
}

/* --- what is there already --------------------------------------------------------- */

/* It stays as NAME.orig beside the right one; NAME.orig itself is never lost. */
static int set_aside(const struct job *j, const char *why, struct error *err)
{
	char *orig CLEANUP(free_ptr) = xasprintf("%s.orig", j->name);

	for (unsigned n = 1; n <= ORIG_MAX; n++) {
		int rc = file_rename_new(j->dirfd, j->name, orig);

		if (!rc) {
			event_warn(j->p->sink, "%s/%s %s: kept as %s",
				   j->p->model_dir, j->path, why, orig);
			return 0;
		}
		if (rc != EEXIST)
			return failed(j, rc, err);
		free_ptr(&orig);
		orig = xasprintf("%s.orig.%u", j->name, n);
	}
	return err_set(err, ERR_IO, "%s/%s: too many .orig files beside it",
		       j->p->model_dir, j->path);
}

/* A file of its own where no installation has placed one, with other bytes: whoever
 * made it may want it. */
static bool is_foreign(const struct job *j, int old)
{
	struct stat st;

	return j->at->view && old >= 0 && !fstat(old, &st) &&
	       S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       !recorded_find(j->p->recorded, j->path) &&
	       !is_right(old, j->at->file, j->p->cancel);
}

/* Before something takes its place. */
static int spare_foreign(const struct job *j, int old, struct error *err)
{
	return is_foreign(j, old)
		       ? set_aside(j, "was there, with other bytes", err)
		       : 0;
}

/* Neither what belongs there nor what an earlier installation has placed. */
static bool is_edited(const struct job *j, int old)
{
	const struct lock_file *r = recorded_find(j->p->recorded, j->path);

	return !r || old < 0 || !is_right(old, r, NULL);
}

/* --- files that nobody edits ----------------------------------------------------- */

/* 1: linked, 0: cannot be linked here. */
static int try_link(const struct job *j, int fd, int old, struct error *err)
{
	char *temp CLEANUP(free_ptr) = store_temp_name(j->name);
	int errnum = file_link_fd(fd, j->dirfd, j->name);

	if (!errnum)
		return 1;
	if (errnum != EEXIST || file_link_fd(fd, j->dirfd, temp))
		return 0;
	if (spare_foreign(j, old, err) ||
	    (renameat(j->dirfd, temp, j->dirfd, j->name) &&
	     failed(j, errno, err))) {
		unlinkat(j->dirfd, temp, 0);
		return -1;
	}
	return 1;
}

static int place_shared(const struct job *j, int *old, struct error *err)
{
	struct placer *p = j->p;
	int linked;

	if (*old >= 0 && (file_same(*old, p->blob_fd) ||
			  (p->copy_fd >= 0 && file_same(*old, p->copy_fd)))) {
		p->stats.kept++;
		return 0;
	}
	linked = try_link(j, p->blob_fd, *old, err);
	if (!linked && p->copy_fd >= 0)
		linked = try_link(j, p->copy_fd, *old, err);
	if (linked) {
		p->stats.linked += linked > 0;
		return linked > 0 ? 0 : -1;
	}
	if (*old >= 0 && is_right(*old, j->at->file, p->cancel)) {
		if (p->copy_fd < 0)
			p->copy_fd = take_fd(old);
		p->stats.kept++;
		return 0;
	}
	return spare_foreign(j, *old, err) ? -1 : make_copy(j, err);
}

/* --- files that people edit -------------------------------------------------------- */

static int place_editable(const struct job *j, int old, struct error *err)
{
	struct stat st;
	bool right = old >= 0 && is_right(old, j->at->file, NULL);

	/* a link to the blob would let an editor damage the store */
	if (right && !file_same(old, j->p->blob_fd)) {
		j->p->stats.kept++;
		return 0;
	}
	if (!right && !fstatat(j->dirfd, j->name, &st, AT_SYMLINK_NOFOLLOW) &&
	    is_edited(j, old) && set_aside(j, "was edited", err))
		return -1;
	return make_copy(j, err);
}

/* ------------------------------------------------------------------------------------ */

/* Opens the blob, unless it has the bytes of the last one. */
static int open_blob(struct placer *p, const struct placement *at,
		     struct error *err)
{
	if (p->file && digest_equal(store_want(p->file), store_want(at->file)))
		return 0;
	p->file = NULL;
	close_fd(&p->blob_fd);
	close_fd(&p->copy_fd);
	if (hfcache_blob_open(p->store, at->repo, at->file, &p->blob_fd, err))
		return -1;
	p->file = at->file;
	return 0;
}

static void note_placed(const struct job *j, struct placement *at)
{
	struct stamp s = { 0 };
	struct stat st;

	if (!fstatat(j->dirfd, j->name, &st, AT_SYMLINK_NOFOLLOW))
		stamp_read(&s, &st);
	at->ino = s.ino;
	at->mtime = s.mtime;
}

int place_file(struct placer *p, struct placement *at, unsigned id,
	       struct error *err)
{
	char *path CLEANUP(free_ptr) = placement_path(at);
	char *dir CLEANUP(free_ptr) = NULL;
	int dirfd CLEANUP(close_fd) = -1, old CLEANUP(close_fd) = -1;
	struct job j = { .p = p, .at = at, .path = path, .id = id };
	int rc;

	j.name = store_split(path, &dir);
	if (open_blob(p, at, err))
		return -1;
	if (file_open_beneath(p->dirfd, dir, true, &dirfd, err))
		return err_inside(err, "%s", p->model_dir);
	j.dirfd = dirfd;
	old = openat(dirfd, j.name,
		     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	rc = placement_is_editable(at) ? place_editable(&j, old, err)
				       : place_shared(&j, &old, err);
	if (rc)
		return -1;
	note_placed(&j, at);
	emit(&j, EVENT_DONE, at->file->size);
	return 0;
}
