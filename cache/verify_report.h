/* What checking has found: only what is not right, and counts of what is. */
#ifndef ITTS_VERIFY_REPORT_H
#define ITTS_VERIFY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

enum verify_state {
	VERIFY_OK,
	VERIFY_MISSING,
	VERIFY_WRONG_SIZE,
	VERIFY_WRONG_DIGEST,
	VERIFY_NOT_FILE,    /* not a regular file */
	VERIFY_EXTRA,	    /* there, but nothing asks for it (no damage) */
	VERIFY_POINTER,	    /* a Git LFS pointer instead of content */
	VERIFY_BAD_REF,	    /* refs/X: newline, no snapshot, not a commit */
	VERIFY_BAD_LINK,    /* dangling, or leads out of the cache */
	VERIFY_LEFTOVER,    /* .incomplete, .itts-part (no damage) */
	VERIFY_BAD_LISTING, /* trees/X: malformed, or short (no damage) */
	VERIFY_UNREADABLE,  /* EIO, EACCES: detail says */
	VERIFY_STATES
};
const char *verify_state_name(enum verify_state s); /* "wrong digest" */
bool verify_state_is_damage(enum verify_state s);

/* Its strings are the report's. */
struct verify_item {
	enum verify_state state;
	const char *where; /* repo id or model dir or bundle name */
	const char *path;  /* in it */
	/* or NULL: "123 bytes, expected 456", "at byte 67108864" */
	const char *detail;
	uint64_t size;
};

struct verify_report {
	struct verify_item
		*items; /* all that are not OK, sorted by where, path */
	size_t count, cap;
	uint64_t files, bytes; /* checked and right; what was read once counts
				  once in bytes */
	uint64_t known_files; /* of these: not read, as when last found right */
	uint64_t damaged;     /* items that are damage */
	struct arena strings;
};
void verify_report_release(struct verify_report *r); /* CLEANUP */
void verify_report_add(struct verify_report *r, enum verify_state state,
		       const char *where, const char *path, uint64_t size,
		       const char *detail); /* copies */
void verify_report_sort(struct verify_report *r);
/* Is something damaged there? r: sorted. */
bool verify_report_damages(const struct verify_report *r, const char *where,
			   const char *path);

#endif
