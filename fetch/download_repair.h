/*
 * All bytes are there and the digest is wrong. One endpoint after the other is
 * believed: what it has not sent itself is asked of it, and where that differs it
 * takes the place of what was there. As soon as the digest is right, those whose
 * bytes were replaced are known to have lied.
 */
#ifndef ITTS_DOWNLOAD_REPAIR_H
#define ITTS_DOWNLOAD_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "fetch/download_lane.h"

/* Chooses whom to believe next. false: nobody is left. */
bool repair_begin(struct job *j);
/* Blocks that this endpoint is to send again, at most `most`. */
bool repair_take(struct job *j, size_t endpoint, uint32_t most,
		 struct segment *out);
/* Blocks that a copy has not brought are for others to bring. */
void repair_give_back(struct lane *l);
/* A block has come beside the one that is there, or on its way (COPY). */
int repair_take_copy(struct lane *l, uint32_t i, uint64_t sum,
		     struct error *err) MUST_CHECK;
/* The digest is right now. */
void repair_blame(struct job *j);
void repair_release(struct job *j);

#endif
