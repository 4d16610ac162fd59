/* The word that was meant, among those that there are. Pure. */
#ifndef ITTS_NEAR_H
#define ITTS_NEAR_H

#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"

struct nearest {
	const char *word; /* borrowed */
	size_t len;
	const char *best; /* borrowed; NULL: nothing near */
	size_t distance;
};
void nearest_begin(struct nearest *n, const char *word, size_t len);
void nearest_offer(struct nearest *n, const char *candidate);
/* Edits (insert, delete, replace, swap neighbours) between two words. */
size_t edit_distance(const char *a, size_t alen, const char *b, size_t blen);

/* ERR_NOT_FOUND: "WHERE: there is no WORD in it", and as advice what is near, else
 * what there is. */
int near_fail(const char *word, const struct strlist *all, const char *where,
	      struct error *err);

#endif
