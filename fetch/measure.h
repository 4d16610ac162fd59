/* How an endpoint, and every host that it sends us to, answers. */
#ifndef ITTS_MEASURE_H
#define ITTS_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "fetch/hub.h"
#include "manifest/lock.h"

#define MEASURE_BYTES (4u << 20) /* of a file that are fetched */

enum measure_ranges { RANGES_UNKNOWN, RANGES_NO, RANGES_YES };

struct measure_hop {
	bool file; /* asked for a file, else for a revision */
	char *origin, *address, *proxy; /* proxy: or NULL */
	long status;
	uint64_t name_us, connect_us, tls_us, first_us; /* each its own share */
	uint64_t bytes, rate; /* a second, of the last hop of a file; else 0 */
	enum measure_ranges ranges;
	bool token;
};

struct measure {
	struct measure_hop *hops;
	size_t count, cap;
	bool lists, serves;
	struct error err; /* why not */
};
void measure_release(struct measure *m); /* CLEANUP */

/* Asks for the revision, lists it, fetches the first bytes of its largest file;
 * each once. like: repository as it would be locked, without commit and files.
 * -1 only if cancelled or the program itself is at fault. */
int measure_endpoint(struct hub *h, struct hub_endpoint *e,
		     const struct lock_repo *like, struct measure *out,
		     struct error *err) MUST_CHECK;

#endif
