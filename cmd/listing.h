/* Rows of ls: which ones, in which order. Pure. */
#ifndef ITTS_LISTING_H
#define ITTS_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "cache/census.h"

/* A repo, or one revision of it. */
struct listing_row {
	const struct census *repo;
	const struct census_revision *revision; /* NULL: all of the repo */
	uint64_t size;
	int64_t used, changed; /* ns since 1970 */
	bool whole;	       /* as far as links and listings tell */
	bool sure;     /* and a listing or lock says what belongs there */
	bool detached; /* a revision that no ref names */
	uint64_t missing, broken, files;
	struct strlist claimed; /* names of locks and model directories */
};
void listing_row_release(struct listing_row *r);

enum listing_key { LIST_SIZE, LIST_USED, LIST_CHANGED, LIST_TYPE, LIST_WORD };

/* "size>1G", "used>30d" (longer ago than), "changed<2h", "type=dataset",
 * "complete", "incomplete", "detached", "claimed", "unclaimed". */
struct listing_filter {
	enum listing_key key;
	char op; /* '<', '>', '=' */
	uint64_t value;
	const char *word; /* static storage */
	enum repo_type type;
};
int listing_filter_parse(const char *text, struct listing_filter *out,
			 struct error *err) MUST_CHECK;
/* now: ns since 1970 */
bool listing_filter_fits(const struct listing_filter *f,
			 const struct listing_row *r, int64_t now);

/* NULL-terminated names for --sort. */
extern const char *const listing_orders[];
/* order: one of them, or NULL (by name). */
void listing_sort(struct listing_row *rows, size_t count, const char *order);
uint64_t listing_age(int64_t then, int64_t now); /* seconds */

#endif
