#include "manifest/manifest.h"

#include "base/mem.h"
#include "manifest/glob.h"

#include <stdlib.h>
#include <string.h>

static void model_release(struct manifest_model *m)
{
	free(m->id);
	free(m->revision);
	strlist_release(&m->refs);
	strlist_release(&m->include);
	strlist_release(&m->exclude);
	free(m->license);
	free(m->notice);
	free(m->hub_view);
	for (size_t i = 0; i < m->view_count; i++) {
		free(m->views[i].files);
		free(m->views[i].strip);
		free(m->views[i].to);
	}
	free(m->views);
	for (size_t i = 0; i < m->pin_count; i++) {
		free(m->pins[i].path);
		free(m->pins[i].url);
	}
	free(m->pins);
	for (size_t i = 0; i < m->group_count; i++) {
		free(m->groups[i].group);
		strlist_release(&m->groups[i].files);
	}
	free(m->groups);
	mirrors_release(&m->mirrors);
	free(m->git);
	archive_ref_release(&m->archive);
}

void manifest_release(struct manifest *m)
{
	free(m->name);
	free(m->about);
	strlist_release(&m->endpoints);
	for (size_t i = 0; i < m->model_count; i++)
		model_release(&m->models[i]);
	free(m->models);
	for (size_t i = 0; i < m->group_count; i++) {
		free(m->groups[i].name);
		free(m->groups[i].about);
	}
	free(m->groups);
	free(m->python);
	for (size_t i = 0; i < m->package_count; i++) {
		free(m->packages[i].name);
		free(m->packages[i].version);
	}
	free(m->packages);
	for (size_t i = 0; i < m->memory_count; i++)
		free(m->memory[i].profile);
	free(m->memory);
	*m = (struct manifest){ 0 };
}

static const struct manifest_group *find_group(const struct manifest *m,
					       const char *name)
{
	for (size_t i = 0; i < m->group_count; i++)
		if (strcmp(m->groups[i].name, name) == 0)
			return &m->groups[i];
	return NULL;
}

static int check_group_names(const struct manifest *m,
			     const struct strlist *names, struct error *err)
{
	struct str known CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < names->count; i++) {
		if (find_group(m, names->items[i]))
			continue;
		for (size_t k = 0; k < m->group_count; k++)
			str_addf(&known, "%s%s", k ? ", " : "",
				 m->groups[k].name);
		return err_set(err, ERR_USAGE,
			       "manifest %s has no group \"%s\" (it has: %s)",
			       m->name, names->items[i],
			       known.len ? known.ptr : "none");
	}
	return 0;
}

int manifest_groups(const struct manifest *m, const struct strlist *with,
		    const struct strlist *without, struct strlist *on,
		    struct error *err)
{
	if (check_group_names(m, with, err) < 0 ||
	    check_group_names(m, without, err) < 0)
		return -1;
	for (size_t i = 0; i < with->count; i++)
		if (strlist_has(without, with->items[i]))
			return err_set(err, ERR_USAGE,
				       "group %s is asked for and left out at "
				       "the same time",
				       with->items[i]);
	for (size_t i = 0; i < m->group_count; i++) {
		const struct manifest_group *g = &m->groups[i];

		if (!strlist_has(without, g->name) &&
		    (g->on || strlist_has(with, g->name)))
			strlist_add(on, g->name);
	}
	strlist_sort(on);
	return 0;
}

bool manifest_selects(const struct manifest_model *model,
		      const struct strlist *groups_on, const char *path)
{
	if (!glob_select(&model->include, &model->exclude, path))
		return false;
	for (size_t i = 0; i < model->group_count; i++) {
		const struct manifest_group_use *use = &model->groups[i];

		if (!strlist_has(groups_on, use->group) &&
		    glob_match_any(&use->files, path))
			return false;
	}
	return true;
}

bool manifest_model_is_on(const struct manifest_model *model,
			  const struct strlist *groups_on)
{
	for (size_t i = 0; i < model->group_count; i++)
		if (!strlist_has(groups_on, model->groups[i].group) &&
		    strlist_has(&model->groups[i].files, "*"))
			return false;
	return true;
}

static char *place(const struct manifest_view *view, const char *path)
{
	if (*view->to && !str_ends(view->to, "/"))
		return xstrdup(view->to);
	if (view->strip && str_starts(path, view->strip))
		path += strlen(view->strip);
	return xasprintf("%s%s", view->to, path);
}

void manifest_place(const struct manifest_model *model, const char *path,
		    struct strlist *out)
{
	for (size_t i = 0; i < model->view_count; i++) {
		char *name CLEANUP(free_ptr) = NULL;

		if (!glob_match(model->views[i].files, path))
			continue;
		name = place(&model->views[i], path);
		if (!strlist_has(out, name))
			strlist_take(out, take_ptr(name));
	}
}

static int compare_pin(const void *key, const void *pin)
{
	return strcmp(key, ((const struct manifest_pin *)pin)->path);
}

const struct manifest_pin *manifest_find_pin(const struct manifest_model *model,
					     const char *path)
{
	if (!model->pin_count)
		return NULL;
	return bsearch(path, model->pins, model->pin_count,
		       sizeof(*model->pins), compare_pin);
}
