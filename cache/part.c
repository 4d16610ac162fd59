/*
 * Parts: blobs on their way. A resumable one stands in blobs/ as
 * <etag>.itts-part, which no Hugging Face client takes for its own, and belongs
 * to whoever holds the lock of the blob. Any other that is small is an unnamed file
 * where the file system has these; a big one has the name, too, because Linux writes
 * back a file without one at two thirds of the rate (ext4, 6.18), and is emptied
 * when it is met again. After a crash a part may hold anything: it is hashed from
 * its beginning when it is taken up again, and the digest decides.
 */
#include "base/file.h"
#include "base/mem.h"
#include "cache/hashrun.h"
#include "cache/hfcache.h"
#include "cache/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_STEP  ((uint64_t)8 << 20)
#define READ_SIZE   ((size_t)1 << 20)
#define RESERVE_MIN ((uint64_t)1 << 20)
/* Up to this size (a batch, see below) parts have no name until they are whole. */
#define UNNAMED_MAX  ((uint64_t)1 << 20)
#define LOCK_WAIT_MS 60000
/* Adopted files up to this size are read back for their git SHA-1, too. */
#define READ_BACK_MAX ((uint64_t)16 << 20)

int store_hint_space(const struct hfcache *c, struct error *err)
{
	if (err->sys == ENOSPC || err->sys == EDQUOT)
		err_hint(err,
			 "free some space where the cache is (%s) and run the "
			 "command again",
			 c->root);
	return -1;
}

static int no_space(const struct hfcache *c, struct error *err)
{
	store_hint_space(c, err);
	if (err->sys == EFBIG)
		err_hint(err, "the file system does not take files this large");
	return -1;
}

int store_part_failed(const struct hfcache_part *p, int errnum,
		      const char *what, struct error *err)
{
	return err_sys(err, errnum, "%s: %s%s/%s" PART_SUFFIX, p->label, what,
		       p->cache->root, p->path);
}

int store_not_written(const struct hfcache_part *p, struct error *err)
{
	int errnum = err->sys;

	err_clear(err);
	store_part_failed(p, errnum, "", err);
	return no_space(p->cache, err);
}

/* --- open -------------------------------------------------------------------- */

static void begin_digests(struct hfcache_part *p)
{
	digest_free(&p->ctx);
	digest_free(&p->ctx256);
	p->ctx = digest_begin(p->etag.alg, p->size);
	if (p->etag.alg != DIGEST_SHA256)
		p->ctx256 = digest_begin(DIGEST_SHA256, p->size);
}

static void feed(struct hfcache_part *p, const void *buf, size_t n)
{
	digest_update(p->ctx, buf, n);
	if (p->ctx256)
		digest_update(p->ctx256, buf, n);
	p->offset += n;
}

int hfcache_part_restart(struct hfcache_part *p, struct error *err)
{
	if (ftruncate(p->fd, 0))
		return store_part_failed(p, errno, "cannot empty ", err);
	p->offset = p->flushed = 0;
	p->reserved = p->adopted = false;
	begin_digests(p);
	return 0;
}

/* Something stands there, and is no part. Not so where only the opening failed (too
 * many open files, an error of the disk): what earlier runs have left is kept. */
static bool is_in_the_way(const struct stat *st, int fd, int cause)
{
	if (fd >= 0)
		return !S_ISREG(st->st_mode) || st->st_nlink != 1;
	return cause == ELOOP || cause == ENXIO || cause == ENODEV ||
	       cause == EACCES || cause == EPERM || cause == EISDIR ||
	       cause == ETXTBSY;
}

