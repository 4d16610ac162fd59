#include "cmd/completion.h"

#include "cmd/commands.h"
#include "cmd/groups.h"
#include "manifest/recipes.h"

#include <string.h>

/* What can stand for an option's value. */
enum value_kind { VALUE_NONE, VALUE_DIR, VALUE_FILE, VALUE_CHOICE, VALUE_ANY };

static enum value_kind value_kind(const struct option *o)
{
	if (!o->value)
		return VALUE_NONE;
	if (o->choices)
		return VALUE_CHOICE;
	if (strcmp(o->value, "DIR") == 0)
		return VALUE_DIR;
	return strcmp(o->value, "FILE") == 0 ? VALUE_FILE : VALUE_ANY;
}

static void add_commands(struct str *out)
{
	for (size_t i = 0; command_at(i); i++)
		str_addf(out, "%s%s", i ? " " : "", command_at(i)->name);
}

static void add_recipes(struct str *out)
{
	for (size_t i = 0; recipe_at(i); i++)
		str_addf(out, "%s%s", i ? " " : "", recipe_at(i)->name);
}

static void add_choices(struct str *out, const struct option *o)
{
	for (size_t i = 0; o->choices[i]; i++)
		str_addf(out, "%s%s", i ? " " : "", o->choices[i]);
}

/* The words that can follow a command, "" if there are none. */
static void add_words(struct str *out, const struct command *c)
{
	if (c->words == WORDS_RECIPES)
		add_recipes(out);
	else if (c->words == WORDS_COMMANDS)
		add_commands(out);
	else if (c->words == WORDS_SHELLS)
		str_adds(out, "bash zsh fish");
}

/* The first clause of a help text, with the bytes in special escaped. */
static void add_brief(struct str *out, const char *help, const char *special,
		      const char *escape)
{
	for (; *help; help++) {
		if (str_starts(help, " (") || str_starts(help, "; ") ||
		    str_starts(help, ": "))
			return;
		if (*help == '\'')
			str_adds(out, escape);
		else if (strchr(special, *help))
			str_addf(out, "\\%c", *help);
		else
			str_addc(out, *help);
	}
}

/* Calls fn for every option once, whatever commands have it. */
static void each_option(void (*fn)(struct str *out, const struct option *o),
			struct str *out)
{
	struct strlist seen CLEANUP(strlist_release) = { 0 };

	for (size_t i = 0; command_at(i); i++) {
		const struct option_group *const *g = command_at(i)->groups;

		for (; *g; g++)
			for (size_t k = 0; k < (*g)->count; k++) {
				const struct option *o = &(*g)->options[k];

				if (strlist_has(&seen, o->name))
					continue;
				strlist_add(&seen, o->name);
				fn(out, o);
			}
	}
}

/* --- bash -------------------------------------------------------------------- */

static void bash_pattern(struct str *out, const struct option *o)
{
	str_addf(out, "--%s", o->name);
	if (o->letter)
		str_addf(out, "|-%c", o->letter);
}

static void bash_skip(struct str *out, const struct option *o)
{
	if (!o->value)
		return;
	str_adds(out, "\t\t");
	bash_pattern(out, o);
	str_adds(out, ") ((i++)) ;;\n");
}

static void bash_value(struct str *out, const struct option *o)
{
	enum value_kind kind = value_kind(o);

	if (kind == VALUE_NONE)
		return;
	str_addc(out, '\t');
	bash_pattern(out, o);
	str_adds(out, ") ");
	if (kind == VALUE_DIR)
		str_adds(out, "_itts_pack_reply -d");
	else if (kind == VALUE_FILE)
		str_adds(out, "_itts_pack_reply -f");
	else if (kind == VALUE_CHOICE) {
		str_adds(out, "_itts_pack_reply -W '");
		add_choices(out, o);
		str_addc(out, '\'');
	}
	str_adds(out, kind == VALUE_ANY ? "return ;;\n" : "; return ;;\n");
}

static void bash_command(struct str *out, const struct command *c)
{
	str_addf(out, "\t%s)\n\t\toptions='", c->name);
	for (size_t g = 0; c->groups[g]; g++)
		for (size_t k = 0; k < c->groups[g]->count; k++)
			str_addf(out, "%s--%s", g || k ? " " : "",
				 c->groups[g]->options[k].name);
	str_adds(out, "'\n\t\twords='");
	add_words(out, c);
	str_adds(out, "'\n");
	if (c->words == WORDS_FILES)
		str_adds(out, "\t\tfiles=1\n");
	str_adds(out, "\t\t;;\n");
}

