#include "cmd/policy.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <sys/stat.h>

#define SYSTEM_FILE "/etc/itts-pack/policy.json"

int policy_open(struct app *app, struct policy *policy,
		const struct policy **out, struct error *err)
{
	const char *given = app->options->policy;
	const char *file = given ? given : SYSTEM_FILE;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct stat st;

	*out = NULL;
	if (file_read_all(AT_FDCWD, file, POLICY_LIMIT, &text, err) != 0) {
		/* a link that leads nowhere is a policy that cannot be read */
		if (given || err->code != ERR_NOT_FOUND ||
		    lstat(file, &st) == 0)
			return err_hint(err, "nothing is installed without "
					     "knowing the policy");
		err_clear(err);
		return 0;
	}
	if (policy_parse(policy, file, text.ptr, text.len, err) != 0)
		return -1;
	*out = policy;
	if (app->options->verbose)
		event_info(&app->sink, "policy: %s", file);
	return 0;
}

void policy_demand(const struct policy *p, struct trust *t)
{
	if (!p || p->signers.count == 0)
		return;
	t->require = true;
	t->require_where = p->signers_rule;
	t->identities = &p->signers;
	t->identities_from = p->signers_rule;
}
