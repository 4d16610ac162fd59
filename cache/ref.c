/* snapshots/ and refs/: what makes blobs visible. */
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/hfcache.h"
#include "cache/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- snapshots/ -------------------------------------------------------------- */

/* Caches made without links have the file itself here and no blob: a link would
 * take the only copy away. */
static bool is_own_file(const struct hfcache *c, const struct lock_repo *repo,
			const struct lock_file *file, int dirfd,
			const char *name)
{
	char *blob CLEANUP(free_ptr) = store_blob_path(repo, &file->etag);
	struct stat st;

	return !fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == file->size &&
	       beneath_stat(c->fd, blob, &st) == BENEATH_MISSING;
}

int hfcache_link(struct hfcache *c, const struct lock_repo *repo,
		 const struct lock_file *file, struct error *err)
{
	char *path CLEANUP(free_ptr) = xasprintf("snapshots/%s/%s",
						 repo->commit, file->path);
	struct str text CLEANUP(str_release) = STR_INIT;
	char *dir CLEANUP(free_ptr) = NULL;
	int dirfd CLEANUP(close_fd) = -1;
	char hex[DIGEST_HEX_MAX];
	char *blob CLEANUP(free_ptr) = xasprintf("blobs/%s",
						 digest_hex(&file->etag, hex));
	const char *name = store_split(path, &dir);

	if (store_open_dir(c, repo, dir, &dirfd, err))
		return -1;
	if (is_own_file(c, repo, file, dirfd, name))
		return 0;
	path_relative(&text, dir, blob);
	if (store_symlink(text.ptr, dirfd, name, err)) {
		store_inside(c, repo, dir, err);
		return err_wrap(err, "%s %s", repo->id, file->path);
	}
	traces_came(c);
	return 0;
}

/* --- refs/ ------------------------------------------------------------------- */

char *store_read_ref(int dirfd, const char *path, char commit[41])
{
	int fd CLEANUP(close_fd) = -1;
	struct error unreadable = { 0 };
	char text[64];
	struct stat st;
	size_t n;
	enum beneath b = beneath_open(dirfd, path, &fd, &st);

	commit[0] = '\0';
	if (b == BENEATH_FAILED)
		return xstrdup(strerrordesc_np(errno));
	if (b == BENEATH_FILE && file_pread_full(fd, text, sizeof(text) - 1, 0,
						 &n, "ref", &unreadable)) {
		errno = unreadable.sys;
		return xstrdup(unreadable.msg);
	}
	errno = 0;
	if (b != BENEATH_FILE)
		return xstrdup(beneath_text(b));
	text[n] = '\0';
	if (n > 40 && strspn(text + 40, " \t\r\n") == n - 40) {
		text[40] = '\0';
		if (is_commit_id(text)) {
			memcpy(commit, text, 41);
			return xstrdup("has white space behind the commit, "
				       "which clients take for a part of it");
		}
	}
	if (strlen(text) != n || !is_commit_id(text))
		return xstrdup("does not hold a commit");
	memcpy(commit, text, 41);
	return NULL;
}

int hfcache_make_refs(struct hfcache *c, const struct lock_repo *repo,
		      struct error *err)
{
	int dirfd CLEANUP(close_fd) = -1;

	return store_open_dir(c, repo, "refs", &dirfd, err);
}

/* Its final name at once if that is free, so that a kill leaves nothing behind. */
static int name_ref(struct atomic_file *f, int repofd, int dirfd,
		    const char *name)
{
	int failed = f->tmp ? EEXIST : file_link_fd(f->fd, dirfd, name);

	if (failed == EEXIST && !f->tmp) {
		char *temp CLEANUP(free_ptr) = store_temp_name("ref");

		failed = file_link_fd(f->fd, repofd, temp);
		f->tmp = failed ? NULL : take_ptr(temp);
	}
	if (f->tmp)
		failed = renameat(repofd, f->tmp, dirfd, name) ? errno : 0;
	if (!failed)
		free_ptr(&f->tmp);
	return failed;
}

/* The temporary file stands outside refs/, where clients take every file for a
 * ref. The directories of both are open. */
static int write_ref(int repofd, int dirfd, const char *name,
		     const char *commit, struct error *err)
{
	struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;
	int failed;

	if (atomic_open_unnamed(&f, repofd, "ref", 0644, err) ||
	    file_write_all(f.fd, commit, 40, "ref", err))
		return -1;
	/* what the ref makes visible shall not be younger than the ref */
	if (syncfs(f.fd))
		return err_sys(err, errno, "writing to disk");
	failed = name_ref(&f, repofd, dirfd, name);
	if (failed)
		return err_sys(err, failed, "cannot replace it");
	return file_sync_dir(dirfd, err);
}

