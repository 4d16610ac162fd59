/*
 * From the end: end record (22 bytes, here without a comment), for large archives
 * a locator (20) and an end record of 64 bits (56) in front of it, in front of
 * these the directory: 46 bytes, name, extra, comment a member. Each points to a
 * local header: 30 bytes, name, extra, then the data, and with bit 3 of the flags
 * a descriptor: "PK\7\10", crc, two sizes of 4 or 8 bytes.
 */
#include "bundle/zipdir.h"

#include "base/mem.h"

#include <string.h>

#define END_LEN	    22u
#define END64_LEN   56u
#define LOCATOR_LEN 20u
#define CENTRAL_LEN 46u
#define LOCAL_LEN   30u
#define EXTRA_MAX_  65535u
#define DESCRIBED   8u	    /* flag: sizes stand behind the data */
#define CRYPT_FLAGS 0x2041u /* encrypted, strongly, its directory */
#define ALL_32	    0xffffffffu
#define NAMES_LIMIT ((size_t)16 << 20)

struct zip {
	const struct scan_input *in;
	struct scan_result *r;
	uint64_t count, dir, dir_end; /* members, directory */
	uint64_t at;		      /* in the directory */
	uint64_t next; /* where the next local header has to be */
	struct strlist names;
	size_t name_bytes;
};

