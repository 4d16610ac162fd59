/* What json.c and json_reader.c share. Not for other folders. */
#ifndef ITTS_JSON_VALUE_H
#define ITTS_JSON_VALUE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/json.h"

/* Finds the end of the one value that begins at p (white space before it is
 * skipped) and refuses what cJSON would let pass. depth: containers around it.
 * Returns NULL if all is well; else why not, *stop being the place. */
const char *json_guard(const char *p, const char *end, unsigned depth,
		       const char **stop);
/* Moves the place on, over the bytes up to `to`. */
void json_pass(struct json_place *place, const char *to);
/* ERR_FORMAT with the line and column of `at` in front of why. */
int json_fail(const struct json_place *place, const char *at, const char *why,
	      struct error *err);
/* Guards and parses the value at *p and moves *p behind it. place: somewhere in
 * front of it. */
int json_parse_value(struct json **out, const struct json_place *place,
		     const char **p, const char *end, unsigned depth,
		     struct error *err) MUST_CHECK;
const char *json_skip_space(const char *p, const char *end);

#endif
