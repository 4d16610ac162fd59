/*
 * Where bytes can be had that a store lacks: bundles (also in volumes), other
 * caches, directories that hold the files under whatever names. Nothing is
 * believed: what does not hash to what is wanted is not taken.
 */
#ifndef ITTS_SUPPLY_H
#define ITTS_SUPPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/event.h"
#include "base/str.h"
#include "bundle/policy.h"
#include "bundle/source.h"
#include "cache/hfcache.h"
#include "manifest/lock.h"

#define SUPPLY_MAX_FILES 1000000u /* of one directory */

enum supply_kind { SUPPLY_BUNDLE, SUPPLY_CACHE, SUPPLY_FILES };

/* How a file comes from a directory or cache into the store. */
enum supply_mode {
	SUPPLY_SHARE, /* extents are shared if the file system can, else copied */
	SUPPLY_LINK, /* a hard link if possible, and from then on read-only */
	SUPPLY_COPY,
};

struct supply; /* one place */
struct supplies {
	/* is told what of a place cannot be looked into; borrowed, may be NULL */
	const struct event_sink *sink;
	struct supply **items;
	size_t count, cap;
};
void supplies_release(struct supplies *s); /* CLEANUP */
/* A bundle, a directory with volumes or one of its volumes, a Hub cache (or an
 * HF_HOME that has one in hub/). ERR_NOT_FOUND, ERR_FORMAT, ERR_USAGE: a stream
 * cannot be seeked. */
int supplies_add(struct supplies *all, const char *path,
		 const struct cancel *cancel, struct error *err) MUST_CHECK;
/* A bundle, and what is done with its source before it is opened (to ask who has
 * signed it). Returns the source, borrowed, or NULL. */
const struct bundle_source *supplies_add_bundle(
	struct supplies *all, const char *path,
	void (*prepare)(void *ctx, struct bundle_source *source), void *ctx,
	struct error *err) MUST_CHECK;
/* The store itself: other names of the same bytes. Opened for reading only. */
int supplies_add_store(struct supplies *all, const char *root,
		       struct error *err) MUST_CHECK;
/* Any directory: files are known by path, by the names that Git LFS gives its
 * objects, and by size. */
int supplies_add_files(struct supplies *all, const char *dir, struct error *err)
	MUST_CHECK;
/* What path is for supplies_add(); SUPPLY_FILES: none of these. ERR_IO: a directory
 * that cannot be read. */
int supply_kind_of(const char *path, enum supply_kind *out, struct error *err)
	MUST_CHECK;

struct supply_job {
	struct hfcache *store;
	enum supply_mode mode;
	const struct cancel *cancel;
	const struct event_sink *sink;
	const struct policy *policy; /* what it says of bytes; may be NULL */
	/* results, added up */
	uint64_t linked, shared, copied; /* files */
	uint64_t offers;		 /* that were looked at for them */
	uint64_t bytes;			 /* of all of them */
	const char *from; /* of the last file: name of the place; borrowed */
	/* no place had it, but one may have: this could not be read; or ERR_NONE */
	struct error trouble;
};
/* Tries one place after the other. 1: the blob is in the store and right; 0: no
 * place has it. A size DERIVE_NO_SIZE is filled in. ERR_IO, ERR_CANCELLED: the
 * store cannot take it. id: of the item, for events. */
int supplies_get(struct supplies *all, struct supply_job *job,
		 const struct lock_repo *repo, struct lock_file *file,
		 unsigned id, struct error *err) MUST_CHECK;
/* Would one of them (by name and size alone) have it? Its name, or NULL. */
const char *supplies_have(struct supplies *all, const struct lock_repo *repo,
			  const struct lock_file *file);
/* All that the commit of repo has, as a bundle among them says; borrowed. NULL: none
 * of them knows all of it. */
const struct lock_repo *supplies_listing(const struct supplies *all,
					 const struct lock_repo *repo);

#endif
