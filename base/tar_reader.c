/*
 * Reading archives through libarchive: compressed bundles as a plain stream of
 * bytes, and archives that are not ours entry by entry. Nothing is ever extracted
 * by libarchive; bytes and names go to the caller, who judges them.
 *
 * Limits: one layer of compression (bombs are nested), libzstd's own window limit
 * of 128 MiB, zip only where its directory can be read first (in a pipe neither
 * sizes nor symbolic links are known in time).
 *
 * Names that an archive says are UTF-8 (pax records, zip with that flag) come with
 * composed letters, whatever the archive has: libarchive normalises them (NFC) and
 * has no option that does not.
 *
 * The headers of a tar are read a second time as GNU tar reads them (tar_view.h), and
 * an entry that the two take for different files, or for other bytes, is refused. For
 * this a compressed archive is unpacked by a reader of its own, through which its bytes
 * come; one that is not is read where it lies, so that bytes nobody asks for are
 * skipped.
 */
#include "base/tar_reader.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/tar_view.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE ((size_t)256 << 10)
/* Of a zip's directory: the caller counts exactly, and here some are read twice. */
#define MORE_ROWS   20000u
#define MAX_FILTERS 2 /* "none" counts as one */

struct tar_reader {
	struct archive *a;
	unsigned char *buf;
	const struct cancel *cancel; /* may be NULL */
	locale_t utf8;		     /* names in the archive; 0: as it is */
	int fd;			     /* borrowed */
	int sys;		     /* errno of a failed read() */
	bool regular, stream;	     /* what fd is; what is asked for */
	bool opened, begun, empty;
	/* of an archive */
	bool listed; /* the first entry is known, and so is a zip's directory */
	size_t rows; /* of such a directory, so far */
	unsigned limit;		  /* of its entries */
	struct tar_reader *inner; /* its bytes, unpacked; NULL: they are fd's */
	struct error inner_err;
	uint64_t start; /* in fd */
	struct tar_view view;
};

/* A pipe may stall for ever: wait for bytes or for the wish to stop. */
static bool wait_readable(const struct tar_reader *r)
{
	struct pollfd fds[] = {
		{ .fd = r->fd, .events = POLLIN },
		{ .fd = r->cancel ? r->cancel->fd : -1, .events = POLLIN },
	};

	while (!r->regular && !cancel_is_set(r->cancel)) {
		if (poll(fds, ARRAY_LEN(fds), -1) >= 0 || errno != EINTR)
			break;
	}
	return !cancel_is_set(r->cancel);
}

bool tar_has_too_many(const struct tar_reader *r)
{
	return r->rows > (size_t)r->limit + MORE_ROWS;
}

void tar_reader_limit(struct tar_reader *r, unsigned zip_entries)
{
	r->limit = zip_entries;
}

bool tar_is_zip(const struct tar_reader *r)
{
	return (archive_format(r->a) & ARCHIVE_FORMAT_BASE_MASK) ==
	       ARCHIVE_FORMAT_ZIP;
}

/* libarchive reads all of a zip's directory before it says the first name, and keeps
 * it: what is too long is found out on the way. */
static bool has_room(struct tar_reader *r, size_t n)
{
	static const char row[] = "PK\1\2";
	const unsigned char *p = r->buf, *end = p + n;

	while (!r->stream && !r->listed && !tar_has_too_many(r) &&
	       (p = memmem(p, (size_t)(end - p), row, sizeof(row) - 1))) {
		p += sizeof(row) - 1;
		r->rows++;
	}
	return !tar_has_too_many(r);
}

static la_ssize_t from_fd(struct archive *a, void *ctx, const void **out)
{
	struct tar_reader *r = ctx;
	ssize_t n;

	do {
		if (!wait_readable(r)) {
			archive_set_error(a, EINTR, "interrupted");
			return ARCHIVE_FATAL;
		}
		n = read(r->fd, r->buf, READ_SIZE);
	} while (n < 0 && errno == EINTR);
	*out = r->buf;
	if (n >= 0 && has_room(r, (size_t)n))
		return n;
	if (n >= 0) {
		archive_set_error(a, ERANGE, "too many entries");
		return ARCHIVE_FATAL;
	}
	r->sys = errno;
	archive_set_error(a, errno, "read failed");
	return ARCHIVE_FATAL;
}

