/* What a repository is on the Hub and in its cache. */
#ifndef ITTS_REPO_H
#define ITTS_REPO_H

#include "base/attr.h"
#include "base/error.h"

enum repo_type { REPO_MODEL, REPO_DATASET, REPO_SPACE };

const char *repo_type_name(enum repo_type t);	/* "model" */
const char *repo_type_plural(enum repo_type t); /* "models": API and cache */
const char *repo_type_prefix(enum repo_type t); /* "", "datasets/", "spaces/" */
int repo_type_parse(enum repo_type *out, const char *name, struct error *err)
	MUST_CHECK;
/* "models--ORG--NAME"; caller frees. */
char *repo_folder(enum repo_type t, const char *id);
/* The reverse; -1 if folder is not of that form. *id: caller frees. */
int repo_folder_parse(const char *folder, enum repo_type *t, char **id);

#endif