int hfcache_set_ref(struct hfcache *c, const struct lock_repo *repo,
		    const char *ref, bool keep, enum ref_change *change,
		    char old[41], struct error *err)
{
	char *path CLEANUP(free_ptr) = xasprintf("refs/%s", ref);
	char *full CLEANUP(free_ptr) = store_path(repo, path);
	char *why CLEANUP(free_ptr) = store_read_ref(c->fd, full, old);
	char *dir CLEANUP(free_ptr) = NULL;
	const char *name = store_split(path, &dir);
	int repofd CLEANUP(close_fd) = -1, dirfd CLEANUP(close_fd) = -1;
	bool same = !strcmp(old, repo->commit);

	*change = same ? REF_SAME : *old ? REF_MOVED : REF_ADDED;
	if (keep && *change == REF_MOVED)
		*change = REF_KEPT;
	if (*change == REF_KEPT || (same && !why))
		return 0;
	if (store_open_dir(c, repo, NULL, &repofd, err) ||
	    store_open_dir(c, repo, dir, &dirfd, err))
		return -1;
	if (write_ref(repofd, dirfd, name, repo->commit, err))
		return err_wrap(err, "%s/%s", c->root, full);
	traces_came(c);
	return 0;
}

/* --- the same bytes in another repo -------------------------------------------- */

static int copy_blob(int fd, struct hfcache_part *p, struct error *err)
{
	const size_t room = (size_t)1 << 20;
	char *buf CLEANUP(free_ptr) = xmalloc(room);
	size_t got;

	do {
		if (file_pread_full(fd, buf, room, p->offset, &got, p->label,
				    err) ||
		    hfcache_part_write(p, buf, got, err))
			return -1;
	} while (got == room);
	return hfcache_part_commit(p, NULL, err);
}

int hfcache_blob_share(struct hfcache *c, const struct lock_repo *from,
		       const struct lock_file *from_file,
		       const struct lock_repo *to,
		       const struct lock_file *to_file, struct error *err)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	const struct digest *same = &from_file->sha256;
	int fd CLEANUP(close_fd) = -1;
	int failed;

	assert(same->alg && digest_equal(same, &to_file->sha256));
	if (hfcache_blob_open(c, from, from_file, &fd, err) ||
	    hfcache_part_open(&p, c, to, to_file, false, -1, err))
		return -1;
	failed = file_link_fd(fd, p.dirfd, p.name);
	if (!failed ||
	    (failed == EEXIST && store_is_right(c, p.path, p.size, same))) {
		traces_named(c);
		return 0;
	}
	return copy_blob(fd, &p, err);
}

int hfcache_blob_link(struct hfcache *c, const struct lock_repo *repo,
		      const struct lock_file *file, int fd, bool *linked,
		      struct error *err)
{
	struct hfcache_part p CLEANUP(hfcache_part_close) = HFCACHE_PART_INIT;
	char *temp CLEANUP(free_ptr) = NULL;
	int failed;

	*linked = false;
	if (hfcache_part_open(&p, c, repo, file, false, -1, err))
		return -1;
	temp = store_temp_name(p.name);
	failed = file_link_fd(fd, p.dirfd, temp);
	if (failed == EXDEV || failed == EPERM || failed == EMLINK ||
	    failed == EOPNOTSUPP || failed == EACCES)
		return 0;
	if (failed)
		return err_sys(err, failed, "%s: cannot create %s/%s", p.label,
			       c->root, p.path);
	/* so that nobody changes a blob who means to edit his own file; some file
	 * systems know no modes */
	if (fchmod(fd, 0444))
		errno = 0;
	if (fsync(fd) || renameat(p.dirfd, temp, p.dirfd, p.name)) {
		err_sys(err, errno, "%s: cannot create %s/%s", p.label, c->root,
			p.path);
		unlinkat(p.dirfd, temp, 0);
		return -1;
	}
	/* two names of one file: rename(2) leaves both */
	if (unlinkat(p.dirfd, temp, 0))
		errno = 0;
	*linked = true;
	traces_named(c);
	if (file_sync_dir(p.dirfd, err))
		return err_wrap(err, "%s: %s/%s", p.label, c->root, p.path);
	return 0;
}
