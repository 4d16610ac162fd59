#include "bundle/hashed.h"

#include "base/mem.h"

#include <string.h>

struct hashed_file {
	uint64_t start; /* of its digest */
	uint32_t next;	/* in its bucket */
	/* 0: not hashed; else all files from this one up to that one are */
	uint32_t end;
};

void hashed_release(struct hashed *h)
{
	free_ptr(&h->files);
	free_ptr(&h->heads);
	h->count = 0;
}

static uint64_t start_of(const struct digest *d)
{
	uint64_t start;

	memcpy(&start, d->bytes, sizeof(start));
	return start;
}

void hashed_add(struct hashed *h, size_t count, size_t i,
		const struct digest *d)
{
	struct hashed_file *f;
	uint32_t *head;

	if (!h->count) {
		h->files = xcalloc(count, sizeof(*h->files));
		h->heads = xmalloc(count * sizeof(*h->heads));
		memset(h->heads, 0xff, count * sizeof(*h->heads));
		h->count = count;
	}
	f = &h->files[i];
	f->start = start_of(d);
	head = &h->heads[f->start % h->count];
	f->next = *head;
	f->end = (uint32_t)i + 1;
	*head = (uint32_t)i;
}

static uint32_t like(const struct hashed *h, uint32_t i, const struct digest *d)
{
	while (i != HASHED_NONE && h->files[i].start != start_of(d))
		i = h->files[i].next;
	return i;
}

uint32_t hashed_first(const struct hashed *h, const struct digest *d)
{
	return h->count ? like(h, h->heads[start_of(d) % h->count], d)
			: HASHED_NONE;
}

uint32_t hashed_next(const struct hashed *h, uint32_t i, const struct digest *d)
{
	return like(h, h->files[i].next, d);
}

size_t hashed_skip(struct hashed *h, size_t i)
{
	size_t to = i;

	while (to < h->count && h->files[to].end)
		to = h->files[to].end;
	/* the next time it is one step */
	while (i < to) {
		size_t next = h->files[i].end;

		h->files[i].end = (uint32_t)to;
		i = next;
	}
	return to;
}
