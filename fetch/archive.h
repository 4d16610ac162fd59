/* What an archive from outside holds, entry by entry. */
#ifndef ITTS_ARCHIVE_H
#define ITTS_ARCHIVE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/tar_reader.h"
#include "manifest/archive_ref.h"
#include "manifest/lock.h"

#define ARCHIVE_MAX_ENTRIES TAR_MAX_ENTRIES
#define ARCHIVE_MAX_NAMES   ((size_t)16 << 20)	/* bytes of all names */
#define ARCHIVE_MAX_BYTES   ((uint64_t)1 << 40) /* unpacked */
/* So many times its own size, and a little more for small ones. */
#define ARCHIVE_MAX_RATIO 200
#define ARCHIVE_FREE	  ((uint64_t)16 << 20)

/* What is done with each regular file, named without strip. */
struct archive_visitor {
	/* 1: its bytes are wanted, 0: not; then neither of the others is called */
	int (*begin)(void *ctx, char *path, uint64_t size, struct error *err);
	int (*bytes)(void *ctx, const void *p, size_t n, struct error *err);
	int (*end)(void *ctx, struct error *err); /* all of size have come */
	void *ctx;
	/* Where the paths stay; NULL: only as long as the walk goes on. */
	struct arena *strings;
};

/* Reads fd from its start. ERR_UNSAFE: a name that leads out, an entry that is
 * neither file nor directory, two with one name; ERR_FORMAT: damaged, beyond a
 * limit. Files that do not stand below strip are left out. */
int archive_walk(int fd, const char *strip, const struct archive_visitor *v,
		 const struct cancel *cancel, struct error *err) MUST_CHECK;

/* Adds the files of the archive to repo, sorted, with size and SHA-256 (which is
 * the etag, too). ERR_FORMAT if there is none. */
int archive_list(int fd, const char *strip, const struct cancel *cancel,
		 struct lock_repo *repo, struct error *err) MUST_CHECK;

#endif
