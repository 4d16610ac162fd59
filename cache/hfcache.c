#include "cache/hfcache.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/hfcache_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Byte for byte what huggingface_hub writes, so that neither rewrites it. */
static const char tag_text[] =
	"Signature: 8a477f597d28d172789f06886806bc55\n"
	"# This file is a cache directory tag created by huggingface_hub.\n"
	"# For information about cache directory tags, see:\n"
	"#\thttps://bford.info/cachedir/\n";

const char *hfcache_tag_text(void)
{
	return tag_text;
}

/* The tag is a courtesy to backup programs: a cache without it works. */
static void write_tag(int fd)
{
	struct error ignored = { 0 };

	if (faccessat(fd, "CACHEDIR.TAG", F_OK, AT_SYMLINK_NOFOLLOW) &&
	    errno == ENOENT &&
	    file_replace(fd, "CACHEDIR.TAG", tag_text, strlen(tag_text),
			 &ignored))
		err_clear(&ignored);
}

int hfcache_open(struct hfcache **out, const char *root, bool create,
		 struct error *err)
{
	int fd CLEANUP(close_fd) = -1;
	char *absolute CLEANUP(free_ptr) = NULL;

	if (create && file_mkdirs(AT_FDCWD, root, err))
		return -1;
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s: no such cache", root);
	if (fd < 0)
		return err_sys(err, errno, "%s", root);
	absolute = realpath(root, NULL);
	if (!absolute)
		return err_sys(err, errno, "%s", root);
	if (create)
		write_tag(fd);
	*out = hfcache_at(take_fd(&fd), absolute, create);
	return 0;
}

struct hfcache *hfcache_at(int fd, const char *name, bool writable)
{
	struct hfcache *c = xcalloc(1, sizeof(*c));

	*c = (struct hfcache){ .root = xstrdup(name),
			       .fd = fd,
			       .writable = writable };
	return c;
}

void hfcache_close(struct hfcache **c)
{
	if (!*c)
		return;
	close_fd(&(*c)->fd);
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

int hfcache_need_writable(const struct hfcache *c, struct error *err)
{
	if (c->writable)
		return 0;
	return err_set(err, ERR_IO, "%s: opened for reading only", c->root);
}

int hfcache_open_inside(int dirfd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN); /* a rename raced with a ".." */
	return (int)fd;
}

int hfcache_repo_dir(struct hfcache *c, const struct lock_repo *repo,
		     const char *sub, bool create, int *out, struct error *err)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);
	char *path CLEANUP(free_ptr) = xasprintf("%s/%s", folder, sub);

	if (create && hfcache_need_writable(c, err))
		return -1;
	if (file_open_beneath(c->fd, path, create, out, err))
		return err_wrap(err, "%s", c->root);
	return 0;
}

char *hfcache_label(const struct lock_repo *repo, const struct lock_file *file)
{
	return xasprintf("%s %s", repo->id, file->path);
}

/* Opens blobs/<etag>, else (caches without links) the file in the snapshot. */
static int open_blob(struct hfcache *c, const struct lock_repo *repo,
		     const struct lock_file *file)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);
	char hex[DIGEST_HEX_MAX];
	char *blob CLEANUP(free_ptr) = xasprintf("%s/blobs/%s", folder,
						 digest_hex(&file->etag, hex));
	char *snap CLEANUP(free_ptr) = xasprintf("%s/snapshots/%s/%s", folder,
						 repo->commit, file->path);
	int fd = hfcache_open_inside(c->fd, blob, O_RDONLY | O_NONBLOCK);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (faccessat(c->fd, blob, F_OK, AT_SYMLINK_NOFOLLOW))
		return hfcache_open_inside(c->fd, snap, O_RDONLY | O_NONBLOCK);
	errno = ELOOP; /* there is a link, and it leads nowhere */
	return -1;
}

/* *fd_out is -1 unless the state is BLOB_OK, which means: a file of the right
 * size. */
static int find_blob(struct hfcache *c, const struct lock_repo *repo,
		     const struct lock_file *file, enum blob_state *state,
		     int *fd_out, struct error *err)
{
	int fd CLEANUP(close_fd) = open_blob(c, repo, file);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		*state = BLOB_MISSING;
	else if (fd < 0 && (errno == EXDEV || errno == ELOOP ||
			    errno == ENXIO || errno == ENOTDIR))
		*state = BLOB_NOT_FILE;
	else if (fd < 0 || fstat(fd, &st))
		return err_sys(err, errno, "%s: %s %s", c->root, repo->id,
			       file->path);
	else if (!S_ISREG(st.st_mode))
		*state = BLOB_NOT_FILE;
	else if ((uint64_t)st.st_size != file->size)
		*state = BLOB_WRONG_SIZE;
	else {
		*state = BLOB_OK;
		*fd_out = take_fd(&fd);
	}
	return 0;
}

