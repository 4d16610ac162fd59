/* Listings (trees/) that Python's client or we have written. */
#ifndef ITTS_TREE_H
#define ITTS_TREE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "manifest/lock.h"

/* Rows are appended to out (etag, sha256 of LFS files, size, path). ERR_FORMAT
 * for another format_version or anything malformed. */
int tree_parse(const char *text, size_t len, struct lock_repo *out,
	       struct error *err) MUST_CHECK;

#endif
