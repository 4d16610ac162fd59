/* The steps of install_bundle() and what they share; for bundle/install*.c. */
#ifndef ITTS_INSTALL_RUN_H
#define ITTS_INSTALL_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "bundle/copy.h"
#include "bundle/install.h"

/* Bigger payloads are made durable one by one. Bytes. */
#define INSTALL_BATCH_MAX COPY_BUFFER

/* Where a file of the lock has its bytes: one a use, in the order of
 * manifest.uses. */
enum place {
	PLACE_SAME,    /* the blob of the use before it */
	PLACE_MISSING, /* or damaged */
	PLACE_RIGHT,
};

struct install_run {
	struct bundle_source *s; /* borrowed, as are o and st */
	const struct install_options *o;
	struct install_stats *st;
	struct hfcache *store;	/* NULL: a dry run, and there is none yet */
	unsigned char *places;	/* enum place, one a use */
	unsigned char **states; /* one a blob; NULL: not computed in this run */
	bool can_clone;
	unsigned char *needed; /* one a volume: waited for; NULL: none is */
	struct hfcache_batch *batch;
	/* Payloads that are there as clones, and not hashed yet; CLONES_MAX of them.
	 * Of install_payload.c. */
	struct arrival *waiting;
	size_t waiting_count;
	/* A copied one that is right and waits for its name, since when, and why it
	 * could not have it. */
	struct arrival *late;
	uint64_t late_ms;
	struct error late_err;
	/* Of a stream under a policy that looks at bytes: one a blob, those that
	 * have come and get no name before all have. NULL: each gets its own. */
	unsigned char *held;
	bool refused;	       /* by the policy, while bytes came */
	struct strlist extras; /* names of those that were kept by this run */
};

/* --- install_policy.c ---------------------------------------------------------
 * What the manifest says, and the bytes where they can be read twice: before
 * anything is written. ERR_UNSAFE, as of the next two. */
int install_ask_policy(struct install_run *run, struct error *err) MUST_CHECK;
/* What the store has already, and the bundle only names. */
int install_judge_store(struct install_run *run, struct error *err) MUST_CHECK;
/* What is in a part of this blob, which has no name yet. */
int install_judge_part(struct install_run *run, const struct bundle_blob *b,
		       int fd, struct error *err) MUST_CHECK;

/* --- install_places.c ---------------------------------------------------------
 * The use that has the bytes of a blob in the store; NULL: none. */
const struct bundle_use *install_find_right(const struct install_run *run,
					    const struct bundle_blob *b);
size_t install_use_index(const struct install_run *run,
			 const struct bundle_use *use);
/* The blobs (absent: those that a thin bundle leaves out) in all their places:
 * what has the right size is hashed. */
int install_find_places(struct install_run *run, bool absent, struct error *err)
	MUST_CHECK;
/* Is there a blob of the right size to be hashed? ERR_IO: nobody can tell. */
int install_look(struct install_run *run, const struct bundle_use *use,
		 bool *out, struct error *err) MUST_CHECK;
/* The same; what cannot be read is none. */
bool install_is_candidate(struct install_run *run,
			  const struct bundle_use *use);

/* --- install_thin.c -----------------------------------------------------------
 * Hashes what a thin bundle leaves out in the store, before anything is locked or
 * written. ERR_NOT_FOUND, ERR_INTEGRITY naming what lacks. */
int install_check_thin(struct install_run *run, struct error *err) MUST_CHECK;
/* Still all there? Only looks. */
int install_recheck_thin(struct install_run *run, struct error *err) MUST_CHECK;

/* --- install_plan.c -----------------------------------------------------------
 * Fills places, can_clone, had_*, new_*, need_*; ERR_IO where space lacks. */
int install_plan(struct install_run *run, struct error *err) MUST_CHECK;
/* Does the store (NULL: there is none yet) have that name? */
bool install_has(const struct hfcache *store, const char *path);

/* --- install_name.c -----------------------------------------------------------
 * Gives a part its name, now or with the batch. */
int install_finish_part(struct install_run *run, struct hfcache_part *part,
			uint64_t size, struct error *err) MUST_CHECK;
/* All that is held gets its names. */
int install_name_held(struct install_run *run, struct error *err) MUST_CHECK;
void install_drop_held(struct install_run *run);

/* --- install_volumes.c --------------------------------------------------------
 * A segment that is not all here: of a payload that lacks, what is here is kept for
 * the next visit. */
int install_part_of_volumes(struct install_run *run, const struct segment *seg,
			    struct error *err) MUST_CHECK;
/* The blob is there: removes what such visits have left. */
void install_forget_part(const struct install_run *run,
			 const struct bundle_blob *b);
/* ERR_NOT_FOUND naming the volumes that are still needed. */
int install_waiting(struct install_run *run, struct error *err);
/* Bytes that such visits have on disk already for a blob. */
uint64_t install_part_on_disk(const struct install_run *run,
			      const struct bundle_blob *b);

/* --- install_payload.c --------------------------------------------------------
 * Walks the bundle to its end; all blobs are in the store then. */
int install_payloads(struct install_run *run, struct error *err) MUST_CHECK;
/* Clones that are not hashed vanish. */
void install_drop_waiting(struct install_run *run);

#endif
