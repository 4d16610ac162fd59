#include "cache/hfcache.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/checked.h"
#include "cache/fresh.h"
#include "cache/hashrun.h"
#include "cache/lease.h"
#include "cache/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the directory ----------------------------------------------------------- */

const char *hfcache_tag_text(void)
{
	return "Signature: 8a477f597d28d172789f06886806bc55\n"
	       "# This file is a cache directory tag created by "
	       "huggingface_hub.\n"
	       "# For information about cache directory tags, see:\n"
	       "#\thttps://bford.info/cachedir/\n";
}

/* A courtesy to programs that make backups. But a disk that fails is heard: its
 * error is told once, and what was written before may be lost. */
static int write_tag(int fd, struct error *err)
{
	const char *text = hfcache_tag_text();

	if (!faccessat(fd, HFCACHE_TAG, F_OK, AT_SYMLINK_NOFOLLOW) ||
	    !file_replace(fd, HFCACHE_TAG, text, strlen(text), err))
		return 0;
	if (err->sys == EIO)
		return -1;
	err_clear(err);
	return 0;
}

void store_from_fd(struct hfcache **out, int fd, const char *root,
		   bool writable)
{
	struct hfcache *c = xcalloc(1, sizeof(*c));

	c->fd = fd;
	c->root = xstrdup(root);
	c->writable = writable;
	c->lease = LEASE_NEVER;
	c->opened = checked_now();
	pthread_mutex_init(&c->notes_lock, NULL);
	*out = c;
}

int hfcache_open(struct hfcache **out, const char *root, bool create,
		 struct error *err)
{
	char *full CLEANUP(free_ptr) = NULL;
	int fd CLEANUP(close_fd) = -1;
	struct fresh fresh = { .made = false };

	if (create && fresh_open(&fresh, root, &fd, err))
		return -1;
	if (!create)
		fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND,
			       "cache %s: no such directory", root);
	if (fd < 0)
		return err_sys(err, errno, "cache %s", root);
	full = realpath(root, NULL);
	if (!full)
		return err_sys(err, errno, "cache %s", root);
	if (create && write_tag(fd, err))
		return err_inside(err, "cache %s", root);
	store_from_fd(out, take_fd(&fd), full, create);
	(*out)->fresh = fresh;
	if (create) {
		(*out)->lease = LEASE_CLOSED;
		traces_begin(*out);
	}
	return 0;
}

void hfcache_close(struct hfcache **c)
{
	if (!*c)
		return;
	traces_end(*c);
	fresh_end(&(*c)->fresh, (*c)->root, (*c)->fd);
	close_fd(&(*c)->fd);
	if ((*c)->lease >= 0)
		close((*c)->lease);
	store_forget_notes(*c);
	pthread_mutex_destroy(&(*c)->notes_lock);
	free_ptr(&(*c)->root);
	free_ptr(c);
}

const char *hfcache_root(const struct hfcache *c)
{
	return c->root;
}

int hfcache_fd(const struct hfcache *c)
{
	return c->fd;
}

/* --- names ------------------------------------------------------------------- */

char *store_path(const struct lock_repo *repo, const char *sub)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);

	return sub ? xasprintf("%s/%s", folder, sub) : take_ptr(folder);
}

char *store_blob_path(const struct lock_repo *repo, const struct digest *etag)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);
	char hex[DIGEST_HEX_MAX];

	return xasprintf("%s/blobs/%s", folder, digest_hex(etag, hex));
}

char *store_snapshot_path(const struct lock_repo *repo, const char *path)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);

	return xasprintf("%s/snapshots/%s/%s", folder, repo->commit, path);
}

char *store_label(const struct lock_repo *repo, const struct lock_file *file)
{
	return xasprintf("%s %s", repo->id, file->path);
}

char *store_temp_name(const char *name)
{
	return xasprintf("%.200s.%08" PRIx32 PART_SUFFIX, name, clock_jitter());
}

const char *store_split(const char *path, char **dir)
{
	const char *base = path_base(path);

	*dir = xstrndup(path, base > path ? (size_t)(base - path - 1) : 0);
	return base;
}

const char *store_plain_target(const char *text, unsigned depth)
{
	for (unsigned i = 0; i < depth + 2; i++, text += 3)
		if (strncmp(text, "../", 3) != 0)
			return NULL;
	if (strncmp(text, "blobs/", 6) != 0 || strchr(text + 6, '/'))
		return NULL;
	return text + 6;
}

