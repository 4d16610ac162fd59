/*
 * The directory of a zip archive (PKWARE APPNOTE 6.3), read so that no other
 * reader can see another archive in it: members one behind the other from the
 * first byte, local headers that say what the directory says, nothing between.
 */
#ifndef ITTS_ZIPDIR_H
#define ITTS_ZIPDIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "bundle/scan_input.h"

#define ZIP_NAME_MAX	1024u
#define ZIP_MAX_MEMBERS 100000u

struct zip_member {
	char name[ZIP_NAME_MAX + 1];
	uint64_t header, data, size; /* size: as stored */
	uint64_t plain;		     /* unpacked */
	unsigned flags, method;	     /* 0: stored */
	uint32_t crc;
};

/* Calls fn for each member. What is not as it should be is in r, as MALFORMED,
 * and ends it. -1: only if it cannot be read from the disk, or fn failed. */
int zip_walk(const struct scan_input *in,
	     int (*fn)(void *ctx, const struct zip_member *m,
		       struct error *err),
	     void *ctx, struct scan_result *r, struct error *err) MUST_CHECK;

#endif
