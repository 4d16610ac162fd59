#include "cmd/app.h"
#include "cmd/groups.h"

static const struct option_group *const groups[] = { &group_common, NULL };

static const char *const examples[] = { "As a program reads it:",
					"itts-pack version --json", NULL };

static int run(struct app *app, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	(void)err;
	if (app->options->json) {
		app_json_begin(app, &j, &text);
		json_put_kv(&j, "version", ITTS_VERSION);
		app_json_end(app, &j);
		return 0;
	}
	str_adds(&text, "itts-pack " ITTS_VERSION "\n");
	app_write(app, &text);
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.part = PART_SELF,
	.args = "",
	.summary = "show the version",
	.about =
		"The same as itts-pack --version. Bundles do not depend on the "
		"version that made them: the same lock gives the same bytes.",
	.examples = examples,
	.groups = groups,
	.run = run,
};
