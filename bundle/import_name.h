/* Names in an archive of a Hub cache: what each stands for. Pure. */
#ifndef ITTS_IMPORT_NAME_H
#define ITTS_IMPORT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

enum import_kind {
	IMPORT_OTHER, /* nothing that a store keeps */
	IMPORT_BLOB,  /* HUB/FOLDER/blobs/<etag> */
	IMPORT_SHARED, /* HUB/blobs/<2 hex>/<64 hex>: where such a blob may lead */
	IMPORT_FILE, /* HUB/FOLDER/snapshots/<commit>/<path> */
	IMPORT_REF,  /* HUB/FOLDER/refs/<ref> */
	IMPORT_TREE, /* HUB/FOLDER/trees/<commit>.json */
};

struct import_name {
	enum import_kind kind;
	/* Offsets in the path. HUB is all before folder, "" or with its '/'. */
	uint32_t folder, folder_len;
	uint32_t commit; /* FILE, TREE: 40 digits */
	uint32_t rest;	 /* etag, path, ref */
};

void import_name_parse(struct import_name *out, const char *path);
/* Where a symbolic link leads, in the archive. ERR_UNSAFE if it is absolute or
 * leaves the first hub_len bytes of path. *out: caller frees. */
int import_follow(char **out, const char *path, const char *target,
		  size_t hub_len, struct error *err) MUST_CHECK;

/* Would it be part of a repo if a folder stood before it? */
bool import_name_lacks_folder(const char *path);

/* Does macOS add files of that name to archives and directories? */
bool import_name_is_macos(const char *path);

#endif
