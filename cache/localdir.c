/*
 * huggingface_hub, from 0.23 on, keeps beside the files that it downloads into a
 * directory .cache/huggingface/download/PATH.metadata (its first releases
 * .huggingface/download/...), three lines:
 *
 *   COMMIT         40 hex digits
 *   ETAG           the Hub's: SHA-256 of the bytes, or git's SHA-1 of small files
 *   1700000000.25  seconds since 1970, when this was written
 *
 * and, from 1.22 on, listings in .cache/huggingface/trees/ as in a cache. The
 * client holds a file for changed that is younger than its third line. It reads no
 * bytes; who takes the files from here does, so that a good copy with new times is
 * as good as the first, and the time only explains why the bytes are others.
 */
#include "cache/localdir.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/beneath.h"
#include "cache/derive.h"
#include "cache/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX	  ".metadata"
#define DEPTH_MAX 64
#define WHEN_MAX  99999999999ULL /* the year 5138 */

static const char *const homes[] = { ".cache/huggingface", ".huggingface" };
#define HOME ".cache/huggingface/download/" /* the one that is in use */

bool localdir_is_note(const char *path)
{
	if (!str_ends(path, SUFFIX) && !str_ends(path, ".lock"))
		return false;
	for (const char *p = strstr(path, HOME); p; p = strstr(p + 1, HOME))
		if (p == path || p[-1] == '/')
			return true;
	return false;
}

void localdir_release(struct localdir *d)
{
	close_fd(&d->dirfd);
	lock_release(&d->lock);
	free_ptr(&d->files);
	arena_release(&d->strings);
	free_ptr(&d->doubts);
	*d = (struct localdir)LOCALDIR_INIT;
}

/* --- one text ------------------------------------------------------------------- */

/* The next line without its end; false: none is left, or it holds a zero byte. */
static bool next_line(const char **at, const char *end, char *out, size_t size)
{
	const char *stop = *at < end ? memchr(*at, '\n', (size_t)(end - *at))
				     : NULL;
	size_t n;

	if (*at >= end)
		return false;
	n = (size_t)((stop ? stop : end) - *at);
	if (n && (*at)[n - 1] == '\r') /* written on Windows */
		n--;
	if (n >= size || memchr(*at, '\0', n))
		return false;
	memcpy(out, *at, n);
	out[n] = '\0';
	*at = stop ? stop + 1 : end;
	return true;
}

/* "1700000000.25" */
static bool parse_when(const char *text, uint64_t *out)
{
	const char *rest = str_digits(text, out);

	if (rest == text || *out > WHEN_MAX)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	return !*rest;
}

int localdir_meta_parse(struct localdir_meta *out, const char *text, size_t len,
			struct error *err)
{
	struct localdir_meta m = { 0 };
	const char *at = text, *end = text + len;
	char commit[64], etag[128], when[64];

	if (!next_line(&at, end, commit, sizeof(commit)) ||
	    !next_line(&at, end, etag, sizeof(etag)) ||
	    !next_line(&at, end, when, sizeof(when)) || at != end)
		return err_set(err, ERR_FORMAT,
			       "not the three lines that hf download writes");
	if (!is_commit_id(commit))
		return err_set(err, ERR_FORMAT, "names no commit");
	if (!digest_from_hex(&m.etag, etag))
		return err_set(err, ERR_FORMAT,
			       "etag is no digest as the Hub gives it");
	if (!parse_when(when, &m.when))
		return err_set(err, ERR_FORMAT, "has no time");
	memcpy(m.commit, commit, sizeof(m.commit));
	*out = m;
	return 0;
}

/* --- all of them ---------------------------------------------------------------- */

struct reader {
	struct localdir *out;
	const char *dir;  /* for messages */
	const char *home; /* of homes */
	enum repo_type type;
	const char *id, *ref;
	uint64_t newest[LOCK_MAX_REPOS]; /* one a repo of the lock */
	struct str rel;
	struct error *err;
};

static void reader_release(struct reader *r)
{
	str_release(&r->rel);
}

void localdir_doubt(struct localdir *d, const char *path, const char *why)
{
	d->doubts = xgrow(d->doubts, &d->doubt_cap, d->doubt_count + 1,
			  sizeof(*d->doubts));
	d->doubts[d->doubt_count++] = (struct localdir_doubt){ path, why };
}

/* The same of texts that do not stay. */
static void doubt(struct localdir *d, const char *path, const char *why)
{
	localdir_doubt(d, arena_strdup(&d->strings, path),
		       arena_strdup(&d->strings, why));
}

