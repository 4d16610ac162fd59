/*
 * Turns members into segments: header, data, zeros up to 512. Offsets follow
 * docs/bundle-format.md: the data of a payload of BUNDLE_ALIGN bytes and more
 * begins at a multiple of it, by an 'x' header with a comment in front. From
 * 8 GiB up the header of the member begins with an 'x' header of its own, and
 * bsdtar refuses two in a row: there a directory member stands between.
 */
#include "bundle/layout.h"

#include "base/digest.h"
#include "base/mem.h"
#include "bundle/layout_members.h"
#include "bundle/tar.h"

#include <assert.h>
#include <string.h>

#define BLOCK	    512u
#define RECORD	    10240u
#define PADDING_MIN 1024u
#define SUMS_PIECE  65536u /* bytes of SHA256SUMS made at a time, about */
#define TWO_X_SIZE  ((uint64_t)8 << 30)

enum phase { AT_HEADER, AT_DATA, AT_TAIL, AT_END };

struct layout {
	const struct bundle_manifest *m; /* borrowed */
	const char *text;
	size_t len;
	struct oci_bundle bundle; /* the text as an image names it */
	uint64_t sums_size;	  /* of SHA256SUMS */
	uint64_t total;		  /* 0: not known yet */
	bool sizes_only;	  /* SHA256SUMS is one segment without bytes */

	enum phase phase;
	uint64_t offset; /* of the next segment */
	struct members members, sums;
	struct member cur;
	uint64_t left;	/* bytes of SHA256SUMS to come */
	struct str buf; /* of the segment given out last */
};

/* Bytes of SHA256SUMS: each line has 64 digits, two blanks, a name, a newline. */
static uint64_t sums_size(const struct bundle_manifest *m,
			  const struct oci_bundle *bundle)
{
	struct members it CLEANUP(members_release) = { 0 };
	struct member one;
	uint64_t size = 0;

	members_init(&it, m, bundle, true);
	it.absent = true;
	while (members_next(&it, &one))
		if (member_is_listed(&one))
			size += 64 + 2 + strlen(one.tar.path) + 1;
	return size;
}

int layout_open(struct layout **out, const struct bundle_manifest *m,
		const char *text, size_t len, struct error *err)
{
	struct layout *l;

	if (m->align != BUNDLE_ALIGN)
		return err_set(err, ERR_FORMAT, "align %u, expected %u",
			       m->align, BUNDLE_ALIGN);
	l = xcalloc(1, sizeof(*l));
	l->m = m;
	l->text = text;
	l->len = len;
	oci_bundle_of(m, text, len, &l->bundle);
	l->sums_size = sums_size(m, &l->bundle);
	l->buf = (struct str)STR_INIT;
	members_init(&l->members, m, &l->bundle, false);
	members_init(&l->sums, m, &l->bundle, false);
	l->sums.absent = true; /* the list is of the whole tree */
	*out = l;
	return 0;
}

void layout_close(struct layout **l)
{
	if (*l) {
		members_release(&(*l)->members);
		members_release(&(*l)->sums);
		str_release(&(*l)->buf);
		free_ptr(l);
	}
}

void layout_rewind(struct layout *l)
{
	members_release(&l->members);
	members_release(&l->sums);
	members_init(&l->members, l->m, &l->bundle, false);
	members_init(&l->sums, l->m, &l->bundle, false);
	l->sums.absent = true;
	l->phase = AT_HEADER;
	l->offset = 0;
}

static int give(struct layout *l, struct segment *out, enum segment_kind kind,
		const void *ptr, uint64_t size)
{
	*out = (struct segment){ .kind = kind,
				 .ptr = ptr,
				 .offset = l->offset,
				 .size = size,
				 .blob = l->cur.blob,
				 .extra = l->cur.extra,
				 .again = l->cur.again,
				 .name = l->cur.tar.path };
	l->offset += size;
	return 0;
}

static int give_buf(struct layout *l, struct segment *out)
{
	return give(l, out, SEGMENT_BYTES, l->buf.ptr, l->buf.len);
}

/* Bytes that have to stand in front of a header of header_size bytes so that
 * its data begins aligned; 0 or at least PADDING_MIN. */
static uint64_t padding(uint64_t offset, uint64_t header_size)
{
	uint64_t gap = -(offset + header_size) % BUNDLE_ALIGN;

	return gap && gap < PADDING_MIN ? gap + BUNDLE_ALIGN : gap;
}

/* Padding in front of the payload header that buf holds. */
static int pad_payload(struct layout *l, struct error *err)
{
	static const struct tar_member dir = { .type = TAR_DIR,
					       .path = "blobs/sha256/",
					       .mode = 0755 };
	struct str front CLEANUP(str_release) = STR_INIT;
	struct str divider CLEANUP(str_release) = STR_INIT;
	uint64_t gap = padding(l->offset, l->buf.len);
	struct tar_member d = dir;

	if (gap == 0)
		return 0;
	d.mtime = l->m->epoch;
	if (l->cur.tar.size >= TWO_X_SIZE) {
		if (tar_header(&d, &divider, err))
			return -1;
		gap = padding(l->offset, divider.len + l->buf.len);
	}
	if (gap && tar_padding(gap, &front, err))
		return -1;
	str_add(&front, divider.ptr, divider.len);
	str_add(&front, l->buf.ptr, l->buf.len);
	str_clear(&l->buf);
	str_add(&l->buf, front.ptr, front.len);
	return 0;
}

