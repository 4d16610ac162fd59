/* Whether a bundle's manifest is from somebody whose word counts here. */
#ifndef ITTS_TRUST_H
#define ITTS_TRUST_H

#include <stdbool.h>
#include <time.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/source.h"

/* Files; strings are borrowed. */
struct trust {
	const char *allowed;	   /* allowed_signers, or NULL */
	struct strlist revoked;	   /* lists of revoked keys */
	const char *signature;	   /* the only one that counts, or NULL */
	bool require;		   /* an unsigned bundle is refused */
	const char *require_where; /* who wants that, for messages */
	time_t now;
	const struct strlist *identities; /* only these count; NULL: whoever */
	const char *identities_from;	  /* who wants that, for messages */
};

struct trusted {
	bool found;	  /* there is something like a signature */
	bool is_signed;	  /* right, by a key that is not revoked */
	bool known;	  /* and that is in trust.allowed */
	char *principals; /* if known */
	/* of the key, and what it signs for; also of a signature that does not
	 * count, if it can be read and no other does */
	struct str type, fingerprint, name_space;
};
#define TRUSTED_INIT                                       \
	{                                                  \
		.type = STR_INIT, .fingerprint = STR_INIT, \
		.name_space = STR_INIT                     \
	}
void trusted_release(struct trusted *t); /* CLEANUP */

/* For bundle_source.gate. Signatures: t->signature, or the slot, or the file beside;
 * one that is right and known is enough. ERR_INTEGRITY says what refused;
 * ERR_FORMAT, ERR_NOT_FOUND: of the files that t names. */
int trust_check(const struct trust *t, const struct bundle_source *s,
		struct trusted *out, struct error *err) MUST_CHECK;

#endif
