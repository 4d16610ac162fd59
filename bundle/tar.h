/* libarchive's door for writing: header bytes of one member. */
#ifndef ITTS_TAR_H
#define ITTS_TAR_H

#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "base/tar_reader.h"

/* Header of a member, appended to out: one ustar block, with an 'x' header in
 * front where ustar cannot hold it. The same bytes in every locale. Members of
 * 8 GiB and more need a short ASCII name. */
int tar_header(const struct tar_member *m, struct str *out, struct error *err)
	MUST_CHECK;
#define TAR_PADDING_MAX ((uint64_t)1 << 20)
/* An 'x' header of exactly size bytes (a multiple of 512, from 1024 to
 * TAR_PADDING_MAX) whose one record is a comment of spaces. */
int tar_padding(uint64_t size, struct str *out, struct error *err) MUST_CHECK;

#endif
