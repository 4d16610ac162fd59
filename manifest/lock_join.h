/* A model directory that is filled one repository after the other. */
#ifndef ITTS_LOCK_JOIN_H
#define ITTS_LOCK_JOIN_H

#include "base/attr.h"
#include "base/error.h"
#include "manifest/lock.h"

/* What the directory holds when repository number repo of whole has been placed
 * where had (NULL: nothing) was recorded: that one as whole has it, the others of
 * whole as they were recorded, also of another commit; what whole does not know is
 * forgotten, as when all of it is installed at once. ERR_FORMAT: two of them want
 * one place. */
int lock_join(struct lock *out, const struct lock *whole, size_t repo,
	      const struct lock *had, struct error *err) MUST_CHECK;

#endif
