/* Hosts that redirects lead to and that cannot be reached: a mirror that answers
 * may send its clients on to a place that this network does not let through. */
#ifndef ITTS_REACH_H
#define ITTS_REACH_H

#include <stdbool.h>
#include <stddef.h>

struct reach_host {
	char *origin;
	unsigned failures; /* in a row */
};

struct reach {
	struct reach_host *hosts;
	size_t count, cap;
};

void reach_release(struct reach *r); /* CLEANUP */
/* No connection to the host of that URL, after all attempts. */
void reach_failed(struct reach *r, const char *url);
void reach_answered(struct reach *r, const char *url);
/* Not worth another attempt? */
bool reach_is_lost(const struct reach *r, const char *origin);

#endif
