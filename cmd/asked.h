/* Repos of the cache that ls and du were asked for. */
#ifndef ITTS_ASKED_H
#define ITTS_ASKED_H

#include <stdbool.h>

#include "base/str.h"
#include "cache/census.h"
#include "cmd/app.h"

/* Is it a repo, and does a pattern of the command line fit it (or is there none)? */
bool asked_for(const struct app *app, const struct census *c);
/* Places in them that could not be looked into, with the reason, appended to out.
 * If there are any, the exit status will be that of ERR_IO. */
void asked_unseen(struct app *app, const struct census_all *all,
		  struct strlist *out);
/* Says which repositories there are that nothing here counts, nor changes. */
void asked_others(struct app *app, const struct census_all *all);

#endif
