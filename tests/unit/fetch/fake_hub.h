/* One repository behind the Hub's API, honest unless a test says otherwise. */
#ifndef ITTS_UNIT_FAKE_HUB_H
#define ITTS_UNIT_FAKE_HUB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "manifest/lock.h"
#include "tests/unit/fetch/server.h"

#define FAKE_COMMIT "0123456789abcdef0123456789abcdef01234567"

struct fake_file {
	const char *path;
	const void *bytes;
	size_t len;
	bool lfs; /* behind a redirect to the second server */
};

struct fake_hub {
	const char *id;
	const char *commit; /* of every revision but "gone" */
	const struct fake_file *files;
	size_t count;
	size_t page;	       /* entries of a page; 0: all */
	const char *link_host; /* in Link headers, else its own */
	bool no_tree, web_page;
	/* First chance at each request: true if it was answered; *keep then says
	 * whether the connection stays open. Each connection has its thread, and one
	 * that was given up may still be served while the next fault is set. */
	bool (*_Atomic fault)(struct fake_hub *h, const struct exchange *x,
			      bool *keep);
	atomic_uint number; /* for fault */
	struct server *front, *cdn;
};

void fake_start(struct fake_hub *h);
void fake_stop(struct fake_hub *h);
/* The file that a path names, wherever it stands in it; NULL: none. */
const struct fake_file *fake_find(const struct fake_hub *h, const char *path);
/* The lock that this hub's files should give. */
void fake_lock(const struct fake_hub *h, struct lock *l);

#endif