/* A file of that name which is surely nothing but the part. */
static int open_named(struct hfcache_part *p, struct error *err)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
			  O_CLOEXEC;
	struct stat st = { 0 };
	int fd CLEANUP(close_fd) = openat(p->dirfd, p->temp, flags, 0644);

	if (fd >= 0 && fstat(fd, &st))
		return store_part_failed(p, errno, "", err);
	if (is_in_the_way(&st, fd, errno)) {
		close_fd(&fd);
		if (unlinkat(p->dirfd, p->temp, 0) && errno != ENOENT)
			return store_part_failed(p, errno, "cannot replace ",
						 err);
		fd = openat(p->dirfd, p->temp, flags | O_EXCL, 0644);
	}
	if (fd < 0) {
		store_part_failed(p, errno, "cannot create ", err);
		return no_space(p->cache, err);
	}
	p->fd = take_fd(&fd);
	p->named = true;
	return 0;
}

/* What an earlier run has left is hashed and kept; what cannot be read is not. */
static int take_up(struct hfcache_part *p, struct error *err)
{
	char *buf CLEANUP(free_ptr) = NULL;
	struct error unreadable = { 0 };
	struct stat st;
	size_t got;

	if (fstat(p->fd, &st))
		return store_part_failed(p, errno, "", err);
	if (!p->resumable || (uint64_t)st.st_size > p->size)
		return hfcache_part_restart(p, err);
	begin_digests(p);
	if (!st.st_size)
		return 0;
	buf = xmalloc(READ_SIZE);
	do {
		if (file_pread_full(p->fd, buf, READ_SIZE, p->offset, &got,
				    p->label, &unreadable))
			return hfcache_part_restart(p, err);
		if (got > p->size - p->offset) /* it has grown meanwhile */
			return hfcache_part_restart(p, err);
		feed(p, buf, got);
	} while (got == READ_SIZE);
	p->flushed = p->offset;
	return 0;
}

static int open_file(struct hfcache_part *p, struct error *err)
{
	if (!p->resumable && p->size <= UNNAMED_MAX)
		p->fd = openat(p->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC,
			       0600);
	if (p->fd < 0 && open_named(p, err))
		return -1;
	return take_up(p, err);
}

/* Scanners of caches (Python's, npm's) fail on a repository that has blobs only,
 * as it would after a lock or an interrupted fetch. */
static int open_blobs(struct hfcache_part *p, const struct lock_repo *repo,
		      struct error *err)
{
	if (store_open_dir(p->cache, repo, "blobs", &p->dirfd, err))
		return -1;
	/* who needs them and cannot have them says so */
	if (mkdirat(p->dirfd, "../snapshots", 0777))
		errno = 0;
	if (mkdirat(p->dirfd, "../refs", 0777))
		errno = 0;
	return 0;
}

static struct hfcache_part make_part(struct hfcache *c,
				     const struct lock_repo *repo,
				     const struct lock_file *file)
{
	char hex[DIGEST_HEX_MAX];

	assert(file->etag.alg != DIGEST_NONE);
	return (struct hfcache_part){
		.cache = c,
		.dirfd = -1,
		.fd = -1,
		.lockfd = -1,
		.name = xstrdup(digest_hex(&file->etag, hex)),
		.temp = xasprintf("%s" PART_SUFFIX, hex),
		.path = store_blob_path(repo, &file->etag),
		.label = store_label(repo, file),
		.size = file->size,
		.etag = file->etag,
		.sha256 = file->sha256,
	};
}

int hfcache_part_open(struct hfcache_part *out, struct hfcache *c,
		      const struct lock_repo *repo,
		      const struct lock_file *file, bool resumable, int lockfd,
		      struct error *err)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = make_part(c, repo,
								      file);

	p.lockfd = lockfd;
	p.resumable = resumable;
	if (p.lockfd < 0 && hfcache_blob_lock(c, repo, &file->etag,
					      LOCK_WAIT_MS, &p.lockfd, err))
		return -1;
	if (open_blobs(&p, repo, err) || open_file(&p, err))
		return -1;
	*out = p;
	p = (struct hfcache_part)HFCACHE_PART_INIT;
	return 0;
}

