#include "manifest/lock_pick.h"

#include "base/mem.h"
#include "base/near.h"

#include <string.h>

bool lock_repo_is_meant(const struct lock_repo *r, const char *spec)
{
	size_t len = strlen(r->id);
	const char *word = spec + len;

	if (strncmp(spec, r->id, len) != 0 || (*word && *word != '@'))
		return false;
	return !*word || !strcmp(word + 1, r->commit) ||
	       strlist_has(&r->refs, word + 1);
}

/* What could have been said in the place of spec. */
static void list_words(const struct lock *l, const char *spec,
		       struct strlist *out)
{
	size_t len = strcspn(spec, "@");

	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];

		if (spec[len] && strlen(r->id) == len &&
		    !strncmp(r->id, spec, len) && r->commit[0]) {
			for (size_t k = 0; k < r->refs.count; k++)
				strlist_take(out, xasprintf("%s@%s", r->id,
							    r->refs.items[k]));
			strlist_take(out, xasprintf("%s@%s", r->id, r->commit));
		} else if (!strlist_has(out, r->id)) {
			strlist_add(out, r->id);
		}
	}
}

int lock_pick(const struct lock *l, const struct strlist *specs,
	      const char *where, bool *picked, struct error *err)
{
	for (size_t k = 0; k < specs->count; k++) {
		struct strlist words CLEANUP(strlist_release) = { 0 };
		bool met = false;

		for (size_t i = 0; i < l->repo_count; i++)
			if (lock_repo_is_meant(&l->repos[i], specs->items[k]))
				met = picked[i] = true;
		if (met)
			continue;
		list_words(l, specs->items[k], &words);
		return near_fail(specs->items[k], &words, where, err);
	}
	return 0;
}
