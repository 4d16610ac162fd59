/* Locks of Python's client that another process holds (flock(2)): in
 * .locks/FOLDER/<etag>.lock, before 0.19 beside the blob. Looking makes no file. */
#ifndef ITTS_HELD_H
#define ITTS_HELD_H

#include <stdbool.h>

#include "cache/hfcache.h"

struct held {
	int places[2]; /* directories with locks; -1: none */
	int failed;    /* errno: not all of them could be looked at */
};
#define HELD_INIT                    \
	{                            \
		.places = { -1, -1 } \
	}
void held_open(struct held *h, const struct hfcache *c, const char *folder);
void held_close(struct held *h); /* CLEANUP */
/* name: in blobs/ of the folder, also that of a part. */
bool held_blob(const struct held *h, const char *name);
/* Any lock of this folder; where it finds none, h->failed counts. */
bool held_any(struct held *h);

#endif
