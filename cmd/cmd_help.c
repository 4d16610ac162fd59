#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/help.h"

#include <unistd.h>

static const struct option options[] = {
	{ .name = "all",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, all),
	  .help = "one line for each command and option there is" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_common,
						     NULL };

static const char *const examples[] = {
	"About one command:", "itts-pack help pack",
	"About exit statuses, environment:", "itts-pack help exit-status", NULL
};

static int run(struct app *app, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct options *o = app->options;
	size_t width = help_width(STDOUT_FILENO);
	const char *name = o->args.count ? o->args.items[0] : NULL;
	const struct command *c = name ? command_find(name) : NULL;

	if (o->all)
		help_all(&text);
	else if (c)
		help_command(&text, c, width);
	else if (!name)
		help_short(&text, width);
	else if (!help_topic(&text, name, width))
		return command_unknown(name, err);
	app_text(app, &text);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.part = PART_SELF,
	.args = "[COMMAND | exit-status | environment]",
	.summary = "tell about a command, exit statuses, the environment",
	.about = "The same as itts-pack COMMAND --help. man itts-pack has "
		 "everything in one place.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_COMMANDS,
	.max_args = 1,
	.run = run,
};
