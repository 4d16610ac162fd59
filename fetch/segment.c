#include "fetch/segment.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define FIRST_BLOCKS 4u /* of a connection whose rate is not known */

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

bool segments_take(struct segments *s, uint32_t most, struct segment *out)
{
	uint32_t i = s->low, n = 0;

	while (i < s->count && s->state[i] != SEGMENT_FREE)
		i++;
	s->low = i;
	while (n < most && i + n < s->count &&
	       i + n - s->front < SEGMENT_WINDOW &&
	       s->state[i + n] == SEGMENT_FREE)
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

uint32_t segment_blocks(uint64_t rate, uint64_t block_size, uint32_t free_count,
			unsigned lanes)
{
	uint64_t n = rate ? rate / block_size : FIRST_BLOCKS;
	uint64_t fair = free_count / (2 * (uint64_t)(lanes ? lanes : 1));

	/* the first answer may as well bring a small file whole */
	if (fair < n && (rate || free_count > FIRST_BLOCKS))
		n = fair;
	if (n > SEGMENT_MOST)
		n = SEGMENT_MOST;
	return n ? (uint32_t)n : 1;
}
