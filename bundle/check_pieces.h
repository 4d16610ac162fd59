/* The payloads of a bundle that is a file; for bundle/check.c. */
#ifndef ITTS_CHECK_PIECES_H
#define ITTS_CHECK_PIECES_H

#include "bundle/check_run.h"

/* All payloads of payload_at, in pieces, on all cores. */
int check_pieces(struct check_run *run, struct error *err) MUST_CHECK;

#endif
