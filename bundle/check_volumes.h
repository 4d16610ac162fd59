/* The volumes of a bundle, as files; for bundle/check.c. */
#ifndef ITTS_CHECK_VOLUMES_H
#define ITTS_CHECK_VOLUMES_H

#include "bundle/check_run.h"

/* Those that are elsewhere, or too short or too long. Only looks. */
void check_volumes_there(struct check_run *run);
/* Each that is here against the card: those that have to be copied again. */
int check_volumes(struct check_run *run, struct error *err) MUST_CHECK;

#endif
