/* FIFOs under a name: open(2) waits for the other end, and hears no Ctrl-C. */
#ifndef ITTS_FIFO_H
#define ITTS_FIFO_H

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"

/* Any file for reading, as file_open; a FIFO is waited for until it has a writer, or
 * c (may be NULL) is set: ERR_CANCELLED. Caller closes *out. */
int fifo_open_input(const char *path, const struct cancel *c, int *out,
		    struct error *err) MUST_CHECK;
/* What exists for writing: a FIFO once it has a reader, a device. */
int fifo_open_output(const char *path, const struct cancel *c, int *out,
		     struct error *err) MUST_CHECK;

#endif