void completion_bash(struct str *out)
{
	str_adds(out, "# bash completion for itts-pack\n"
		      "_itts_pack_reply() {\n"
		      "\tmapfile -t COMPREPLY < <(compgen \"$@\" -- \"$cur\")\n"
		      "\tcase $1 in -d|-f) compopt -o filenames ;; esac\n"
		      "}\n\n"
		      "_itts_pack() {\n"
		      "\tlocal cur prev command= options= words= files= i\n"
		      "\tcur=${COMP_WORDS[COMP_CWORD]}\n"
		      "\tprev=${COMP_WORDS[COMP_CWORD-1]}\n"
		      "\t# --option=value comes as three words\n"
		      "\tif [[ $cur == = ]]; then cur=\n"
		      "\telif [[ $prev == = ]]; then "
		      "prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
		      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		      "\t\tcase ${COMP_WORDS[i]} in\n");
	each_option(bash_skip, out);
	str_adds(out, "\t\t-*|=) ;;\n"
		      "\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
		      "\t\tesac\n\tdone\n"
		      "\tcase $prev in\n");
	each_option(bash_value, out);
	str_adds(out, "\tesac\n\tcase $command in\n\t'')\n\t\twords='");
	add_commands(out);
	str_adds(out, "'\n\t\toptions='");
	for (size_t k = 0; k < group_common.count; k++)
		str_addf(out, "%s--%s", k ? " " : "",
			 group_common.options[k].name);
	str_adds(out, "'\n\t\t;;\n");
	for (size_t i = 0; command_at(i); i++)
		bash_command(out, command_at(i));
	str_adds(out, "\tesac\n"
		      "\tif [[ $cur == -* ]]; then _itts_pack_reply -W "
		      "\"$options\"\n"
		      "\telif [[ $files ]]; then _itts_pack_reply -f\n"
		      "\telse _itts_pack_reply -W \"$words\"; fi\n"
		      "}\n"
		      "complete -F _itts_pack itts-pack\n");
}

/* --- zsh --------------------------------------------------------------------- */

static void zsh_action(struct str *out, const struct option *o)
{
	enum value_kind kind = value_kind(o);

	if (kind == VALUE_NONE)
		return;
	str_addf(out, ":%s:", o->value);
	if (kind == VALUE_DIR)
		str_adds(out, "_files -/");
	else if (kind == VALUE_FILE)
		str_adds(out, "_files");
	else if (kind == VALUE_CHOICE) {
		str_addc(out, '(');
		add_choices(out, o);
		str_addc(out, ')');
	} else {
		str_addc(out, ' ');
	}
}

static void zsh_option(struct str *out, const struct option *o, bool letter)
{
	str_addf(out, "\t\t\t'%s", o->kind == OPTION_LIST ? "*" : "");
	if (letter)
		str_addf(out, "-%c%s", o->letter, o->value ? "+" : "");
	else
		str_addf(out, "--%s%s", o->name, o->value ? "=" : "");
	str_addc(out, '[');
	add_brief(out, o->help, "[]\\", "'\\''");
	str_addc(out, ']');
	zsh_action(out, o);
	str_adds(out, "' \\\n");
}

static void zsh_group(struct str *out, const struct option_group *g)
{
	for (size_t k = 0; k < g->count; k++) {
		zsh_option(out, &g->options[k], false);
		if (g->options[k].letter)
			zsh_option(out, &g->options[k], true);
	}
}

static void zsh_command(struct str *out, const struct command *c)
{
	str_addf(out, "\t\t%s)\n\t\t\t_arguments -s \\\n", c->name);
	for (size_t g = 0; c->groups[g]; g++)
		zsh_group(out, c->groups[g]);
	str_adds(out, "\t\t\t'*:argument:");
	if (c->words == WORDS_FILES) {
		str_adds(out, "_files");
	} else if (c->words == WORDS_NONE) {
		str_addc(out, ' ');
	} else {
		str_addc(out, '(');
		add_words(out, c);
		str_addc(out, ')');
	}
	str_adds(out, "'\n\t\t\t;;\n");
}

