/*
 * Endpoints that speak the Hugging Face Hub API: huggingface.co, hf-mirror,
 * olah, OpenCSG, anything under a path prefix.
 */
#ifndef ITTS_HUB_H
#define ITTS_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/event.h"
#include "base/str.h"
#include "fetch/http.h"
#include "manifest/lock.h"
#include "manifest/manifest.h"

#define HUB_DEFAULT_ENDPOINT "https://huggingface.co"
#define HUB_MAX_ENDPOINTS    32

enum endpoint_kind {
	ENDPOINT_HUGGINGFACE, /* and all that speak its API */
	ENDPOINT_MODELSCOPE,
	ENDPOINT_DIRECT, /* a host that single files are at, see hub_link */
	ENDPOINT_KINDS,
};

struct hub_endpoint {
	enum endpoint_kind kind;
	char *url;    /* no trailing '/', may have a path */
	char *origin; /* scheme, host, port */
	char *name;   /* for messages: the URL without a password */
	bool send_token;
	unsigned
		failures; /* files given up for want of a connection, in a row */
	unsigned lies;	  /* wrong bytes, lengths, pages instead of files */
	bool dropped;	  /* for this run: it lied, or is not reachable */
	uint64_t bytes;	  /* received from it, answers to questions as well */
	uint64_t wasted;  /* of these, bytes of files that are in no file */
};

/* Where single bytes are: plain URLs, objects of Git LFS. */
struct hub_link {
	struct digest sha256;
	char *url;
	struct strlist lines; /* of the header, for that host alone */
	char *batch;	      /* where Git LFS gives out a URL anew; or NULL */
	unsigned turn;	      /* how often that was done */
	bool asking;	      /* it is being done */
};

struct hub {
	struct http *http;		/* borrowed */
	const char *token;		/* borrowed, or NULL: Hugging Face's */
	const char *modelscope_token;	/* likewise */
	struct hub_endpoint *endpoints; /* in the user's order */
	size_t count, cap;
	struct hub_link *links; /* by SHA-256 */
	size_t link_count, link_cap;
	unsigned max_attempts; /* 0: 6 */
	unsigned connections;  /* to one endpoint at most; 0: PACE_CAP */
	const struct event_sink *sink; /* may be NULL */
};

/* url may have its kind in front ("modelscope=https://..."), else the host tells.
 * A token goes to its own hub's hosts over https and to endpoints of that kind
 * that are added with named = true; to nobody else. One that is there already, in
 * whatever spelling of host, port and last slashes, is not added again. ERR_USAGE
 * for a bad URL. */
int hub_add_endpoint(struct hub *h, const char *url, bool named,
		     struct error *err) MUST_CHECK;
void hub_release(struct hub *h); /* CLEANUP; not http */

/* {endpoint}/{prefix}{id}/resolve/{commit}/{path}; caller frees. */
char *hub_resolve_url(const struct hub_endpoint *e, enum repo_type type,
		      const char *id, const char *commit, const char *path);

/* What one endpoint says of a revision of repo->type, repo->id: commit and all
 * files (path, size, etag; sha256 for LFS files). Tree API with pages, each
 * re-hosted onto the endpoint, else revision?blobs=true. Fills repo->commit and
 * repo->files. ERR_HTTP where pages, sizes or digests are missing: no listing is
 * better than half of one. */
int hub_list(struct hub *h, struct hub_endpoint *e, const char *revision,
	     struct lock_repo *repo, struct error *err) MUST_CHECK;

/* Parsers, apart for tests and fuzzing. Bytes in, rows appended. ERR_FORMAT,
 * ERR_UNSAFE. others: gets the paths of what is no file; may be NULL. */
int hub_parse_tree(const char *text, size_t len, struct lock_repo *repo,
		   struct strlist *others, struct error *err) MUST_CHECK;
/* files: the rows, too. names: gets the names of all siblings; may be NULL. */
int hub_parse_info(const char *text, size_t len, bool files,
		   struct strlist *names, struct lock_repo *repo,
		   struct error *err) MUST_CHECK;
/* Puts the endpoint in front of a Link URL that may name another host. ERR_FORMAT
 * if it is not below /api/ there. Caller frees. */
int hub_rehost(const struct hub_endpoint *e, const char *link, char **out,
	       struct error *err) MUST_CHECK;

#endif
