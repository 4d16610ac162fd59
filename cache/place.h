/* One file into a model directory: link, else clone, else copy. */
#ifndef ITTS_PLACE_H
#define ITTS_PLACE_H

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/event.h"
#include "cache/hfcache.h"
#include "cache/view.h"

struct placer {
	struct hfcache *store;
	const char *model_dir; /* for messages */
	int dirfd;	       /* of it */
	const struct cancel *cancel;
	const struct event_sink *sink;
	struct view_stats stats;
};

/* The bytes to place: the blob, and after a first copy that copy. */
struct place_source {
	const struct lock_repo *repo;
	const struct lock_file *file;
	int fd;	     /* the blob */
	int copy_fd; /* the first copy in the model directory, or -1 */
};
#define PLACE_SOURCE_INIT               \
	{                               \
		.fd = -1, .copy_fd = -1 \
	}

int place_source_open(struct place_source *s, struct placer *p,
		      const struct lock_repo *repo,
		      const struct lock_file *file, struct error *err)
	MUST_CHECK;
void place_source_release(struct place_source *s); /* CLEANUP */
/* name in dirfd becomes the same file as the source where that can be. */
int place_link(struct placer *p, struct place_source *s, int dirfd,
	       const char *name, struct error *err) MUST_CHECK;
/* A view (path in the model directory); editable files are always copies. */
int place_view(struct placer *p, struct place_source *s, const char *view,
	       struct error *err) MUST_CHECK;

#endif
