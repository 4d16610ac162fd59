#include "cmd/select.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/near.h"
#include "cmd/kind.h"
#include "cmd/text.h"
#include "manifest/recipes.h"

#include <fcntl.h>
#include <string.h>

static void add_pairs(struct strlist *out, const char *option,
		      const struct strlist *values)
{
	for (size_t i = 0; i < values->count; i++) {
		strlist_add(out, option);
		strlist_add(out, values->items[i]);
	}
}

static void add_pair(struct strlist *out, const char *option, const char *value)
{
	if (!value)
		return;
	strlist_add(out, option);
	strlist_add(out, value);
}

void select_words(const struct options *o, struct strlist *out)
{
	add_pair(out, "-m", o->manifest);
	add_pair(out, "--recipe", o->recipe);
	for (size_t i = 0; i < o->args.count; i++)
		strlist_add(out, o->args.items[i]);
	add_pair(out, "--type", o->type);
	add_pairs(out, "--include", &o->include);
	add_pairs(out, "--exclude", &o->exclude);
	add_pairs(out, "--with", &o->with);
	add_pairs(out, "--without", &o->without);
	add_pair(out, "--lock", o->lock);
}

bool select_is_default(const struct options *o)
{
	return !o->manifest && !o->recipe && o->args.count == 0;
}

static int from_recipe(const char *name, struct manifest *out,
		       struct error *err)
{
	const struct recipe *r = recipe_find(name);
	struct nearest near = { 0 };

	if (r)
		return manifest_parse(out, r->text, r->len, err);
	nearest_begin(&near, name, strlen(name));
	for (size_t i = 0; recipe_at(i); i++)
		nearest_offer(&near, recipe_at(i)->name);
	if (near.best)
		return err_set(err, ERR_USAGE,
			       "there is no recipe '%s' (did you mean %s?)",
			       name, near.best);
	return err_set(err, ERR_USAGE,
		       "there is no recipe '%s'; itts-pack recipes lists them",
		       name);
}

static int from_file(const char *path, struct manifest *out, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str word CLEANUP(str_release) = STR_INIT;

	if (file_read_all(AT_FDCWD, path, MANIFEST_LIMIT, &text, err) == 0) {
		if (manifest_parse(out, text.ptr, text.len, err) == 0)
			return 0;
		err_wrap(err, "%s", path);
	}
	if (err->code == ERR_NOT_FOUND) {
		quote_sh(&word, path);
		return err_hint(err, "itts-pack init -o %s writes one",
				word.ptr);
	}
	return kind_hint(path, "itts-manifest", err);
}

static int from_repo(const struct options *o, const char *spec,
		     struct manifest *out, struct error *err)
{
	enum repo_type type = REPO_MODEL;
	struct str word CLEANUP(str_release) = STR_INIT;

	/* a name without organisation would be taken for a repository */
	if (str_ends(spec, ".json")) {
		quote_sh(&word, spec);
		return err_set(err, ERR_USAGE,
			       "'%s' looks like a manifest, not a repository; "
			       "give it as -m %s",
			       spec, word.ptr);
	}
	if (strstr(spec, "://"))
		return err_set(
			err, ERR_USAGE,
			"'%s' is a URL; give NAMESPACE/NAME, and another "
			"hub than huggingface.co with --endpoint",
			spec);
	if (o->type && repo_type_parse(&type, o->type, err) != 0)
		return -1;
	return manifest_for_repo(out, type, spec, &o->include, &o->exclude,
				 err);
}

int select_manifest(const struct options *o, struct manifest *out,
		    struct error *err)
{
	const char *word = o->args.count ? o->args.items[0] : NULL;
	bool repo = word && !recipe_find(word);

	if (!!o->manifest + !!o->recipe + !!word > 1)
		return err_set(err, ERR_USAGE,
			       "give one of -m, --recipe and REPO");
	if (!repo && (o->type || o->include.count || o->exclude.count))
		return err_set(
			err, ERR_USAGE,
			"--type, --include and --exclude go with a REPO; "
			"a manifest says these things itself");
	if (o->manifest)
		return from_file(o->manifest, out, err);
	if (repo)
		return from_repo(o, word, out, err);
	return from_recipe(word	       ? word
			   : o->recipe ? o->recipe
				       : RECIPE_DEFAULT,
			   out, err);
}
