/* What the bytes of a file say it is, whatever its name. */
#ifndef ITTS_CONTENT_H
#define ITTS_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "doctor/known.h"
#include "doctor/weights.h"

enum content {
	CONTENT_GOOD,
	CONTENT_EMPTY,
	CONTENT_POINTER, /* of Git LFS */
	CONTENT_HTML,
	CONTENT_ZEROS, /* space reserved for a download that did not come */
	CONTENT_BROKEN,
	CONTENT_UNREADABLE,
};
struct content_check {
	enum content state;
	char why[256];		     /* BROKEN, UNREADABLE */
	char says[WEIGHTS_SAYS_MAX]; /* Python's words for it, or "" */
	struct weights weights;
};
/* From the first bytes of a file: POINTER, HTML, ZEROS or GOOD. Pure. */
enum content content_sniff(const char *head, size_t len);
void content_check(const char *path, enum file_kind kind,
		   struct content_check *out);
const char *content_text(enum content c); /* "is a Git LFS pointer" */

#endif
