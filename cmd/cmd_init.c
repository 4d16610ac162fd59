#include "base/file.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/select.h"
#include "manifest/recipes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_FILE "itts-pack.json"

static const char *const types[] = { "model", "dataset", "space", NULL };

static const struct option options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, output),
	  .value = "FILE",
	  .help = "write here (default: itts-pack.json); - is standard "
		  "output" },
	{ .name = "type",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, type),
	  .value = "TYPE",
	  .choices = types,
	  .help = "what REPO is: model (default), dataset, space" },
	{ .name = "include",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, include),
	  .value = "PATTERN",
	  .help = "only files of REPO that match (repeatable)" },
	{ .name = "exclude",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, exclude),
	  .value = "PATTERN",
	  .help = "no files of REPO that match (repeatable)" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_common,
						     NULL };

static const char *const examples[] = {
	"The default recipe, to be changed:",
	"itts-pack init -o my-models.json", "A manifest for one repository:",
	"itts-pack init facebook/w2v-bert-2.0@main -o w2v.json", NULL
};

/* A recipe's own text keeps its order and layout. */
static int manifest_text(const struct options *o, struct str *out,
			 struct error *err)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };
	const struct recipe *r = recipe_find(o->args.count ? o->args.items[0]
							   : RECIPE_DEFAULT);

	if (select_manifest(o, &m, err) != 0)
		return -1;
	if (r)
		str_add(out, r->text, r->len);
	else
		manifest_format(&m, out);
	return 0;
}

static void put_result(struct app *app, const char *file)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	if (app->options->json) {
		app_json_begin(app, &j, &text);
		json_put_kv(&j, "file", file);
		app_json_end(app, &j);
		return;
	}
	app_note(app, "wrote %s", file);
	app_next(
		app, "Edit it, then",
		(const char *const[]){ "itts-pack", "lock", "-m", file, NULL });
}

static int run(struct app *app, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const char *file = app->options->output ? app->options->output
						: DEFAULT_FILE;

	if (manifest_text(app->options, &text, err) != 0)
		return -1;
	if (app_is_stdout(file)) {
		app_write(app, &text);
		return 0;
	}
	if (faccessat(AT_FDCWD, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, ERR_USAGE,
			       "%s is there already; give another name with -o "
			       "or remove it",
			       file);
	if (file_replace(AT_FDCWD, file, text.ptr, text.len, err) != 0)
		return -1;
	put_result(app, file);
	return 0;
}

const struct command cmd_init = {
	.name = "init",
	.part = PART_MAKE,
	.args = "[RECIPE | REPO[@REVISION]]",
	.summary = "write a manifest to begin with",
	.about = "A manifest says what you want: repositories, revisions, "
		 "patterns of files, and where each file is placed in a model "
		 "directory. This writes a complete one, a built-in recipe or "
		 "one for a single repository, for you to edit. The manual "
		 "docs/manifest.md describes each key; a key that is not known "
		 "is an error that names it.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_RECIPES,
	.max_args = 1,
	.run = run,
};
