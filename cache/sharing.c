#include "cache/sharing.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 4096u

static bool mount_of(int fd, uint64_t *out)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) ||
	    !(st.stx_mask & STATX_MNT_ID))
		return false;
	*out = st.stx_mnt_id;
	return true;
}

/* link(2) refuses to leave a mount, also one of the same file system. */
static bool is_same_mount(int a, int b)
{
	uint64_t x, y;

	return !mount_of(a, &x) || !mount_of(b, &y) || x == y;
}

/* Does the kernel refuse links to files of others? */
static bool links_are_guarded(void)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error unreadable = { 0 };

	return !file_read_all(AT_FDCWD, "/proc/sys/fs/protected_hardlinks", 16,
			      &text, &unreadable) &&
	       text.len > 0 && text.ptr[0] == '1';
}

int sharing_begin(struct sharing *s, struct hfcache *store, int dirfd,
		  struct error *err)
{
	struct stat here, there;

	if (fstat(hfcache_fd(store), &there) || fstat(dirfd, &here))
		return err_sys(err, errno, "%s", hfcache_root(store));
	*s = (struct sharing){
		.store = store,
		.dirfd = dirfd,
		.same_mount = here.st_dev == there.st_dev &&
			      is_same_mount(dirfd, hfcache_fd(store)),
		.guarded = links_are_guarded(),
	};
	return 0;
}

static bool may_link(const struct sharing *s, int blob)
{
	struct stat st;

	if (!s->same_mount)
		return false;
	return blob < 0 || !s->guarded ||
	       (!fstat(blob, &st) && st.st_uid == geteuid()) ||
	       !faccessat(blob, "", R_OK | W_OK, AT_EMPTY_PATH | AT_EACCESS);
}

/* Tried with files that have no names. */
static bool try_clone(const struct sharing *s, int blob)
{
	static const char block[BLOCK];
	int own CLEANUP(close_fd) = -1;
	int to CLEANUP(close_fd) = openat(s->dirfd, ".",
					  O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (to < 0)
		return false;
	if (blob >= 0)
		return file_clone_range(blob, 0, to, 0, BLOCK);
	own = openat(hfcache_fd(s->store), ".", O_TMPFILE | O_RDWR | O_CLOEXEC,
		     0600);
	return own >= 0 && pwrite(own, block, BLOCK, 0) == BLOCK &&
	       file_clone_range(own, 0, to, 0, BLOCK);
}

bool sharing_of(struct sharing *s, const struct lock_repo *repo,
		const struct lock_file *file)
{
	struct error missing = { 0 };
	int blob CLEANUP(close_fd) = -1;

	if (hfcache_blob_open(s->store, repo, file, &blob, &missing))
		blob = -1;
	if (may_link(s, blob))
		return true;
	if (file->size < BLOCK)
		return false; /* not worth a look */
	if (!s->probed)
		s->clones = try_clone(s, blob);
	s->probed = true;
	return s->clones;
}
