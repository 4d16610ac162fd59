/* URLs that a Git LFS server gives out are good for a time. When one is not any
 * more, the server is asked for another and the lane goes on. */
#ifndef ITTS_DOWNLOAD_RENEW_H
#define ITTS_DOWNLOAD_RENEW_H

#include <stdbool.h>

#include "fetch/download_lane.h"

/* The storage host has refused l. false: there is nobody to ask. Else l is taken
 * care of: it goes on, waits, or is released. */
bool renew_link(struct lane *l);
/* The question of a lane that ends, if it has one. */
void renew_release(struct lane *l);

#endif
