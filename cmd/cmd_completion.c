#include "cmd/app.h"
#include "cmd/completion.h"
#include "cmd/groups.h"

#include <string.h>

static const struct option_group *const groups[] = { &group_common, NULL };

static const char *const examples[] = {
	"In this bash:", "source <(itts-pack completion bash)",
	"In fish, for good:",
	"itts-pack completion fish > ~/.config/fish/completions/itts-pack.fish",
	NULL
};

static int run(struct app *app, struct error *err)
{
	static const struct {
		const char *name;
		void (*make)(struct str *out);
	} shells[] = {
		{ "bash", completion_bash },
		{ "zsh", completion_zsh },
		{ "fish", completion_fish },
	};
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct strlist *args = &app->options->args;

	for (size_t i = 0; args->count && i < ARRAY_LEN(shells); i++) {
		if (strcmp(shells[i].name, args->items[0]) != 0)
			continue;
		shells[i].make(&text);
		app_text(app, &text);
		return 0;
	}
	return err_set(err, ERR_USAGE, "which shell? bash, zsh or fish");
}

const struct command cmd_completion = {
	.name = "completion",
	.part = PART_SELF,
	.args = "bash | zsh | fish",
	.summary = "print a completion script for a shell",
	.about = "Makes the shell complete commands, options and their values. "
		 "make install puts the scripts where shells look for them.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_SHELLS,
	.max_args = 1,
	.run = run,
};
