#include "cache/place.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_SIZE ((size_t)1 << 20)
#define ORIG_MAX  1000

int place_source_open(struct place_source *s, struct placer *p,
		      const struct lock_repo *repo,
		      const struct lock_file *file, struct error *err)
{
	s->repo = repo;
	s->file = file;
	return hfcache_blob_open(p->store, repo, file, &s->fd, err);
}

void place_source_release(struct place_source *s)
{
	close_fd(&s->fd);
	close_fd(&s->copy_fd);
}

/* The file that is there now, or -1. */
static int open_existing(int dirfd, const char *name)
{
	return openat(dirfd, name,
		      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* Has it the bytes that it should have? */
static bool is_right(int fd, const struct lock_file *file)
{
	struct error ignored = { 0 };
	struct digest got;
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == file->size &&
	       !digest_fd(DIGEST_SHA256, fd, 0, file->size, &got, &ignored) &&
	       digest_equal(&got, &file->sha256);
}

/* temp -> name. Renaming one name of a file over another of it does nothing, so
 * temp may still be there afterwards. */
static int put_in_place(int dirfd, const char *temp, const char *name,
			struct error *err)
{
	int failed = renameat(dirfd, temp, dirfd, name) ? errno : 0;

	unlinkat(dirfd, temp, 0);
	if (failed)
		return err_sys(err, failed, "cannot replace %s", name);
	return 0;
}

/* 1: linked, 0: cannot be linked here */
static int try_link(int fd, int dirfd, const char *name, struct error *err)
{
	char *temp CLEANUP(free_ptr) = xasprintf(".itts-%08x.tmp",
						 clock_jitter());
	char self[32];

	/* through the descriptor: a blob may be a link into a shared store */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, dirfd, temp, AT_SYMLINK_FOLLOW))
		return 0;
	return put_in_place(dirfd, temp, name, err) ? -1 : 1;
}

/* Copies with the digest checked on the way. */
static int copy_bytes(const struct place_source *s, int to, struct error *err)
{
	const struct lock_file *file = s->file;
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(
		DIGEST_SHA256, file->size);
	char *buf CLEANUP(free_ptr) = xmalloc(COPY_SIZE);
	struct digest got_digest;
	uint64_t done = 0;
	size_t got;

	do {
		if (file_pread_full(s->fd, buf, COPY_SIZE, done, &got,
				    file->path, err) ||
		    file_write_all(to, buf, got, file->path, err))
			return -1;
		digest_update(ctx, buf, got);
		done += got;
	} while (got);
	digest_end(&ctx, &got_digest);
	if (done == file->size && digest_equal(&got_digest, &file->sha256))
		return 0;
	err_set(err, ERR_INTEGRITY, "%s %s: the blob in the cache is damaged",
		s->repo->id, file->path);
	return err_hint(err, "run itts-pack verify");
}

/* A file of its own. No fsync: the caller syncs once for all. */
static int make_copy(struct placer *p, struct place_source *s, int dirfd,
		     const char *name, struct error *err)
{
	char *temp CLEANUP(free_ptr) = xasprintf(".itts-%08x.tmp",
						 clock_jitter());
	bool editable = lock_file_is_editable(s->file);
	int fd CLEANUP(close_fd) = openat(
		dirfd, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0644);

	if (fd < 0)
		return err_sys(err, errno, "cannot create %s", name);
	if (s->file->size && file_clone_range(s->fd, 0, fd, 0, s->file->size)) {
		p->stats.cloned++;
	} else if (copy_bytes(s, fd, err)) {
		unlinkat(dirfd, temp, 0);
		return -1;
	} else {
		p->stats.copied++;
		p->stats.copied_bytes += s->file->size;
	}
	if (fchmod(fd, editable ? 0644 : 0444))
		errno = 0; /* a file system without modes */
	if (!editable && s->copy_fd < 0)
		s->copy_fd = take_fd(&fd);
	return put_in_place(dirfd, temp, name, err);
}

int place_link(struct placer *p, struct place_source *s, int dirfd,
	       const char *name, struct error *err)
{
	int old CLEANUP(close_fd) = open_existing(dirfd, name);
	int done;

	if (old >= 0 && (file_same(old, s->fd) ||
			 (s->copy_fd >= 0 && file_same(old, s->copy_fd)))) {
		p->stats.kept++;
		return 0;
	}
	done = try_link(s->fd, dirfd, name, err);
	if (!done && s->copy_fd >= 0)
		done = try_link(s->copy_fd, dirfd, name, err);
	if (done) {
		p->stats.linked += done > 0;
		return done > 0 ? 0 : -1;
	}
	if (old >= 0 && is_right(old, s->file)) {
		if (s->copy_fd < 0)
			s->copy_fd = take_fd(&old);
		p->stats.kept++;
		return 0;
	}
	return make_copy(p, s, dirfd, name, err);
}

/* An edited file stays as NAME.orig beside the right one. */
static int set_aside(struct placer *p, int dirfd, const char *name,
		     const char *view, struct error *err)
{
	char *orig CLEANUP(free_ptr) = xasprintf("%s.orig", name);

	for (unsigned n = 1; n <= ORIG_MAX; n++) {
		if (!renameat2(dirfd, name, dirfd, orig, RENAME_NOREPLACE)) {
			event_warn(p->sink, "%s/%s was edited: kept as %s",
				   p->model_dir, view, orig);
			return 0;
		}
		if (errno != EEXIST)
			return err_sys(err, errno, "cannot rename it to %s",
				       orig);
		free_ptr(&orig);
		orig = xasprintf("%s.orig.%u", name, n);
	}
	return err_set(err, ERR_IO, "too many %s.orig files", name);
}

static int place_editable(struct placer *p, struct place_source *s, int dirfd,
			  const char *view, struct error *err)
{
	const char *name = path_base(view);
	int old CLEANUP(close_fd) = open_existing(dirfd, name);
	struct stat st;

	if (old >= 0 && is_right(old, s->file)) {
		/* a link to the blob would let an editor damage the store */
		if (!file_same(old, s->fd)) {
			p->stats.kept++;
			return 0;
		}
	} else if (old >= 0 && !fstat(old, &st) && S_ISREG(st.st_mode) &&
		   set_aside(p, dirfd, name, view, err)) {
		return -1;
	}
	return make_copy(p, s, dirfd, name, err);
}

int place_view(struct placer *p, struct place_source *s, const char *view,
	       struct error *err)
{
	const char *base = path_base(view);
	char *dir CLEANUP(free_ptr) = xstrndup(
		view, base > view ? (size_t)(base - view) - 1 : 0);
	int dirfd CLEANUP(close_fd) = -1;

	if (file_open_beneath(p->dirfd, dir, true, &dirfd, err))
		return -1;
	if (lock_file_is_editable(s->file))
		return place_editable(p, s, dirfd, view, err);
	return place_link(p, s, dirfd, base, err);
}