void completion_zsh(struct str *out)
{
	str_adds(out, "#compdef itts-pack\n"
		      "_itts_pack() {\n"
		      "\tlocal curcontext=$curcontext state line\n"
		      "\tlocal -a commands\n"
		      "\tcommands=(\n");
	for (size_t i = 0; command_at(i); i++) {
		str_addf(out, "\t\t'%s:", command_at(i)->name);
		add_brief(out, command_at(i)->summary, ":\\", "'\\''");
		str_adds(out, "'\n");
	}
	str_adds(out, "\t)\n\t_arguments -C -s \\\n");
	zsh_group(out, &group_common);
	/* (-): behind the command the options are its own */
	str_adds(out, "\t\t\t'(-):command:->command' "
		      "'(-)*::argument:->argument'\n"
		      "\tcase $state in\n"
		      "\tcommand) _describe command commands ;;\n"
		      "\targument)\n"
		      "\t\tcase $words[1] in\n");
	for (size_t i = 0; command_at(i); i++)
		zsh_command(out, command_at(i));
	str_adds(out, "\t\tesac\n\t\t;;\n\tesac\n}\n"
		      "if [[ $funcstack[1] = _itts-pack ]]; then\n"
		      "\t_itts_pack \"$@\"\n"
		      "else\n"
		      "\tcompdef _itts_pack itts-pack\n"
		      "fi\n");
}

/* --- fish -------------------------------------------------------------------- */

/* command: NULL for the options in front of it */
static void fish_option(struct str *out, const char *command,
			const struct option *o)
{
	enum value_kind kind = value_kind(o);

	str_addf(out, "complete -c itts-pack -n '__itts_pack_in %s' -l %s",
		 command ? command : "\"\"", o->name);
	if (o->letter)
		str_addf(out, " -s %c", o->letter);
	if (kind == VALUE_DIR)
		str_adds(out, " -x -a '(__fish_complete_directories)'");
	else if (kind == VALUE_FILE)
		str_adds(out, " -r -F");
	else if (kind == VALUE_CHOICE) {
		str_adds(out, " -x -a '");
		add_choices(out, o);
		str_addc(out, '\'');
	} else if (kind == VALUE_ANY) {
		str_adds(out, " -x");
	}
	str_adds(out, " -d '");
	add_brief(out, o->help, "\\", "\\'");
	str_adds(out, "'\n");
}

static void fish_command(struct str *out, const struct command *c)
{
	str_addf(out,
		 "complete -c itts-pack -n '__itts_pack_in \"\"' -a %s -d '",
		 c->name);
	add_brief(out, c->summary, "\\", "\\'");
	str_adds(out, "'\n");
	for (size_t g = 0; c->groups[g]; g++)
		for (size_t k = 0; k < c->groups[g]->count; k++)
			fish_option(out, c->name, &c->groups[g]->options[k]);
	if (c->words == WORDS_NONE)
		return;
	str_addf(out, "complete -c itts-pack -n '__itts_pack_in %s'", c->name);
	if (c->words == WORDS_FILES) {
		str_adds(out, " -F\n");
		return;
	}
	str_adds(out, " -a '");
	add_words(out, c);
	str_adds(out, "'\n");
}

/* fish's own __fish_use_subcommand takes the value of an option for a command, and
 * __fish_seen_subcommand_from any word. */
static void fish_function(struct str *out)
{
	str_adds(out, "function __itts_pack_in -d 'is this the command?'\n"
		      "\tset -l words (commandline -opc)\n"
		      "\tset -l i 2\n"
		      "\tset -l command ''\n"
		      "\twhile test $i -le (count $words)\n"
		      "\t\tswitch $words[$i]\n"
		      "\t\tcase");
	for (size_t k = 0; k < group_common.count; k++)
		if (group_common.options[k].value)
			str_addf(out, " --%s", group_common.options[k].name);
	str_adds(out, "\n\t\t\tset i (math $i + 1)\n"
		      "\t\tcase '-*'\n"
		      "\t\tcase '*'\n"
		      "\t\t\tset command $words[$i]\n"
		      "\t\t\tbreak\n"
		      "\t\tend\n"
		      "\t\tset i (math $i + 1)\n"
		      "\tend\n"
		      "\ttest \"$command\" = \"$argv[1]\"\n"
		      "end\n");
}

void completion_fish(struct str *out)
{
	str_adds(out, "# fish completion for itts-pack\n");
	fish_function(out);
	str_adds(out, "complete -c itts-pack -f\n");
	for (size_t k = 0; k < group_common.count; k++)
		fish_option(out, NULL, &group_common.options[k]);
	for (size_t i = 0; command_at(i); i++)
		fish_command(out, command_at(i));
}
