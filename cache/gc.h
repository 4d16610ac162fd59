/*
 * Deleting from the cache, so that nothing is lost that anyone still needs.
 *
 * Nobody else works in the repo meanwhile (cache/lease.h); what is open, mapped,
 * or locked as Python's client locks it stays. First things are only renamed:
 * blobs/<etag> to blobs/<etag>.<hex>.itts-trash, a snapshot or a repo into
 * .locks/, where no client looks. Then, after a moment, the names are looked at
 * again: what someone has opened or linked to in between goes back to its name,
 * the rest is deleted. What an interrupted run left is decided by the next.
 */
#ifndef ITTS_GC_H
#define ITTS_GC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "cache/census.h"
#include "cache/hfcache.h"
#include "cache/inuse.h"

enum gc_kind {
	GC_BLOB,     /* that no snapshot uses (any more) */
	GC_PART,     /* an unfinished download */
	GC_TRASH,    /* renamed by a run that was interrupted */
	GC_LINK,     /* a temporary name in snapshots/ or refs/ */
	GC_REVISION, /* a snapshot, its refs and listing */
	GC_REPO,     /* all of it */
	GC_KINDS
};
const char *gc_kind_name(enum gc_kind k); /* "unused blob" */

enum gc_state {
	GC_PLANNED,
	GC_DELETED,
	GC_YOUNG,  /* has changed within the grace time */
	GC_LOCKED, /* someone works on it */
	GC_OPEN,   /* a process has it open */
	GC_NEEDED, /* someone began to use it meanwhile */
	GC_FAILED,
	GC_STATES
};
const char *gc_state_name(enum gc_state s); /* "open in a process" */

struct gc_item {
	enum gc_kind kind;
	enum gc_state state;
	char *folder; /* of the repo */
	char *path;   /* below it; "" for GC_REPO */
	char *trash;  /* its name below the root meanwhile, or NULL */
	char *detail; /* or NULL */
	uint64_t size, dev, ino;
	bool frees; /* its bytes have no other name */
};

struct gc_report {
	struct gc_item *items;
	size_t count, cap;
	uint64_t detached; /* revisions without a ref that were left alone */
	uint64_t detached_bytes;
	bool blind; /* some processes could not be looked into */
};
void gc_report_release(struct gc_report *r); /* CLEANUP */
/* Bytes of the items in this state. */
uint64_t gc_bytes(const struct gc_report *r, enum gc_state state);

struct gc_rules {
	/* Shall this revision go? NULL: none. */
	bool (*drop)(void *ctx, const struct census *c,
		     const struct census_revision *r);
	void *ctx;
	bool garbage;	/* also what belongs to no revision */
	uint64_t grace; /* seconds that something must have been left alone */
	const struct strlist *folders; /* only these; NULL: all */
	const struct cancel *cancel;
};
/* What would be done. Changes nothing. */
int gc_plan(struct hfcache *c, const struct gc_rules *rules,
	    struct gc_report *out, struct error *err) MUST_CHECK;
/* Does it, by a look of its own. What stays is in the report, with the reason.
 * The cache must be open for writing. */
int gc_run(struct hfcache *c, const struct gc_rules *rules,
	   struct gc_report *out, struct error *err) MUST_CHECK;

#endif
