/* A plain archive of a Hub cache, made by a colleague -> store. */
#ifndef ITTS_IMPORT_H
#define ITTS_IMPORT_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "bundle/install.h"

struct import_stats {
	uint64_t repos, blobs, bytes, had_blobs;
	uint64_t snapshots, refs;
	uint64_t skipped; /* entries that are no part of a Hub cache */
	uint64_t macos;	  /* files that macOS adds, left out */
};

/* tar (plain, gz, zst, xz, bz2) or zip of hub/ or of models--* folders, at any
 * depth. Each blob is checked against its own name; plain files in snapshots/
 * (archives made without links) against the blobs and listings that came along,
 * or against l (may be NULL). One that nothing proves is ERR_INTEGRITY, or left
 * out if macOS adds such to archives (._X, .DS_Store). Links
 * that lead out, devices, unsafe names: ERR_UNSAFE. refs last. path "-": stdin. */
int import_archive(const char *path, const struct lock *l,
		   const struct install_options *o, struct import_stats *out,
		   struct error *err) MUST_CHECK;

#endif
