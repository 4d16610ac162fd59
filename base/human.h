/* Numbers for people. */
#ifndef ITTS_HUMAN_H
#define ITTS_HUMAN_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

#define HUMAN_MAX 24
char *human_size(uint64_t bytes,
		 char out[HUMAN_MAX]); /* "3.24 GiB"; returns out */
char *human_time(uint64_t ms, char out[HUMAN_MAX]); /* "1:02:03", "0:07" */
/* one where n is 1, else many: for "%llu %s". */
const char *human_plural(uint64_t n, const char *one, const char *many);
/* "500", "64K", "1.5G" (powers of 1024; also KiB, KB = 1000). ERR_USAGE. */
int human_parse_size(const char *text, uint64_t *bytes, struct error *err)
	MUST_CHECK;
/* "90", "90s", "30m", "2h", "7d" into seconds. ERR_USAGE. */
int human_parse_time(const char *text, uint64_t *seconds, struct error *err)
	MUST_CHECK;
/* How long ago in one unit: "3 d", "12 min", "now". */
char *human_ago(uint64_t seconds, char out[HUMAN_MAX]);

#endif