int hfcache_blob_check(struct hfcache *c, const struct lock_repo *repo,
		       const struct lock_file *file,
		       const struct cancel *cancel, enum blob_state *out,
		       struct error *err)
{
	const struct digest *want = file->sha256.alg ? &file->sha256
						     : &file->etag;
	int fd CLEANUP(close_fd) = -1;
	struct digest got;
	struct error ended = { 0 };

	if (cancel_check(cancel, err) ||
	    find_blob(c, repo, file, out, &fd, err))
		return -1;
	if (fd < 0)
		return 0;
	if (digest_fd(want->alg, fd, 0, file->size, &got, &ended)) {
		if (ended.code != ERR_INTEGRITY) {
			*err = ended;
			return err_wrap(err, "%s: %s %s", c->root, repo->id,
					file->path);
		}
		*out = BLOB_WRONG_SIZE; /* it shrank meanwhile */
	} else if (!digest_equal(&got, want)) {
		*out = BLOB_WRONG_DIGEST;
	}
	return 0;
}

int hfcache_blob_open(struct hfcache *c, const struct lock_repo *repo,
		      const struct lock_file *file, int *fd_out,
		      struct error *err)
{
	enum blob_state state;

	*fd_out = -1;
	if (find_blob(c, repo, file, &state, fd_out, err))
		return -1;
	if (state == BLOB_OK)
		return 0;
	if (state == BLOB_MISSING)
		return err_set(err, ERR_NOT_FOUND, "%s %s: not in %s", repo->id,
			       file->path, c->root);
	if (state == BLOB_WRONG_SIZE)
		return err_set(err, ERR_INTEGRITY,
			       "%s %s: wrong size in %s, expected %" PRIu64,
			       repo->id, file->path, c->root, file->size);
	return err_set(err, ERR_INTEGRITY, "%s %s: not a regular file in %s",
		       repo->id, file->path, c->root);
}

int hfcache_blob_lock(struct hfcache *c, const struct lock_repo *repo,
		      const struct digest *etag, unsigned wait_ms, int *fd_out,
		      struct error *err)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);
	char *path CLEANUP(free_ptr) = xasprintf(".locks/%s", folder);
	char hex[DIGEST_HEX_MAX];
	char *name CLEANUP(free_ptr) = xasprintf("%s.lock",
						 digest_hex(etag, hex));
	int dirfd CLEANUP(close_fd) = -1;

	if (hfcache_need_writable(c, err) ||
	    file_open_beneath(c->fd, path, true, &dirfd, err) ||
	    file_lock(dirfd, name, wait_ms, fd_out, err))
		return err_wrap(err, "%s/%s", c->root, path);
	return 0;
}

/* true: `to` has a blob now that is the same file. Through a descriptor: the
 * blob may be a link into a shared store. */
static bool link_blob(struct hfcache *c, const struct lock_repo *from,
		      const struct lock_file *from_file, int to_dir,
		      const struct digest *name)
{
	struct error ignored = { 0 };
	char self[32], hex[DIGEST_HEX_MAX];
	int fd CLEANUP(close_fd) = -1;

	if (hfcache_blob_open(c, from, from_file, &fd, &ignored))
		return false;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return !linkat(AT_FDCWD, self, to_dir, digest_hex(name, hex),
		       AT_SYMLINK_FOLLOW);
}

static int copy_blob(struct hfcache *c, const struct lock_repo *from,
		     const struct lock_file *from_file,
		     const struct lock_repo *to,
		     const struct lock_file *to_file, struct error *err)
{
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	char *buf CLEANUP(free_ptr) = xmalloc(1 << 20);
	int fd CLEANUP(close_fd) = -1;
	size_t got;

	if (hfcache_blob_open(c, from, from_file, &fd, err) ||
	    hfcache_part_open(&part, c, to, to_file, false, -1, err))
		return -1;
	do {
		if (file_read_full(fd, buf, 1 << 20, &got, from_file->path,
				   err) ||
		    hfcache_part_write(&part, buf, got, err))
			return -1;
	} while (got);
	return hfcache_part_commit(&part, NULL, err);
}

int hfcache_blob_share(struct hfcache *c, const struct lock_repo *from,
		       const struct lock_file *from_file,
		       const struct lock_repo *to,
		       const struct lock_file *to_file, struct error *err)
{
	int to_dir CLEANUP(close_fd) = -1;
	enum blob_state state;

	if (hfcache_blob_check(c, to, to_file, NULL, &state, err) ||
	    hfcache_repo_dir(c, to, "blobs", true, &to_dir, err))
		return -1;
	if (state == BLOB_OK)
		return 0;
	if (state == BLOB_MISSING &&
	    link_blob(c, from, from_file, to_dir, &to_file->etag))
		return file_sync_dir(to_dir, err);
	return copy_blob(c, from, from_file, to, to_file, err);
}
