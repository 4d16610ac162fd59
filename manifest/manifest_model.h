/* One entry of a manifest's "models". Only for manifest_parse.c. */
#ifndef ITTS_MANIFEST_MODEL_H
#define ITTS_MANIFEST_MODEL_H

#include "base/attr.h"
#include "base/error.h"
#include "base/json.h"
#include "manifest/manifest.h"

/* m: zeroed; what was read before a failure stays in it. where: "models[0]". */
int manifest_parse_model(struct manifest_model *m, const struct json *obj,
			 const char *where, struct error *err) MUST_CHECK;

#endif
