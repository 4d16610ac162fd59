/* Files: complete under their final name, or not there. */
#ifndef ITTS_FILE_H
#define ITTS_FILE_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"

/* All file descriptors are close-on-exec. Names in messages are `name`. */
int file_write_all(int fd, const void *buf, size_t n, const char *name,
		   struct error *err) MUST_CHECK;
int file_pwrite_all(int fd, const void *buf, size_t n, uint64_t offset,
		    const char *name, struct error *err) MUST_CHECK;
/* Reads up to n bytes, fewer only at the end of the file; *got says how many. */
int file_read_full(int fd, void *buf, size_t n, size_t *got, const char *name,
		   struct error *err) MUST_CHECK;
int file_pread_full(int fd, void *buf, size_t n, uint64_t offset, size_t *got,
		    const char *name, struct error *err) MUST_CHECK;
/* Opens what is there for reading, with further open(2) flags such as O_DIRECTORY.
 * ERR_NOT_FOUND if it is not. dirfd may be AT_FDCWD. A FIFO is waited for until it
 * has a writer or a signal comes (ERR_CANCELLED), unless O_NONBLOCK is among flags.
 * Caller closes *out. */
int file_open(int dirfd, const char *name, int flags, int *out,
	      struct error *err) MUST_CHECK;
/* Opens what is there to be read from its beginning to its end. What a user names
 * (dirfd is AT_FDCWD) may be a pipe; what is found in a directory must be a regular
 * file, and is not waited for; that it is a directory is told when it is read.
 * ERR_NOT_FOUND if absent. Caller closes *out. */
int file_open_read(int dirfd, const char *name, int *out, struct error *err)
	MUST_CHECK;
/* All of such a file, at most limit bytes (ERR_FORMAT beyond), appended to out. */
int file_read_all(int dirfd, const char *name, size_t limit, struct str *out,
		  struct error *err) MUST_CHECK;

/* Gives an open file a(nother) name; 0 or an errno. */
int file_link_fd(int fd, int dirfd, const char *name);

int file_make_blocking(int fd, const char *name, struct error *err) MUST_CHECK;

/* rename(2) below dirfd that replaces nothing, also where the file system has no
 * RENAME_NOREPLACE; 0 or an errno, EEXIST where there is something. */
int file_rename_new(int dirfd, const char *from, const char *to);

/* openat2(2), again while the tree moves under it; always close-on-exec. -1 and
 * errno: ENOSYS or EPERM where a kernel or a sandbox does not have it. */
int file_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve);

/* Replace-or-create: bytes go to a temporary name beside the final one. */
struct atomic_file {
	int dirfd;	  /* borrowed, or AT_FDCWD */
	int fd;		  /* -1: none */
	char *name, *tmp; /* tmp NULL: it has no name yet */
};
#define ATOMIC_FILE_INIT              \
	{                             \
		.dirfd = -1, .fd = -1 \
	}
int atomic_open(struct atomic_file *f, int dirfd, const char *name, mode_t mode,
		struct error *err) MUST_CHECK;
/* Has no name at all before the commit where the file system can do that, so that
 * even kill -9 leaves nothing behind. */
int atomic_open_unnamed(struct atomic_file *f, int dirfd, const char *name,
			mode_t mode, struct error *err) MUST_CHECK;
/* fsync, rename, fsync of the directory. */
int atomic_commit(struct atomic_file *f, struct error *err) MUST_CHECK;
void atomic_abort(struct atomic_file *f); /* CLEANUP; nothing after a commit */
/* All of it at once for small files. Mode 0644. */
int file_replace(int dirfd, const char *name, const void *buf, size_t n,
		 struct error *err) MUST_CHECK;

/* A link to what is not there, mostly to a disk that is not mounted. Where it says no
 * errno is that of stat(). */
bool file_is_dangling(int dirfd, const char *name);
/* Creates name and its parents below dirfd, mode 0777 & ~umask. */
int file_mkdirs(int dirfd, const char *name, struct error *err) MUST_CHECK;
/* Opens (and with create makes) the directory `path` below dirfd, component by
 * component, following no symbolic link. Caller closes *out. ERR_UNSAFE for a
 * link, ERR_NOT_FOUND. Empty path: a duplicate of dirfd. */
int file_open_beneath(int dirfd, const char *path, bool create, int *out,
		      struct error *err) MUST_CHECK;
/* A directory to list; takes fd, -1 too. NULL and errno. Caller: closedir(). */
DIR *file_dir_take(int fd);
/* The same by name; follows no link at its end. */
DIR *file_dir_open(int dirfd, const char *name);
/* readdir() but "." and "..". NULL at the end, with *failed 0, and where it breaks
 * off, with an errno: then there may have been more. */
struct dirent *file_dir_next(DIR *dir, int *failed);
/* fsync() of the directory itself. */
int file_sync_dir(int dirfd, struct error *err) MUST_CHECK;

/* flock(2) as Python's filelock does (O_RDWR|O_CREAT|O_NOFOLLOW, 0664, left
 * behind). Waits up to wait_ms (0: do not wait), polling; ERR_BUSY naming the
 * file. *fd_out: closing it releases the lock. */
int file_lock(int dirfd, const char *name, unsigned wait_ms, int *fd_out,
	      struct error *err) MUST_CHECK;

/* Bytes and inodes free for this user on the file system of fd. */
int file_space(int fd, uint64_t *bytes, uint64_t *inodes, struct error *err)
	MUST_CHECK;
/* true if both are the same inode */
bool file_same(int a, int b);

/* Shares src's extents with dst (FICLONERANGE); false where that cannot be.
 * Offsets must be block multiples; len may be any, the tail is written. */
bool file_clone_range(int src, uint64_t src_offset, int dst,
		      uint64_t dst_offset, uint64_t len);

#endif
