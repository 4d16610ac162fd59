/* A bundle to be read: a local file that can be seeked, or a stream that may be
 * compressed. Its manifest is read and checked, nothing else yet. */
#ifndef ITTS_SOURCE_H
#define ITTS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/bmanifest.h"
#include "bundle/layout.h"
#include "bundle/tar.h"
#include "bundle/volumes.h"

struct bundle_source {
	char *name; /* for messages */
	int fd;	    /* owned unless it was stdin */
	bool owned,
		seekable; /* seekable: a regular file, not compressed, or: */
	struct volumes *volumes; /* a set of volumes, and fd is -1 */
	const struct strlist
		*more;	    /* where volumes may lie; borrowed, or NULL */
	uint64_t file_size; /* if seekable */
	/* Of volumes: the first ones are here but not of the set, and the manifest
	 * is from beside the card. */
	bool front_damaged;
	struct tar_reader *stream;   /* else */
	const struct cancel *cancel; /* borrowed; set before opening, or NULL */
	uint64_t offset;	     /* of the next byte */
	struct str
		ahead; /* the first bytes, read already: header of the manifest */
	struct str text;   /* behind them: the manifest */
	struct str behind; /* and the rest up to the end of the signature */
	/* Called before the manifest is understood, with text and behind read: may
	 * refuse it. Set before opening, or NULL. */
	int (*gate)(void *ctx, const struct bundle_source *s,
		    struct error *err);
	void *gate_ctx;
	struct bundle_manifest manifest;
	struct layout *layout; /* rewound */
};
#define BUNDLE_SOURCE_INIT                                     \
	{                                                      \
		.fd = -1, .ahead = STR_INIT, .text = STR_INIT, \
		.behind = STR_INIT                             \
	}

/* path "-": stdin; a directory, a card, a volume: a bundle in volumes. ERR_NOT_FOUND,
 * ERR_FORMAT ("not a bundle of itts-pack": with the advice to use --import if it
 * is an archive). Reads up to the end of the signature.
 * *s must be BUNDLE_SOURCE_INIT; close it also after a failure. */
int bundle_source_open(struct bundle_source *s, const char *path,
		       struct error *err) MUST_CHECK;
int bundle_source_open_fd(struct bundle_source *s, int fd, const char *name,
			  struct error *err) MUST_CHECK; /* fd is borrowed */
/* Of a bundle whose parts are elsewhere (a registry): its manifest alone, judged
 * and understood as when it is opened. Takes the text; there is nothing to read. */
int bundle_source_open_text(struct bundle_source *s, struct str *text,
			    const char *name, struct error *err) MUST_CHECK;
void bundle_source_close(struct bundle_source *s); /* CLEANUP */
/* Where a signature outside would lie, appended; nothing for streams. */
void bundle_source_beside(const struct bundle_source *s, struct str *path);
/* The BUNDLE_SIGNATURE_SIZE bytes of the signature's slot and where they stand;
 * NULL if they are not here. Borrowed. */
const char *bundle_source_slot(const struct bundle_source *s, uint64_t *offset);
/* A seekable bundle that is cut or too long is seen before it is read; of a
 * stream nothing is known. Rewinds the layout. ERR_FORMAT. */
int bundle_source_check_size(struct bundle_source *s, struct error *err)
	MUST_CHECK;
/* ERR_INTEGRITY naming the volume if front_damaged. */
int bundle_source_check_front(const struct bundle_source *s, struct error *err)
	MUST_CHECK;
/* Exactly n bytes; ERR_FORMAT "ends at byte N" if there are fewer, and then
 * *offset is where it ended. */
int bundle_source_read(struct bundle_source *s, void *buf, size_t n,
		       struct error *err) MUST_CHECK;
/* Of a seekable one, from any place and on any thread. Fewer only at the end. */
int bundle_source_pread(const struct bundle_source *s, void *buf, size_t n,
			uint64_t offset, size_t *got, struct error *err)
	MUST_CHECK;
/* false: these bytes are in a volume that is elsewhere. */
bool bundle_source_has(const struct bundle_source *s,
		       const struct segment *seg);
int bundle_source_skip(struct bundle_source *s, uint64_t n, struct error *err)
	MUST_CHECK;
/* Reads a BYTES, SIGNATURE or EXTRA segment and compares. ERR_INTEGRITY naming member,
 * offset. */
int bundle_source_expect(struct bundle_source *s, const struct segment *seg,
			 struct error *err) MUST_CHECK;
/* Reads an EXTRA segment into fd as well, which is path in messages. */
int bundle_source_copy_extra(struct bundle_source *s, const struct segment *seg,
			     int fd, const char *path, struct error *err)
	MUST_CHECK;
/* For messages: "org/name path" of a payload, else the member's name; appended. */
void bundle_source_describe(const struct bundle_source *s,
			    const struct segment *seg, struct str *out);
/* Nothing may follow. ERR_FORMAT. */
int bundle_source_end(struct bundle_source *s, struct error *err) MUST_CHECK;

/* A payload as something to read from: ctx is a struct bundle_payload; *got is less
 * than n at its end. As bundle_source_pread(). */
struct bundle_payload {
	const struct bundle_source *s;
	const struct segment *seg;
};
int bundle_payload_read(void *ctx, void *buf, size_t n, uint64_t offset,
			size_t *got, struct error *err) MUST_CHECK;

#endif
