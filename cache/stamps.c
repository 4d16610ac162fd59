/*
 * The text, all numbers little-endian:
 *
 *   "itts-checked 1\n\0"   16 bytes
 *   u64 written, count
 *   count times, sorted by dev, ino:
 *     u64 dev, ino, size, mtime, ctime
 *     u64 which              1: SHA-256 is known, 2: git's SHA-1 is known
 *     32 bytes SHA-256, 20 bytes git's SHA-1, 4 zeros
 *   u64 XXH64 of all before
 *
 * The checksum tells damage, not malice: who can write the text can write the
 * files beside it.
 */
#include "cache/stamps.h"

#include "base/mem.h"
#include "base/xxh64.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC	    "itts-checked 1\n"
#define HEAD_SIZE   32u
#define RECORD_SIZE 104u
#define TAIL_SIZE   8u
#define SHA256_AT   48u
#define GIT_AT	    80u
#define ZEROS_AT    100u
#define HAS_SHA256  1u
#define HAS_GIT	    2u

#define TICK_NS	  20000000LL   /* a kernel's clock for files: 1 to 10 ms */
#define COARSE_NS 2000000000LL /* of FAT */

static int64_t ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void stamp_read(struct stamp *to, const struct stat *from)
{
	*to = (struct stamp){
		.dev = from->st_dev,
		.ino = from->st_ino,
		.size = (uint64_t)from->st_size,
		.mtime = ns_of(from->st_mtim),
		.ctime = ns_of(from->st_ctim),
	};
}

bool stamp_same(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime == b->mtime && a->ctime == b->ctime;
}

bool stamp_has(const struct stamp *s, const struct digest *want)
{
	const struct digest *has = want->alg == DIGEST_GIT_SHA1 ? &s->git
								: &s->sha256;

	return want->alg != DIGEST_NONE && digest_equal(has, want);
}

static int64_t last_change(const struct stamp *s)
{
	return s->mtime > s->ctime ? s->mtime : s->ctime;
}

bool stamp_is_racy(const struct stamp *s, int64_t then)
{
	/* whole seconds in both: a file system that has no finer ones */
	bool coarse = s->mtime % 1000000000 == 0 && s->ctime % 1000000000 == 0;

	return last_change(s) >= then - (coarse ? COARSE_NS : TICK_NS);
}

void stamps_release(struct stamps *s)
{
	free_ptr(&s->items);
	*s = (struct stamps){ 0 };
}

void stamps_add(struct stamps *s, const struct stamp *one)
{
	s->items = xgrow(s->items, &s->cap, s->count + 1, sizeof(*s->items));
	s->items[s->count++] = *one;
}

static int by_file(const void *a, const void *b)
{
	const struct stamp *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return 0;
}

static void learn(struct stamp *s, const struct stamp *from)
{
	if (!s->sha256.alg)
		s->sha256 = from->sha256;
	if (!s->git.alg)
		s->git = from->git;
	s->seen |= from->seen;
}

void stamps_sort(struct stamps *s)
{
	size_t kept = 0;

	if (s->count)
		qsort(s->items, s->count, sizeof(*s->items), by_file);
	for (size_t i = 0; i < s->count; i++) {
		struct stamp *last = kept ? &s->items[kept - 1] : NULL;

		if (!last || by_file(last, &s->items[i])) {
			s->items[kept++] = s->items[i];
			continue;
		}
		if (stamp_same(last, &s->items[i])) {
			learn(last, &s->items[i]);
		} else if (last_change(&s->items[i]) >= last_change(last)) {
			*last = s->items[i];
		}
	}
	s->count = kept;
}

struct stamp *stamps_find(const struct stamps *s, const struct stamp *like)
{
	struct stamp *found = !s->count ? NULL
					: bsearch(like, s->items, s->count,
						  sizeof(*like), by_file);

	if (!found || !stamp_same(found, like) ||
	    last_change(found) >= s->written)
		return NULL;
	return found;
}

/* --- text ---------------------------------------------------------------------- */