static la_int64_t skip_fd(struct archive *a, void *ctx, la_int64_t n)
{
	struct tar_reader *r = ctx;
	struct stat st;
	off_t at;

	(void)a;
	at = r->regular ? lseek(r->fd, 0, SEEK_CUR) : -1;
	/* not beyond the end: a cut file has to be noticed */
	if (at < 0 || fstat(r->fd, &st) != 0 || n > st.st_size - at ||
	    lseek(r->fd, n, SEEK_CUR) < 0)
		return 0;
	return n;
}

static la_int64_t seek_fd(struct archive *a, void *ctx, la_int64_t n,
			  int whence)
{
	struct tar_reader *r = ctx;
	off_t at = lseek(r->fd, n, whence);

	if (at >= 0)
		return at;
	archive_set_error(a, errno, "seek failed");
	return ARCHIVE_FATAL;
}

static la_ssize_t from_inner(struct archive *a, void *ctx, const void **out)
{
	struct tar_reader *r = ctx;
	size_t n;

	if (tar_reader_read(r->inner, r->buf, READ_SIZE, &n, &r->inner_err)) {
		archive_set_error(a, EIO, "read failed");
		return ARCHIVE_FATAL;
	}
	tar_view_feed(&r->view, r->buf, n);
	*out = r->buf;
	return (la_ssize_t)n;
}

/* What libarchive says in words only, and what to do about it. */
static int explain(const char *text, struct error *err)
{
	if (strstr(text, "Unrecognized archive format"))
		return err_set(err, ERR_FORMAT, "is neither a tar nor a zip");
	err_set(err, ERR_FORMAT, "%s", text);
	/* libzstd's own limit */
	if (strstr(text, "too much memory"))
		err_hint(err, "if it may have that, unpack it first with "
			      "zstd -d --long=31");
	else if (strcasestr(text, "truncated"))
		err_hint(err, "the archive is not whole: copy it here again");
	return -1;
}

static int fail(struct tar_reader *r, struct error *err)
{
	const char *text = archive_error_string(r->a);

	if (cancel_check(r->cancel, err) != 0)
		return -1;
	if (r->inner_err.code != ERR_NONE) {
		*err = r->inner_err;
		return -1;
	}
	if (r->sys != 0)
		return err_sys(err, r->sys, "cannot be read");
	if (tar_has_too_many(r))
		return err_set(err, ERR_FORMAT, "a zip of more than %u entries",
			       r->limit);
	return explain(text ? text : "malformed archive", err);
}

static int support_filters(struct archive *a, struct error *err)
{
	static int (*const add[])(struct archive *) = {
		archive_read_support_filter_none,
		archive_read_support_filter_zstd,
		archive_read_support_filter_gzip,
		archive_read_support_filter_xz,
		archive_read_support_filter_bzip2,
		archive_read_support_filter_lz4,
	};

	/* a warning means that libarchive would run an external program */
	for (size_t i = 0; i < ARRAY_LEN(add); i++)
		if (add[i](a) != ARCHIVE_OK)
			return err_set(
				err, ERR_OTHER,
				"this libarchive lacks a compression: %s",
				archive_error_string(a));
	return 0;
}

static int support_formats(struct tar_reader *r, struct error *err)
{
	int (*add[2])(struct archive *) = {
		archive_read_support_format_tar,
		archive_read_support_format_zip_streamable,
	};

	if (r->regular && !r->inner)
		add[1] = archive_read_support_format_zip_seekable;
	if (r->stream) {
		add[0] = archive_read_support_format_raw;
		add[1] = archive_read_support_format_empty;
	}
	for (size_t i = 0; i < ARRAY_LEN(add); i++)
		if (add[i](r->a) != ARCHIVE_OK)
			return fail(r, err);
	return 0;
}

