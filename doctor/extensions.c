#include "doctor/extensions.h"

#include "base/mem.h"
#include "doctor/look.h"

#define NAMES_MAX 100
#define CACHE	  "~/.cache"

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
	const char *cache = env->get(env->ctx, "XDG_CACHE_HOME");
	char *own CLEANUP(free_ptr) = NULL;
	struct strlist versions CLEANUP(strlist_release) = { 0 };
	struct str root CLEANUP(str_release) = STR_INIT;

	if (chosen && *chosen) {
		env->expand(env->ctx, chosen, &root);
		add_locks(root.ptr, out);
		return;
	}
	own = xasprintf("%s/torch_extensions", cache && *cache ? cache : CACHE);
	env->expand(env->ctx, own, &root);
	look_list(root.ptr, NAMES_MAX, &versions);
	for (size_t i = 0; i < versions.count; i++) {
		char *dir CLEANUP(free_ptr) = xasprintf("%s/%s", root.ptr,
							versions.items[i]);

		add_locks(dir, out);
	}
}
