#include "cmd/work.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/view.h"
#include "cmd/kind.h"
#include "cmd/select.h"
#include "cmd/text.h"
#include "fetch/resolve.h"
#include "manifest/lock_pick.h"

#include <fcntl.h>
#include <string.h>

const char *lock_misfit(const struct lock *l, const struct manifest *m,
			const struct strlist *groups)
{
	if (!digest_equal(&l->manifest, &m->digest))
		return "was made from another manifest";
	if (l->groups.count != groups->count)
		return "was made with other groups";
	for (size_t i = 0; i < groups->count; i++)
		if (strcmp(l->groups.items[i], groups->items[i]) != 0)
			return "was made with other groups";
	return NULL;
}

int lock_choose(const struct lock_facts *f, enum lock_plan *out,
		struct error *err)
{
	if (f->exists && !f->misfit) {
		*out = LOCK_USE;
		return 0;
	}
	if (f->exists && (f->locked || f->named || f->own_manifest))
		return err_set(err, ERR_USAGE, "%s %s", f->path, f->misfit);
	if (f->locked)
		return err_set(err, ERR_NOT_FOUND, "--locked: there is no %s",
			       f->path);
	if (f->offline)
		return err_set(err, ERR_USAGE,
			       "offline, and %s %s; without network the files "
			       "to work on are only known from a lock",
			       f->path,
			       f->exists ? f->misfit : "does not exist");
	*out = f->named && !f->survey ? LOCK_CREATE : LOCK_RESOLVE;
	return 0;
}

int lock_load(const char *path, struct lock *out, struct error *err)
{
	int fd CLEANUP(close_fd) = -1;

	if (file_open_read(AT_FDCWD, path, &fd, err) == 0 &&
	    lock_read(out, fd, path, err) == 0)
		return 0;
	return kind_hint(path, "itts-lock", err);
}

void lock_keep_archives(struct lock *old)
{
	bool *keep CLEANUP(free_ptr) = xcalloc(old->repo_count + 1,
					       sizeof(*keep));

	for (size_t i = 0; i < old->repo_count; i++)
		keep[i] = old->repos[i].archive.url;
	lock_keep(old, keep);
}

void work_release(struct work *w)
{
	lock_release(&w->lock);
	hfcache_close(&w->store);
	net_close(&w->net);
	strlist_release(&w->groups);
	manifest_release(&w->manifest);
}

int work_hint_lock(const struct app *app, struct error *err)
{
	struct strlist words CLEANUP(strlist_release) = { 0 };
	struct str line CLEANUP(str_release) = STR_INIT;

	/* offline no lock can be made; what the cache has, export knows */
	if (config_offline(app->env, app->options) &&
	    app->options->args.count && !strcmp(app->command->name, "pack")) {
		for (size_t i = 0; i < app->options->args.count; i++) {
			str_addc(&line, ' ');
			quote_sh(&line, app->options->args.items[i]);
		}
		return err_hint(err, "run itts-pack export%s", line.ptr);
	}
	select_words(app->options, &words);
	for (size_t i = 0; i < words.count; i++) {
		str_addc(&line, ' ');
		quote_sh(&line, words.items[i]);
	}
	return err_hint(
		err, "run itts-pack lock%s%s", line.ptr,
		config_offline(app->env, app->options)
			? " with a network, or name the lock with --lock"
			: "");
}

int work_select(struct work *w, struct app *app, struct error *err)
{
	const struct options *o = app->options;

	w->path = o->lock ? o->lock : LOCK_NAME;
	if (select_manifest(o, &w->manifest, err) != 0)
		return -1;
	return manifest_groups(&w->manifest, &o->with, &o->without, &w->groups,
			       err);
}

static int open_store(struct work *w, struct app *app, struct error *err)
{
	/* offline nothing is written: a cache that is not there stays so */
	bool create = !config_offline(app->env, app->options);

	return w->store ? 0 : app_open_store(app, create, &w->store, err);
}

int work_resolve(struct work *w, struct app *app, const struct lock *old,
		 struct error *err)
{
	const struct resolve_options o = {
		.groups = &w->groups,
		.old = old,
		.jobs = (unsigned)app->options->jobs,
		.survey = w->survey,
		.cancel = &app->cancel,
		.sink = &app->sink,
	};

	if (net_open(&w->net, app, &w->manifest.endpoints, err) != 0 ||
	    open_store(w, app, err) != 0)
		return -1;
	if (resolve_manifest(&w->net.hub, w->store, &w->manifest, &o, &w->lock,
			     err) != 0)
		return net_advise(&w->net, err);
	return 0;
}

int work_write_lock(const struct work *w, struct error *err)
{
	return view_write_lock(AT_FDCWD, w->path, &w->lock, err);
}

/* A lock file stands alone: where it is there and nothing else is said it is all
 * that is needed, also next year, when the recipe that it was made from has
 * changed. 1: so it is, and w->lock is filled. */
static int lock_alone(struct work *w, struct app *app, struct error *err)
{
	const struct options *o = app->options;
	const char *path = o->lock ? o->lock : LOCK_NAME;

	if (!select_is_default(o) || o->type || o->include.count ||
	    o->exclude.count || o->with.count || o->without.count)
		return 0;
	if (lock_load(path, &w->lock, err) == 0) {
		if (!o->lock)
			event_info(&app->sink, "working on %s, as %s says",
				   w->lock.name, path);
		return 1;
	}
	if (err->code != ERR_NOT_FOUND)
		return -1;
	err_clear(err);
	return 0;
}

static int read_old(struct work *w, bool *exists, struct error *err)
{
	*exists = lock_load(w->path, &w->lock, err) == 0;
	if (*exists)
		return 0;
	if (err->code != ERR_NOT_FOUND)
		return -1;
	err_clear(err);
	return 0;
}

static int fill_lock(struct work *w, struct app *app, struct error *err)
{
	const struct options *o = app->options;
	struct lock_facts f = { .path = w->path,
				.named = o->lock,
				.own_manifest = o->manifest,
				.locked = o->locked,
				.offline = config_offline(app->env, o),
				.survey = w->survey };
	struct lock old CLEANUP(lock_release) = { 0 };
	enum lock_plan plan = LOCK_USE;

	if (read_old(w, &f.exists, err) != 0)
		return -1;
	if (f.exists)
		f.misfit = lock_misfit(&w->lock, &w->manifest, &w->groups);
	if (lock_choose(&f, &plan, err) != 0)
		return work_hint_lock(app, err);
	if (plan == LOCK_USE)
		return 0;
	if (f.exists)
		event_info(&app->sink, "%s %s and is not used", w->path,
			   f.misfit);
	old = w->lock;
	w->lock = (struct lock){ 0 };
	lock_keep_archives(&old);
	if (plan == LOCK_CREATE && app_check_replace(w->path, err) != 0)
		return -1;
	if (work_resolve(w, app, &old, err) != 0)
		return -1;
	if (plan == LOCK_CREATE && work_write_lock(w, err) != 0)
		return -1;
	if (plan == LOCK_CREATE)
		app_note(app, "wrote %s", w->path);
	return 0;
}

int work_begin(struct work *w, struct app *app, struct error *err)
{
	int alone = lock_alone(w, app, err);

	if (alone < 0)
		return -1;
	w->path = app->options->lock;
	if (!alone &&
	    (work_select(w, app, err) != 0 || fill_lock(w, app, err) != 0))
		return -1;
	/* settings that are wrong are said before anything is made */
	if (!w->net.http &&
	    net_open(&w->net, app, &w->manifest.endpoints, err) != 0)
		return -1;
	return open_store(w, app, err);
}
