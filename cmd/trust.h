/* Whose bundles are taken: the options and files that say so, and what is said
 * about it. Shared by the commands that read bundles. */
#ifndef ITTS_CMD_TRUST_H
#define ITTS_CMD_TRUST_H

#include "base/attr.h"
#include "base/error.h"
#include "base/json.h"
#include "bundle/source.h"
#include "bundle/trust.h"
#include "cmd/app.h"
#include "cmd/options.h"

extern const struct option_group group_trust; /* --allowed-signers, ... */

struct trusting {
	struct trust trust;
	struct trusted who;
	struct str allowed; /* a name that trust borrows */
};
#define TRUSTING_INIT                                    \
	{                                                \
		.who = TRUSTED_INIT, .allowed = STR_INIT \
	}
/* From options, else /etc/itts-pack, else the user's own directory. */
int trusting_init(struct trusting *t, struct app *app, struct error *err)
	MUST_CHECK;
void trusting_release(struct trusting *t); /* CLEANUP */
/* Makes s ask t when it is opened; both must stay where they are. */
void trusting_guard(struct trusting *t, struct bundle_source *s);
/* Who has signed, or that nobody has. */
void trusting_say(const struct trusting *t, struct app *app, const char *name);
/* "signature": {...} or null, into an open object. */
void trusting_put(const struct trusting *t, struct json_writer *j);
/* An option of group_trust was given, or a list of signers is in place: what
 * carries no signature is not taken. ERR_USAGE, ERR_INTEGRITY. */
int trusting_refuse(struct app *app, const char *what, struct error *err)
	MUST_CHECK;

#endif
