/* Which manifest a command works on: -m FILE, --recipe NAME, RECIPE, or
 * REPO[@REVISION]; the default recipe if none is said. */
#ifndef ITTS_SELECT_H
#define ITTS_SELECT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "cmd/options.h"
#include "manifest/manifest.h"

/* The words that select the same again, appended: "-m my.json --with qwen". */
void select_words(const struct options *o, struct strlist *out);
bool select_is_default(const struct options *o); /* nothing was said */
/* ERR_USAGE where options exclude each other. */
int select_manifest(const struct options *o, struct manifest *out,
		    struct error *err) MUST_CHECK;

#endif
