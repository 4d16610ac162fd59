/*
 * torch.save() since 1.6: a zip file (PKWARE APPNOTE 6.3.3), entries stored, not
 * compressed: NAME/data.pkl (a pickle, which is never read here), NAME/data/0, 1, ...
 * (the weights). The directory is at the end, which is why a download that was cut
 * off has none. Before 1.6: a pickle that begins with torch's magic number.
 *
 *   end record    PK\5\6: entries +10 u16, size +12 u32, offset +16 u32, comment
 *                 length +20 u16; all ones: see the zip64 end record
 *   zip64         PK\6\7 20 bytes in front of it: offset +8 of PK\6\6: entries +32,
 *                 size +40, offset +48, u64 each
 *   entry         PK\1\2: method +10, compressed +20, size +24, lengths of name,
 *                 extra, comment +28 +30 +32, offset of its header +42, name +46;
 *                 all ones: the value is in extra field 1
 */
#include "base/file.h"
#include "base/mem.h"
#include "doctor/weights.h"

#include <stdio.h>
#include <string.h>

#define END_LEN	      22
#define LOCATOR_LEN   20
#define END64_LEN     56
#define ENTRY_LEN     46
#define TAIL_LEN      (65535 + END_LEN + LOCATOR_LEN + END64_LEN)
#define DIRECTORY_MAX (16u << 20)

static unsigned le16(const unsigned char *p)
{
	return (unsigned)(p[0] | p[1] << 8);
}

static uint64_t le32(const unsigned char *p)
{
	return le16(p) | (uint64_t)le16(p + 2) << 16;
}

static uint64_t le64(const unsigned char *p)
{
	return le32(p) | le32(p + 4) << 32;
}

static bool is_record(const unsigned char *p, unsigned char a, unsigned char b)
{
	return p[0] == 'P' && p[1] == 'K' && p[2] == a && p[3] == b;
}

/* The zip64 record that a locator in front of the end record leads to. */
static int find_end64(const unsigned char *tail, size_t at, uint64_t tail_start,
		      struct zip_end *out, struct error *err)
{
	const unsigned char *p;
	uint64_t where;

	if (at < LOCATOR_LEN || !is_record(tail + at - LOCATOR_LEN, 6, 7))
		return err_set(err, ERR_FORMAT, "no zip64 locator");
	where = le64(tail + at - LOCATOR_LEN + 8);
	if (where < tail_start || where - tail_start > at - LOCATOR_LEN ||
	    at - LOCATOR_LEN - (where - tail_start) < END64_LEN)
		return err_set(err, ERR_FORMAT, "the zip64 locator leads out");
	p = tail + (where - tail_start);
	if (!is_record(p, 6, 6))
		return err_set(err, ERR_FORMAT, "no zip64 end record");
	out->entries = le64(p + 32);
	out->size = le64(p + 40);
	out->offset = le64(p + 48);
	return 0;
}

int zip_find_end(const unsigned char *tail, size_t tail_len, uint64_t size,
		 struct zip_end *out, struct error *err)
{
	size_t at = tail_len;
	const unsigned char *p = NULL;

	while (at >= END_LEN && !p) {
		const unsigned char *q = tail + at - END_LEN;

		if (is_record(q, 5, 6) && le16(q + 20) <= tail_len - at)
			p = q;
		at--;
	}
	if (!p)
		return err_set(err, ERR_FORMAT,
			       "no zip directory at the end: cut off, or no "
			       "zip file");
	at = (size_t)(p - tail);
	out->entries = le16(p + 10);
	out->size = le32(p + 12);
	out->offset = le32(p + 16);
	if ((out->entries == 0xffff || out->size == 0xffffffff ||
	     out->offset == 0xffffffff) &&
	    find_end64(tail, at, size - tail_len, out, err))
		return -1;
	if (out->offset > size || out->size > size - out->offset)
		return err_set(err, ERR_FORMAT,
			       "the zip directory leads out of the file");
	return 0;
}

struct entry {
	uint64_t stored, size, offset;
	const unsigned char *name;
	size_t name_len;
};

/* The values that stand in extra field 1, in the order of those that lack. */
static int widen(struct entry *e, const unsigned char *extra, size_t len)
{
	uint64_t *const values[] = { &e->size, &e->stored, &e->offset };

	while (len >= 4) {
		size_t n = le16(extra + 2), at = 4;

		if (n > len - 4)
			return -1;
		for (size_t i = 0; le16(extra) == 1 && i < 3; i++) {
			if (*values[i] != 0xffffffff)
				continue;
			if (at + 8 > n + 4)
				return -1;
			*values[i] = le64(extra + at);
			at += 8;
		}
		extra += n + 4;
		len -= n + 4;
	}
	return 0;
}