static int reader_open(struct tar_reader **out, int fd, bool stream,
		       struct error *err)
{
	struct tar_reader *r CLEANUP(tar_reader_close) = xcalloc(1, sizeof(*r));
	struct stat st;

	r->view = (struct tar_view)TAR_VIEW_INIT;
	r->fd = fd;
	r->stream = stream;
	r->limit = TAR_MAX_ENTRIES;
	r->buf = xmalloc(READ_SIZE);
	r->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	r->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	r->a = archive_read_new();
	if (!r->a)
		return err_set(err, ERR_OTHER, "libarchive: out of memory");
	if (stream && support_filters(r->a, err) != 0)
		return -1;
	*out = take_ptr(r);
	return 0;
}

int tar_open_stream(struct tar_reader **out, int fd, struct error *err)
{
	return reader_open(out, fd, true, err);
}

bool tar_is_compressed(const struct tar_reader *r)
{
	return archive_filter_count(r->a) > 1; /* one is that for none */
}

int tar_open_archive(struct tar_reader **out, int fd, struct error *err)
{
	return reader_open(out, fd, false, err);
}

void tar_reader_cancel(struct tar_reader *r, const struct cancel *cancel)
{
	r->cancel = cancel;
	if (r->inner)
		r->inner->cancel = cancel;
}

void tar_reader_close(struct tar_reader **rp)
{
	struct tar_reader *r = *rp, *inner;
	int saved = errno;

	for (; r; r = inner) {
		inner = r->inner;
		archive_read_free(r->a);
		tar_view_release(&r->view);
		if (r->utf8)
			freelocale(r->utf8);
		free_ptr(&r->buf);
		free(r);
	}
	*rp = NULL;
	errno = saved;
}

static enum tar_type entry_type(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return TAR_HARDLINK;
	if (archive_entry_filetype(e) == AE_IFREG)
		return TAR_FILE;
	if (archive_entry_filetype(e) == AE_IFLNK)
		return TAR_SYMLINK;
	return archive_entry_filetype(e) == AE_IFDIR ? TAR_DIR : TAR_OTHER;
}

static bool is_normalised(struct archive *a, const char *path)
{
	int format = archive_format(a);

	while (*path && (unsigned char)*path < 0x80)
		path++;
	return *path && (format == ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE ||
			 format == ARCHIVE_FORMAT_ZIP);
}

static int entry_read(struct archive *a, struct archive_entry *e,
		      struct tar_member *out, struct error *err)
{
	*out = (struct tar_member){
		.type = entry_type(e),
		.path = archive_entry_pathname(e),
		.mode = archive_entry_perm(e),
	};
	if (!out->path || out->path[0] == '\0')
		return err_set(err, ERR_UNSAFE,
			       "an entry has no readable name");
	out->composed = is_normalised(a, out->path);
	if (out->type == TAR_FILE) {
		if (!archive_entry_size_is_set(e) || archive_entry_size(e) < 0)
			return err_set(err, ERR_FORMAT, "%s: has no size",
				       out->path);
		out->size = (uint64_t)archive_entry_size(e);
	}
	if (out->type == TAR_SYMLINK)
		out->target = archive_entry_symlink(e);
	if (out->type == TAR_HARDLINK)
		out->target = archive_entry_hardlink(e);
	if ((out->type == TAR_SYMLINK || out->type == TAR_HARDLINK) &&
	    (!out->target || out->target[0] == '\0'))
		return err_set(err, ERR_UNSAFE, "%s: a link without a target",
			       out->path);
	if (archive_entry_mtime_is_set(e) && archive_entry_mtime(e) > 0)
		out->mtime = (uint64_t)archive_entry_mtime(e);
	return 0;
}

/* What the first bytes have shown it to be. */
static int check_kind(struct tar_reader *r, struct error *err)
{
	if (archive_filter_count(r->a) > MAX_FILTERS)
		return err_set(err, ERR_FORMAT, "is compressed more than once");
	if (tar_is_zip(r) && (!r->regular || r->inner))
		return err_set(err, ERR_FORMAT,
			       "a zip archive cannot be read from a pipe; "
			       "give its file name");
	return 0;
}

