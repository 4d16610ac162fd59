/* Who needs what is in the cache: locks, and the records of model directories. */
#ifndef ITTS_CLAIMS_H
#define ITTS_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "cmd/app.h"
#include "manifest/lock.h"

struct claims {
	struct lock *locks;
	size_t count;
	struct strlist names; /* of each: the lock's name, or the directory */
};
void claims_release(struct claims *c); /* CLEANUP */
/* --lock FILE, else (with by_default) the lock file of the current directory if
 * there is one; and what --model-dir DIR has recorded. */
int claims_load(struct app *app, bool by_default, struct claims *out,
		struct error *err) MUST_CHECK;
/* Bundles that were installed into this cache, as "bundle NAME". What cannot be read
 * is warned of. */
int claims_installed(struct app *app, struct hfcache *store, struct claims *out,
		     struct error *err) MUST_CHECK;
/* Names of those that need this commit, appended. */
void claims_on(const struct claims *c, enum repo_type type, const char *id,
	       const char *commit, struct strlist *out);
/* What one of them says of this commit, or NULL. */
const struct lock_repo *claims_repo(const struct claims *c, enum repo_type type,
				    const char *id, const char *commit);

#endif
