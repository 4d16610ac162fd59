/* What a lock needs that the store does not have. */
#ifndef ITTS_DOWNLOAD_PLAN_H
#define ITTS_DOWNLOAD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "fetch/download.h"

/* The bytes that one repository keeps under one name. */
struct plan_blob {
	struct lock_repo *repo; /* borrowed */
	struct lock_file *file; /* one of those that want it */
	uint32_t same_as; /* another blob with these bytes, or PLAN_NONE */
	uint32_t entry;	  /* the first that wants it; the others follow */
	enum blob_state state;
};
#define PLAN_NONE UINT32_MAX

struct plan_entry {
	struct lock_repo *repo;
	struct lock_file *file;
	uint32_t blob;
	bool linked;
};

struct plan {
	struct lock *lock;	 /* borrowed */
	struct plan_blob *blobs; /* biggest first */
	size_t blob_count;
	struct plan_entry *entries; /* every file of the lock that counts */
	size_t entry_count;
};

/* learn: only files whose SHA-256 is not known. */
void plan_make(struct plan *p, struct lock *l, bool learn);
void plan_release(struct plan *p); /* CLEANUP */

/* Finds out the state of every blob, on all cores. */
int plan_check(struct plan *p, struct hfcache *store,
	       const struct download_options *o, struct error *err) MUST_CHECK;
/* Blobs with equal bytes: those that another repository has already are shared
 * at once, of the rest one is to be fetched and same_as of the others names it.
 * store may be NULL: nothing is written. */
int plan_share(struct plan *p, struct hfcache *store, struct error *err)
	MUST_CHECK;
/* Is there room for what is missing? ERR_IO that says how much is needed. */
int plan_space(const struct plan *p, struct hfcache *store, struct error *err)
	MUST_CHECK;
/* Fills in the SHA-256 of files that have none, from their blobs. */
int plan_learn(struct plan *p, struct hfcache *store,
	       const struct cancel *cancel, struct error *err) MUST_CHECK;

/* Links of snapshots to a blob that is right, those that were made already not. */
int plan_link(struct plan *p, struct plan_blob *b, struct hfcache *store,
	      struct error *err) MUST_CHECK;

/* "org/name path" for messages; caller frees. */
char *plan_blob_name(const struct plan_blob *b);

#endif
