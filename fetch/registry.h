/*
 * A model repository in an OCI registry (distribution-spec 1.1), where skopeo has
 * put it out of a bundle. docs/bundle-format.md, section 9, says what is in it.
 */
#ifndef ITTS_REGISTRY_H
#define ITTS_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/event.h"
#include "cache/hfcache.h"
#include "fetch/http.h"
#include "manifest/lock.h"

#define REGISTRY_MANIFEST_LIMIT (4u << 20) /* distribution-spec's */

/* oci:HOST[:PORT]/NAME[:TAG | @sha256:DIGEST] */
struct registry_ref {
	char *host, *name;
	char *reference;      /* tag ("latest" if none is given) or digest */
	struct digest digest; /* DIGEST_NONE: a tag */
};
bool registry_is_ref(const char *text);
/* ERR_USAGE. */
int registry_ref_parse(struct registry_ref *out, const char *text,
		       struct error *err) MUST_CHECK;
void registry_ref_release(struct registry_ref *r); /* CLEANUP */

struct registry {
	struct http *http;     /* borrowed, as are the next three */
	const char *user_pass; /* "name:password", or NULL */
	const struct event_sink *sink;
	const struct registry_ref *ref;
	unsigned max_attempts; /* 0: RETRY_ATTEMPTS */
	bool plain;	       /* http:// */
	char *token;	       /* got for it, or NULL */
	bool basic;	       /* it asked for name and password themselves */
};
void registry_release(struct registry *r); /* CLEANUP */

/* What an image says: one repository, and where the manifest of the bundle is that
 * it came from. */
struct registry_image {
	struct lock lock;     /* checked; places in a model directory lack */
	struct digest bundle; /* DIGEST_NONE: it does not carry it */
	uint64_t bundle_size;
	struct str text; /* the image manifest itself; not from the parser */
};
#define REGISTRY_IMAGE_INIT      \
	{                        \
		.text = STR_INIT \
	}
void registry_image_release(struct registry_image *i); /* CLEANUP */
/* ERR_AUTH, ERR_NOT_FOUND, ERR_INTEGRITY: not of the digest that was asked for. */
int registry_manifest(struct registry *r, struct registry_image *out,
		      struct error *err) MUST_CHECK;
/* Its bundle's manifest, of bundle_size bytes and the right digest. out was empty.
 * The caller has found the size to be bearable. */
int registry_bundle(struct registry *r, const struct registry_image *image,
		    struct str *out, struct error *err) MUST_CHECK;
/* The bytes that the part lacks, by ranges, tried again where that helps. */
int registry_blob(struct registry *r, const struct lock_file *file,
		  struct hfcache_part *part, struct error *err) MUST_CHECK;

/* Parsers, apart for tests and fuzzing. */
int registry_parse_manifest(const char *text, size_t len,
			    struct registry_image *out, struct error *err)
	MUST_CHECK;
/* A WWW-Authenticate header. false: neither Basic nor Bearer. url: where to get a
 * token (caller frees), NULL for Basic; ERR_UNSAFE reason in *why if it is neither
 * https nor the registry's own origin. */
struct registry_challenge {
	bool basic;
	char *realm, *service, *scope;
};
bool registry_parse_challenge(const char *text, struct registry_challenge *out);
void registry_challenge_release(struct registry_challenge *c); /* CLEANUP */

#endif
