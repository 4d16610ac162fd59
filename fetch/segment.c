#include "fetch/segment.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define FIRST_BLOCKS 4u /* of a connection whose rate is not known */
#define GROUP	     32u

void segments_init(struct segments *s, uint32_t count)
{
	*s = (struct segments){ .state = xcalloc(count, 1),
				.count = count,
				.free_count = count };
}

void segments_release(struct segments *s)
{
	free_ptr(&s->state);
	*s = (struct segments){ 0 };
}

static void set(struct segments *s, uint32_t i, enum segment_state to)
{
	s->free_count -= s->state[i] == SEGMENT_FREE;
	s->have_count -= s->state[i] == SEGMENT_HAVE;
	s->state[i] = (unsigned char)to;
	s->free_count += to == SEGMENT_FREE;
	s->have_count += to == SEGMENT_HAVE;
	if (to == SEGMENT_FREE && i < s->low)
		s->low = i;
	if (to != SEGMENT_HAVE && i < s->front)
		s->front = i;
	while (s->front < s->count && s->state[s->front] == SEGMENT_HAVE)
		s->front++;
}

static bool is_free(const struct segments *s, uint32_t i)
{
	return s->state[i] == SEGMENT_FREE;
}

/* The first free block after so many others, at the beginning of a group: so what
 * slow connections take lies together. `end`: none. */
static uint32_t find_ahead(const struct segments *s, uint32_t ahead,
			   uint32_t end)
{
	uint32_t i = s->low;

	while (i < end && ahead > 0)
		ahead -= is_free(s, i++);
	if (i > s->low)
		i = (i + GROUP - 1) / GROUP * GROUP;
	while (i < end && !is_free(s, i))
		i++;
	return i < end ? i : end;
}

/* Where the last free run before `end` begins, `most` of it. */
static uint32_t find_last(const struct segments *s, uint32_t most, uint32_t end)
{
	while (end > s->low && !is_free(s, end - 1))
		end--;
	while (end > s->low && most-- > 0 && is_free(s, end - 1))
		end--;
	return end;
}

bool segments_take(struct segments *s, uint32_t most, uint32_t ahead,
		   struct segment *out)
{
	uint32_t end = s->count, i, n = 0;

	if (end - s->front > SEGMENT_WINDOW)
		end = s->front + SEGMENT_WINDOW;
	while (s->low < s->count && !is_free(s, s->low))
		s->low++;
	i = find_ahead(s, ahead, end);
	if (i == end && s->low < end)
		i = find_last(s, most, end);
	while (n < most && i + n < end && is_free(s, i + n))
		n++;
	for (uint32_t k = 0; k < n; k++)
		set(s, i + k, SEGMENT_TAKEN);
	*out = (struct segment){ i, n };
	return n > 0;
}

bool segments_take_one(struct segments *s, uint32_t i)
{
	if (s->state[i] != SEGMENT_FREE)
		return false;
	set(s, i, SEGMENT_TAKEN);
	return true;
}

void segments_give_back(struct segments *s, struct segment run)
{
	for (uint32_t i = run.first; i < run.first + run.count; i++)
		if (s->state[i] == SEGMENT_TAKEN)
			set(s, i, SEGMENT_FREE);
}

void segments_have(struct segments *s, uint32_t i)
{
	set(s, i, SEGMENT_HAVE);
}

void segments_lose(struct segments *s, uint32_t i)
{
	assert(s->state[i] == SEGMENT_HAVE);
	set(s, i, SEGMENT_FREE);
}

uint32_t segment_blocks(uint64_t rate, uint64_t others, uint64_t block_size,
			uint32_t free_count, unsigned lanes)
{
	uint64_t n = rate ? rate / block_size : FIRST_BLOCKS;
	/* as many such connections would bring what all of them do */
	uint64_t all = (lanes ? lanes : 1) + (rate ? others / rate : 0);
	uint64_t fair = free_count / (2 * all);

	/* the first answer may as well bring a small file whole */
	if (fair < n && (rate || free_count > FIRST_BLOCKS))
		n = fair;
	if (n > SEGMENT_MOST)
		n = SEGMENT_MOST;
	return n ? (uint32_t)n : 1;
}
