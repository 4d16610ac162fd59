/* Listings (trees/<commit>.json) that Python's client or we have written. */
#ifndef ITTS_TREE_H
#define ITTS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"

#define TREE_LIMIT ((size_t)64 << 20) /* bytes of text */

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
	bool foreign; /* another format_version, or too long: nothing was read */
};
/* ERR_FORMAT, ERR_UNSAFE: clients pay no heed to such a listing, either. */
int tree_parse(struct tree *out, const char *text, size_t len,
	       struct error *err) MUST_CHECK;
void tree_release(struct tree *t); /* CLEANUP */
/* NULL if it is not listed. */
const struct tree_file *tree_find(const struct tree *t, const char *path);
/* What the bytes of a file must hash to. */
const struct digest *tree_want(const struct tree_file *f);

/* --- the listing of a snapshot --- */

struct hfcache;
struct lock_repo;
enum tree_state {
	TREE_NONE,
	TREE_GOOD, /* one that says no less than the snapshot holds; also one that
		    * cannot be read, or is of another format */
	TREE_MALFORMED, /* clients pay no heed to it */
	TREE_SHORT, /* lacks files that the snapshot holds: they never get them */
};
/* Of repo->commit. Changes nothing. */
enum tree_state tree_look(struct hfcache *c, const struct lock_repo *repo);
/* repo has all that the commit has: that is what the listing will say. ERR_IO. */
int tree_replace(struct hfcache *c, const struct lock_repo *repo,
		 struct error *err) MUST_CHECK;
/* Does the listing say just that already? */
bool tree_is(struct hfcache *c, const struct lock_repo *repo);
int tree_remove(struct hfcache *c, const struct lock_repo *repo,
		struct error *err) MUST_CHECK; /* ERR_IO */
/* Does the snapshot hold a link to a blob that neither of them names? What it means by
 * that is not known without reading all of it. */
bool tree_has_unnamed(struct hfcache *c, const struct lock_repo *repo,
		      const struct tree *listed);

#endif
