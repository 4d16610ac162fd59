/* The manifest that a repository named on the command line stands for. */
#include "manifest/manifest.h"

#include "base/mem.h"
#include "base/path.h"
#include "manifest/check.h"

#include <string.h>

/* "facebook/w2v-bert-2.0" -> "facebook-w2v-bert-2.0" */
static char *name_of(const char *id)
{
	char *name = xstrndup(id, NAME_LIMIT);

	for (char *p = name; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a'); /* in every locale */
		else if (*p == '/')
			*p = '-';
	}
	if (*name == '_') /* the one other character an id may begin with */
		*name = 'x';
	return name;
}

static void fill_for_repo(struct manifest *m, enum repo_type type,
			  const char *spec, const struct strlist *include,
			  const struct strlist *exclude)
{
	const char *at = strchr(spec, '@');
	struct manifest_model *model;
	struct manifest_view *view;

	m->models = xgrow(m->models, &m->model_cap, 1, sizeof(*m->models));
	model = &m->models[m->model_count++];
	model->type = type;
	model->id = at ? xstrndup(spec, (size_t)(at - spec)) : xstrdup(spec);
	model->revision = xstrdup(at ? at + 1 : "main");
	strlist_add(&model->refs,
		    is_commit_id(model->revision) ? "main" : model->revision);
	strlist_copy(&model->include, include);
	strlist_copy(&model->exclude, exclude);
	model->views = xgrow(NULL, &model->view_cap, 1, sizeof(*model->views));
	view = &model->views[model->view_count++];
	view->files = xstrdup("*");
	view->to = xstrdup("");
	m->name = name_of(model->id);
}

int manifest_for_repo(struct manifest *out, enum repo_type type,
		      const char *spec, const struct strlist *include,
		      const struct strlist *exclude, struct error *err)
{
	struct manifest draft CLEANUP(manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;

	fill_for_repo(&draft, type, spec, include, exclude);
	/* said here, because the text would be blamed for them below */
	if (repo_id_check(draft.models[0].id, err) < 0 ||
	    revision_check(draft.models[0].revision, err) < 0)
		return err_hint(err, "expected NAMESPACE/NAME[@REVISION]");
	manifest_format(&draft, &text);
	if (manifest_parse(out, text.ptr, text.len, err) < 0) {
		err->code = ERR_USAGE;
		return err_wrap(err, "%s", spec);
	}
	return 0;
}
