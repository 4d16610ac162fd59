/* What a program did, from its start to its end: spans and a few curves. Nothing that it
 * keeps has secrets in it (redact.h). */
#ifndef ITTS_TIMELINE_H
#define ITTS_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"
#include "doctor/watch.h"

#define TIMELINE_SPANS	1000
#define TIMELINE_POINTS 512 /* neighbours are joined when there are more */

struct timeline_span {
	enum watch_kind kind;
	char *what;
	uint64_t begin, end; /* ms */
	uint64_t bytes;	     /* read or written */
	bool stalled;	     /* longer than patience allows */
	char *said;	     /* as it was said last */
	char *advice;	     /* or NULL */
};

struct timeline_point {
	uint64_t
		ms; /* the end of what it is about, which began with the last */
	uint64_t read, rss, gpu; /* bytes a second; bytes; bytes */
	double cores;
	unsigned connections;
};

struct timeline {
	char *title;	   /* the command line */
	uint64_t patience; /* ms without anything that moves */
	struct timeline_span *spans;
	size_t span_count, span_cap;
	enum watch_kind breath; /* seen last while a wait seemed to go on */
	struct timeline_point points[TIMELINE_POINTS];
	size_t point_count;
	unsigned joined; /* samples in a point */
	unsigned pending;
	uint64_t since; /* ms: when what goes on now began */
	uint64_t end;	/* ms */
	uint64_t peak_rss, peak_gpu, read, written;
	bool has_gpu, forgot; /* forgot: more spans than fit */
	char *outcome;	      /* "ended with status 0", or NULL */
};
void timeline_init(struct timeline *t, const char *title, uint64_t patience);
void timeline_release(struct timeline *t); /* CLEANUP */

enum timeline_news { NEWS_NONE, NEWS_STAGE, NEWS_STALL };
/* NEWS_STAGE: a new span has begun; NEWS_STALL: the last one has just passed the
 * patience. The span it is about: the last. */
enum timeline_news timeline_add(struct timeline *t, uint64_t ms,
				const struct watch_view *seen);
/* The last span, or NULL. */
const struct timeline_span *timeline_now(const struct timeline *t);

/* Report for people, appended. */
void timeline_text(const struct timeline *t, struct str *out);
/* Keys of an object that is open. */
void timeline_json(const struct timeline *t, struct json_writer *w);
/* A page that needs nothing but itself. */
void timeline_html(const struct timeline *t, struct str *out);

#endif
