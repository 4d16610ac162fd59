/* What the options of `pack` choose. */
#ifndef ITTS_PACK_CHOICE_H
#define ITTS_PACK_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "bundle/inventory.h"
#include "bundle/pack.h"
#include "cmd/app.h"

/* --for, --installer, --volume-size, read and found good. */
struct pack_choice {
	bool thin;
	struct inventory have;	     /* what the site has, if thin */
	char *installer_path;	     /* its name in the bundle, or NULL: none */
	struct pack_extra installer; /* borrows installer_path */
	uint64_t volume_size;	     /* 0: in one piece */
};
void pack_choice_release(struct pack_choice *c); /* CLEANUP */
/* ERR_USAGE, ERR_FORMAT, ERR_NOT_FOUND. */
int pack_choose(struct pack_choice *out, struct app *app, struct error *err)
	MUST_CHECK;

/* ERR_USAGE if path (NULL, "-": none) lies in a repository's folder of the cache,
 * where it would replace a blob or a ref. */
int pack_spare_cache(struct app *app, const char *path, struct error *err)
	MUST_CHECK;

/* Writes the bundle of a lock that the store has all files of, as the options of
 * pack say (-o, --for, --installer, --volume-size), and the result; in cmd_pack.c. */
int pack_store_lock(struct app *app, struct hfcache *store,
		    const struct lock *l, struct error *err) MUST_CHECK;

/* The bundle that was installed: this name, or the only one there is. */
int installed_find(struct hfcache *store, const char *name,
		   struct bundle_manifest *out, struct error *err) MUST_CHECK;

#endif
