/* Running another program as a filter. */
#ifndef ITTS_RUN_H
#define ITTS_RUN_H

#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"

/* Runs argv (found in PATH) with in on its standard input, and appends its
 * standard output, at most limit bytes. Its standard error is ours. ERR_NOT_FOUND:
 * no such program; ERR_OTHER: it failed. */
int run_filter(const char *const *argv, const void *in, size_t len,
	       size_t limit, struct str *out, struct error *err) MUST_CHECK;

#endif
