/* What the parts of the census share. */
#ifndef ITTS_CENSUS_PRIV_H
#define ITTS_CENSUS_PRIV_H

#include "cache/census.h"

/* Sums and names of a repo whose blobs, files and refs are all read. */
void census_sum_repo(struct census *c);

#endif