/* Bytes of the entry's directory record, 0 if it is broken. */
static size_t read_entry(const unsigned char *p, size_t left, struct entry *e)
{
	size_t name, extra, comment;

	if (left < ENTRY_LEN || !is_record(p, 1, 2))
		return 0;
	name = le16(p + 28);
	extra = le16(p + 30);
	comment = le16(p + 32);
	if (left - ENTRY_LEN < name + extra + comment)
		return 0;
	e->stored = le32(p + 20);
	e->size = le32(p + 24);
	e->offset = le32(p + 42);
	e->name = p + ENTRY_LEN;
	e->name_len = name;
	if (widen(e, e->name + name, extra))
		return 0;
	return ENTRY_LEN + name + extra + comment;
}

static bool name_ends(const struct entry *e, const char *end)
{
	size_t n = strlen(end);

	return e->name_len >= n &&
	       memcmp(e->name + e->name_len - n, end, n) == 0;
}

/* NAME/data/17 */
static bool is_storage(const struct entry *e)
{
	size_t n = e->name_len;

	while (n && e->name[n - 1] >= '0' && e->name[n - 1] <= '9')
		n--;
	return n >= 6 && n < e->name_len &&
	       memcmp(e->name + n - 6, "/data/", 6) == 0;
}

int zip_parse_directory(const unsigned char *dir, size_t len, uint64_t entries,
			uint64_t limit, struct weights *out, struct error *err)
{
	bool pickle = false;
	struct entry e;
	size_t at = 0;

	*out = (struct weights){ 0 };
	for (uint64_t i = 0; i < entries; i++) {
		size_t n = read_entry(dir + at, len - at, &e);

		if (n == 0)
			return err_set(err, ERR_FORMAT,
				       "entry %llu of the zip directory is "
				       "broken",
				       (unsigned long long)i);
		at += n;
		if (e.offset > limit || e.stored > limit - e.offset)
			return err_set(err, ERR_INTEGRITY,
				       "an entry of the zip directory lies "
				       "outside of the file");
		pickle |= name_ends(&e, "/data.pkl");
		if (!is_storage(&e))
			continue;
		out->tensors++;
		if (__builtin_add_overflow(out->bytes, e.size, &out->bytes))
			return err_set(err, ERR_FORMAT, "sizes without sense");
	}
	if (!pickle)
		return err_set(err, ERR_FORMAT,
			       "a zip file, but not one of torch: no data.pkl");
	return 0;
}

/* Protocol 2, and the long 0x1950a86a20f9469cfc6c. */
static bool is_old_pickle(const unsigned char *p, size_t n)
{
	static const unsigned char magic[] = {
		0x80, 2,    0x8a, 10,	0x6c, 0xfc, 0x9c,
		0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
	};

	return n >= sizeof(magic) && memcmp(p, magic, sizeof(magic)) == 0;
}

static int read_directory(int fd, uint64_t size, struct weights *out,
			  struct error *err)
{
	size_t want = size < TAIL_LEN ? (size_t)size : TAIL_LEN, got;
	unsigned char *tail CLEANUP(free_ptr) = xmalloc(want + 1);
	unsigned char *dir CLEANUP(free_ptr) = NULL;
	struct zip_end end = { 0 };

	if (file_pread_full(fd, tail, want, size - want, &got, "tail", err))
		return -1;
	if (got < want)
		return err_set(err, ERR_IO, "it shrank while being read");
	if (zip_find_end(tail, got, size, &end, err))
		return -1;
	if (end.size > DIRECTORY_MAX)
		return err_set(err, ERR_FORMAT, "a zip directory of %llu bytes",
			       (unsigned long long)end.size);
	dir = xmalloc((size_t)end.size + 1);
	if (file_pread_full(fd, dir, (size_t)end.size, end.offset, &got,
			    "directory", err))
		return -1;
	return zip_parse_directory(dir, got, end.entries, end.offset, out, err);
}

int torch_read(int fd, uint64_t size, struct weights *out,
	       char says[WEIGHTS_SAYS_MAX], struct error *err)
{
	unsigned char head[16];
	size_t got;

	says[0] = '\0';
	*out = (struct weights){ 0 };
	if (file_pread_full(fd, head, sizeof(head), 0, &got, "header", err))
		return -1;
	if (is_old_pickle(head, got)) {
		out->bytes = size; /* nothing but weights in it that counts */
		return 0;
	}
	if (got >= 4 && !is_record(head, 3, 4)) {
		snprintf(says, WEIGHTS_SAYS_MAX, "invalid load key, '%c'",
			 head[0] > ' ' && head[0] < 0x7f ? head[0] : '?');
		return err_set(err, ERR_FORMAT,
			       "neither a zip file nor a pickle of torch");
	}
	if (read_directory(fd, size, out, err) == 0)
		return 0;
	snprintf(says, WEIGHTS_SAYS_MAX,
		 "PytorchStreamReader failed reading zip archive");
	return -1;
}
