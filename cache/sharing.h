/* Can files of a model directory have the bytes of the store's blobs without taking
 * their place a second time? Looked at before anything is written. */
#ifndef ITTS_SHARING_H
#define ITTS_SHARING_H

#include "cache/hfcache.h"

struct sharing {
	struct hfcache *store; /* borrowed, as is dirfd */
	int dirfd; /* of the model directory, or of the nearest one there is */
	bool same_mount; /* hard links may lead from one to the other */
	bool guarded;	 /* but only to what is one's own or may be written */
	bool probed,
		clones; /* probed: it is known whether extents can be shared */
};

int sharing_begin(struct sharing *s, struct hfcache *store, int dirfd,
		  struct error *err) MUST_CHECK;
/* Will the blob of this file be linked or cloned there? One that is yet to come will
 * be one's own. false: it has to be copied. */
bool sharing_of(struct sharing *s, const struct lock_repo *repo,
		const struct lock_file *file);

#endif