/* Two blocks of zeros, the whole a multiple of RECORD. */
static int give_end(struct layout *l, struct segment *out)
{
	uint64_t end = l->offset + 2 * BLOCK;

	memset(&l->cur, 0, sizeof(l->cur));
	l->cur.tar.path = "end of archive";
	l->phase = AT_END;
	end += (RECORD - end % RECORD) % RECORD;
	str_clear(&l->buf);
	str_fill(&l->buf, '\0', (size_t)(end - l->offset));
	return give_buf(l, out);
}

static int give_header(struct layout *l, struct segment *out, struct error *err)
{
	struct member *cur = &l->cur;

	if (!members_next(&l->members, cur))
		return give_end(l, out);
	if (cur->data == MEMBER_MANIFEST)
		cur->tar.size = l->len;
	if (cur->data == MEMBER_SUMS)
		cur->tar.size = l->left = l->sums_size;
	str_clear(&l->buf);
	if (tar_header(&cur->tar, &l->buf, err))
		return -1;
	if (cur->data == MEMBER_PAYLOAD && !cur->again &&
	    cur->tar.size >= BUNDLE_ALIGN && pad_payload(l, err))
		return -1;
	l->phase = cur->tar.size ? AT_DATA : AT_HEADER;
	return give_buf(l, out);
}

static void add_sum(const struct layout *l, const struct member *one,
		    struct str *out)
{
	const struct bundle_manifest *m = l->m;
	struct digest d;
	char hex[DIGEST_HEX_MAX];

	if (one->data == MEMBER_MANIFEST)
		digest_buf(DIGEST_SHA256, l->text, l->len, &d);
	else if (one->data == MEMBER_PAYLOAD)
		d = m->blobs[one->blob].sha256;
	else if (one->data == MEMBER_EXTRA)
		d = m->extras.items[one->extra].sha256;
	else
		digest_buf(DIGEST_SHA256, one->text, one->tar.size, &d);
	str_addf(out, "%s  %s\n", digest_hex(&d, hex), one->tar.path);
}

/* The next piece of SHA256SUMS. */
static int give_sums(struct layout *l, struct segment *out)
{
	struct member one;

	if (l->sizes_only) {
		l->phase = AT_TAIL;
		return give(l, out, SEGMENT_BYTES, NULL, l->left);
	}
	str_clear(&l->buf);
	while (l->buf.len < SUMS_PIECE && members_next(&l->sums, &one))
		if (member_is_listed(&one))
			add_sum(l, &one, &l->buf);
	assert(l->buf.len > 0 && l->buf.len <= l->left);
	l->left -= l->buf.len;
	l->phase = l->left ? AT_DATA : AT_TAIL;
	return give_buf(l, out);
}

static int give_data(struct layout *l, struct segment *out)
{
	static const enum segment_kind kinds[] = {
		[MEMBER_NONE] = SEGMENT_BYTES,
		[MEMBER_TEXT] = SEGMENT_BYTES,
		[MEMBER_EXTRA] = SEGMENT_EXTRA,
		[MEMBER_PAYLOAD] = SEGMENT_PAYLOAD,
		[MEMBER_MANIFEST] = SEGMENT_BYTES,
		[MEMBER_SIGNATURE] = SEGMENT_SIGNATURE,
		[MEMBER_SUMS] = SEGMENT_BYTES,
		[MEMBER_STATES] = SEGMENT_STATES,
	};
	const struct member *cur = &l->cur;
	const char *text = cur->data == MEMBER_MANIFEST ? l->text : cur->text;

	if (cur->data == MEMBER_SUMS)
		return give_sums(l, out);
	l->phase = AT_TAIL;
	return give(l, out, kinds[cur->data], text, cur->tar.size);
}

int layout_next(struct layout *l, struct segment *out, struct error *err)
{
	if (l->phase == AT_TAIL) {
		l->phase = AT_HEADER;
		str_clear(&l->buf);
		str_fill(&l->buf, '\0', -l->cur.tar.size % BLOCK);
		if (l->buf.len > 0)
			return give_buf(l, out);
	}
	if (l->phase == AT_DATA)
		return give_data(l, out);
	if (l->phase == AT_HEADER)
		return give_header(l, out, err);
	return give(l, out, SEGMENT_END, NULL, 0);
}

int layout_total(struct layout *l, uint64_t *total, struct error *err)
{
	struct layout *walk CLEANUP(layout_close) = NULL;
	struct segment s = { .kind = SEGMENT_BYTES };

	if (l->total == 0) {
		if (layout_open(&walk, l->m, l->text, l->len, err))
			return -1;
		assert(walk);
		walk->sizes_only = true;
		while (s.kind != SEGMENT_END)
			if (layout_next(walk, &s, err))
				return -1;
		l->total = s.offset;
	}
	*total = l->total;
	return 0;
}
