/* What GNU tar makes of the headers of a tar; to be compared with what libarchive
 * makes of them. */
#ifndef ITTS_TAR_VIEW_H
#define ITTS_TAR_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define TAR_BLOCK 512u

struct tar_view_member {
	uint64_t start; /* of its first header, extended ones too */
	uint64_t size;	/* of its bytes; sparse: as stored */
	char type;	/* as in the header */
	bool sparse;
};

struct tar_view {
	uint64_t at; /* of the next byte */
	enum {
		TAR_VIEW_HEADER,
		TAR_VIEW_SPARSE, /* more of an old map of holes */
		TAR_VIEW_RECORDS,
		TAR_VIEW_END,
		TAR_VIEW_LOST
	} state;
	const char *why; /* LOST: as part of a sentence */
	uint64_t skip;	 /* bytes before the next block */
	unsigned char block[TAR_BLOCK];
	size_t filled;	    /* of it */
	struct str records; /* of an extended header, as they come */
	size_t records_len;
	bool global;		     /* they are for all members */
	struct tar_view_member next; /* what is known of it */
	bool begun, sized;
	struct tar_view_member *members; /* read and not asked for */
	size_t first, count, cap;
};
#define TAR_VIEW_INIT                \
	{                            \
		.records = STR_INIT, \
	}
void tar_view_release(struct tar_view *v); /* CLEANUP */
/* The bytes from v->at on; or, after tar_view_jump(), from where that says. */
void tar_view_feed(struct tar_view *v, const void *buf, size_t n);
/* Offset of the next byte that matters. */
uint64_t tar_view_jump(struct tar_view *v);
/* The next member, in order; false: none in what was fed. */
bool tar_view_next(struct tar_view *v, struct tar_view_member *out);

#endif