/* What is noted there, nobody knows; without it, files would be left out. */
static int unread(struct reader *r, int errnum)
{
	return err_sys(r->err, errnum, "%s/%s/download%s%s", r->dir, r->home,
		       r->rel.len ? "/" : "", r->rel.ptr);
}

/* The repo of this commit; NULL: there are too many. */
static struct lock_repo *repo_of(struct reader *r,
				 const struct localdir_meta *m)
{
	struct lock *l = &r->out->lock;
	struct lock_repo *repo;
	size_t i = 0;

	while (i < l->repo_count && strcmp(l->repos[i].commit, m->commit) != 0)
		i++;
	if (i == LOCK_MAX_REPOS)
		return NULL;
	if (i == l->repo_count) {
		repo = lock_add_repo(l);
		repo->type = r->type;
		repo->id = xstrdup(r->id);
		repo->revision = xstrdup(m->commit);
		memcpy(repo->commit, m->commit, sizeof(repo->commit));
		r->newest[i] = 0;
	}
	if (m->when > r->newest[i])
		r->newest[i] = m->when;
	return &l->repos[i];
}

static int add_file(struct reader *r, const char *path,
		    const struct localdir_meta *m)
{
	struct localdir *d = r->out;
	struct lock_repo *repo = repo_of(r, m);
	struct lock_file *f;
	struct stat st;

	if (!repo || d->file_count == LOCK_MAX_FILES)
		return err_set(r->err, ERR_FORMAT, "more than %u %s",
			       repo ? LOCK_MAX_FILES : LOCK_MAX_REPOS,
			       repo ? "files" : "commits");
	f = lock_add_file(repo, path);
	f->etag = m->etag;
	if (m->etag.alg == DIGEST_SHA256)
		f->sha256 = m->etag;
	f->size = DERIVE_NO_SIZE;
	if (beneath_stat(d->dirfd, path, &st) == BENEATH_FILE)
		f->size = (uint64_t)st.st_size;
	d->files = xgrow(d->files, &d->file_cap, d->file_count + 1,
			 sizeof(*d->files));
	d->files[d->file_count++] = (struct localdir_file){ f->path, m->when };
	return 0;
}

/* r->rel: PATH.metadata */
static int read_one(struct reader *r, int dirfd, const char *name)
{
	char *path CLEANUP(free_ptr) = xstrndup(r->rel.ptr,
						r->rel.len - strlen(SUFFIX));
	struct str text CLEANUP(str_release) = STR_INIT;
	struct localdir_meta m = { 0 };
	struct error why = { 0 };

	if (path_check(path, &why) == 0 &&
	    file_read_all(dirfd, name, LOCALDIR_META_LIMIT, &text, &why) == 0 &&
	    localdir_meta_parse(&m, text.ptr, text.len, &why) == 0)
		return add_file(r, path, &m);
	if (why.code == ERR_IO)
		return unread(r, why.sys);
	doubt(r->out, path, why.msg);
	return 0;
}

/* Not every file system tells in the directory what an entry is.
 * NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static int read_dir(struct reader *r, int parent, const char *name,
		    unsigned depth)
{
	DIR *dir = depth > DEPTH_MAX ? NULL : file_dir_open(parent, name);
	size_t len = r->rel.len;
	struct dirent *d;
	int rc = 0, failed = 0;

	if (depth > DEPTH_MAX) {
		doubt(r->out, r->rel.ptr, "nested too deeply");
		return 0;
	}
	if (!dir)
		return unread(r, errno);
	while (rc == 0 && (d = file_dir_next(dir, &failed))) {
		struct stat st;

		str_addf(&r->rel, "%s%s", len ? "/" : "", d->d_name);
		if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
			rc = errno == ENOENT ? 0 : unread(r, errno);
		} else if (S_ISDIR(st.st_mode))
			rc = read_dir(r, dirfd(dir), d->d_name, depth + 1);
		else if (S_ISREG(st.st_mode) && str_ends(d->d_name, SUFFIX))
			rc = read_one(r, dirfd(dir), d->d_name);
		str_truncate(&r->rel, len);
	}
	closedir(dir);
	return failed ? unread(r, failed) : rc;
}

/* --- listings ------------------------------------------------------------------- */

/* One that is malformed is none. */
static int read_listing(const struct reader *r, const char *commit,
			struct tree *out)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s/trees/%s.json", r->home,
						 commit);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error why = { 0 };

	if (file_read_all(r->out->dirfd, name, TREE_LIMIT, &text, &why))
		return why.code == ERR_IO && why.sys != ENOTDIR
			       ? err_sys(r->err, why.sys, "%s/%s", r->dir, name)
			       : 0;
	if (tree_parse(out, text.ptr, text.len, &why))
		err_clear(&why);
	return 0;
}

