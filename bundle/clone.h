/*
 * Payloads that share their blocks with another file instead of being copied
 * (FICLONERANGE of XFS, btrfs and others), and are hashed on all cores afterwards.
 * What is in the page cache is not read from the disk once more: a clone has nothing
 * there yet, so that bytes come from what it was made from, wherever that has them
 * at hand and provably is what it was.
 */
#ifndef ITTS_CLONE_H
#define ITTS_CLONE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"
#include "cache/stamps.h"

/* As many as a caller should let wait: each may keep files open. */
#define CLONES_MAX 32

struct clone {
	/* borrowed; both readable until clone_hash() has ended */
	int src_fd, dst_fd;
	uint64_t src_offset, dst_offset, size; /* bytes */
	const char *dst_name;		       /* for messages; borrowed */
	/* NULL, or room for bundle_state_count(size) times DIGEST_STATE_LEN */
	unsigned char *states;

	/* results of clone_hash() */
	struct digest sha256; /* of what stands in dst */
	/* ERR_IO, ERR_INTEGRITY (dst ends early), ERR_CANCELLED */
	struct error err;

	/* private to clone.c */
	struct stamp before; /* of src */
	bool proven;	     /* src can be told to be unchanged */
	_Atomic uint64_t done;
};

/* Shares src's blocks with dst. false: that cannot be (other file systems, offsets
 * that are no multiple of a block, size 0); what dst has in that range is undefined. */
bool clone_make(struct clone *c);

struct clone_job {
	struct clone *const *clones; /* borrowed */
	size_t count;
	const struct cancel *cancel; /* may be NULL */
	/* On the calling thread, about 10 times a second: bytes done so far of clones
	 * that have moved on. May be NULL. */
	void (*progress)(void *ctx, size_t index, uint64_t done);
	void *ctx;
};
/* Each has its sha256 or its err then. Comparing is the caller's. */
void clone_hash(const struct clone_job *job);

#endif
