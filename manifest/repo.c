#include "manifest/repo.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *plural, *prefix;
} types[] = {
	[REPO_MODEL] = { "model", "models", "" },
	[REPO_DATASET] = { "dataset", "datasets", "datasets/" },
	[REPO_SPACE] = { "space", "spaces", "spaces/" },
};

const char *repo_type_name(enum repo_type t)
{
	assert((size_t)t < ARRAY_LEN(types));
	return types[t].name;
}

const char *repo_type_plural(enum repo_type t)
{
	assert((size_t)t < ARRAY_LEN(types));
	return types[t].plural;
}

const char *repo_type_prefix(enum repo_type t)
{
	assert((size_t)t < ARRAY_LEN(types));
	return types[t].prefix;
}

int repo_type_parse(enum repo_type *out, const char *name, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(name, types[i].name) == 0) {
			*out = (enum repo_type)i;
			return 0;
		}
	}
	return err_set(
		err, ERR_USAGE,
		"repository type \"%s\" is none of model, dataset, space",
		name);
}

char *repo_folder(enum repo_type t, const char *id)
{
	const char *slash = strchr(id, '/');

	if (!slash)
		return xasprintf("%s--%s", repo_type_plural(t), id);
	return xasprintf("%s--%.*s--%s", repo_type_plural(t), (int)(slash - id),
			 id, slash + 1);
}

int repo_folder_parse(const char *folder, enum repo_type *t, char **id)
{
	const char *rest = strstr(folder, "--");
	struct error err = { 0 };

	if (!rest || strchr(folder, '/'))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t len = strlen(types[i].plural);

		if ((size_t)(rest - folder) != len ||
		    memcmp(folder, types[i].plural, len) != 0)
			continue;

		const char *owner = rest + 2, *gap = strstr(owner, "--");
		char *found CLEANUP(free_ptr) =
			gap ? xasprintf("%.*s/%s", (int)(gap - owner), owner,
					gap + 2)
			    : xstrdup(owner);

		/* an id has no "--", so a second gap fails here */
		if (repo_id_check(found, &err) < 0)
			return -1;
		*t = (enum repo_type)i;
		*id = take_ptr(found);
		return 0;
	}
	return -1;
}
