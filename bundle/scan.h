/*
 * Does a file hold pickles, and what would they call? By content: the name only
 * decides whether bytes without any mark are tried as a pickle too.
 */
#ifndef ITTS_SCAN_H
#define ITTS_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "bundle/scan_input.h"

const char *scan_word_name(enum scan_word word); /* "allow-listed", ... */
/* -1: only if it cannot be read. Not a proof of harmlessness: a list of what the
 * unpickler would look up. */
int scan_file(const struct scan_input *in, const char *name,
	      struct scan_result *r, struct error *err) MUST_CHECK;
/* Is it a name under which bytes without any mark are tried as a pickle? */
bool scan_is_suspect(const char *name);

/* A part of a file, as input: { scan_window_pread, &window, window.size }. */
struct scan_window {
	int fd;
	uint64_t offset, size;
	const char *name; /* for messages */
};
int scan_window_pread(void *ctx, void *buf, size_t n, uint64_t offset,
		      size_t *got, struct error *err);
/* Of fd from offset on. */
int scan_fd(int fd, uint64_t offset, uint64_t size, const char *name,
	    struct scan_result *r, struct error *err) MUST_CHECK;

#endif