/* What comes out of inner, or of the file. */
static int open_archive(struct tar_reader *r, struct error *err)
{
	r->opened = true;
	if (support_formats(r, err) != 0)
		return -1;
	archive_read_set_callback_data(r->a, r);
	archive_read_set_read_callback(r->a, r->inner ? from_inner : from_fd);
	if (!r->inner)
		archive_read_set_skip_callback(r->a, skip_fd);
	if (r->regular && !r->inner)
		archive_read_set_seek_callback(r->a, seek_fd);
	return archive_read_open1(r->a) == ARCHIVE_OK ? 0 : fail(r, err);
}

/* 1: *e is the next entry; 0: end. */
static int next_header(struct tar_reader *r, struct archive_entry **e,
		       struct error *err)
{
	int rc = archive_read_next_header(r->a, e);

	r->listed |= rc >= ARCHIVE_WARN;
	if (rc == ARCHIVE_EOF)
		return 0;
	/* also a warning: the entry is read, but not as it was meant (malformed
	 * pax records, names that are not in the encoding they claim) */
	if (rc != ARCHIVE_OK)
		return fail(r, err);
	return check_kind(r, err) == 0 ? 1 : -1;
}

/* A stream is one raw entry, or none if it is empty. */
static int begin_stream(struct tar_reader *r, struct error *err)
{
	struct archive_entry *e;
	int rc;

	if (!r->opened && open_archive(r, err) != 0)
		return -1;
	rc = next_header(r, &e, err);
	if (rc < 0)
		return -1;
	r->begun = true;
	r->empty = rc == 0;
	return 0;
}

/* Sets inner, but for a file that is not compressed. */
static int unpack(struct tar_reader *r, struct error *err)
{
	off_t start = r->regular ? lseek(r->fd, 0, SEEK_CUR) : 0;

	if (start < 0)
		return err_sys(err, errno, "cannot be read");
	r->start = (uint64_t)start;
	if (tar_open_stream(&r->inner, r->fd, err) != 0)
		return -1;
	r->inner->cancel = r->cancel;
	if (begin_stream(r->inner, err) != 0)
		return -1;
	if (!r->regular || archive_filter_count(r->inner->a) > 1)
		return 0;
	tar_reader_close(&r->inner);
	return lseek(r->fd, start, SEEK_SET) == start
		       ? 0
		       : err_sys(err, errno, "cannot be read");
}

/* On first use, not in tar_open_*(): it waits for bytes. */
static int ensure_open(struct tar_reader *r, struct error *err)
{
	if (r->opened)
		return 0;
	r->opened = true; /* what cannot be opened is not tried again */
	if (!r->stream && unpack(r, err) != 0)
		return -1;
	return open_archive(r, err);
}

/* --- the second look -------------------------------------------------------------- */

/* 1: *out is the next member as GNU tar sees it; 0: it sees none. */
static int view_next(struct tar_reader *r, struct tar_view_member *out,
		     struct error *err)
{
	unsigned char block[TAR_BLOCK];
	size_t got = 1;

	while (!tar_view_next(&r->view, out)) {
		if (r->inner || got == 0 || r->view.state == TAR_VIEW_END ||
		    r->view.state == TAR_VIEW_LOST)
			return 0;
		if (file_pread_full(r->fd, block, sizeof(block),
				    r->start + tar_view_jump(&r->view), &got,
				    "archive", err) != 0)
			return -1;
		tar_view_feed(&r->view, block, got);
	}
	return 1;
}

/* What GNU tar unpacks as a file: types that nobody knows, too. */
static bool is_file_type(char type)
{
	return !strchr("123456DMN", type) || type == '\0';
}

static bool is_same(struct tar_reader *r, struct archive_entry *e,
		    const struct tar_member *m, const struct tar_view_member *v)
{
	bool sparse = archive_entry_sparse_count(e) > 0;

	if ((uint64_t)archive_read_header_position(r->a) != v->start)
		return false;
	if (m->type != TAR_FILE)
		return true; /* names and targets are judged by the caller */
	return is_file_type(v->type) &&
	       (v->sparse || (!sparse && v->size == m->size));
}

