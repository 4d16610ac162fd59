/* The commands: one cmd_NAME.c each, one row here. */
#ifndef ITTS_COMMANDS_H
#define ITTS_COMMANDS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "cmd/options.h"

struct app;

/* What can stand behind a command, for completion. */
enum command_words {
	WORDS_NONE,
	WORDS_FILES,
	WORDS_RECIPES,
	WORDS_COMMANDS,
	WORDS_SHELLS,
};

/* What a command is for: the headings of the list in --help, in this order. */
enum command_part {
	PART_MAKE,
	PART_TARGET,
	PART_CACHE,
	PART_HANG,
	PART_TRUST,
	PART_SELF,
	PART_COUNT
};

struct command {
	const char *name;
	enum command_part part;
	const char *args;    /* how its other words are called, or "" */
	const char *summary; /* one line */
	const char *about;   /* paragraphs, for --help */
	/* pairs: what it does, the command line; NULL-terminated */
	const char *const *examples;
	const struct option_group *const *groups; /* NULL-terminated */
	enum command_words words;
	size_t max_args;
	int (*run)(struct app *app, struct error *err);
};

const struct command *command_find(const char *name); /* NULL: none */
const struct command *command_at(size_t i); /* sorted; NULL behind the last */
/* ERR_USAGE that names the command that was meant. */
int command_unknown(const char *name, struct error *err);

extern const struct command cmd_adopt, cmd_completion, cmd_export, cmd_import,
	cmd_doctor, cmd_du, cmd_env, cmd_fetch, cmd_gc, cmd_help, cmd_init,
	cmd_inspect, cmd_install, cmd_inventory, cmd_lock, cmd_ls, cmd_mirrors,
	cmd_pack, cmd_recipes, cmd_repair, cmd_rm, cmd_run, cmd_sbom, cmd_scan,
	cmd_sign, cmd_verify, cmd_version, cmd_watch;

#endif
