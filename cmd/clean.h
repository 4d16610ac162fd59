/* What gc and rm share: opening, doing, telling. */
#ifndef ITTS_CLEAN_H
#define ITTS_CLEAN_H

#include "base/attr.h"
#include "base/error.h"
#include "cache/gc.h"
#include "cmd/app.h"

/* With --yes does it, else plans it; prints what was or would be deleted, and
 * what stays and why. */
int clean(struct app *app, const struct gc_rules *rules, struct error *err)
	MUST_CHECK;
extern const struct option_group group_clean; /* --yes */

#endif