int store_part_open(struct hfcache_part *out, struct hfcache *c,
		    const struct lock_repo *repo, const struct lock_file *file,
		    int lockfd, struct error *err)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = make_part(c, repo,
								      file);

	p.lockfd = lockfd;
	p.resumable = true;
	if (open_blobs(&p, repo, err) || open_named(&p, err))
		return -1;
	*out = p;
	p = (struct hfcache_part)HFCACHE_PART_INIT;
	return 0;
}

uint64_t hfcache_part_on_disk(const struct hfcache *c,
			      const struct lock_repo *repo,
			      const struct lock_file *file)
{
	char *blob CLEANUP(free_ptr) = store_blob_path(repo, &file->etag);
	char *name CLEANUP(free_ptr) = xasprintf("%s" PART_SUFFIX, blob);
	struct stat st;

	if (fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

void hfcache_part_sweep(struct hfcache *c, const struct lock_repo *repo,
			const struct lock_file *file)
{
	static const char *const suffixes[] = { PART_SUFFIX, JOURNAL_SUFFIX,
						JOURNAL_NEW_SUFFIX };
	char *blob CLEANUP(free_ptr) = store_blob_path(repo, &file->etag);
	int lockfd CLEANUP(close_fd) = -1;
	struct error busy = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		char *name CLEANUP(free_ptr) = xasprintf("%s%s", blob,
							 suffixes[i]);
		struct stat st;

		if (fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (lockfd < 0 &&
		    hfcache_blob_lock(c, repo, &file->etag, 0, &lockfd, &busy))
			return;
		if (unlinkat(c->fd, name, 0))
			errno = 0;
	}
}

/* --- write ------------------------------------------------------------------- */

int store_part_reserve(const struct hfcache_part *p, uint64_t offset,
		       uint64_t n, struct error *err)
{
	n = n < p->size - offset ? n : p->size - offset;
	if (!n ||
	    !fallocate(p->fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n))
		return 0;
	/* many file systems cannot do it: the writes will tell */
	if (errno != ENOSPC && errno != EDQUOT && errno != EFBIG)
		return 0;
	err_sys(err, errno, "%s: no room for %" PRIu64 " bytes in %s", p->label,
		p->size, p->cache->root);
	return no_space(p->cache, err);
}

int hfcache_part_reserve(struct hfcache_part *p, struct error *err)
{
	if (p->reserved)
		return 0;
	p->reserved = true;
	return store_part_reserve(p, 0, p->size, err);
}

int hfcache_part_write(struct hfcache_part *p, const void *buf, size_t n,
		       struct error *err)
{
	if (n > p->size - p->offset)
		return err_set(err, ERR_INTEGRITY,
			       "%s: more than the expected %" PRIu64 " bytes",
			       p->label, p->size);
	/* a small one is soon written anyway */
	if (p->size >= RESERVE_MIN && hfcache_part_reserve(p, err))
		return -1;
	if (file_pwrite_all(p->fd, buf, n, p->offset, p->label, err))
		return store_not_written(p, err);
	feed(p, buf, n);
	if (p->offset - p->flushed >= FLUSH_STEP) {
		/* only a beginning; what fails is seen by fsync() */
		sync_file_range(p->fd, (off_t)p->flushed,
				(off_t)(p->offset - p->flushed),
				SYNC_FILE_RANGE_WRITE);
		p->flushed = p->offset;
	}
	return 0;
}

/* --- what the bytes are ---------------------------------------------------------- */

/* Wrong bytes help nobody, and must not be taken up again. */
static void discard(struct hfcache_part *p)
{
	struct error ignored = { 0 };

	if (hfcache_part_restart(p, &ignored))
		p->resumable = false;
}

static int compare(struct hfcache_part *p, const struct digest *got,
		   const struct digest *want, struct error *err)
{
	char a[DIGEST_HEX_MAX], b[DIGEST_HEX_MAX];

	if (want->alg == DIGEST_NONE || digest_equal(got, want))
		return 0;
	discard(p);
	return err_set(err, ERR_INTEGRITY, "%s: %s %s, expected %s", p->label,
		       want->alg == DIGEST_SHA256 ? "sha256" : "git sha1",
		       digest_hex(got, a), digest_hex(want, b));
}

int hfcache_part_adopt(struct hfcache_part *p, const struct digest *sha256,
		       uint64_t size, struct error *err)
{
	struct hash_span span = { .fd = p->fd, .size = p->size };
	struct digest git;
	struct stat st;

	assert(sha256->alg == DIGEST_SHA256);
	if (fstat(p->fd, &st))
		return store_part_failed(p, errno, "", err);
	if (size != p->size || (uint64_t)st.st_size != size)
		return err_set(err, ERR_INTEGRITY,
			       "%s: %" PRIu64 " bytes, expected %" PRIu64,
			       p->label, size, p->size);
	if (compare(p, sha256, &p->sha256, err))
		return -1;
	if (p->etag.alg == DIGEST_SHA256) {
		if (compare(p, sha256, &p->etag, err))
			return -1;
	} else if (p->sha256.alg == DIGEST_NONE || size <= READ_BACK_MAX) {
		if (hash_span(&span, p->etag.alg, &git, err))
			return err_wrap(err, "%s: %s/%s" PART_SUFFIX, p->label,
					p->cache->root, p->path);
		if (compare(p, &git, &p->etag, err))
			return -1;
	}
	p->got = *sha256;
	p->offset = size;
	p->adopted = true;
	return 0;
}

/* Size and digests of what was written; fills p->got. */
static int check_part(struct hfcache_part *p, struct error *err)
{
	struct digest etag;

	if (p->offset != p->size)
		return err_set(err, ERR_INTEGRITY,
			       "%s: %" PRIu64 " bytes, expected %" PRIu64,
			       p->label, p->offset, p->size);
	if (p->adopted)
		return 0;
	digest_end(&p->ctx, &etag);
	if (p->ctx256)
		digest_end(&p->ctx256, &p->got);
	else
		p->got = etag;
	if (compare(p, &etag, &p->etag, err))
		return -1;
	return compare(p, &p->got, &p->sha256, err);
}

/* --- commit ------------------------------------------------------------------ */

/* The open file, not what stands under the part's name by now. */
static int name_new(const struct hfcache_part *p)
{
	int failed = file_link_fd(p->fd, p->dirfd, p->name);

	if (!failed || failed == EEXIST || !p->named)
		return failed;
	/* a file system without hard links, a chroot without /proc */
	return file_rename_new(p->dirfd, p->temp, p->name);
}

/* Over something that is damaged. */
static int replace(struct hfcache_part *p)
{
	int failed = 0;

	if (!p->named) {
		unlinkat(p->dirfd, p->temp, 0);
		failed = file_link_fd(p->fd, p->dirfd, p->temp);
		p->named = !failed;
	}
	if (!failed && renameat(p->dirfd, p->temp, p->dirfd, p->name))
		failed = errno;
	p->replaced = !failed;
	return failed;
}

/* An adopted part may be too big to be read again for its git SHA-1. */
static const struct digest *proven(const struct hfcache_part *p)
{
	return p->adopted && p->size > READ_BACK_MAX ? &p->got : &p->etag;
}

/* The bytes are on disk: now they get their name. */
static int give_name(struct hfcache_part *p, struct error *err)
{
	const struct digest *want = p->sha256.alg != DIGEST_NONE ? &p->sha256
								 : &p->etag;
	struct stat st;
	int failed;

	/* Late, so that a part stays writable. Some file systems refuse. */
	if (fchmod(p->fd, 0444))
		errno = 0;
	failed = name_new(p);
	if (failed == EEXIST &&
	    store_is_right(p->cache, p->path, p->size, want))
		failed = 0;
	else if (failed == EEXIST)
		failed = replace(p);
	if (failed)
		return err_sys(err, failed, "%s: cannot create %s/%s", p->label,
			       p->cache->root, p->path);
	/* also what an earlier run of another kind has left */
	p->named = unlinkat(p->dirfd, p->temp, 0) && errno != ENOENT;
	p->resumable = false; /* closing tries it once more */
	traces_named(p->cache);
	if (!fstat(p->fd, &st))
		store_note(p->cache, p->path, &st, &p->got, proven(p));
	return 0;
}

int hfcache_part_commit(struct hfcache_part *p, struct digest *sha256,
			struct error *err)
{
	if (check_part(p, err))
		return -1;
	if (fsync(p->fd)) {
		/* a second fsync() would say yes to bytes that are lost */
		store_part_failed(p, errno, "fsync of ", err);
		discard(p);
		return no_space(p->cache, err);
	}
	if (give_name(p, err))
		return -1;
	if (file_sync_dir(p->dirfd, err))
		return err_wrap(err, "%s: %s/%s", p->label, p->cache->root,
				p->path);
	if (sha256)
		*sha256 = p->got;
	return 0;
}

void hfcache_part_close(struct hfcache_part *p)
{
	int saved = errno;

	if (p->named && (!p->resumable || !p->offset))
		unlinkat(p->dirfd, p->temp, 0);
	else if (p->named)
		traces_came(p->cache);
	close_fd(&p->fd);
	close_fd(&p->dirfd);
	close_fd(&p->lockfd);
	free_ptr(&p->name);
	free_ptr(&p->temp);
	free_ptr(&p->path);
	free_ptr(&p->label);
	digest_free(&p->ctx);
	digest_free(&p->ctx256);
	*p = (struct hfcache_part)HFCACHE_PART_INIT;
	errno = saved;
}

void hfcache_part_drop(struct hfcache_part *p)
{
	p->resumable = false;
	hfcache_part_close(p);
}

/* --- many at once -------------------------------------------------------------- */

/* All parts of a batch are in the directory of the first, which has it open. */
void hfcache_batch_release(struct hfcache_batch *b)
{
	for (size_t i = b->count; i > 0; i--) {
		struct hfcache_part *p = &b->parts[i - 1];

		if (i > 1)
			p->dirfd = b->parts[0].dirfd;
		if (p->named)
			unlinkat(p->dirfd, p->temp, 0);
		p->named = false;
		if (i > 1)
			p->dirfd = -1;
		hfcache_part_close(p);
	}
	b->count = 0;
}

static int name_all(struct hfcache_batch *b, struct error *err)
{
	int dirfd = b->parts[0].dirfd;

	if (syncfs(dirfd)) {
		err_sys(err, errno, "%s: writing to disk",
			b->parts[0].cache->root);
		return no_space(b->parts[0].cache, err);
	}
	for (size_t i = 0; i < b->count; i++) {
		b->parts[i].dirfd = dirfd;
		if (give_name(&b->parts[i], err))
			return -1;
	}
	if (file_sync_dir(dirfd, err))
		return err_wrap(err, "%s/%s", b->parts[0].cache->root,
				b->parts[0].path);
	return 0;
}

int hfcache_batch_flush(struct hfcache_batch *b, struct error *err)
{
	int rc = b->count ? name_all(b, err) : 0;

	hfcache_batch_release(b);
	return rc;
}

int hfcache_batch_add(struct hfcache_batch *b, struct hfcache_part *p,
		      struct error *err)
{
	struct hfcache_part mine CLEANUP(hfcache_part_close) = *p;

	*p = (struct hfcache_part)HFCACHE_PART_INIT;
	if (check_part(&mine, err))
		return -1;
	if (b->count &&
	    (b->count == HFCACHE_BATCH_CAP ||
	     !file_same(b->parts[0].dirfd, mine.dirfd)) &&
	    hfcache_batch_flush(b, err))
		return -1;
	/* one directory for all: descriptors are scarce */
	if (b->count)
		close_fd(&mine.dirfd);
	b->parts[b->count++] = mine;
	mine = (struct hfcache_part)HFCACHE_PART_INIT;
	return 0;
}
