/* What the library tells the program: progress and messages. Only cmd/ prints. */
#ifndef ITTS_EVENT_H
#define ITTS_EVENT_H

#include <stdint.h>

#include "base/attr.h"

enum event_type {
	EVENT_PLAN,  /* total bytes and items of the phase that begins (name) */
	EVENT_START, /* an item begins: id, name, total */
	EVENT_PROGRESS, /* an item: done of total; may go back after a restart */
	EVENT_DONE,	/* an item is finished and right */
	EVENT_FAIL,	/* an item has failed for good: text */
	EVENT_RETRY,	/* an item tries again: text, delay_ms */
	EVENT_SOURCE, /* on request: what endpoint id, source, has sent so far: done,
			 * rate, connections in items */
	EVENT_INFO, /* a message */
	EVENT_WARN, /* a message that matters */
	EVENT_STATUS, /* text: what is true now, name: numbers to that, where there is
		       * room; the next one takes their place */
};

struct event {
	enum event_type type;
	unsigned id;	  /* number of the item within the phase */
	const char *name; /* item or phase; pointers live for the call only */
	const char *text;
	const char *source;   /* endpoint that the bytes come from, or NULL */
	uint64_t done, total; /* bytes */
	uint64_t items;	      /* PLAN: how many items */
	uint64_t rate;	      /* SOURCE: bytes a second, lately */
	unsigned delay_ms;
};

/* Called on the thread that called the operation, and on no other. */
struct event_sink {
	void (*fn)(void *ctx, const struct event *ev);
	void *ctx;
};

/* sink may be NULL. */
void event_emit(const struct event_sink *sink, const struct event *ev);
void event_info(const struct event_sink *sink, const char *fmt, ...)
	PRINTF_LIKE(2, 3);
void event_warn(const struct event_sink *sink, const char *fmt, ...)
	PRINTF_LIKE(2, 3);

#endif
