/* snapshots/ and refs/: what makes blobs visible. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/hfcache_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Directory part of a path, "" for none; caller frees. */
static char *dir_of(const char *path)
{
	const char *base = path_base(path);

	return xstrndup(path, base > path ? (size_t)(base - path) - 1 : 0);
}

/* true: name is a link with exactly this text */
static bool link_is(int dirfd, const char *name, const char *target)
{
	char text[PATH_LIMIT * 4];
	ssize_t n = readlinkat(dirfd, name, text, sizeof(text));

	return n >= 0 && (size_t)n == strlen(target) &&
	       !memcmp(text, target, (size_t)n);
}

static int replace_link(int dirfd, const char *name, const char *target,
			struct error *err)
{
	char *temp CLEANUP(free_ptr) = xasprintf(".itts-%08x.tmp",
						 clock_jitter());

	if (symlinkat(target, dirfd, temp))
		return err_sys(err, errno, "%s: cannot link", name);
	if (renameat(dirfd, temp, dirfd, name)) {
		err_sys(err, errno, "%s: cannot link", name);
		unlinkat(dirfd, temp, 0);
		return -1;
	}
	return 0;
}

int hfcache_link(struct hfcache *c, const struct lock_repo *repo,
		 const struct lock_file *file, struct error *err)
{
	char *sub CLEANUP(free_ptr) = dir_of(file->path);
	char *dir CLEANUP(free_ptr) = xasprintf(
		"snapshots/%s%s%s", repo->commit, *sub ? "/" : "", sub);
	struct str target CLEANUP(str_release) = STR_INIT;
	int dirfd CLEANUP(close_fd) = -1;
	char hex[DIGEST_HEX_MAX];
	char *blob CLEANUP(free_ptr) = xasprintf("blobs/%s",
						 digest_hex(&file->etag, hex));
	const char *name = path_base(file->path);

	if (hfcache_repo_dir(c, repo, dir, true, &dirfd, err))
		return -1;
	path_relative(&target, dir, blob);
	if (!symlinkat(target.ptr, dirfd, name) ||
	    (errno == EEXIST && link_is(dirfd, name, target.ptr)))
		return 0;
	if (errno != EEXIST)
		return err_sys(err, errno, "%s %s: cannot link", repo->id,
			       file->path);
	if (replace_link(dirfd, name, target.ptr, err))
		return err_wrap(err, "%s %s", repo->id, file->path);
	return 0;
}

/* Reads what a ref says, white space cut off; "" if it is absent or no commit. */
static void read_ref(int dirfd, const char *name, char out[41])
{
	char text[64];
	int fd CLEANUP(close_fd) = openat(
		dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	out[0] = '\0';
	if (n < 40)
		return;
	text[n] = '\0';
	text[40 + strspn(text + 40, " \r\n\t") == (size_t)n ? 40 : 0] = '\0';
	if (is_commit_id(text))
		memcpy(out, text, 41);
}

int hfcache_set_ref(struct hfcache *c, const struct lock_repo *repo,
		    const char *ref, bool keep, enum ref_change *change,
		    char old[41], struct error *err)
{
	char *sub CLEANUP(free_ptr) = dir_of(ref);
	char *dir CLEANUP(free_ptr) = xasprintf("refs%s%s", *sub ? "/" : "",
						sub);
	const char *name = path_base(ref);
	int dirfd CLEANUP(close_fd) = -1;
	struct stat st;
	bool right;

	if (hfcache_repo_dir(c, repo, dir, true, &dirfd, err))
		return -1;
	read_ref(dirfd, name, old);
	/* right only if byte for byte: Python does not strip a newline */
	right = !strcmp(old, repo->commit) &&
		!fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) &&
		st.st_size == 40;
	*change = right ? REF_SAME : *old ? REF_MOVED : REF_ADDED;
	if (keep && *old && strcmp(old, repo->commit))
		*change = REF_KEPT;
	if (*change == REF_SAME || *change == REF_KEPT)
		return 0;
	if (!strcmp(old, repo->commit))
		*change = REF_ADDED; /* mended */
	if (file_replace(dirfd, name, repo->commit, 40, err))
		return err_wrap(err, "%s refs/%s", repo->id, ref);
	return 0;
}
