/*
 * Headers as GNU tar 1.34 reads them (its src/list.c, src/xheader.c): a size is octal
 * digits behind blanks, ended by a blank, NUL or the field, or base-256; a record
 * "size" of pax goes before it; hard links have no bytes whatever it says; the fields of
 * the old GNU format for sparse files mean something in type S only. Where GNU tar
 * would warn or guess, or apply to all members what libarchive applies to none, the
 * view is lost: such an archive is not worth a guess.
 */
#include "base/tar_view.h"

#include "base/mem.h"

#include <string.h>

#define SIZE_AT	    124
#define SIZE_LEN    12
#define SUM_AT	    148
#define SUM_LEN	    8
#define TYPE_AT	    156
#define MAGIC_AT    257
#define MORE_AT	    482 /* old GNU: a map of holes goes on in the next block */
#define MORE_IN_MAP 504
#define RECORDS_MAX (1u << 20) /* libarchive's own limit */

void tar_view_release(struct tar_view *v)
{
	str_release(&v->records);
	free_ptr(&v->members);
	v->first = v->count = v->cap = 0;
}

static void lose(struct tar_view *v, const char *why)
{
	v->state = TAR_VIEW_LOST;
	v->why = why;
}

static uint64_t padded(uint64_t size)
{
	return (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

/* --- numbers ------------------------------------------------------------------ */

static bool base256(const unsigned char *p, size_t len, uint64_t *out)
{
	if (*p != 0x80)
		return false; /* negative, or beyond any file */
	for (size_t i = 1; i < len; i++) {
		if (*out >> 55)
			return false;
		*out = *out << 8 | p[i];
	}
	return true;
}

static bool number(const unsigned char *p, size_t len, uint64_t *out)
{
	size_t i = 0;

	*out = 0;
	if (*p & 0x80)
		return base256(p, len, out);
	while (i < len && p[i] == ' ')
		i++;
	if (i == len)
		return false;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++)
		*out = *out << 3 | (uint64_t)(p[i] - '0');
	return i == len || p[i] == ' ' || p[i] == '\0';
}

/* GNU tar takes the sum of signed characters too, as some old tars wrote it. */
static bool sum_is_right(const unsigned char *h)
{
	uint64_t want, plain = 0;
	int64_t with_sign = 0;

	if (!number(h + SUM_AT, SUM_LEN, &want))
		return false;
	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool blank = i >= SUM_AT && i < SUM_AT + SUM_LEN;
		unsigned char c = blank ? ' ' : h[i];

		plain += c;
		with_sign += (signed char)c;
	}
	return want == plain || (with_sign >= 0 && want == (uint64_t)with_sign);
}

/* --- records of pax ------------------------------------------------------------- */

static void take_record(struct tar_view *v, const char *key, const char *value)
{
	bool holes = str_starts(key, "GNU.sparse.");
	bool size = strcmp(key, "size") == 0;

	if (v->global && (holes || size || !strcmp(key, "path") ||
			  !strcmp(key, "linkpath"))) {
		lose(v, "a name or a size for all entries");
	} else if (size) {
		v->sized = true;
		if (!*value || *str_digits(value, &v->next.size))
			lose(v, "a size that is no number");
	} else if (holes) {
		v->next.sparse = true;
	}
}

/* "LENGTH KEY=VALUE\n", one after the other. */
static void take_records(struct tar_view *v)
{
	char *p = v->records.ptr, *end = p + v->records_len;

	while (p < end && v->state != TAR_VIEW_LOST) {
		uint64_t len = 0;
		char *key = (char *)str_digits(p, &len);
		char *equals;

		if (key == p || *key != ' ' || len > (uint64_t)(end - p) ||
		    p + len <= key + 1 || p[len - 1] != '\n') {
			lose(v, "an extended header that is malformed");
			return;
		}
		p += len;
		p[-1] = '\0';
		equals = strchr(++key, '=');
		if (!equals) {
			lose(v, "an extended header that is malformed");
			return;
		}
		*equals = '\0';
		take_record(v, key, equals + 1);
	}
}

static void begin_records(struct tar_view *v, uint64_t size, bool global)
{
	if (size > RECORDS_MAX) {
		lose(v, "an extended header that is too large");
		return;
	}
	str_clear(&v->records);
	v->records_len = (size_t)size;
	v->global = global;
	v->state = size ? TAR_VIEW_RECORDS : TAR_VIEW_HEADER;
}

