/* Getting into the cache what a lock names and the cache lacks or has wrong, from
 * whatever is at hand: for repair, adopt and import. */
#ifndef ITTS_MENDING_H
#define ITTS_MENDING_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/mem.h"
#include "bundle/supply.h"
#include "cache/audit.h"
#include "cmd/app.h"
#include "manifest/lock.h"

enum mending_result {
	MENDING_GOT,	  /* its bytes came from somewhere */
	MENDING_LINKED,	  /* only the snapshot's link was wrong */
	MENDING_WOULD,	  /* a dry run, and a place has it */
	MENDING_LISTED,	  /* the listing of a snapshot, written anew */
	MENDING_UNLISTED, /* a listing that clients cannot use, taken away */
	MENDING_NOWHERE,  /* no place has it, or none has it right */
	MENDING_RESULTS
};

struct mending_row {
	const char *repo, *path; /* borrowed */
	const char *state;	 /* as it was; static storage */
	const char *from;	 /* or NULL; borrowed */
	const char *why;	 /* NOWHERE: what could not be read; or NULL */
	enum mending_result result;
};

struct mending {
	struct app *app;
	struct hfcache *store;
	struct supplies places; /* in this order */
	enum supply_mode mode;
	bool dry_run, network;
	bool whole;	/* also listings and refs of what is complete */
	bool listings;	/* also listings that are short or malformed */
	bool move_refs; /* that are here and point elsewhere */
	struct checked *checked;     /* or NULL */
	const struct policy *policy; /* of who keeps the machine; or NULL */
	/* results */
	struct mending_row *rows;
	size_t row_count, row_cap;
	struct arena strings; /* those of the rows that nobody else keeps */
	uint64_t counts[MENDING_RESULTS];
	uint64_t files; /* of the locks */
	uint64_t named; /* repositories that are whole now, with their refs */
	uint64_t placed, unplaced; /* in a model directory */
	struct supply_job job;
};
void mending_release(struct mending *m); /* CLEANUP */
/* One lock after the other; what cannot be had is in the rows, which borrow from l:
 * it must stay until they are told. */
int mending_run(struct mending *m, struct lock *l, struct error *err)
	MUST_CHECK;
/* After the results: the exit status where something was not to be had, that of this
 * class; or ERR_IO where it may only not have been read, with --json as the status
 * alone: the results tell it. */
int mending_end(const struct mending *m, enum err_code lacking,
		struct error *err) MUST_CHECK;
void mending_put_json(const struct mending *m, struct json_writer *j);
void mending_put_text(struct mending *m);

/* Are the settings of the network such that it could be used? Opens no connection. */
int mending_check_network(struct mending *m, struct error *err) MUST_CHECK;
/* Fetches the bad files of a from the endpoints (cmd/mending_net.c). What failed is
 * said and stays bad. lacks: one a file of a. */
int mending_fetch(struct mending *m, const struct audit *a, const bool *lacks,
		  struct error *err) MUST_CHECK;
/* Asks the endpoints for all that the commit of listing->type, listing->id has. 0:
 * it is in listing; 1: none of them tells. */
int mending_ask(struct mending *m, const char *commit,
		struct lock_repo *listing, struct error *err) MUST_CHECK;

/* A row of what is told at the end, counted; the texts are borrowed (m->strings keeps
 * what has no other owner). Of very many that went well some are not kept: nobody
 * sees them. */
void mending_add_row(struct mending *m, const char *repo, const char *path,
		     const char *state, enum mending_result result,
		     const char *from);
/* The listing of a snapshot (cmd/mending_list.c), when its files are looked at and
 * what could be had is there; right: all of them are. In a dry run only looks. */
int mending_listing(struct mending *m, struct audit *a,
		    const struct lock_repo *r, bool right, struct error *err)
	MUST_CHECK;

#endif
