/*
 * The steps of import_archive() and what they share; for bundle/import*.c. The
 * archive is read twice: its names, refs and listings first, then its bytes, when
 * it is known what proves each of them.
 */
#ifndef ITTS_IMPORT_RUN_H
#define ITTS_IMPORT_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "bundle/import.h"
#include "bundle/import_name.h"
#include "bundle/tar.h"
#include "cache/tree.h"

#define IMPORT_NONE UINT32_MAX

/* An entry that matters: what has a kind, and symbolic links. There are many. */
struct import_entry {
	char *path;
	char *target; /* of links, until it is found: where it leads */
	char *own;    /* FILE: its name in the snapshot, if not path's */
	uint64_t size;
	struct import_name name;
	bool is_file, composed; /* composed: see struct tar_member */
	uint32_t content;   /* the entry that has its bytes, or IMPORT_NONE */
	uint32_t repo;	    /* index in found.repos: BLOB, FILE */
	struct digest etag; /* BLOB, FILE: of its blob, or DIGEST_NONE */
};

/* What is known of the bytes of an entry with is_file. */
struct import_content {
	struct digest sha256,
		git; /* what they must be; DIGEST_NONE: not known */
	bool stored; /* in the store under the first use's name */
	bool copy;   /* the blob came along: hashed only */
	bool held; /* under a policy that looks at bytes: named when all came */
};

/* trees/<commit>.json that came along. */
struct import_listing {
	enum repo_type type;
	char *id;
	char commit[41];
	struct tree tree;
};

struct import_run {
	const char *name;	 /* of the archive, for messages */
	int fd;			 /* seekable */
	const struct lock *lock; /* may be NULL */
	const struct install_options *o;
	struct import_stats *st;
	struct hfcache *store; /* NULL: a dry run, and there is none yet */
	struct hfcache_batch *batch;
	/* by path; gone when their bytes are stored and found has their names */
	struct import_entry *entries;
	size_t count, cap;
	struct import_content *contents; /* one an entry, used with is_file */
	/* indexes of BLOB and FILE entries that have bytes, by content, BLOB
	 * first */
	uint32_t *uses;
	size_t use_count;
	struct import_listing *listings;
	size_t listing_count, listing_cap;
	bool inside;	   /* it has what lies in a repo's folder, without it */
	bool guessed;	   /* it was said that a name may be another */
	struct lock found; /* repos (commit "") and snapshots */
};

/* Pass 1: entries, listings, refs of found. ERR_UNSAFE, ERR_FORMAT. */
int import_scan(struct import_run *run, struct error *err) MUST_CHECK;
/* Opens the archive from its start. */
int import_reader(const struct import_run *run, struct tar_reader **out,
		  struct error *err) MUST_CHECK;
/* NULL: there is none. */
struct import_entry *import_find(const struct import_run *run,
				 const char *path);
/* FILE: its name in the snapshot. Borrowed. */
const char *import_own_name(const struct import_entry *e);
/* Index in found.repos, added where missing; commit "": the repo itself. */
int import_repo(struct import_run *run, const char *folder, size_t len,
		const char *commit, uint32_t *out, struct error *err)
	MUST_CHECK;

/* Follows links, gathers what proves each content, fills uses. */
int import_plan(struct import_run *run, struct error *err) MUST_CHECK;
/* Leaves of all that what o->only names, if it does. ERR_NOT_FOUND. */
int import_pick(struct import_run *run, struct error *err) MUST_CHECK;
/* The uses of a content: first index in uses, and how many. */
size_t import_uses(const struct import_run *run, uint32_t content,
		   size_t *first);

/* The blob that a use stands for; borrows from run, and from use->path. */
void import_blob_of(const struct import_run *run,
		    const struct import_entry *use, struct lock_repo *repo,
		    struct lock_file *file);

/* Is there room for what the store and the model directory lack? Counts it, too. */
int import_check_space(struct import_run *run, struct error *err) MUST_CHECK;

/* Pass 2: the bytes. */
int import_load(struct import_run *run, struct error *err) MUST_CHECK;

#endif
