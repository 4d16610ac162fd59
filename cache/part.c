/*
 * A blob that grows. Nothing gets its final name before its digests are right
 * and its bytes are on disk.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cache/hfcache_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART_SUFFIX ".itts-part" /* no Hub client takes it for its own */
#define FLUSH_STEP  ((uint64_t)8 << 20)
#define READ_SIZE   ((size_t)1 << 20)
/* Adopted small git files are read back to check their SHA-1 too. */
#define RECHECK_MAX ((uint64_t)16 << 20)

static void begin_digests(struct hfcache_part *p)
{
	digest_free(&p->ctx);
	digest_free(&p->ctx256);
	p->ctx = digest_begin(p->etag.alg, p->size);
	if (p->etag.alg != DIGEST_SHA256)
		p->ctx256 = digest_begin(DIGEST_SHA256, p->size);
}

static void update_digests(struct hfcache_part *p, const void *buf, size_t n)
{
	digest_update(p->ctx, buf, n);
	if (p->ctx256)
		digest_update(p->ctx256, buf, n);
	p->offset += n;
}

static void drop_temp(struct hfcache_part *p)
{
	int saved = errno;

	if (p->temp)
		unlinkat(p->dirfd, p->temp, 0);
	free_ptr(&p->temp);
	errno = saved;
}

/* Hashes what an earlier run has left. */
static int take_over(struct hfcache_part *p, struct error *err)
{
	char *buf CLEANUP(free_ptr) = NULL;
	struct stat st;
	size_t got = 1;

	if (fstat(p->fd, &st))
		return err_sys(err, errno, "%s", p->temp);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_UNSAFE, "%s: not a regular file",
			       p->temp);
	if ((uint64_t)st.st_size > p->size)
		return hfcache_part_restart(p, err);
	if (st.st_size == 0)
		return 0;
	buf = xmalloc(READ_SIZE);
	while (got && p->offset < p->size) {
		if (file_read_full(p->fd, buf, READ_SIZE, &got, p->temp, err))
			return -1;
		if (p->offset + got > p->size)
			got = (size_t)(p->size - p->offset);
		update_digests(p, buf, got);
	}
	p->flushed = p->offset;
	return 0;
}

static int open_named(struct hfcache_part *p, struct error *err)
{
	for (int tries = 0; tries < 2; tries++) {
		struct stat st;

		p->fd = openat(p->dirfd, p->temp,
			       O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
				       O_CLOEXEC,
			       0644);
		if (p->fd < 0 && errno == ELOOP)
			return err_set(err, ERR_UNSAFE,
				       "%s: %s is a symbolic link", p->label,
				       p->temp);
		if (p->fd < 0)
			return err_sys(err, errno, "%s: cannot create %s",
				       p->label, p->temp);
		/* a second name means that it is a finished blob: hands off */
		if (!fstat(p->fd, &st) && st.st_nlink < 2)
			break;
		close_fd(&p->fd);
		unlinkat(p->dirfd, p->temp, 0);
	}
	if (p->fd < 0)
		return err_set(err, ERR_BUSY, "%s: %s is in use", p->label,
			       p->temp);
	return take_over(p, err);
}

/* A file without a name, where the system can give it one later. */
static int open_unnamed(struct hfcache_part *p, const char *hex,
			struct error *err)
{
	if (!access("/proc/self/fd", X_OK))
		p->fd = openat(p->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC,
			       0644);
	while (p->fd < 0) {
		free_ptr(&p->temp);
		p->temp = xasprintf("%s.%08x" PART_SUFFIX, hex, clock_jitter());
		p->fd = openat(p->dirfd, p->temp,
			       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
				       O_CLOEXEC,
			       0644);
		if (p->fd < 0 && errno != EEXIST) {
			free_ptr(&p->temp); /* not ours to remove */
			return err_sys(err, errno, "%s: cannot create a file",
				       p->label);
		}
	}
	return 0;
}

static int reserve(struct hfcache_part *p, struct error *err)
{
	if (p->size <= p->offset ||
	    !fallocate(p->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)p->size))
		return 0;
	if (errno != ENOSPC && errno != EDQUOT)
		return 0; /* file systems that cannot reserve */
	err_sys(err, errno, "%s: no room for %" PRIu64 " bytes", p->label,
		p->size);
	return err_hint(err, "free some space and run it again");
}

