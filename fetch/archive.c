/*
 * An archive is believed only as a whole: one entry that is not a plain file or
 * directory at a place of its own inside, and nothing of it is used. Its bytes
 * are those that the lock names, but who wrote the lock may not have looked.
 */
#include "fetch/archive.h"

#include "base/mem.h"
#include "base/path.h"
#include "manifest/twins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)256 << 10)

struct walk {
	struct tar_reader *reader;
	const char *strip; /* or NULL */
	const struct archive_visitor *visitor;
	const struct cancel *cancel;
	struct arena own, *strings; /* own, unless the visitor has some */
	struct twins names;	    /* of the files, in strings */
	size_t entries, name_bytes;
	uint64_t bytes, limit;
	char *buf;
};

static void walk_release(struct walk *w)
{
	tar_reader_close(&w->reader);
	twins_release(&w->names);
	arena_release(&w->own);
	free_ptr(&w->buf);
}

/* --- limits ------------------------------------------------------------------- */

static uint64_t limit_of(uint64_t archive)
{
	uint64_t most = (ARCHIVE_MAX_BYTES - ARCHIVE_FREE) / ARCHIVE_MAX_RATIO;

	return archive < most ? archive * ARCHIVE_MAX_RATIO + ARCHIVE_FREE
			      : ARCHIVE_MAX_BYTES;
}

/* By what the entry says of itself, before any of it is read. */
static int check_limits(struct walk *w, const struct tar_member *m,
			struct error *err)
{
	w->name_bytes += strlen(m->path) + 1;
	if (++w->entries > ARCHIVE_MAX_ENTRIES)
		return err_set(err, ERR_FORMAT, "more than %d entries",
			       ARCHIVE_MAX_ENTRIES);
	if (w->name_bytes > ARCHIVE_MAX_NAMES)
		return err_set(err, ERR_FORMAT,
			       "the names alone have more than %zu bytes",
			       ARCHIVE_MAX_NAMES);
	if (m->size > w->limit - w->bytes)
		return err_set(err, ERR_FORMAT,
			       "%s: more than %llu bytes unpacked, which is "
			       "too much for an archive of its size",
			       m->path, (unsigned long long)w->limit);
	w->bytes += m->size;
	return 0;
}

static int check_type(const struct tar_member *m, struct error *err)
{
	static const char *const words[] = {
		[TAR_SYMLINK] = "a symbolic link",
		[TAR_HARDLINK] = "a hard link",
		[TAR_OTHER] = "a device, pipe or the like",
	};

	if (m->type == TAR_FILE || m->type == TAR_DIR)
		return 0;
	return err_set(err, ERR_UNSAFE,
		       "%s: %s; only archives of plain files are unpacked",
		       m->path, words[m->type]);
}

/* --- one entry ----------------------------------------------------------------- */

static int pass_bytes(struct walk *w, const struct tar_member *m,
		      struct error *err)
{
	uint64_t left = m->size;
	size_t got;

	do {
		if (cancel_check(w->cancel, err) < 0 ||
		    tar_reader_read(w->reader, w->buf, PIECE, &got, err) < 0)
			return -1;
		if (got > left || (got == 0 && left > 0))
			return err_set(err, ERR_FORMAT,
				       "%s: has not the size that it says",
				       m->path);
		if (got > 0 &&
		    w->visitor->bytes(w->visitor->ctx, w->buf, got, err) < 0)
			return -1;
		left -= got;
	} while (got > 0);
	return w->visitor->end(w->visitor->ctx, err);
}

static int take_file(struct walk *w, const struct tar_member *m, char *path,
		     struct error *err)
{
	size_t n = w->strip ? strlen(w->strip) : 0;
	int wanted;

	if (n && !str_starts(path, w->strip))
		return 0;
	wanted = w->visitor->begin(w->visitor->ctx, path + n, m->size, err);
	if (wanted <= 0)
		return wanted;
	return pass_bytes(w, m, err);
}

