/* What is known of a part that comes in blocks. Pure: text in, text out. */
#ifndef ITTS_JOURNAL_H
#define ITTS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"

#define JOURNAL_LIMIT	    (16u << 20) /* bytes of the text */
#define JOURNAL_MAX_BLOCKS  65536u
#define JOURNAL_MAX_SOURCES 256u
#define JOURNAL_MAX_TEXT    1024u /* bytes of a source's text */

struct journal_block {
	uint64_t sum;	 /* XXH64 with the journal's seed */
	uint32_t source; /* place in sources */
	bool have;
};

struct journal {
	struct digest etag, sha256; /* of the blob; sha256 may be DIGEST_NONE */
	uint64_t size, block_size, seed;
	struct journal_block *blocks;
	uint32_t count;
	struct strlist sources; /* "https://host \"validator\"" */
};
/* An empty one; size is not 0. */
void journal_init(struct journal *j, const struct digest *etag,
		  const struct digest *sha256, uint64_t size);
void journal_release(struct journal *j); /* CLEANUP */
/* 1 MiB, more where that would be too many blocks. */
uint64_t journal_block_size(uint64_t size);
/* Bytes of block i. */
uint64_t journal_block_len(const struct journal *j, uint32_t i);

/* Fills an empty journal with what a text says of the same blob. A last line that
 * is cut off does not count. ERR_FORMAT: damaged, or of another blob; j is empty
 * then. */
int journal_parse(struct journal *j, const char *text, size_t len,
		  struct error *err) MUST_CHECK;
/* All of it, or what is appended as things change. */
void journal_format(const struct journal *j, struct str *out);
void journal_add_source(const struct journal *j, uint32_t source,
			struct str *out);
void journal_add_block(const struct journal *j, uint32_t i, struct str *out);

#endif
