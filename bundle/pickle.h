/*
 * A disassembler of pickles (Python's pickletools, protocols 0 to 5) with a model
 * of the stack and the memo. Nothing is executed: the question is only which
 * functions the unpickler would look up and call.
 */
#ifndef ITTS_PICKLE_H
#define ITTS_PICKLE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "bundle/scan_input.h"

/* One pickle that begins at offset and ends before end. *stop: behind its last
 * opcode; r says what it is. -1: only if it could not be read from the disk. */
int pickle_scan(const struct scan_input *in, uint64_t offset, uint64_t end,
		uint64_t *stop, struct scan_result *r, struct error *err)
	MUST_CHECK;

#endif
