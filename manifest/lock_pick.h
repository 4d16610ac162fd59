/* Repositories of a lock that are named: ID, ID@REF, ID@COMMIT. */
#ifndef ITTS_LOCK_PICK_H
#define ITTS_LOCK_PICK_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "manifest/lock.h"

/* ID alone means every commit of it. */
bool lock_repo_is_meant(const struct lock_repo *r, const char *spec);
/* picked: one a repo. ERR_NOT_FOUND for a spec that means none; it names what is
 * near. where: of messages. */
int lock_pick(const struct lock *l, const struct strlist *specs,
	      const char *where, bool *picked, struct error *err) MUST_CHECK;
/* Takes those out that are not kept. keep: one a repo. */
void lock_keep(struct lock *l, const bool *keep);

#endif
