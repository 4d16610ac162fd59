/* The state of each file of a lock in a store, for commands that get what lacks. */
#ifndef ITTS_AUDIT_H
#define ITTS_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "cache/hfcache.h"
#include "cache/verify.h"
#include "manifest/lock.h"

struct audit_file {
	const struct lock_repo *repo;
	struct lock_file *file;
	enum blob_state state; /* of the bytes */
	bool own;      /* they are in the snapshot itself, which has no link */
	bool unlinked; /* the snapshot does not lead to them */
	uint64_t size; /* as found */
};

struct audit {
	struct audit_file *files;
	size_t count;
	size_t bad;	 /* whose bytes lack or are wrong */
	size_t unlinked; /* whose bytes are right */
};
void audit_release(struct audit *a); /* CLEANUP */
/* Below the root: where its bytes are, or should be. Caller frees. */
char *audit_path(const struct audit_file *f);
/* Orders files by that place; 0: they are, or should be, in the same one. */
int audit_place_cmp(const struct audit_file *a, const struct audit_file *b);
const char *blob_state_name(enum blob_state s); /* "wrong digest" */
/* Reads all bytes, on all cores (in a quick check: what is not known). l: borrowed;
 * a size DERIVE_NO_SIZE is no demand. */
int audit_lock(struct hfcache *c, struct lock *l,
	       const struct verify_options *o, struct audit *out,
	       struct error *err) MUST_CHECK;

#endif
