#include "cmd/commands.h"

#include "base/near.h"

#include <string.h>

/* What a bundle carries (make static): the air-gapped side. */
#ifdef ITTS_CARRIED
static const struct command *const commands[] = {
	&cmd_doctor,	&cmd_env, &cmd_help,   &cmd_inspect, &cmd_install,
	&cmd_inventory, &cmd_ls,  &cmd_verify, &cmd_version,
};
#else
static const struct command *const commands[] = {
	&cmd_adopt,  &cmd_completion, &cmd_doctor,  &cmd_du,	    &cmd_env,
	&cmd_export, &cmd_fetch,      &cmd_gc,	    &cmd_help,	    &cmd_import,
	&cmd_init,   &cmd_inspect,    &cmd_install, &cmd_inventory, &cmd_lock,
	&cmd_ls,     &cmd_mirrors,    &cmd_pack,    &cmd_recipes,   &cmd_repair,
	&cmd_rm,     &cmd_run,	      &cmd_sbom,    &cmd_scan,	    &cmd_sign,
	&cmd_verify, &cmd_version,    &cmd_watch,
};
#endif

const struct command *command_at(size_t i)
{
	return i < ARRAY_LEN(commands) ? commands[i] : NULL;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

int command_unknown(const char *name, struct error *err)
{
	struct nearest near = { 0 };

	nearest_begin(&near, name, strlen(name));
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		nearest_offer(&near, commands[i]->name);
	if (near.best)
		return err_set(err, ERR_USAGE,
			       "unknown command '%s' (did you mean %s?)", name,
			       near.best);
	err_set(err, ERR_USAGE, "unknown command '%s'", name);
	return err_hint(err, "itts-pack help lists them");
}
