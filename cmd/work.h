/* The lock that lock, fetch and pack work on: from a file, or resolved now. */
#ifndef ITTS_WORK_H
#define ITTS_WORK_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "cache/hfcache.h"
#include "cmd/app.h"
#include "cmd/net.h"
#include "manifest/lock.h"
#include "manifest/manifest.h"

enum lock_plan {
	LOCK_USE,     /* what the file says */
	LOCK_RESOLVE, /* ask the hub, keep it in memory */
	LOCK_CREATE,  /* ask the hub, write the file */
};

/* What the choice depends on. */
struct lock_facts {
	const char *path;
	bool exists;
	const char *misfit; /* why it does not fit, or NULL */
	bool named;	    /* given with --lock */
	bool own_manifest;  /* given with -m */
	bool locked, offline;
	bool survey; /* nothing is to be written */
};
/* ERR_USAGE, ERR_NOT_FOUND: the caller adds what to run. Pure. */
int lock_choose(const struct lock_facts *f, enum lock_plan *out,
		struct error *err) MUST_CHECK;
/* NULL: the lock was made from this manifest with these groups. */
const char *lock_misfit(const struct lock *l, const struct manifest *m,
			const struct strlist *groups);

/* Reads a lock file. ERR_NOT_FOUND if it is absent. */
int lock_load(const char *path, struct lock *out, struct error *err) MUST_CHECK;

/* Leaves in an old lock what resolving looks at: the repos that are in archives. */
void lock_keep_archives(struct lock *old);

struct work {
	struct manifest manifest;
	struct strlist groups;
	const char *path; /* of the lock file; borrowed */
	struct net net;
	struct hfcache *store;
	struct lock lock;
	/* Before work_begin(): the lock is looked at only, so nothing is downloaded for
	 * it, and it is not written. */
	bool survey;
};
#define WORK_INIT               \
	{                       \
		.net = NET_INIT \
	}
void work_release(struct work *w); /* CLEANUP */
/* Manifest, groups, name of the lock file. */
int work_select(struct work *w, struct app *app, struct error *err) MUST_CHECK;
/* Opens store and connection, asks the hub: fills w->lock. old: or NULL; no more is
 * asked of it than lock_keep_archives() leaves. */
int work_resolve(struct work *w, struct app *app, const struct lock *old,
		 struct error *err) MUST_CHECK;
int work_write_lock(const struct work *w, struct error *err) MUST_CHECK;
/* For fetch and pack: all of it, by lock_choose(). */
int work_begin(struct work *w, struct app *app, struct error *err) MUST_CHECK;
/* Adds "run: itts-pack lock ..." for the same selection. */
int work_hint_lock(const struct app *app, struct error *err);

#endif
