#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/help.h"
#include "cmd/text.h"
#include "manifest/manifest.h"
#include "manifest/recipes.h"

#include <string.h>
#include <unistd.h>

static const struct option_group *const groups[] = { &group_common, NULL };

static const char *const examples[] = { "Which are there?", "itts-pack recipes",
					"What does one ask for?",
					"itts-pack recipes indextts-2.5",
					NULL };

static void put_json_one(struct json_writer *j, const struct manifest *m)
{
	json_begin_object(j);
	json_put_kv(j, "name", m->name);
	json_put_kv(j, "about", m->about ? m->about : "");
	json_put_kv_bool(j, "default", strcmp(m->name, RECIPE_DEFAULT) == 0);
	json_put_key(j, "models");
	json_begin_array(j);
	for (size_t i = 0; i < m->model_count; i++)
		json_put_string(j, m->models[i].id);
	json_end_array(j);
	json_put_key(j, "groups");
	json_begin_array(j);
	for (size_t i = 0; i < m->group_count; i++) {
		json_begin_object(j);
		json_put_kv(j, "name", m->groups[i].name);
		json_put_kv(j, "about",
			    m->groups[i].about ? m->groups[i].about : "");
		json_put_kv_bool(j, "on", m->groups[i].on);
		json_end_object(j);
	}
	json_end_array(j);
	json_end_object(j);
}

static void put_text_one(struct str *out, const struct manifest *m)
{
	size_t width = help_width(STDOUT_FILENO);

	str_addf(out, "%s%s\n", m->name,
		 strcmp(m->name, RECIPE_DEFAULT) == 0 ? " (default)" : "");
	if (m->about)
		text_wrap(out, m->about, 4, width, 0);
	for (size_t i = 0; i < m->model_count; i++)
		str_addf(out, "    %s\n", m->models[i].id);
	for (size_t i = 0; i < m->group_count; i++) {
		struct str line CLEANUP(str_release) = STR_INIT;

		str_addf(&line, "group %s (%s)", m->groups[i].name,
			 m->groups[i].on ? "on" : "off");
		if (m->groups[i].about)
			str_addf(&line, ": %s", m->groups[i].about);
		text_wrap(out, line.ptr, 4, width, 0);
	}
}

static int list(struct app *app, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;
	bool json = app->options->json;

	if (json) {
		app_json_begin(app, &j, &text);
		json_put_key(&j, "recipes");
		json_begin_array(&j);
	}
	for (size_t i = 0; recipe_at(i); i++) {
		struct manifest m CLEANUP(manifest_release) = { 0 };
		const struct recipe *r = recipe_at(i);

		if (manifest_parse(&m, r->text, r->len, err) != 0)
			return err_wrap(err, "recipe %s", r->name);
		if (json)
			put_json_one(&j, &m);
		else
			put_text_one(&text, &m);
	}
	if (json) {
		json_end_array(&j);
		app_json_end(app, &j);
	} else {
		app_print(app, &text);
	}
	return 0;
}

static int run(struct app *app, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct options *o = app->options;
	const struct recipe *r;

	if (o->args.count == 0)
		return list(app, err);
	r = recipe_find(o->args.items[0]);
	if (!r)
		return err_set(err, ERR_USAGE,
			       "there is no recipe '%s'; itts-pack recipes "
			       "lists them",
			       o->args.items[0]);
	str_add(&text, r->text, r->len);
	app_write(app, &text);
	return 0;
}

const struct command cmd_recipes = {
	.name = "recipes",
	.part = PART_MAKE,
	.args = "[NAME]",
	.summary = "list the built-in manifests, or print one",
	.about =
		"Recipes are manifests that are built into the program: which "
		"repositories a model needs, at which revision, and where each "
		"file has to be. lock, fetch and pack use indextts-2 where "
		"nothing else is said. With a name the manifest itself is "
		"printed.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_RECIPES,
	.max_args = 1,
	.run = run,
};
