/* A bundle on its way into volumes: NAME.tar.001 ..., and their card. */
#ifndef ITTS_VOLUMES_WRITE_H
#define ITTS_VOLUMES_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "bundle/volcard.h"

struct volume_writer {
	char *path;	     /* "dir/NAME.tar" */
	char *base;	     /* "dir/NAME" */
	uint64_t size;	     /* of a volume, a multiple of BUNDLE_ALIGN */
	uint64_t total, at;  /* bytes of the whole, so far */
	int digits;	     /* of a volume's number */
	struct volcard card; /* of the volumes so far */
	struct str manifest;
	struct atomic_file *files; /* complete ones are closed */
	size_t count, cap;
	struct digest_ctx *ctx; /* of the last one */
};

/* "fat32", "dvd", "bd25" or a size, rounded down to whole BUNDLE_ALIGNs. */
int volume_size_parse(const char *text, uint64_t *out, struct error *err)
	MUST_CHECK;
void volume_writer_init(struct volume_writer *w, const char *path,
			uint64_t size);
void volume_writer_release(struct volume_writer *w); /* CLEANUP */
/* Before the first byte: name and text of the manifest, bytes of the whole. ERR_IO:
 * no room, or volumes of a longer set are in the way. */
int volume_writer_begin(struct volume_writer *w, const char *name,
			const struct str *manifest, uint64_t total,
			struct error *err) MUST_CHECK;
int volume_writer_write(struct volume_writer *w, const void *buf, size_t n,
			struct error *err) MUST_CHECK;
/* Gives all their names, the card last. */
int volume_writer_commit(struct volume_writer *w, struct error *err) MUST_CHECK;

#endif
