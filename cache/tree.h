/* Listings (trees/<commit>.json) that Python's client or we have written. */
#ifndef ITTS_TREE_H
#define ITTS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"

struct tree_file {
	char *path;
	uint64_t size;
	struct digest blob; /* git SHA-1: of the LFS pointer, if lfs is known */
	struct digest lfs;  /* SHA-256 of the bytes, or DIGEST_NONE */
	struct digest xet;  /* 64 digits that only Xet clients use, or none */
};

struct tree {
	struct tree_file *files; /* sorted by path bytes */
	size_t count, cap;
	bool foreign; /* another format_version: nothing was read */
};
/* ERR_FORMAT, ERR_UNSAFE: clients pay no heed to such a listing, either. */
int tree_parse(struct tree *out, const char *text, size_t len,
	       struct error *err) MUST_CHECK;
void tree_release(struct tree *t); /* CLEANUP */
/* NULL if it is not listed. */
const struct tree_file *tree_find(const struct tree *t, const char *path);
/* What the bytes of a file must hash to. */
const struct digest *tree_want(const struct tree_file *f);

#endif
