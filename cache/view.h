/*
 * A model directory: a view of the store. Files are hard links to blobs, else
 * reflinks, else copies; files that people edit are always copies. What was
 * placed is recorded in MODELDIR/.itts-pack/<name>.lock.json (a lock), so that
 * the directory can be checked later with nothing else at hand.
 */
#ifndef ITTS_VIEW_H
#define ITTS_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/event.h"
#include "base/str.h"
#include "cache/hfcache.h"
#include "manifest/lock.h"

#define VIEW_RECORD_DIR ".itts-pack"

struct view_stats {
	uint64_t linked, cloned, copied, kept; /* files */
	uint64_t copied_bytes;
};

/* Would links work between cache and model dir? Bytes and inodes that placing
 * will need on the model directory's file system. Creates nothing. ERR_IO, ERR_UNSAFE:
 * something stands there that no file can take the place of. */
int view_plan(struct hfcache *c, const struct lock *l, const char *model_dir,
	      uint64_t *bytes, uint64_t *inodes, struct error *err) MUST_CHECK;
/* Places every view and every Hub view of the lock, then the record. A file in
 * the way that differs: an editable one, and one that no record knows, is kept as
 * NAME.orig beside it (a warning says so), any other is replaced atomically. Follows no links below
 * model_dir. */
int view_place(struct hfcache *c, const struct lock *l, const char *model_dir,
	       const struct cancel *cancel, const struct event_sink *sink,
	       struct view_stats *out, struct error *err) MUST_CHECK;
/* As view_place(), of some files of a lock that is recorded already or will be; the
 * record stays as it is. */
int view_mend(struct hfcache *c, const struct lock *part, const char *model_dir,
	      const struct cancel *cancel, const struct event_sink *sink,
	      struct view_stats *out, struct error *err) MUST_CHECK;
/* A lock as the file `name`, in one go, but written piece by piece: it may be long. */
int view_write_lock(int dirfd, const char *name, const struct lock *l,
		    struct error *err) MUST_CHECK;
/* Says that the directory holds what l places there. */
int view_record(const char *model_dir, const struct lock *l, struct error *err)
	MUST_CHECK;
/* Locks recorded in a model directory, by name; text of each. ERR_NOT_FOUND if
 * there is none. locks: caller releases each and frees the array. */
int view_records(const char *model_dir, struct lock **locks, size_t *count,
		 struct error *err) MUST_CHECK;
/* Gives those of them that are not l, one at a time; one that cannot be read is
 * passed over. */
void view_other_records(const char *model_dir, const struct lock *l,
			void (*use)(void *ctx, const struct lock *l),
			void *ctx);

#endif
