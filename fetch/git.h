/*
 * Git over smart HTTP, protocol version 2 and where a server has only those the two
 * older ones, through our own engine: proxies, CAs, time-outs are those of every
 * other request.
 */
#ifndef ITTS_GIT_H
#define ITTS_GIT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "fetch/git_pack.h"
#include "fetch/hub.h"
#include "fetch/retry.h"

struct git_remote {
	struct hub *hub;
	char *base;	   /* URL without /info/refs, behind redirects */
	char *origin;	   /* of base */
	char *name;	   /* for messages: base without credentials */
	const char *token; /* borrowed, or NULL */
	enum retry_asker asker;
	bool old; /* protocol version 0 or 1 */
	bool can_filter, can_shallow, can_sideband;
	struct cancel in_time; /* of packs: the user's, or the deadline */
};
void git_remote_release(struct git_remote *g); /* CLEANUP */

/* Asks the server what it can. token: for url's own host, may be NULL; asker: whose
 * advice fits a refusal. ERR_FORMAT if it is no git server that can be read. */
int git_remote_open(struct git_remote *g, struct hub *h, const char *url,
		    const char *token, enum retry_asker asker,
		    struct error *err) MUST_CHECK;
/* Branch, tag, refs/..., HEAD, or a commit (not asked for). ERR_NOT_FOUND. */
int git_remote_resolve(struct git_remote *g, const char *revision,
		       char commit[41], struct error *err) MUST_CHECK;
/* The commit without its history into a pack below dir. names_only: without
 * blobs that cannot be LFS pointers, where the server can leave them out. A server
 * that knows no depth sends the history, within GIT_PACK_LIMIT. What is done with it
 * ends in time; http_say_late() says so. Needs g. */
int git_remote_fetch(struct git_remote *g, const char *commit, bool names_only,
		     const char *dir, struct git_pack **out, struct error *err)
	MUST_CHECK;

#endif