/* Files of which listing and metadata say different things go. */
static void hold_against(struct localdir *d, struct lock_repo *repo,
			 const struct tree *listed)
{
	struct lock_file *last;
	size_t i = 0;

	while (i < repo->file_count) {
		struct lock_file *f = &repo->files[i];
		const struct tree_file *t = tree_find(listed, f->path);

		if (t && digest_equal(tree_want(t), &f->etag)) {
			f->size = t->size;
			i++;
			continue;
		}
		localdir_doubt(
			d, f->path,
			t ? "its metadata and the listing of its commit tell "
			    "different digests"
			  : "is not in the listing of the commit that its "
			    "metadata names");
		last = &repo->files[--repo->file_count];
		if (f != last)
			*f = *last;
	}
	d->unfetched += listed->count - repo->file_count;
	repo->complete = listed->count == repo->file_count;
}

/* --- order ---------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
	const struct lock_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int by_file_path(const void *a, const void *b)
{
	const struct localdir_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int by_doubt_path(const void *a, const void *b)
{
	const struct localdir_doubt *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* The commit that was asked for last comes first and gets the ref. */
static int put_in_order(struct reader *r)
{
	struct localdir *d = r->out;
	struct lock *l = &d->lock;
	struct lock_repo first;
	size_t newest = 0;

	for (size_t i = 0; i < l->repo_count; i++) {
		struct lock_repo *repo = &l->repos[i];
		struct tree listed CLEANUP(tree_release) = { 0 };

		if (read_listing(r, repo->commit, &listed))
			return -1;
		if (listed.count)
			hold_against(d, repo, &listed);
		if (repo->file_count)
			qsort(repo->files, repo->file_count,
			      sizeof(*repo->files), by_path);
		if (r->newest[i] > r->newest[newest])
			newest = i;
		lock_trim(repo);
	}
	if (d->file_count)
		qsort(d->files, d->file_count, sizeof(*d->files), by_file_path);
	if (d->doubt_count)
		qsort(d->doubts, d->doubt_count, sizeof(*d->doubts),
		      by_doubt_path);
	if (!l->repo_count)
		return 0;
	first = l->repos[newest];
	l->repos[newest] = l->repos[0];
	l->repos[0] = first;
	strlist_add(&l->repos[0].refs, r->ref);
	return 0;
}

/* ---------------------------------------------------------------------------------- */

static int read_home(struct reader *r)
{
	for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
		char *name CLEANUP(free_ptr) = xasprintf("%s/download",
							 homes[i]);
		int fd CLEANUP(close_fd) = beneath_open_dir(r->out->dirfd,
							    name);

		/* a link that leads out or nowhere is none */
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR &&
		    errno != EXDEV && errno != ELOOP)
			return err_sys(r->err, errno, "%s/%s", r->dir, name);
		if (fd < 0)
			continue;
		r->home = homes[i];
		return read_dir(r, fd, ".", 0);
	}
	err_set(r->err, ERR_NOT_FOUND,
		"%s: has no %s/download: hf download --local-dir was not here",
		r->dir, homes[0]);
	return err_hint(r->err,
			"give --lock FILE, a recipe or a repository instead: "
			"then files are known by their digests");
}

int localdir_read(struct localdir *out, const char *dir, enum repo_type type,
		  const char *id, const char *ref, struct error *err)
{
	struct reader r CLEANUP(reader_release) = {
		.out = out,
		.dir = dir,
		.type = type,
		.id = id,
		.ref = ref,
		.rel = STR_INIT,
		.err = err,
	};

	if (file_open(AT_FDCWD, dir, O_DIRECTORY, &out->dirfd, err) ||
	    read_home(&r) != 0)
		return -1;
	return put_in_order(&r);
}

const char *localdir_suspect(const struct localdir *d, const char *path)
{
	struct localdir_file key = { .path = (char *)path };
	const struct localdir_file *f = d->file_count ? bsearch(&key, d->files,
								d->file_count,
								sizeof(key),
								by_file_path)
						      : NULL;
	struct stat st;
	enum beneath b = beneath_stat(d->dirfd, path, &st);

	if (b == BENEATH_MISSING)
		return "is not there any more";
	if (b != BENEATH_FILE)
		return beneath_text(b);
	/* the client's own rule: a second of grace */
	if (f && (uint64_t)st.st_mtim.tv_sec > f->when + 1)
		return "was changed after it had been downloaded";
	return "is not what was downloaded: wrong digest";
}