int store_inside(const struct hfcache *c, const struct lock_repo *repo,
		 const char *sub, struct error *err)
{
	char *path CLEANUP(free_ptr) = store_path(repo, sub);

	return err_inside(err, "%s/%s", c->root, path);
}

int store_open_dir(struct hfcache *c, const struct lock_repo *repo,
		   const char *sub, int *out, struct error *err)
{
	char *folder CLEANUP(free_ptr) = store_path(repo, NULL);
	char *path CLEANUP(free_ptr) = store_path(repo, sub);

	assert(c->writable);
	if (lease_share(c, folder, err))
		return -1;
	if (file_open_beneath(c->fd, path, true, out, err))
		return err_inside(err, "cache %s", c->root);
	return 0;
}

int store_symlink(const char *text, int dirfd, const char *name,
		  struct error *err)
{
	char *temp CLEANUP(free_ptr) = NULL;
	char old[PATH_MAX];
	ssize_t n;

	if (!symlinkat(text, dirfd, name))
		return 0;
	if (errno == EPERM || errno == EOPNOTSUPP) {
		err_sys(err, errno, "%s: cannot make a symbolic link", name);
		return err_hint(err, "choose a directory on a file system that "
				     "has them");
	}
	if (errno != EEXIST)
		return err_sys(err, errno, "%s: cannot make a symbolic link",
			       name);
	n = readlinkat(dirfd, name, old, sizeof(old));
	if (n == (ssize_t)strlen(text) && !memcmp(old, text, (size_t)n))
		return 0;
	temp = store_temp_name(name);
	if (symlinkat(text, dirfd, temp))
		return err_sys(err, errno, "%s: cannot make a symbolic link",
			       temp);
	if (renameat(dirfd, temp, dirfd, name)) {
		err_sys(err, errno, "%s: cannot be replaced by a link", name);
		unlinkat(dirfd, temp, 0);
		return -1;
	}
	return 0;
}

/* --- blobs ------------------------------------------------------------------- */

const struct digest *store_want(const struct lock_file *file)
{
	return file->sha256.alg != DIGEST_NONE ? &file->sha256 : &file->etag;
}

enum beneath store_find(const struct hfcache *c, const struct lock_repo *repo,
			const struct lock_file *file, int *fd, struct stat *st)
{
	char *blob CLEANUP(free_ptr) = store_blob_path(repo, &file->etag);
	enum beneath b = beneath_open(c->fd, blob, fd, st);

	if (b == BENEATH_MISSING) {
		char *path CLEANUP(free_ptr) = store_snapshot_path(repo,
								   file->path);

		b = beneath_open(c->fd, path, fd, st);
		/* the usual link to the blob that is not there */
		if (b == BENEATH_NOWHERE)
			b = BENEATH_MISSING;
	}
	return b;
}

int store_unread(const struct hfcache *c, const struct lock_repo *repo,
		 const struct lock_file *file, int errnum, struct error *err)
{
	char *path CLEANUP(free_ptr) = store_blob_path(repo, &file->etag);

	return err_sys(err, errnum, "%s %s: %s/%s", repo->id, file->path,
		       c->root, path);
}

int hfcache_blob_open(struct hfcache *c, const struct lock_repo *repo,
		      const struct lock_file *file, int *fd_out,
		      struct error *err)
{
	char *label CLEANUP(free_ptr) = store_label(repo, file);
	int fd CLEANUP(close_fd) = -1;
	struct stat st;
	enum beneath b = store_find(c, repo, file, &fd, &st);

	if (b == BENEATH_MISSING)
		return err_set(err, ERR_NOT_FOUND, "%s: not in the cache %s",
			       label, c->root);
	if (b == BENEATH_FAILED)
		return store_unread(c, repo, file, errno, err);
	if (b != BENEATH_FILE)
		return err_set(err, ERR_INTEGRITY, "%s: its blob %s in %s",
			       label, beneath_text(b), c->root);
	if ((uint64_t)st.st_size != file->size)
		return err_set(err, ERR_INTEGRITY,
			       "%s: %jd bytes in the cache, expected %" PRIu64,
			       label, (intmax_t)st.st_size, file->size);
	*fd_out = take_fd(&fd);
	return 0;
}