static int look_again(struct tar_reader *r, struct archive_entry *e,
		      const struct tar_member *m, struct error *err)
{
	struct tar_view_member v;
	int rc;

	if (r->stream || (archive_format(r->a) & ARCHIVE_FORMAT_BASE_MASK) !=
				 ARCHIVE_FORMAT_TAR)
		return 0;
	rc = view_next(r, &v, err);
	if (rc < 0)
		return -1;
	if (r->view.why && rc == 0)
		return err_set(err, ERR_FORMAT,
			       "%s: programs differ in how they read it: %s",
			       m ? m->path : "behind the last entry",
			       r->view.why);
	if (m ? rc == 1 && is_same(r, e, m, &v) : rc == 0)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "%s: programs differ in how they read it: its type, its "
		       "size or its place",
		       m ? m->path : "behind the last entry");
}

int tar_reader_next(struct tar_reader *r, struct tar_member *out,
		    struct error *err)
{
	locale_t old = r->utf8 ? uselocale(r->utf8) : (locale_t)0;
	struct archive_entry *e;
	int rc = ensure_open(r, err) ? -1 : next_header(r, &e, err);

	if (rc == 1 && entry_read(r->a, e, out, err) != 0)
		rc = -1;
	if (rc >= 0 && look_again(r, e, rc == 1 ? out : NULL, err) != 0)
		rc = -1;
	if (old)
		uselocale(old);
	return rc;
}

int tar_reader_read(struct tar_reader *r, void *buf, size_t n, size_t *got,
		    struct error *err)
{
	la_ssize_t len;

	*got = 0;
	if (r->stream && !r->begun && begin_stream(r, err) != 0)
		return -1;
	if (r->empty)
		return 0;
	len = archive_read_data(r->a, buf, n);
	if (len < 0)
		return fail(r, err);
	*got = (size_t)len;
	return 0;
}

/* --- one member of a zip archive ---------------------------------------------------- */

#define FRONT_PIECE ((size_t)16 << 10)

struct front {
	const struct zip_input *in;
	uint64_t at;
	unsigned char buf[FRONT_PIECE];
	struct error err;
};

static void archive_close(struct archive **a)
{
	archive_read_free(*a);
	*a = NULL;
}

static la_ssize_t from_input(struct archive *a, void *ctx, const void **out)
{
	struct front *f = ctx;
	size_t got = 0;

	if (f->in->pread(f->in->ctx, f->buf, FRONT_PIECE, f->at, &got,
			 &f->err)) {
		archive_set_error(a, EIO, "read failed");
		return ARCHIVE_FATAL;
	}
	f->at += got;
	*out = f->buf;
	return (la_ssize_t)got;
}

static bool begin_member(struct archive *a, struct front *f)
{
	struct archive_entry *e;

	return archive_read_support_filter_none(a) == ARCHIVE_OK &&
	       archive_read_support_format_zip_streamable(a) == ARCHIVE_OK &&
	       archive_read_open(a, f, NULL, from_input, NULL) == ARCHIVE_OK &&
	       archive_read_next_header(a, &e) >= ARCHIVE_WARN;
}

/* As it would come through a pipe. No more is unpacked than what is asked for, and a
 * bomb costs nothing. */
int zip_read_front(const struct zip_input *in, uint64_t header, void *buf,
		   size_t n, size_t *got, struct error *err)
{
	struct archive *a CLEANUP(archive_close) = archive_read_new();
	struct front *f CLEANUP(free_ptr) = xcalloc(1, sizeof(*f));
	la_ssize_t more = 1;

	*got = 0;
	f->in = in;
	f->at = header;
	if (!a)
		return err_set(err, ERR_OTHER, "libarchive: out of memory");
	if (begin_member(a, f))
		while (more > 0 && *got < n) {
			more = archive_read_data(a, (char *)buf + *got,
						 n - *got);
			*got += more > 0 ? (size_t)more : 0;
		}
	if (f->err.code == ERR_NONE)
		return 0;
	*err = f->err;
	return -1;
}