static void put_u64(unsigned char *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get_u64(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | u[i];
	return v;
}

static void put_stamp(const struct stamp *s, struct str *out)
{
	const uint64_t numbers[] = {
		s->dev,
		s->ino,
		s->size,
		(uint64_t)s->mtime,
		(uint64_t)s->ctime,
		(s->sha256.alg ? HAS_SHA256 : 0) | (s->git.alg ? HAS_GIT : 0),
	};
	unsigned char record[RECORD_SIZE] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		put_u64(record + 8 * i, numbers[i]);
	memcpy(record + SHA256_AT, s->sha256.bytes, 32);
	memcpy(record + GIT_AT, s->git.bytes, 20);
	str_add(out, record, sizeof(record));
}

static uint64_t sum_of(const char *text, size_t len)
{
	struct xxh64 x;

	xxh64_begin(&x, 0);
	xxh64_update(&x, text, len);
	return xxh64_end(&x);
}

void stamps_format(const struct stamps *s, struct str *out)
{
	unsigned char head[HEAD_SIZE] = MAGIC, tail[TAIL_SIZE];
	size_t count = s->count < STAMPS_MAX ? s->count : STAMPS_MAX;

	put_u64(head + 16, (uint64_t)s->written);
	put_u64(head + 24, count);
	str_reserve(out, HEAD_SIZE + count * RECORD_SIZE + TAIL_SIZE);
	str_add(out, head, sizeof(head));
	for (size_t i = 0; i < count; i++)
		put_stamp(&s->items[i], out);
	put_u64(tail, sum_of(out->ptr, out->len));
	str_add(out, tail, sizeof(tail));
}

static bool is_zero(const char *p, size_t n)
{
	while (n && !*p) {
		p++;
		n--;
	}
	return !n;
}

/* A digest that is there exactly if the record says so. */
static bool get_digest(const char *p, enum digest_alg alg, bool there,
		       struct digest *out)
{
	*out = (struct digest){ 0 };
	if (!there)
		return is_zero(p, digest_len(alg));
	out->alg = alg;
	memcpy(out->bytes, p, digest_len(alg));
	return true;
}

static bool get_stamp(const char *p, struct stamp *out)
{
	uint64_t which = get_u64(p + 40);

	*out = (struct stamp){
		.dev = get_u64(p),
		.ino = get_u64(p + 8),
		.size = get_u64(p + 16),
		.mtime = (int64_t)get_u64(p + 24),
		.ctime = (int64_t)get_u64(p + 32),
	};
	return which >= 1 && which <= (HAS_SHA256 | HAS_GIT) &&
	       get_digest(p + SHA256_AT, DIGEST_SHA256, which & HAS_SHA256,
			  &out->sha256) &&
	       get_digest(p + GIT_AT, DIGEST_GIT_SHA1, which & HAS_GIT,
			  &out->git) &&
	       is_zero(p + ZEROS_AT, RECORD_SIZE - ZEROS_AT);
}

int stamps_parse(struct stamps *out, const char *text, size_t len,
		 struct error *err)
{
	struct stamps s CLEANUP(stamps_release) = { 0 };
	uint64_t count;

	if (len < HEAD_SIZE + TAIL_SIZE || memcmp(text, MAGIC, sizeof(MAGIC)))
		return err_set(err, ERR_FORMAT, "no list of checked files");
	count = get_u64(text + 24);
	if (count > STAMPS_MAX ||
	    len != HEAD_SIZE + count * RECORD_SIZE + TAIL_SIZE ||
	    get_u64(text + len - TAIL_SIZE) != sum_of(text, len - TAIL_SIZE))
		return err_set(err, ERR_FORMAT, "damaged");
	s.written = (int64_t)get_u64(text + 16);
	s.items = xcalloc(count + 1, sizeof(*s.items));
	s.cap = count + 1;
	for (; s.count < count; s.count++) {
		const char *p = text + HEAD_SIZE + s.count * RECORD_SIZE;
		struct stamp *one = &s.items[s.count];

		if (!get_stamp(p, one) ||
		    (s.count && by_file(one - 1, one) >= 0))
			return err_set(err, ERR_FORMAT, "entry %zu is damaged",
				       s.count);
	}
	*out = s;
	s = (struct stamps){ 0 };
	return 0;
}