int hfcache_part_open(struct hfcache_part *out, struct hfcache *c,
		      const struct lock_repo *repo,
		      const struct lock_file *file, bool resumable, int lockfd,
		      struct error *err)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	char hex[DIGEST_HEX_MAX];

	p.cache = c;
	p.lockfd = lockfd;
	p.etag = file->etag;
	p.sha256 = file->sha256;
	p.size = file->size;
	p.resumable = resumable;
	p.label = hfcache_label(repo, file);
	p.name = xstrdup(digest_hex(&file->etag, hex));
	if (hfcache_repo_dir(c, repo, "blobs", true, &p.dirfd, err))
		return -1;
	begin_digests(&p);
	if (resumable)
		p.temp = xasprintf("%s" PART_SUFFIX, hex);
	if (resumable ? open_named(&p, err) : open_unnamed(&p, hex, err))
		return -1;
	if (reserve(&p, err))
		return -1;
	*out = p;
	p = (struct hfcache_part)HFCACHE_PART_INIT;
	return 0;
}

int hfcache_part_restart(struct hfcache_part *p, struct error *err)
{
	if (ftruncate(p->fd, 0) || lseek(p->fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "%s", p->label);
	p->offset = p->flushed = 0;
	begin_digests(p);
	return reserve(p, err);
}

int hfcache_part_write(struct hfcache_part *p, const void *buf, size_t n,
		       struct error *err)
{
	if (n > p->size - p->offset)
		return err_set(err, ERR_INTEGRITY,
			       "%s: more than %" PRIu64 " bytes", p->label,
			       p->size);
	if (file_pwrite_all(p->fd, buf, n, p->offset, p->label, err))
		return -1;
	update_digests(p, buf, n);
	/* advice: the fsync at the end shall have little left to do */
	if (p->offset - p->flushed >= FLUSH_STEP) {
		sync_file_range(p->fd, (off_t)p->flushed,
				(off_t)(p->offset - p->flushed),
				SYNC_FILE_RANGE_WRITE);
		p->flushed = p->offset;
	}
	return 0;
}

int hfcache_part_adopt(struct hfcache_part *p, const struct digest *sha256,
		       uint64_t size, struct error *err)
{
	if (size != p->size)
		return err_set(err, ERR_INTEGRITY,
			       "%s: %" PRIu64 " bytes, expected %" PRIu64,
			       p->label, size, p->size);
	p->adopted = true;
	p->got = *sha256;
	p->offset = size;
	return 0;
}

static int compare(const struct hfcache_part *p, const struct digest *got,
		   const struct digest *want, struct error *err)
{
	char a[DIGEST_HEX_MAX], b[DIGEST_HEX_MAX];

	if (want->alg == DIGEST_NONE || digest_equal(got, want))
		return 0;
	return err_set(err, ERR_INTEGRITY, "%s: %s %s, expected %s", p->label,
		       want->alg == DIGEST_SHA256 ? "sha256" : "git sha1",
		       digest_hex(got, a), digest_hex(want, b));
}

/* p->got becomes the SHA-256 of the bytes. */
static int check_digests(struct hfcache_part *p, struct error *err)
{
	struct digest named;
	bool git = p->etag.alg == DIGEST_GIT_SHA1;

	if (p->offset != p->size)
		return err_set(err, ERR_INTEGRITY,
			       "%s: %" PRIu64 " bytes, expected %" PRIu64,
			       p->label, p->offset, p->size);
	if (!p->adopted) {
		digest_end(&p->ctx, &named);
		if (p->ctx256)
			digest_end(&p->ctx256, &p->got);
		else
			p->got = named;
	} else if (!git) {
		named = p->got;
	} else if (p->size > RECHECK_MAX && p->sha256.alg) {
		named = p->etag; /* the SHA-256 is what counts */
	} else if (digest_fd(DIGEST_GIT_SHA1, p->fd, 0, p->size, &named, err)) {
		return err_wrap(err, "%s", p->label);
	}
	if (compare(p, &p->got, &p->sha256, err))
		return -1;
	return compare(p, &named, &p->etag, err);
}

/* Is a right blob there already under the final name? */
static bool is_right(const struct hfcache_part *p)
{
	struct error ignored = { 0 };
	int fd CLEANUP(close_fd) = openat(p->dirfd, p->name,
					  O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
						  O_CLOEXEC);
	struct digest got;
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == p->size &&
	       !digest_fd(DIGEST_SHA256, fd, 0, p->size, &got, &ignored) &&
	       digest_equal(&got, &p->got);
}

/* 0 or errno */
static int try_name(struct hfcache_part *p, const char *name)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", p->fd);
	if (!p->temp)
		return linkat(AT_FDCWD, self, p->dirfd, name, AT_SYMLINK_FOLLOW)
			       ? errno
			       : 0;
	if (!renameat2(p->dirfd, p->temp, p->dirfd, name, RENAME_NOREPLACE)) {
		free_ptr(&p->temp);
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	/* file systems that know no such rename: two steps */
	if (linkat(p->dirfd, p->temp, p->dirfd, name, 0))
		return errno;
	drop_temp(p);
	return 0;
}

static int replace_wrong(struct hfcache_part *p, struct error *err)
{
	if (!p->temp) {
		char *temp CLEANUP(free_ptr) = xasprintf(
			"%s.%08x" PART_SUFFIX, p->name, clock_jitter());
		int failed = try_name(p, temp);

		if (failed)
			return err_sys(err, failed, "%s: cannot name it",
				       p->label);
		p->temp = take_ptr(temp);
	}
	if (renameat(p->dirfd, p->temp, p->dirfd, p->name))
		return err_sys(err, errno, "%s: cannot replace %s", p->label,
			       p->name);
	free_ptr(&p->temp);
	p->replaced = true;
	return 0;
}

static int give_name(struct hfcache_part *p, struct error *err)
{
	int failed = try_name(p, p->name);

	if (!failed)
		return 0;
	if (failed != EEXIST)
		return err_sys(err, failed, "%s: cannot name it %s", p->label,
			       p->name);
	if (is_right(p)) {
		drop_temp(p);
		return 0;
	}
	return replace_wrong(p, err);
}

/* Blobs are never written again: the mode says so. Some file systems have none. */
static void set_mode(const struct hfcache_part *p)
{
	if (fchmod(p->fd, 0444))
		errno = 0;
}

int hfcache_part_commit(struct hfcache_part *p, struct digest *sha256,
			struct error *err)
{
	if (check_digests(p, err)) {
		if (err->code == ERR_INTEGRITY)
			drop_temp(p);
		return -1;
	}
	set_mode(p);
	if (fsync(p->fd))
		return err_sys(err, errno, "%s", p->label);
	if (give_name(p, err))
		return -1;
	if (sha256)
		*sha256 = p->got;
	return file_sync_dir(p->dirfd, err);
}

void hfcache_part_close(struct hfcache_part *p)
{
	if (!p->resumable)
		drop_temp(p);
	free_ptr(&p->temp);
	free_ptr(&p->name);
	free_ptr(&p->label);
	digest_free(&p->ctx);
	digest_free(&p->ctx256);
	close_fd(&p->fd);
	close_fd(&p->dirfd);
	close_fd(&p->lockfd);
}

void hfcache_part_drop(struct hfcache_part *p)
{
	drop_temp(p);
}

int hfcache_batch_add(struct hfcache_batch *b, struct hfcache_part *p,
		      struct error *err)
{
	struct hfcache_part own CLEANUP(hfcache_part_close) = *p;

	*p = (struct hfcache_part)HFCACHE_PART_INIT;
	if (b->count == HFCACHE_BATCH_CAP && hfcache_batch_flush(b, err))
		return -1;
	if (check_digests(&own, err)) {
		if (err->code == ERR_INTEGRITY)
			drop_temp(&own);
		return -1;
	}
	set_mode(&own);
	b->parts[b->count++] = own;
	own = (struct hfcache_part)HFCACHE_PART_INIT;
	return 0;
}

int hfcache_batch_flush(struct hfcache_batch *b, struct error *err)
{
	if (b->count && syncfs(b->parts[0].dirfd))
		return err_sys(err, errno, "%s", b->parts[0].label);
	for (size_t i = 0; i < b->count; i++)
		if (give_name(&b->parts[i], err))
			return -1;
	for (size_t i = 0; i < b->count; i++) {
		bool last = i + 1 == b->count ||
			    !file_same(b->parts[i].dirfd,
				       b->parts[i + 1].dirfd);

		if (last && file_sync_dir(b->parts[i].dirfd, err))
			return -1;
	}
	hfcache_batch_release(b);
	return 0;
}

void hfcache_batch_release(struct hfcache_batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		hfcache_part_close(&b->parts[i]);
	b->count = 0;
}
