/* libarchive's door for reading: archives that are compressed or not ours. */
#ifndef ITTS_TAR_READER_H
#define ITTS_TAR_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"

enum tar_type { TAR_FILE, TAR_SYMLINK, TAR_HARDLINK, TAR_DIR, TAR_OTHER };

struct tar_member {
	enum tar_type type;
	const char *path, *target; /* target: of links */
	uint64_t size;
	unsigned mode;
	uint64_t mtime;
	bool composed; /* path and target may have been decomposed (NFD) */
};

struct tar_reader;
/* A stream of bytes from fd through whatever decompression its first bytes ask
 * for (zstd, gzip, xz, bzip2, lz4, none). */
int tar_open_stream(struct tar_reader **out, int fd, struct error *err)
	MUST_CHECK;
/* Of a stream that was read from: does a filter unpack it? */
bool tar_is_compressed(const struct tar_reader *r);
/* What a caller may take; of a zip, whose directory is held in memory, many more of
 * them are ERR_FORMAT before the first is known. */
#define TAR_MAX_ENTRIES 150000
/* Another number in its place, before the first entry; for a caller that keeps much
 * of each. */
void tar_reader_limit(struct tar_reader *r, unsigned zip_entries);
/* Of one that an entry was read of. */
bool tar_is_zip(const struct tar_reader *r);
/* Has that ended it? */
bool tar_has_too_many(const struct tar_reader *r);
/* An archive (tar of any kind, zip; compressed or not). */
int tar_open_archive(struct tar_reader **out, int fd, struct error *err)
	MUST_CHECK;
/* Waiting for a pipe ends with ERR_CANCELLED. Borrowed. */
void tar_reader_cancel(struct tar_reader *r, const struct cancel *cancel);
void tar_reader_close(struct tar_reader **rp); /* CLEANUP */
/* 1: *out is the next entry (pointers until the next call); 0: end. */
int tar_reader_next(struct tar_reader *r, struct tar_member *out,
		    struct error *err) MUST_CHECK;
/* Bytes of the entry (or of the stream); *got 0 at its end. */
int tar_reader_read(struct tar_reader *r, void *buf, size_t n, size_t *got,
		    struct error *err) MUST_CHECK;

/* Bytes of any kind of input. */
struct zip_input {
	/* Fewer than n only at the end. */
	int (*pread)(void *ctx, void *buf, size_t n, uint64_t offset,
		     size_t *got, struct error *err);
	void *ctx;
};
/* Unpacks a member of a zip archive into buf, from its beginning; header: where its
 * local header is. *got: fewer than n where it ends earlier, or cannot be unpacked
 * further (damaged, or in a way that nobody knows). -1: only if in cannot be read. */
int zip_read_front(const struct zip_input *in, uint64_t header, void *buf,
		   size_t n, size_t *got, struct error *err) MUST_CHECK;

#endif
