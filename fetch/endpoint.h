/*
 * The kinds of hub behind one interface: what a lock names is asked for in each
 * one's own words. Bytes are judged by their digest alone, so a lock that was
 * made from one kind can be filled from another.
 */
#ifndef ITTS_ENDPOINT_H
#define ITTS_ENDPOINT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "fetch/hub.h"
#include "manifest/lock.h"

/* How to ask one endpoint for one file. */
struct endpoint_file {
	char *url;
	const char *
		token; /* for url's own origin, or NULL; borrowed from the hub */
	const char *cookie; /* its name, if the token goes along as one too */
	const struct strlist *lines; /* of the header, for url's own origin */
	unsigned turn;		     /* of the link that it is from */
	bool whole; /* never ask for a range: what comes would not be to be trusted */
};

/* Can this endpoint have the file at all? */
bool endpoint_has(const struct hub *h, const struct hub_endpoint *e,
		  const struct lock_repo *repo, const struct lock_file *file);
/* Only if endpoint_has(). Release *out. */
void endpoint_file(const struct hub *h, const struct hub_endpoint *e,
		   const struct lock_repo *repo, const struct lock_file *file,
		   struct endpoint_file *out);
void endpoint_file_release(struct endpoint_file *f); /* CLEANUP */
/* Puts what is to be sent into a request; f must live until it is submitted. */
void endpoint_request(const struct endpoint_file *f, struct http_request *rq);

/* An error of the line may only name the host where it happened, which is that of
 * several endpoints or of a redirect: puts the endpoint's name in front. */
void endpoint_blame(const struct hub_endpoint *e, struct error *err);

/* retry_explain() in the words of this kind of endpoint. file: that was asked for,
 * or NULL. */
int endpoint_explain(const struct hub *h, const struct hub_endpoint *e,
		     const struct lock_file *file,
		     const struct http_response *res, const char *what,
		     struct error *err);

/* Adds the links of a lock's files that have a URL of their own, and endpoints
 * for their hosts. No pointers to endpoints may be held. ERR_USAGE: too many. */
int endpoint_add_links(struct hub *h, const struct lock *l, struct error *err)
	MUST_CHECK;
/* The same for one; takes what link owns, also on failure. */
int endpoint_add_link(struct hub *h, struct hub_link *link, struct error *err)
	MUST_CHECK;
/* The link of this content at this endpoint, or NULL; borrowed. */
struct hub_link *endpoint_link(const struct hub *h,
			       const struct hub_endpoint *e,
			       const struct digest *sha256);

/* Leaves those endpoints that one of the names means: HOST, HOST:PORT, or a URL
 * that they begin with. ERR_USAGE for a name that means none. */
int endpoint_keep_only(struct hub *h, const struct strlist *names,
		       struct error *err) MUST_CHECK;

/* The token that this endpoint may have, or NULL. */
const char *endpoint_token(const struct hub *h, const struct hub_endpoint *e);
const char *endpoint_cookie(const struct hub_endpoint *e);
/* What ModelScope calls the repository and the locked (or wanted) revision;
 * borrowed. */
void endpoint_modelscope_name(const struct lock_repo *repo, const char **id,
			      const char **revision);
#define MODELSCOPE_REVISION "master" /* its main branch */
/* Which revision it is asked for where somebody wants this one of the Hub's: the one
 * that the manifest has for it, else that of the same name, master for main. true: a
 * commit that may be the Hub's, and then means nothing there. */
bool endpoint_modelscope_asked(const struct lock_repo *repo,
			       const char *revision, const char **id,
			       const char **there);
/* Without "kind=" in front; borrowed. */
const char *endpoint_bare_url(const char *url);
/* Do both URLs mean one endpoint? Its host, port, kind, credentials and last slashes
 * may be written in any way. */
bool endpoint_is(const char *a, const char *b);
const char *endpoint_kind_name(enum endpoint_kind kind);
/* Where the answer shows that it is a hub, and that it has the repository: its
 * cheapest question. Caller frees. */
char *endpoint_question(const struct hub_endpoint *e,
			const struct lock_repo *repo, const char *revision);
/* What the endpoint says of a revision of repo->type, repo->id: commit (and hub)
 * and all files, sorted. The revision is the Hub's own; repo->mirrors say what
 * it is called elsewhere. From ModelScope sha256 is known and etag is DIGEST_NONE
 * for files that are not LFS; from the Hub it is the other way round. */
int endpoint_list(struct hub *h, struct hub_endpoint *e, const char *revision,
		  struct lock_repo *repo, struct error *err) MUST_CHECK;
/* If text is a message of this kind of hub in place of a file (ModelScope sends
 * those with status 200): what it says, else NULL. Caller frees. */
char *endpoint_message(const struct hub_endpoint *e, const char *text,
		       size_t len);

#endif