static unsigned u16(const unsigned char *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

static uint32_t u32(const unsigned char *p)
{
	return u16(p) | (uint32_t)u16(p + 2) << 16;
}

static uint64_t u64(const unsigned char *p)
{
	return u32(p) | (uint64_t)u32(p + 4) << 32;
}

/* 1, or 0 with a note. */
static int bad(struct zip *z, uint64_t offset, const char *what)
{
	scan_note(z->r, SCAN_MALFORMED, offset, "zip: %s", what);
	return 0;
}

/* 1: all n bytes; 0: the file is shorter; -1. */
static int get(struct zip *z, void *buf, size_t n, uint64_t offset,
	       struct error *err)
{
	size_t got = 0;

	if (offset > z->in->size || n > z->in->size - offset)
		return bad(z, offset, "ends too early");
	if (z->in->pread(z->in->ctx, buf, n, offset, &got, err))
		return -1;
	return got == n ? 1 : bad(z, offset, "ends too early");
}

static int read_end64(struct zip *z, uint64_t end, struct error *err)
{
	unsigned char l[LOCATOR_LEN], e[END64_LEN];
	int rc = get(z, l, sizeof(l), end - LOCATOR_LEN, err);
	uint64_t at;

	if (rc <= 0)
		return rc;
	at = u64(l + 8);
	if (end < LOCATOR_LEN + END64_LEN ||
	    at != end - LOCATOR_LEN - END64_LEN || u32(l + 4) != 0)
		return bad(z, end, "end records that do not follow each other");
	rc = get(z, e, sizeof(e), at, err);
	if (rc <= 0)
		return rc;
	if (memcmp(e, "PK\6\6", 4) != 0 || u64(e + 4) != END64_LEN - 12 ||
	    u32(e + 16) || u32(e + 20) || u64(e + 24) != u64(e + 32))
		return bad(z, at, "a damaged end record");
	z->count = u64(e + 32);
	z->dir = u64(e + 48);
	z->dir_end = z->dir + u64(e + 40);
	if (z->dir_end != at || z->dir > at)
		return bad(z, at, "something between directory and end");
	return 1;
}

static int read_end(struct zip *z, struct error *err)
{
	unsigned char e[END_LEN], l[LOCATOR_LEN];
	uint64_t end;
	int rc;

	if (z->in->size < END_LEN)
		return bad(z, 0, "ends too early");
	end = z->in->size - END_LEN;
	rc = get(z, e, sizeof(e), end, err);
	if (rc <= 0)
		return rc;
	if (memcmp(e, "PK\5\6", 4) != 0 || u16(e + 20) != 0)
		return bad(z, end,
			   "no end record at the end: something "
			   "follows, or a comment");
	if (u16(e + 4) || u16(e + 6) || u16(e + 8) != u16(e + 10))
		return bad(z, end, "in several parts");
	if (end >= LOCATOR_LEN) {
		rc = get(z, l, sizeof(l), end - LOCATOR_LEN, err);
		if (rc <= 0)
			return rc;
		if (memcmp(l, "PK\6\7", 4) == 0)
			return read_end64(z, end, err);
	}
	z->count = u16(e + 10);
	z->dir = u32(e + 16);
	z->dir_end = z->dir + u32(e + 12);
	if (z->dir_end != end || z->dir > end)
		return bad(z, end, "something between directory and end");
	return 1;
}

/* Sizes and offset of 64 bits from the extra field; each only where the field of
 * 32 bits is full. */
static bool wide(const unsigned char *p, size_t len, uint64_t *const *fields,
		 size_t count)
{
	while (len >= 4) {
		size_t n = u16(p + 2);

		if (n > len - 4)
			return false;
		if (u16(p) == 1) {
			const unsigned char *v = p + 4;

			for (size_t i = 0; i < count; i++) {
				if (*fields[i] != ALL_32)
					continue;
				if (v + 8 > p + 4 + n)
					return false;
				*fields[i] = u64(v);
				v += 8;
			}
			return true;
		}
		p += 4 + n;
		len -= 4 + n;
	}
	return true;
}

static int read_central(struct zip *z, struct zip_member *m, struct error *err)
{
	unsigned char h[CENTRAL_LEN];
	unsigned char *extra CLEANUP(free_ptr) = NULL;
	uint64_t *const fields[] = { &m->plain, &m->size, &m->header };
	size_t name_len, extra_len;
	int rc = get(z, h, sizeof(h), z->at, err);

	if (rc <= 0)
		return rc;
	name_len = u16(h + 28);
	extra_len = u16(h + 30);
	if (memcmp(h, "PK\1\2", 4) != 0)
		return bad(z, z->at, "a damaged directory");
	if (name_len == 0 || name_len > ZIP_NAME_MAX || u16(h + 34))
		return bad(z, z->at, "a name that is empty or too long");
	rc = get(z, m->name, name_len, z->at + CENTRAL_LEN, err);
	if (rc <= 0)
		return rc;
	m->name[name_len] = '\0';
	if (strlen(m->name) != name_len)
		return bad(z, z->at, "a name with a NUL");
	m->flags = u16(h + 8);
	m->method = u16(h + 10);
	m->crc = u32(h + 16);
	m->size = u32(h + 20);
	m->plain = u32(h + 24);
	m->header = u32(h + 42);
	extra = xmalloc(extra_len + 1);
	rc = get(z, extra, extra_len, z->at + CENTRAL_LEN + name_len, err);
	if (rc <= 0)
		return rc;
	if (!wide(extra, extra_len, fields, 3))
		return bad(z, z->at, "a damaged extra field");
	z->at += CENTRAL_LEN + name_len + extra_len + u16(h + 32);
	return 1;
}

/* Sizes in the local header: the directory's, or none if they stand behind. */
static bool same_sizes(const struct zip_member *m, const unsigned char *h,
		       const unsigned char *extra, size_t extra_len)
{
	uint64_t size = u32(h + 18), plain = u32(h + 22);
	uint64_t *const fields[] = { &plain, &size };
	uint32_t crc = u32(h + 14);

	if (!wide(extra, extra_len, fields, 2))
		return false;
	if (m->flags & DESCRIBED)
		return (crc == 0 || crc == m->crc) &&
		       (size == 0 || size == m->size || size == ALL_32) &&
		       (plain == 0 || plain == m->plain || plain == ALL_32);
	return crc == m->crc && size == m->size && plain == m->plain;
}

/* *len: of the descriptor behind the data. */
static int read_descriptor(struct zip *z, const struct zip_member *m,
			   uint64_t *len, struct error *err)
{
	unsigned char d[28];
	uint64_t at = m->data + m->size;
	int rc;

	/* the directory follows, so there are that many bytes */
	rc = get(z, d, sizeof(d), at, err);
	if (rc <= 0)
		return rc;
	if (memcmp(d, "PK\7\10", 4) != 0 || u32(d + 4) != m->crc)
		return bad(z, at, "a damaged data descriptor");
	if (u32(d + 8) == m->size && u32(d + 12) == m->plain &&
	    memcmp(d + 16, "PK", 2) == 0)
		*len = 16;
	else if (u64(d + 8) == m->size && u64(d + 16) == m->plain)
		*len = 24;
	else
		return bad(z, at,
			   "a data descriptor that the directory does "
			   "not agree with");
	return 1;
}

static int read_local(struct zip *z, struct zip_member *m, struct error *err)
{
	unsigned char h[LOCAL_LEN];
	unsigned char *rest CLEANUP(free_ptr) = NULL;
	size_t name_len = strlen(m->name), extra_len;
	uint64_t descriptor = 0;
	int rc;

	if (m->header != z->next)
		return bad(z, m->header,
			   z->next ? "members that do not follow each other"
				   : "something in front of the first member");
	rc = get(z, h, sizeof(h), m->header, err);
	if (rc <= 0)
		return rc;
	extra_len = u16(h + 28);
	if (memcmp(h, "PK\3\4", 4) != 0 || u16(h + 26) != name_len ||
	    u16(h + 6) != m->flags || u16(h + 8) != m->method)
		return bad(z, m->header,
			   "a local header that the directory does not agree "
			   "with");
	rest = xmalloc(name_len + extra_len + 1);
	rc = get(z, rest, name_len + extra_len, m->header + LOCAL_LEN, err);
	if (rc <= 0)
		return rc;
	if (memcmp(rest, m->name, name_len) != 0 ||
	    !same_sizes(m, h, rest + name_len, extra_len))
		return bad(z, m->header,
			   "a local header that the directory does not agree "
			   "with");
	m->data = m->header + LOCAL_LEN + name_len + extra_len;
	if (m->data > z->dir || m->size > z->dir - m->data)
		return bad(z, m->header, "a member that reaches too far");
	if (m->flags & DESCRIBED) {
		rc = read_descriptor(z, m, &descriptor, err);
		if (rc <= 0)
			return rc;
	}
	z->next = m->data + m->size + descriptor;
	return 1;
}

static int read_member(struct zip *z, struct zip_member *m, struct error *err)
{
	int rc = read_central(z, m, err);

	if (rc > 0)
		rc = read_local(z, m, err);
	if (rc <= 0)
		return rc;
	if (m->flags & CRYPT_FLAGS)
		return bad(z, m->header, "an encrypted member");
	if (m->method == 0 && m->size != m->plain)
		return bad(z, m->header, "a stored member of two sizes");
	z->name_bytes += strlen(m->name);
	if (z->name_bytes > NAMES_LIMIT)
		return bad(z, m->header, "too many names");
	strlist_add(&z->names, m->name);
	return 1;
}

static void check_names(struct zip *z)
{
	strlist_sort(&z->names);
	for (size_t i = 1; i < z->names.count; i++)
		if (!strcmp(z->names.items[i], z->names.items[i - 1])) {
			bad(z, z->dir, "two members of one name");
			return;
		}
}

static void zip_release(struct zip *z)
{
	strlist_release(&z->names);
}

int zip_walk(const struct scan_input *in,
	     int (*fn)(void *ctx, const struct zip_member *m,
		       struct error *err),
	     void *ctx, struct scan_result *r, struct error *err)
{
	struct zip z CLEANUP(zip_release) = { .in = in, .r = r };
	struct zip_member *m CLEANUP(free_ptr) = xcalloc(1, sizeof(*m));
	int rc = read_end(&z, err);

	if (rc <= 0)
		return rc;
	if (z.count > ZIP_MAX_MEMBERS) {
		bad(&z, z.dir, "too many members");
		return 0;
	}
	z.at = z.dir;
	for (uint64_t i = 0; i < z.count; i++) {
		rc = read_member(&z, m, err);
		if (rc <= 0)
			return rc;
		if (fn(ctx, m, err))
			return -1;
	}
	if (z.at != z.dir_end || z.next != z.dir)
		bad(&z, z.dir, "something that belongs to no member");
	check_names(&z);
	return 0;
}
