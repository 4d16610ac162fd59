/* `install oci:...`: a repository from a registry into the cache. */
#ifndef ITTS_PULL_H
#define ITTS_PULL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "bundle/install.h"
#include "cmd/app.h"

bool pull_is_wanted(const char *path); /* oci:... */
/* The carried program has no network (cmd/pull_none.c): ERR_USAGE. */
int pull_install(struct app *app, const char *path,
		 const struct install_options *o, struct error *err) MUST_CHECK;

#endif
