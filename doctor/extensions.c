#include "doctor/extensions.h"

#include "base/mem.h"
#include "doctor/look.h"

#define NAMES_MAX 100
#define CACHE	  "~/.cache"

/* The variable's value or otherwise, and below it; expanded. */
static void place(const struct doctor_env *env, const char *value,
		  const char *otherwise, const char *below, struct str *out)
{
	char *text CLEANUP(free_ptr) = xasprintf(
		"%s%s", value && *value ? value : otherwise, below);

	env->expand(env->ctx, text, out);
}

static void add_locks(const char *dir, struct strlist *out)
{
	struct strlist names CLEANUP(strlist_release) = { 0 };

	look_list(dir, NAMES_MAX, &names);
	for (size_t i = 0; i < names.count; i++) {
		char *lock CLEANUP(free_ptr) = xasprintf("%s/%s/lock", dir,
							 names.items[i]);

		if (look_at(lock, NULL) != LOOK_MISSING)
			strlist_add(out, lock);
	}
}

/* DIR/NAME/lock in a place that somebody has chosen; in torch's own, one for each
 * version of Python and CUDA: CACHE/torch_extensions/py311_cu128/NAME/lock. */
void extensions_locks(const struct doctor_env *env, struct strlist *out)
{
	const char *chosen = env->get(env->ctx, "TORCH_EXTENSIONS_DIR");
	struct strlist versions CLEANUP(strlist_release) = { 0 };
	struct str root CLEANUP(str_release) = STR_INIT;

	if (chosen && *chosen) {
		place(env, chosen, "", "", &root);
		add_locks(root.ptr, out);
		return;
	}
	place(env, env->get(env->ctx, "XDG_CACHE_HOME"), CACHE,
	      "/torch_extensions", &root);
	look_list(root.ptr, NAMES_MAX, &versions);
	for (size_t i = 0; i < versions.count; i++) {
		char *dir CLEANUP(free_ptr) = xasprintf("%s/%s", root.ptr,
							versions.items[i]);

		add_locks(dir, out);
	}
}
