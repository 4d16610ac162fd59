/* Signatures as "ssh-keygen -Y sign" makes them (OpenSSH, PROTOCOL.sshsig). */
#ifndef ITTS_SSHSIG_H
#define ITTS_SSHSIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/sign.h"

#define SSHSIG_NAMESPACE "itts-pack" /* of bundle manifests */
#define SSHSIG_LIMIT	 16384u	     /* bytes of armour */

struct sshsig {
	struct str blob; /* what the armour holds */
	struct wire key, name_space, hash, signature; /* parts of blob */
};
#define SSHSIG_INIT              \
	{                        \
		.blob = STR_INIT \
	}
void sshsig_release(struct sshsig *s); /* CLEANUP */

/* text: the armour; newlines may follow it, nothing else may. ERR_FORMAT. */
int sshsig_parse(struct sshsig *out, const char *text, size_t len,
		 struct error *err) MUST_CHECK;
/* Is it a signature of msg in this namespace? By whom it is says s->key, and
 * nothing yet of whether that key counts. ERR_FORMAT, ERR_INTEGRITY. */
int sshsig_check(const struct sshsig *s, const char *name_space,
		 const void *msg, size_t len, struct error *err) MUST_CHECK;

#endif
