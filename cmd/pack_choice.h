/* What the options of `pack` choose. */
#ifndef ITTS_PACK_CHOICE_H
#define ITTS_PACK_CHOICE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "bundle/inventory.h"
#include "bundle/pack.h"
#include "cmd/app.h"

/* --for FILE: what the site has. */
struct thin_choice {
	bool given;
	struct inventory have;
};
void thin_choice_release(struct thin_choice *t); /* CLEANUP */
/* An inventory, or a bundle. ERR_FORMAT, ERR_NOT_FOUND. */
int thin_choose(struct thin_choice *out, struct app *app, struct error *err)
	MUST_CHECK;

/* --installer FILE: its name in the bundle follows from the architecture that it
 * is made for. file NULL: *path stays NULL. *path: owned by the caller, borrowed
 * by *out. ERR_USAGE: not a static program. */
int installer_extra(const char *file, struct pack_extra *out, char **path,
		    struct error *err) MUST_CHECK;

/* Writes the bundle of a lock that the store has all files of, as the options of
 * pack say (-o, --for, --installer, --volume-size), and the result; in cmd_pack.c. */
int pack_store_lock(struct app *app, struct hfcache *store,
		    const struct lock *l, struct error *err) MUST_CHECK;

/* The bundle that was installed: this name, or the only one there is. */
int installed_find(struct hfcache *store, const char *name,
		   struct bundle_manifest *out, struct error *err) MUST_CHECK;

#endif
