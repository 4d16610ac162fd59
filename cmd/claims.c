#include "cmd/claims.h"

#include "base/mem.h"
#include "bundle/record.h"
#include "cache/view.h"
#include "cmd/work.h"

#include <string.h>

void claims_release(struct claims *c)
{
	for (size_t i = 0; i < c->count; i++)
		lock_release(&c->locks[i]);
	free_ptr(&c->locks);
	strlist_release(&c->names);
	c->count = 0;
}

static void take(struct claims *c, struct lock *locks, size_t count,
		 const char *name)
{
	size_t cap = c->count;

	c->locks = xgrow(c->locks, &cap, c->count + count, sizeof(*c->locks));
	for (size_t i = 0; i < count; i++) {
		c->locks[c->count++] = locks[i];
		strlist_add(&c->names, name ? name : locks[i].name);
	}
}

static int load_lock(const char *file, bool must, struct claims *out,
		     struct error *err)
{
	struct lock l = { 0 };

	if (lock_load(file, &l, err) == 0) {
		take(out, &l, 1, NULL);
		return 0;
	}
	if (must || err->code != ERR_NOT_FOUND)
		return -1;
	err_clear(err);
	return 0;
}

int claims_load(struct app *app, bool by_default, struct claims *out,
		struct error *err)
{
	const struct options *o = app->options;
	struct lock *locks CLEANUP(free_ptr) = NULL;
	char *dir CLEANUP(free_ptr) = NULL;
	size_t count = 0;

	if ((o->lock || by_default) &&
	    load_lock(o->lock ? o->lock : LOCK_NAME, o->lock, out, err) != 0)
		return -1;
	if (!o->model_dir)
		return 0;
	dir = app_dir(app, o->model_dir);
	if (view_records(dir, &locks, &count, err) != 0)
		return -1;
	take(out, locks, count, dir);
	return 0;
}

int claims_installed(struct app *app, struct hfcache *store, struct claims *out,
		     struct error *err)
{
	struct strlist names CLEANUP(strlist_release) = { 0 };

	if (record_list(store, &names, err) != 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct bundle_manifest m CLEANUP(
			bundle_manifest_release) = { 0 };
		char *name CLEANUP(free_ptr) = xasprintf("bundle %s",
							 names.items[i]);

		if (record_read(store, names.items[i], &m, err) != 0) {
			event_warn(&app->sink, "%s: %s", name, err->msg);
			err_clear(err);
			continue;
		}
		take(out, &m.lock, 1, name);
		m.borrowed = true;
	}
	return 0;
}

static const struct lock_repo *find(const struct lock *l, enum repo_type type,
				    const char *id, const char *commit)
{
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];

		if (r->type == type && strcmp(r->id, id) == 0 &&
		    strcmp(r->commit, commit) == 0)
			return r;
	}
	return NULL;
}

void claims_on(const struct claims *c, enum repo_type type, const char *id,
	       const char *commit, struct strlist *out)
{
	for (size_t i = 0; i < c->count; i++)
		if (find(&c->locks[i], type, id, commit) &&
		    !strlist_has(out, c->names.items[i]))
			strlist_add(out, c->names.items[i]);
}

const struct lock_repo *claims_repo(const struct claims *c, enum repo_type type,
				    const char *id, const char *commit)
{
	const struct lock_repo *r = NULL;

	for (size_t i = 0; i < c->count && !r; i++)
		r = find(&c->locks[i], type, id, commit);
	return r;
}
