/* What the scanners share: bytes to be looked at, and what was found in them. */
#ifndef ITTS_SCAN_INPUT_H
#define ITTS_SCAN_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"

struct scan_input {
	/* Fewer than n only at the end. ERR_IO. */
	int (*pread)(void *ctx, void *buf, size_t n, uint64_t offset,
		     size_t *got, struct error *err);
	void *ctx;
	uint64_t size;
};

/* From the best to the worst. */
enum scan_word {
	SCAN_NO_PICKLE,
	SCAN_LISTED,	 /* all that it calls is on the list */
	SCAN_NEEDS_CODE, /* it calls, or may call, something else */
	SCAN_MALFORMED,	 /* it could not be read to its end */
};

#define SCAN_MAX_NOTES 50

struct scan_result {
	enum scan_word word;
	struct strlist notes; /* "MEMBER byte N: what" */
	uint64_t more;	      /* notes beyond SCAN_MAX_NOTES */
	const char *member;   /* for notes; borrowed while scanning */
	bool limit; /* malformed by our limits, not by Python's rules */
};
void scan_result_release(struct scan_result *r); /* CLEANUP */
/* The word becomes at least this one. */
void scan_raise(struct scan_result *r, enum scan_word word);
/* What was found in a part: its word and notes move. */
void scan_result_add(struct scan_result *r, struct scan_result *part);
void scan_note(struct scan_result *r, enum scan_word word, uint64_t offset,
	       const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