static int take_entry(struct walk *w, const struct tar_member *m,
		      struct error *err)
{
	char *path CLEANUP(free_ptr) = NULL, *kept;

	if (check_limits(w, m, err) < 0 ||
	    path_of_entry(&path, m->path, err) < 0 || check_type(m, err) < 0)
		return -1;
	if (!path || m->type == TAR_DIR)
		return 0;
	kept = arena_strdup(w->strings, path);
	if (take_file(w, m, kept, err) < 0)
		return -1;
	twins_add(&w->names, kept);
	return 0;
}

/* Each name once, also where case does not count, and no file is a directory. */
static int check_names(struct walk *w, struct error *err)
{
	if (twins_check(&w->names, err) == 0)
		return 0;
	err->code = ERR_UNSAFE;
	return -1;
}

int archive_walk(int fd, const char *strip, const struct archive_visitor *v,
		 const struct cancel *cancel, struct error *err)
{
	struct walk w CLEANUP(walk_release) = { .strip = strip,
						.visitor = v,
						.cancel = cancel };
	struct tar_member m;
	struct stat st;
	int more;

	if (lseek(fd, 0, SEEK_SET) < 0 || fstat(fd, &st) != 0)
		return err_sys(err, errno, "cannot be read");
	w.limit = limit_of((uint64_t)st.st_size);
	w.strings = v->strings ? v->strings : &w.own;
	w.buf = xmalloc(PIECE);
	if (tar_open_archive(&w.reader, fd, err) < 0)
		return -1;
	tar_reader_cancel(w.reader, cancel);
	while ((more = tar_reader_next(w.reader, &m, err)) > 0)
		if (cancel_check(cancel, err) < 0 ||
		    take_entry(&w, &m, err) < 0)
			return -1;
	return more < 0 ? -1 : check_names(&w, err);
}

/* --- listing -------------------------------------------------------------------- */

struct listing {
	struct lock_repo *repo;
	struct digest_ctx *sum;
};

static void listing_release(struct listing *l)
{
	digest_free(&l->sum);
}

static int list_begin(void *ctx, char *path, uint64_t size, struct error *err)
{
	struct listing *l = ctx;

	if (l->repo->file_count == LOCK_MAX_FILES)
		return err_set(err, ERR_FORMAT, "more than %d files",
			       LOCK_MAX_FILES);
	lock_take_file(l->repo, path)->size = size;
	digest_free(&l->sum);
	l->sum = digest_begin(DIGEST_SHA256, size);
	return 1;
}

static int list_bytes(void *ctx, const void *p, size_t n, struct error *err)
{
	struct listing *l = ctx;

	(void)err;
	digest_update(l->sum, p, n);
	return 0;
}

static int list_end(void *ctx, struct error *err)
{
	struct listing *l = ctx;
	struct lock_file *f = &l->repo->files[l->repo->file_count - 1];

	(void)err;
	digest_end(&l->sum, &f->sha256);
	f->etag = f->sha256;
	return 0;
}

static int compare_paths(const void *a, const void *b)
{
	const struct lock_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

int archive_list(int fd, const char *strip, const struct cancel *cancel,
		 struct lock_repo *repo, struct error *err)
{
	struct listing l CLEANUP(listing_release) = { .repo = repo };
	const struct archive_visitor v = { list_begin, list_bytes, list_end, &l,
					   &repo->strings };

	if (archive_walk(fd, strip, &v, cancel, err) < 0)
		return -1;
	if (repo->file_count == 0 && strip) {
		err_set(err, ERR_FORMAT, "has no files below %s", strip);
		return err_hint(err, "\"strip\" in the manifest has to be a "
				     "directory of the archive");
	}
	if (repo->file_count == 0)
		return err_set(err, ERR_FORMAT, "has no files");
	qsort(repo->files, repo->file_count, sizeof(*repo->files),
	      compare_paths);
	return 0;
}
