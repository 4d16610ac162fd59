/* Which blocks of a file to ask for next. Pure: no socket, no clock. */
#ifndef ITTS_SEGMENT_H
#define ITTS_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Blocks between the first that is missing and the last that is asked for: what
 * is there but cannot be hashed yet. */
#define SEGMENT_WINDOW 1024u
#define SEGMENT_MOST   16u /* blocks of one request */

enum segment_state { SEGMENT_FREE, SEGMENT_TAKEN, SEGMENT_HAVE };

struct segments {
	unsigned char *state; /* enum segment_state of each block */
	uint32_t count;
	uint32_t front; /* first that is not there */
	uint32_t low;	/* no free one before it */
	uint32_t free_count, have_count;
};
void segments_init(struct segments *s, uint32_t count); /* all are free */
void segments_release(struct segments *s);		/* CLEANUP */

struct segment {
	uint32_t first, count;
};
/* The lowest run of free blocks, at most `most` of them and within the window;
 * false: none. One that takes its time leaves `ahead` free blocks to the others, or
 * takes the last: all that follows a block that lacks cannot be hashed. */
bool segments_take(struct segments *s, uint32_t most, uint32_t ahead,
		   struct segment *out);
/* One block, if it is free. */
bool segments_take_one(struct segments *s, uint32_t i);
/* Those of the run that are taken are free again. */
void segments_give_back(struct segments *s, struct segment run);
void segments_have(struct segments *s, uint32_t i);
void segments_lose(struct segments *s, uint32_t i); /* was there: free again */

/* How many blocks a request should be for: what the connection brings in about a
 * second, fewer near the end so that all finish together. rate: bytes a second of
 * such a connection, 0: not known; others: of all connections to elsewhere; lanes:
 * connections of its own kind. */
uint32_t segment_blocks(uint64_t rate, uint64_t others, uint64_t block_size,
			uint32_t free_count, unsigned lanes);

#endif
