/* What the parts of bundle_check() share; for bundle/check*.c. */
#ifndef ITTS_CHECK_RUN_H
#define ITTS_CHECK_RUN_H

#include <stdint.h>

#include "bundle/check.h"

#define CHECK_NO_STATES UINT64_MAX
/* Items of damage after which looking for more helps nobody. */
#define CHECK_MAX_ITEMS 1000

struct check_run {
	struct bundle_source *s; /* borrowed, as are o and out */
	const struct verify_options *o;
	struct verify_report *out;
	/* One a blob. File: offset of its bytes, 0: not there. Stream: 0: right. */
	uint64_t *payload_at;
	uint64_t states_at;	/* offset of the states, or CHECK_NO_STATES */
	unsigned char **states; /* one a blob, of a stream: as computed */
};

/* Damage to something of the bundle itself. */
void check_member(struct check_run *run, enum verify_state state,
		  const char *member, uint64_t size, const char *detail);
/* Damage to a payload, under the first file that has it. */
void check_payload(struct check_run *run, enum verify_state state, size_t blob,
		   const char *detail);

#endif
