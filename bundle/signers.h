/*
 * Whose signatures count: OpenSSH's allowed_signers file (ssh-keygen(1), ALLOWED
 * SIGNERS), and lists of keys that count no more. Bytes in, no I/O.
 */
#ifndef ITTS_SIGNERS_H
#define ITTS_SIGNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "bundle/sign.h"

#define SIGNERS_LIMIT ((size_t)1 << 20) /* bytes of such a file */

struct signers_query {
	struct wire key; /* the signature's */
	const char *name_space;
	time_t now;
	/* One of these has to be whom the line stands for; NULL: whoever. */
	const struct strlist *identities;
	const char *identities_from; /* who wants that, for messages */
};

/* The first line that has the key and lets it count; *principals: its first
 * field, caller frees. name: of the file, for messages. ERR_INTEGRITY says what
 * refused; a line that cannot be read is ERR_FORMAT, whatever it holds. */
int signers_find(const char *text, size_t len, const char *name,
		 const struct signers_query *q, char **principals,
		 struct error *err) MUST_CHECK;
/* One public key a line. ERR_INTEGRITY: the key is among them. ERR_FORMAT for
 * binary revocation lists and for lines that are no key. */
int signers_check_revoked(const char *text, size_t len, const char *name,
			  const struct wire *key, struct error *err) MUST_CHECK;

/* Does an identity fit a list of patterns ("*@example.com,!eve@*")? Negated
 * ones win, as in ssh_config(5). */
bool signers_match(const char *identity, const char *patterns);

#endif
