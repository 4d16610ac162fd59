/* Endpoints that speak ModelScope's API. */
#ifndef ITTS_MODELSCOPE_H
#define ITTS_MODELSCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "fetch/hub.h"
#include "manifest/lock.h"

/* As hub_list(), for the revision that repo->mirrors name, else for the one of the same
 * name. Where that is a commit that is not known there, it is the Hub's: the main
 * branch is taken, with a warning. Every file has its SHA-256; etag is DIGEST_NONE
 * where that is not its name. */
int modelscope_list(struct hub *h, struct hub_endpoint *e, const char *revision,
		    struct lock_repo *repo, struct error *err) MUST_CHECK;

/* Parsers, apart for tests and fuzzing. ERR_FORMAT, ERR_UNSAFE; a refusal in the
 * envelope is ERR_NOT_FOUND with the server's words. */
/* Rows appended; *rows: how many the answer had, directories too. */
int modelscope_parse_files(const char *text, size_t len, struct lock_repo *repo,
			   size_t *rows, struct error *err) MUST_CHECK;
int modelscope_parse_commit(const char *text, size_t len, char commit[41],
			    struct error *err) MUST_CHECK;

#endif
