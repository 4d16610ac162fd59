/* What planning and doing share. */
#ifndef ITTS_GC_PRIV_H
#define ITTS_GC_PRIV_H

#include "cache/foreign.h"
#include "cache/gc.h"

/* Items of one repo, appended. now: ns since 1970. */
void gc_plan_repo(struct hfcache *c, const struct census *repo,
		  const struct gc_rules *rules, const struct inuse *inuse,
		  const struct foreign *foreign, struct gc_report *out);
/* Folders that the rules are about, and leftovers of whole repos in .locks/. */
int gc_folders(struct hfcache *c, const struct gc_rules *rules,
	       struct strlist *out, struct error *err) MUST_CHECK;
void gc_plan_trash(struct hfcache *c, const struct gc_rules *rules,
		   struct gc_report *out);
/* Is it to be done? Trash that is needed again goes back to its name. */
bool gc_is_due(const struct gc_item *it);
/* Someone works in the repo of these items, from there to the last. */
void gc_lock_out(struct gc_report *out, size_t from);
/* The name that "<name>.<8 hex>.itts-trash" had; false: not of that form. */
bool gc_trash_origin(const char *trash, char *out, size_t cap);

#endif
