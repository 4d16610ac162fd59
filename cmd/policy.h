/* The policy of this machine: --policy FILE, else /etc/itts-pack/policy.json. */
#ifndef ITTS_CMD_POLICY_H
#define ITTS_CMD_POLICY_H

#include "base/attr.h"
#include "base/error.h"
#include "bundle/policy.h"
#include "bundle/trust.h"
#include "cmd/app.h"

/* *out: policy, or NULL if there is none. A file that is there and cannot be
 * understood is an error, as is one that was named and is not there. */
int policy_open(struct app *app, struct policy *policy,
		const struct policy **out, struct error *err) MUST_CHECK;
/* Its rule on signers; t borrows. p may be NULL. */
void policy_demand(const struct policy *p, struct trust *t);

#endif