/* --- headers -------------------------------------------------------------------- */

static void push(struct tar_view *v)
{
	if (v->first == v->count)
		v->first = v->count = 0;
	v->members = xgrow(v->members, &v->cap, v->count + 1,
			   sizeof(*v->members));
	v->members[v->count++] = v->next;
	v->next = (struct tar_view_member){ 0 };
	v->begun = v->sized = false;
}

static void take_member(struct tar_view *v, char type, uint64_t size)
{
	v->next.type = type;
	if (!v->sized)
		v->next.size = size;
	if (type == '1')
		v->next.size = 0;
	if (type >= '2' && type <= '6' && v->next.size > 0) {
		lose(v, "a link, a directory or a device that has bytes");
		return;
	}
	if (type == 'S') {
		if (memcmp(v->block + MAGIC_AT, "ustar  ", 8) != 0) {
			lose(v, "a sparse file in a format without them");
			return;
		}
		v->next.sparse = true;
	}
	if (v->next.size > INT64_MAX - TAR_BLOCK) {
		lose(v, "a size beyond any file");
		return;
	}
	v->skip = padded(v->next.size);
	if (type == 'S' && v->block[MORE_AT])
		v->state = TAR_VIEW_SPARSE;
	push(v);
}

static void take_header(struct tar_view *v)
{
	static const unsigned char zeros[TAR_BLOCK];
	char type = (char)v->block[TYPE_AT];
	uint64_t size;

	if (memcmp(v->block, zeros, TAR_BLOCK) == 0) {
		v->state = TAR_VIEW_END;
		return;
	}
	if (!sum_is_right(v->block)) {
		lose(v, "a header with a wrong checksum");
		return;
	}
	if (!number(v->block + SIZE_AT, SIZE_LEN, &size)) {
		lose(v, "a size that is no number");
		return;
	}
	if (!v->begun)
		v->next.start = v->at - TAR_BLOCK;
	v->begun = true;
	if (type == 'x' || type == 'X' || type == 'g')
		begin_records(v, size, type == 'g');
	else if (type == 'L' || type == 'K' || type == 'V')
		v->skip = padded(
			size); /* a long name or target; of the volume */
	else
		take_member(v, type, size);
}

static void take_block(struct tar_view *v)
{
	size_t left = v->records_len - v->records.len;

	switch (v->state) {
	case TAR_VIEW_HEADER:
		take_header(v);
		return;
	case TAR_VIEW_SPARSE:
		if (!v->block[MORE_IN_MAP])
			v->state = TAR_VIEW_HEADER;
		return;
	case TAR_VIEW_RECORDS:
		str_add(&v->records, v->block,
			left < TAR_BLOCK ? left : TAR_BLOCK);
		if (v->records.len < v->records_len)
			return;
		v->state = TAR_VIEW_HEADER;
		take_records(v);
		return;
	case TAR_VIEW_END:
	case TAR_VIEW_LOST:
		return;
	}
}

/* The map of holes stands before the bytes that are to be skipped. */
static bool is_skipping(const struct tar_view *v)
{
	return v->skip > 0 && v->state == TAR_VIEW_HEADER;
}

uint64_t tar_view_jump(struct tar_view *v)
{
	if (is_skipping(v)) {
		v->at += v->skip;
		v->skip = 0;
	}
	return v->at;
}

void tar_view_feed(struct tar_view *v, const void *buf, size_t n)
{
	const unsigned char *p = buf;

	while (n > 0 && v->state != TAR_VIEW_END && v->state != TAR_VIEW_LOST) {
		uint64_t want = is_skipping(v) ? v->skip
					       : TAR_BLOCK - v->filled;
		size_t part = n < want ? n : (size_t)want;

		v->at += part;
		if (is_skipping(v)) {
			v->skip -= part;
		} else {
			memcpy(v->block + v->filled, p, part);
			v->filled += part;
		}
		p += part;
		n -= part;
		if (v->filled == TAR_BLOCK) {
			v->filled = 0;
			take_block(v);
		}
	}
}

bool tar_view_next(struct tar_view *v, struct tar_view_member *out)
{
	if (v->first == v->count)
		return false;
	*out = v->members[v->first++];
	return true;
}
