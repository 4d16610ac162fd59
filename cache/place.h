/* One file into a model directory: link, else clone, else copy. */
#ifndef ITTS_PLACE_H
#define ITTS_PLACE_H

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/event.h"
#include "cache/hfcache.h"
#include "cache/recorded.h"
#include "cache/view.h"

struct placer {
	struct hfcache *store; /* borrowed, as are the next five */
	const char *model_dir; /* for messages */
	int dirfd;	       /* of it */
	const struct cancel *cancel;
	const struct event_sink *sink;
	struct recorded *recorded;
	struct view_stats stats;
	/* the bytes at hand: the blob and the first copy of it, or -1 */
	const struct lock_file *file;
	int blob_fd, copy_fd;
};
#define PLACER_INIT                                       \
	{                                                 \
		.dirfd = -1, .blob_fd = -1, .copy_fd = -1 \
	}
void placer_release(struct placer *p); /* CLEANUP */

struct placement {
	const struct lock_repo *repo;
	const struct lock_file *file;
	const char *
		view; /* path in the model directory; NULL: blob of the Hub view */
	/* place_file() fills in what is there then: inode, mtime in ns */
	uint64_t ino;
	int64_t mtime;
};
/* Caller frees. */
char *placement_path(const struct placement *at);
/* People edit it there: it gets bytes of its own. */
bool placement_is_editable(const struct placement *at);

/* Placements with the same bytes should follow one another: what had to be
 * copied for the first is linked to for the others. */
int place_file(struct placer *p, struct placement *at, unsigned id,
	       struct error *err) MUST_CHECK;

#endif
