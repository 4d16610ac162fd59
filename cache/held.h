/* Locks of Python's client that another process holds (flock(2)): in
 * .locks/FOLDER/<etag>.lock, before 0.19 beside the blob. Looking makes no file. */
#ifndef ITTS_HELD_H
#define ITTS_HELD_H

#include <stdbool.h>

#include "cache/hfcache.h"

/* name: in blobs/ of the folder, also that of a part. */
bool held_blob(const struct hfcache *c, const char *folder, const char *name);
/* Any lock of this folder. */
bool held_repo(const struct hfcache *c, const char *folder);

#endif
