/* What earlier installations have placed in a model directory. */
#ifndef ITTS_RECORDED_H
#define ITTS_RECORDED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "manifest/lock.h"

/* Before anything is looked up in a model directory: is it one? ERR_NOT_FOUND with the
 * command that makes it, ERR_IO. */
int recorded_check_dir(const char *model_dir, struct error *err) MUST_CHECK;

struct recorded_file;
struct recorded {
	const char *model_dir; /* borrowed */
	bool read;	       /* at the first question, since few ask */
	struct lock *locks;
	size_t lock_count;
	struct recorded_file *items; /* sorted by path */
	size_t count, cap;
};
void recorded_release(struct recorded *r); /* CLEANUP */
/* What was placed at this path; NULL: nothing, or no record can be read. Borrowed. */
const struct lock_file *recorded_find(struct recorded *r, const char *view);

#endif
