/* The kinds of places, for bundle/supply*.c. */
#ifndef ITTS_SUPPLY_RUN_H
#define ITTS_SUPPLY_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "bundle/hashed.h"
#include "bundle/source.h"
#include "bundle/supply.h"

/* A file that is there, under a name that tells its digest, or not. */
struct supply_file {
	const char *path;
	uint64_t size;
};

/* Bytes that may be the right ones. */
struct supply_offer {
	int fd;			      /* owned */
	struct bundle_source *source; /* fd is -1: read from here */
	uint64_t offset, size;
	bool immutable; /* nobody writes into it: a link does no harm */
	bool edited;	/* small texts there are meant to be edited */
	int failed;	/* errno: there is something that cannot be opened */
	char *path;	/* owned; for messages: what was opened, or failed */
	/* nothing but the size speaks for it: to be hashed before it is copied */
	const struct supply_file *guess;
	bool known; /* it was, and begins as the digest that is wanted */
};
#define SUPPLY_OFFER_INIT \
	{                 \
		.fd = -1  \
	}

struct supply {
	enum supply_kind kind;
	char *name; /* for messages */
	struct bundle_source source;
	uint64_t *offsets; /* of payloads, one a blob; UINT64_MAX: none */
	struct hfcache *cache;
	bool self; /* the cache that lacks it */
	bool scanned;
	int dirfd;
	/* CACHE: blobs of all repos, by name; FILES: all, by size */
	struct supply_file *files;
	size_t count, cap;
	struct arena paths;
	/* FILES: one for each enum digest_alg but NONE */
	struct hashed hashed[2];
};

/* How far the offers for one file have come. All zero: at the beginning. */
struct supply_cursor {
	size_t n;      /* of the next offer */
	uint32_t same; /* FILES: the next one that hashes to what is wanted */
	size_t other;  /* the next one of its size */
};

/* The n-th offer for a file, or the next one; false: there are no more. */
bool supply_from_bundle(struct supply *s, const struct lock_file *file,
			size_t n, struct supply_offer *out);
bool supply_from_cache(struct supply *s, const struct lock_repo *repo,
		       const struct lock_file *file, size_t n,
		       struct supply_offer *out);
bool supply_from_files(struct supply *s, const struct lock_file *file,
		       struct supply_cursor *c, struct supply_offer *out);

/* A file of s that was not hashed with this algorithm yet has this digest. */
void supply_learn(struct supply *s, const struct supply_file *f,
		  const struct digest *got);

/* Fills files. The sink is warned of directories that cannot be read. */
int supply_scan_cache(struct supply *s, const struct event_sink *sink,
		      struct error *err) MUST_CHECK;
int supply_scan_files(struct supply *s, const struct event_sink *sink,
		      struct error *err) MUST_CHECK;

#endif