/* Of an open blob that has the right size. */
static int check_bytes(int fd, const struct lock_file *file,
		       const struct cancel *cancel, enum blob_state *out,
		       struct error *err)
{
	const struct hash_span span = {
		.fd = fd,
		.size = file->size,
		.cancel = cancel,
	};
	const struct digest *want = store_want(file);
	struct digest got;

	if (hash_span(&span, want->alg, &got, err))
		return -1;
	*out = digest_equal(&got, want) ? BLOB_OK : BLOB_WRONG_DIGEST;
	return 0;
}

static int look_at(struct hfcache *c, const struct lock_repo *repo,
		   const struct lock_file *file, int *fd, enum blob_state *out,
		   struct error *err)
{
	char *folder CLEANUP(free_ptr) = store_path(repo, NULL);
	struct stat st;
	enum beneath b;

	/* what is found right must not be cleaned away before it has a link */
	if (lease_share(c, folder, err))
		return -1;
	b = store_find(c, repo, file, fd, &st);
	if (b == BENEATH_FAILED)
		return store_unread(c, repo, file, errno, err);
	if (b == BENEATH_MISSING)
		*out = BLOB_MISSING;
	else if (b != BENEATH_FILE)
		*out = BLOB_NOT_FILE;
	else if ((uint64_t)st.st_size != file->size)
		*out = BLOB_WRONG_SIZE;
	else
		*out = BLOB_OK;
	return 0;
}

int hfcache_blob_look(struct hfcache *c, const struct lock_repo *repo,
		      const struct lock_file *file, enum blob_state *out,
		      struct error *err)
{
	int fd CLEANUP(close_fd) = -1;

	return look_at(c, repo, file, &fd, out, err);
}

int hfcache_blob_check(struct hfcache *c, const struct lock_repo *repo,
		       const struct lock_file *file,
		       const struct cancel *cancel, enum blob_state *out,
		       struct error *err)
{
	char *path CLEANUP(free_ptr) = store_blob_path(repo, &file->etag);
	const struct digest *want = store_want(file);
	int fd CLEANUP(close_fd) = -1;
	struct stamp stamp;
	struct stat st;

	if (look_at(c, repo, file, &fd, out, err))
		return -1;
	if (*out != BLOB_OK)
		return 0;
	if (fstat(fd, &st))
		return store_unread(c, repo, file, errno, err);
	stamp_read(&stamp, &st);
	if (check_bytes(fd, file, cancel, out, err))
		return err_wrap(err, "%s %s: %s/%s", repo->id, file->path,
				c->root, path);
	if (*out == BLOB_OK && !stamp_is_racy(&stamp, c->opened))
		store_note(c, path, &st, want, want);
	return 0;
}

bool store_is_right(const struct hfcache *c, const char *path, uint64_t size,
		    const struct digest *want)
{
	struct hash_span span = { .fd = -1, .size = size };
	struct error unreadable = { 0 };
	int fd CLEANUP(close_fd) = -1;
	struct digest got;
	struct stat st;

	if (beneath_open(c->fd, path, &fd, &st) != BENEATH_FILE ||
	    (uint64_t)st.st_size != size)
		return false;
	span.fd = fd;
	return !hash_span(&span, want->alg, &got, &unreadable) &&
	       digest_equal(&got, want);
}

int hfcache_blob_lock(struct hfcache *c, const struct lock_repo *repo,
		      const struct digest *etag, unsigned wait_ms, int *fd_out,
		      struct error *err)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);
	char *dir CLEANUP(free_ptr) = xasprintf(".locks/%s", folder);
	char hex[DIGEST_HEX_MAX];
	char *name CLEANUP(free_ptr) = xasprintf("%s.lock",
						 digest_hex(etag, hex));
	int dirfd CLEANUP(close_fd) = -1;

	assert(c->writable);
	if (lease_share(c, folder, err))
		return -1;
	if (file_open_beneath(c->fd, dir, true, &dirfd, err))
		return err_inside(err, "cache %s", c->root);
	if (file_lock(dirfd, name, wait_ms, fd_out, err))
		return err_inside(err, "%s/%s", c->root, dir);
	traces_locked(c);
	return 0;
}
