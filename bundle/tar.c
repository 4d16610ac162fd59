/*
 * Headers of POSIX tar (IEEE Std 1003.1, pax interchange format).
 *
 * libarchive makes the ustar block of a member; from 8 GiB up its restricted pax
 * writer makes the 'x' header with the size as well. Names are never converted:
 * ustar holds their bytes as they are, which every tar reads silently in every
 * locale, while libarchive's own pax records depend on the locale of the writer
 * (and "hdrcharset", its way out, makes GNU tar warn). So the one 'x' header
 * that names need, where ustar is too short for them, is made here:
 *
 *   512 bytes ustar block, typeflag 'x', size of what follows
 *   records "LENGTH key=value\n", LENGTH counting itself, padded to 512
 */
#include "bundle/tar.h"

#include "base/mem.h"
#include "base/path.h"

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define BLOCK		 512u
#define USTAR_NAME	 100u
#define USTAR_PREFIX	 155u
#define USTAR_SIZE_LIMIT ((uint64_t)8 << 30)

/* Takes the bytes of one header, then nothing more: on its way out libarchive
 * writes the data that is missing and the end of the archive. (With
 * archive_write_fail() it would not, but leak.) */
struct writer {
	struct archive *a;
	struct str *out;
	bool done;
};

static void writer_release(struct writer *w)
{
	w->done = true;
	archive_write_free(w->a);
	w->a = NULL;
}

static void entry_free(struct archive_entry **e)
{
	archive_entry_free(*e);
	*e = NULL;
}

static la_ssize_t take(struct archive *a, void *writer, const void *p, size_t n)
{
	struct writer *w = writer;

	(void)a;
	if (w->done)
		return -1;
	str_add(w->out, p, n);
	return (la_ssize_t)n;
}

static void put_octal(char *field, size_t len, uint64_t value)
{
	for (size_t i = len - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

/* The block in front of pax records. */
static void put_x_block(struct str *out, uint64_t size)
{
	char b[BLOCK] = { 0 };
	unsigned sum = 0;

	memcpy(b, "PaxHeader", 9);
	put_octal(b + 100, 8, 0644);
	put_octal(b + 108, 8, 0); /* uid */
	put_octal(b + 116, 8, 0); /* gid */
	put_octal(b + 124, 12, size);
	put_octal(b + 136, 12, 0); /* mtime */
	memset(b + 148, ' ', 8);
	b[156] = 'x';
	memcpy(b + 257,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)b[i];
	put_octal(b + 148, 7, sum);
	str_add(out, b, BLOCK);
}

static unsigned digits(size_t n)
{
	unsigned d = 1;

	while (n >= 10) {
		n /= 10;
		d++;
	}
	return d;
}

static void put_record(struct str *out, const char *key, const char *value)
{
	/* blank, '=', newline */
	size_t rest = strlen(key) + strlen(value) + 3;
	size_t len = rest + digits(rest);

	if (digits(len) > digits(rest))
		len++;
	str_addf(out, "%zu %s=%s\n", len, key, value);
}

/* Where libarchive cannot split it either: at a '/' with at most 155 bytes
 * before and 100 behind. */
static bool ustar_holds(const char *path)
{
	size_t len = strlen(path);

	if (len <= USTAR_NAME)
		return true;
	for (size_t i = len - USTAR_NAME - 1; i <= USTAR_PREFIX && i < len - 1;
	     i++)
		if (i > 0 && path[i] == '/')
			return true;
	return false;
}

/* What stands in ustar when the name is in a pax record: some of its end. */
static char *stand_in(const char *path)
{
	size_t n = strnlen(path_base(path), USTAR_NAME + 1);

	if (n > USTAR_NAME)
		n = USTAR_NAME;
	while (n > 0 && ((unsigned char)path_base(path)[n] & 0xc0) == 0x80)
		n--; /* not into the middle of a character */
	return xstrndup(path_base(path), n);
}

static void entry_set(struct archive_entry *e, const struct tar_member *m,
		      const char *path, const char *target)
{
	static const mode_t types[] = {
		[TAR_FILE] = AE_IFREG,
		[TAR_SYMLINK] = AE_IFLNK,
		[TAR_HARDLINK] = AE_IFREG,
		[TAR_DIR] = AE_IFDIR,
	};

	archive_entry_copy_pathname(e, path);
	archive_entry_set_mode(e, types[m->type] | m->mode);
	archive_entry_set_size(e, m->type == TAR_FILE ? (int64_t)m->size : 0);
	archive_entry_set_mtime(e, (time_t)m->mtime, 0);
	if (m->type == TAR_SYMLINK)
		archive_entry_copy_symlink(e, target);
	if (m->type == TAR_HARDLINK)
		archive_entry_copy_hardlink(e, target);
}

static int write_header(const struct tar_member *m, const char *path,
			const char *target, struct str *out, struct error *err)
{
	struct writer w CLEANUP(writer_release) = { .a = archive_write_new(),
						    .out = out };
	struct archive_entry *e CLEANUP(entry_free) = archive_entry_new();
	bool big = m->type == TAR_FILE && m->size >= USTAR_SIZE_LIMIT;

	if (!w.a || !e)
		return err_set(err, ERR_OTHER, "libarchive: out of memory");
	entry_set(e, m, path, target);
	if ((big ? archive_write_set_format_pax_restricted(w.a)
		 : archive_write_set_format_ustar(w.a)) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(w.a, 0) != ARCHIVE_OK ||
	    archive_write_open2(w.a, &w, NULL, take, NULL, NULL) !=
		    ARCHIVE_OK ||
	    archive_write_header(w.a, e) != ARCHIVE_OK)
		return err_set(err, ERR_FORMAT, "%s: no tar header: %s",
			       m->path, archive_error_string(w.a));
	return 0;
}

int tar_header(const struct tar_member *m, struct str *out, struct error *err)
{
	const char *target = m->target ? m->target : "";
	struct str records CLEANUP(str_release) = STR_INIT;
	char *path_cut CLEANUP(free_ptr) = NULL;
	char *target_cut CLEANUP(free_ptr) = NULL;

	assert(m->type < TAR_OTHER);
	if (!ustar_holds(m->path)) {
		put_record(&records, "path", m->path);
		path_cut = stand_in(m->path);
	}
	if (strlen(target) > USTAR_NAME) {
		put_record(&records, "linkpath", target);
		target_cut = stand_in(target);
	}
	if (records.len > 0) {
		put_x_block(out, records.len);
		str_add(out, records.ptr, records.len);
		str_fill(out, '\0', -records.len % BLOCK);
	}
	return write_header(m, path_cut ? path_cut : m->path,
			    target_cut ? target_cut : target, out, err);
}

int tar_padding(uint64_t size, struct str *out, struct error *err)
{
	struct str spaces CLEANUP(str_release) = STR_INIT;
	size_t data = (size_t)size - BLOCK;

	if (size < 2 * (uint64_t)BLOCK || size % BLOCK != 0 ||
	    size > TAR_PADDING_MAX)
		return err_set(err, ERR_OTHER,
			       "no tar padding of %" PRIu64 " bytes", size);
	put_x_block(out, data);
	/* "LENGTH comment=...\n" is all of the data: no other record follows */
	str_fill(&spaces, ' ', data - digits(data) - strlen(" comment=\n"));
	put_record(out, "comment", spaces.ptr);
	return 0;
}
