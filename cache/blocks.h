/*
 * A large blob on its way, in blocks that come in any order: the part, its journal
 * (cache/journal.h) and the thread that hashes behind the writer
 * (cache/follow.h). One thread calls these functions.
 */
#ifndef ITTS_BLOCKS_H
#define ITTS_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "cache/hfcache.h"
#include "cache/journal.h"

struct blocks;

/* Takes up what an earlier run left, if its journal holds. lockfd from
 * hfcache_blob_lock() is taken over, also on failure. wake: as follow_start(). */
int blocks_open(struct blocks **out, struct hfcache *c,
		const struct lock_repo *repo, const struct lock_file *file,
		int lockfd, struct error *err) MUST_CHECK;
/* Begins to look at what is there; wake is called on another thread whenever
 * blocks_checked() or blocks_verdict() may say something new. */
int blocks_start(struct blocks *b, void (*wake)(void *ctx), void *ctx,
		 struct error *err) MUST_CHECK;
/* CLEANUP: keeps what came for the next run. */
void blocks_close(struct blocks **blocks);

/* false: not yet. Before it is true nothing may be written. ERR_IO. */
int blocks_checked(struct blocks *b, bool *ready, struct error *err) MUST_CHECK;
/* What is there; borrowed. */
const struct journal *blocks_journal(const struct blocks *b);
/* Numbers a source: "origin validator" as text. */
int blocks_source(struct blocks *b, const char *text, uint32_t *out,
		  struct error *err) MUST_CHECK;

/* Bytes anywhere in the blob. */
int blocks_write(struct blocks *b, uint64_t offset, const void *p, size_t n,
		 struct error *err) MUST_CHECK;
/* Block i is written and has this sum; again if it was there. */
int blocks_done(struct blocks *b, uint32_t i, uint64_t sum, uint32_t source,
		struct error *err) MUST_CHECK;
/* Block i is not what it was thought to be. */
int blocks_lose(struct blocks *b, uint32_t i, struct error *err) MUST_CHECK;

enum blocks_verdict { BLOCKS_OPEN, BLOCKS_RIGHT, BLOCKS_WRONG };
/* OPEN: bytes are missing or not hashed yet. WRONG: why says which digest. -1:
 * ERR_IO. */
int blocks_verdict(struct blocks *b, enum blocks_verdict *out,
		   struct error *why, struct error *err) MUST_CHECK;
/* After RIGHT: the final name. */
int blocks_commit(struct blocks *b, struct error *err) MUST_CHECK;

#endif
