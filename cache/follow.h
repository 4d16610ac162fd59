/*
 * A thread that stays behind the writer of a part: first it looks at what the
 * journal says is there, then it hashes the contiguous front while that grows,
 * from the page cache. One writer, one follower.
 */
#ifndef ITTS_FOLLOW_H
#define ITTS_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "cache/journal.h"

struct follow;

struct follow_result {
	struct digest etag, sha256; /* of all bytes */
	struct error err;	    /* what went wrong instead */
	bool unsynced; /* that was fsync(): of no byte is known where it is */
};

struct follow_hooks {
	/* On the thread, once the blocks are looked at: what takes time and need
	 * not be waited for. */
	int (*prepare)(void *ctx, struct error *err);
	void *prepare_ctx;
	/* On the thread, when something has changed. */
	void (*wake)(void *ctx);
	void *wake_ctx;
};

/* fd is borrowed. j is the thread's until follow_checked() says true: blocks whose
 * bytes have another sum are marked as not there. */
int follow_start(struct follow **out, int fd, struct journal *j,
		 const struct follow_hooks *hooks, struct error *err)
	MUST_CHECK;
void follow_end(struct follow **follow); /* CLEANUP: stops it, waits for it */

bool follow_checked(struct follow *f);
/* Blocks 0 to front - 1 are there. */
void follow_front(struct follow *f, uint32_t front);
/* Block i has other bytes now: all from there on is hashed again. */
void follow_again(struct follow *f, uint32_t i);
/* true: all of it is hashed and on disk, or cannot be. */
bool follow_result(struct follow *f, struct follow_result *out);

#endif
