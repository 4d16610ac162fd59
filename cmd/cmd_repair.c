#include "base/human.h"
#include "base/mem.h"
#include "cache/census.h"
#include "cache/derive.h"
#include "cache/view.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/mending.h"
#include "cmd/policy.h"
#include "cmd/work.h"

#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
	{ .name = "from",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, from),
	  .value = "PLACE",
	  .help = "a bundle, a directory with its volumes, or another cache: "
		  "take right bytes from there, and use no network unless "
		  "--endpoint is given (repeatable)" },
	{ .name = "lock",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, lock),
	  .value = "FILE",
	  .help = "what should be there is what this lock names (default: "
		  "what the cache's own links, listings and names say)" },
	{ .name = "model-dir",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, model_dir),
	  .value = "DIR",
	  .help = "mend this model directory, as install recorded it in it; "
		  "the cache gets what lacks, too" },
	{ .name = "quick",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, quick),
	  .help = "look for damage as verify --quick does" },
	{ .name = "dry-run",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, dry_run),
	  .help = "say what is wrong and where the right bytes would come "
		  "from; write nothing" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_network,
						     &group_common, NULL };

static const char *const examples[] = {
	"What is wrong, and what could be done?",
	"itts-pack repair --dry-run",
	"On the air-gapped server, from the bundle:",
	("itts-pack repair --from indextts-2.tar \\\n"
	 "          --model-dir /srv/index-tts/checkpoints"),
	"From a colleague's cache, one repository:",
	"itts-pack repair facebook/w2v-bert-2.0 --from /mnt/hub",
	"From a mirror, against a lock:",
	("itts-pack repair --lock itts-pack.lock.json \\\n"
	 "          --endpoint https://hf-mirror.com"),
	NULL
};

/* --- what should be there --------------------------------------------------------- */

/* The locks of the rows that are told at the end. */
struct wanted {
	struct lock *locks;
	size_t count;
};

static void wanted_release(struct wanted *w)
{
	for (size_t i = 0; i < w->count; i++)
		lock_release(&w->locks[i]);
	free_ptr(&w->locks);
	w->count = 0;
}

static struct lock *one_lock(struct wanted *w)
{
	w->locks = xcalloc(1, sizeof(*w->locks));
	w->count = 1;
	return w->locks;
}

/* Repos of the lock that were not asked for are taken out. */
static int select_repos(struct lock *l, const struct strlist *ids,
			struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < ids->count; i++) {
		bool met = false;

		for (size_t k = 0; k < l->repo_count; k++)
			met |= strcmp(l->repos[k].id, ids->items[i]) == 0;
		if (!met)
			return err_set(err, ERR_NOT_FOUND,
				       "%s: the lock does not name it",
				       ids->items[i]);
	}
	for (size_t i = 0; ids->count && i < l->repo_count; i++) {
		struct lock_repo r = l->repos[i];

		if (!strlist_has(ids, r.id))
			continue;
		l->repos[i] = l->repos[kept];
		l->repos[kept++] = r;
	}
	while (ids->count && l->repo_count > kept) {
		struct lock rest = { .repos = xcalloc(1, sizeof(*rest.repos)),
				     .repo_count = 1 };

		rest.repos[0] = l->repos[--l->repo_count];
		lock_release(&rest);
	}
	return 0;
}

/* A ref with white space around its commit leads clients nowhere. */
static int add_bad_refs(struct mending *m, struct lock *l, struct error *err)
{
	for (size_t i = 0; i < l->repo_count; i++) {
		struct lock_repo *r = &l->repos[i];
		char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
		struct census c CLEANUP(census_release) = { 0 };

		if (!census_repo(m->store, folder, 0, &c))
			continue;
		if (c.failed)
			return err_set(err, ERR_IO, "%s/%s",
				       hfcache_root(m->store), c.failed);
		for (size_t k = 0; k < c.ref_count; k++)
			if (c.refs[k].problem &&
			    strcmp(c.refs[k].commit, r->commit) == 0 &&
			    !strlist_has(&r->refs, c.refs[k].name))
				strlist_add(&r->refs, c.refs[k].name);
	}
	return 0;
}

static int mend_cache(struct mending *m, struct wanted *w, struct error *err)
{
	const struct options *o = m->app->options;
	const struct derive_want want = { .specs = &o->args };
	struct lock *l = one_lock(w);
	struct checked k CLEANUP(checked_release) = CHECKED_INIT;
	uint64_t unknown = 0;

	if (o->lock ? lock_load(o->lock, l, err) != 0 ||
			      select_repos(l, &o->args, err) != 0
		    : derive_lock(m->store, &want, l, &unknown, err) != 0)
		return -1;
	if (unknown)
		event_warn(&m->app->sink,
			   "%llu %s: nothing tells what should be there "
			   "(--lock FILE would)",
			   (unsigned long long)unknown,
			   human_plural(unknown, "file", "files"));
	if (add_bad_refs(m, l, err) != 0)
		return -1;
	checked_open(&k, hfcache_fd(m->store), CHECKED_CACHE_DIR,
		     CHECKED_CACHE_NAME, o->quick);
	m->checked = &k;
	m->listings = true;
	if (mending_run(m, l, err) != 0)
		return -1;
	m->checked = NULL;
	return 0;
}

/* --- a model directory -------------------------------------------------------------- */

/* Is a place of this file damaged? A damaged ref or the lack of all of a Hub view
 * stands for each of its files. */
static bool file_is_damaged(const struct verify_report *report, const char *dir,
			    const struct lock_repo *r,
			    const struct lock_file *f)
{
	char *hub CLEANUP(free_ptr) = NULL;

	for (char **v = f->views; v && *v; v++)
		if (verify_report_damages(report, dir, *v))
			return true;
	if (!r->hub_view)
		return false;
	hub = xasprintf("%s/%s: %s", dir, r->hub_view, r->id);
	if (verify_report_damages(report, hub, f->path) ||
	    verify_report_damages(report, hub, r->id))
		return true;
	for (size_t i = 0; i < r->refs.count; i++) {
		char *ref CLEANUP(free_ptr) = xasprintf("refs/%s",
							r->refs.items[i]);

		if (verify_report_damages(report, hub, ref))
			return true;
	}
	return false;
}

/* Only what is damaged stays in l. */
static size_t keep_damaged(struct lock *l, const char *dir,
			   const struct verify_report *report)
{
	size_t all = 0;

	for (size_t i = 0; i < l->repo_count; i++) {
		struct lock_repo *r = &l->repos[i];
		size_t kept = 0;

		for (size_t k = 0; k < r->file_count; k++)
			if (file_is_damaged(report, dir, r, &r->files[k]))
				r->files[kept++] = r->files[k];
		r->file_count = kept;
		lock_trim(r);
		r->complete = false;
		all += kept;
	}
	return all;
}

/* searched: dir is one of the places. */
static int mend_record(struct mending *m, struct lock *l, const char *dir,
		       bool *searched, struct error *err)
{
	struct verify_report report CLEANUP(verify_report_release) = { 0 };
	struct view_stats views = { 0 };
	const struct verify_options o = {
		.threads = (unsigned)m->app->options->jobs,
		.cancel = &m->app->cancel,
		.sink = &m->app->sink,
	};
	uint64_t lacked = m->counts[MENDING_NOWHERE];

	if (verify_model_dir(dir, l, &o, &report, err) != 0)
		return -1;
	m->files += report.files;
	if (!keep_damaged(l, dir, &report))
		return 0;
	/* right bytes may still be there under another name */
	if (!*searched && supplies_add_files(&m->places, dir, err) != 0)
		return -1;
	*searched = true;
	if (mending_run(m, l, err) != 0)
		return -1;
	if (m->dry_run || m->counts[MENDING_NOWHERE] != lacked) {
		m->unplaced += report.damaged;
		return 0;
	}
	if (view_mend(m->store, l, dir, &m->app->cancel, &m->app->sink, &views,
		      err) != 0)
		return -1;
	m->placed += report.damaged;
	return 0;
}

static int mend_model_dir(struct mending *m, struct wanted *w,
			  struct error *err)
{
	char *dir CLEANUP(free_ptr) = app_dir(m->app,
					      m->app->options->model_dir);
	const char *lock = m->app->options->lock;
	bool searched = false;

	if (lock ? lock_load(lock, one_lock(w), err) != 0
		 : view_records(dir, &w->locks, &w->count, err) != 0)
		return -1;
	for (size_t i = 0; i < w->count; i++)
		if (mend_record(m, &w->locks[i], dir, &searched, err) != 0)
			return -1;
	return 0;
}

/* --- results ----------------------------------------------------------------------- */

static void put(struct mending *m)
{
	struct app *app = m->app;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;
	uint64_t lacking = m->counts[MENDING_NOWHERE];

	if (app->options->json) {
		app_json_begin(app, &j, &text);
		app_json_drain(app, &j);
		json_put_kv_bool(&j, "ok", lacking == 0);
		json_put_kv(&j, "cache", hfcache_root(m->store));
		json_put_kv_u64(&j, "placed", m->placed);
		json_put_kv_u64(&j, "unplaced", m->unplaced);
		mending_put_json(m, &j);
		app_json_end(app, &j);
		return;
	}
	mending_put_text(m);
	if (m->placed)
		app_note(app, "%llu %s in the model directory mended",
			 (unsigned long long)m->placed,
			 human_plural(m->placed, "place", "places"));
	if (m->row_count == 0 && !m->placed)
		app_note(app, "nothing to mend: %llu %s right",
			 (unsigned long long)m->files,
			 human_plural(m->files, "file is", "files are"));
	else
		app_note(app, "%llu %s, %llu linked, %llu not to be had",
			 (unsigned long long)m->counts[MENDING_GOT] +
				 m->counts[MENDING_WOULD],
			 m->dry_run ? "would be mended" : "mended",
			 (unsigned long long)m->counts[MENDING_LINKED],
			 (unsigned long long)lacking);
	if (m->counts[MENDING_LISTED] + m->counts[MENDING_UNLISTED])
		app_note(app, "%llu %s written anew, %llu removed",
			 (unsigned long long)m->counts[MENDING_LISTED],
			 human_plural(m->counts[MENDING_LISTED], "listing",
				      "listings"),
			 (unsigned long long)m->counts[MENDING_UNLISTED]);
	if (lacking && !app->options->from.count)
		app_note(app, "Other places to look: --from BUNDLE, --from "
			      "CACHE, --endpoint URL");
}

/* What the cache and the records name was let in when it came; a lock may name what
 * was not. What bytes would run is looked at in any case. */
static int check_lock(const char *file, const struct policy *p,
		      struct error *err)
{
	struct lock l CLEANUP(lock_release) = { 0 };

	if (lock_load(file, &l, err) != 0)
		return -1;
	if (!p)
		return 0;
	if (policy_check_unsigned(p, file, err) != 0)
		return -1;
	return policy_check_lock(p, &l, err);
}

/* What says what is needed must be there before a cache is made for it. */
static int check_input(struct app *app, const struct policy *p,
		       struct error *err)
{
	const struct options *o = app->options;
	char *dir CLEANUP(free_ptr) = NULL;
	struct lock *locks CLEANUP(free_ptr) = NULL;
	size_t count = 0;

	if (o->lock)
		return check_lock(o->lock, p, err);
	if (!o->model_dir)
		return 0;
	dir = app_dir(app, o->model_dir);
	if (view_records(dir, &locks, &count, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		lock_release(&locks[i]);
	return 0;
}

/* Without a lock or a record the cache says itself what it should have: then one that
 * is not there is a slip of the hand, and not one with nothing to mend. */
static int open_store(struct mending *m, struct error *err)
{
	const struct options *o = m->app->options;

	if (!o->lock && !o->model_dir) {
		if (app_open_store(m->app, false, &m->store, err) != 0)
			return -1;
		hfcache_close(&m->store);
	}
	return app_open_store(m->app, !o->dry_run, &m->store, err);
}

static int run(struct app *app, struct error *err)
{
	const struct options *o = app->options;
	struct policy policy CLEANUP(policy_release) = { 0 };
	struct wanted wanted CLEANUP(wanted_release) = { 0 };
	struct mending m CLEANUP(mending_release) = {
		.app = app,
		.places.sink = &app->sink,
		.dry_run = o->dry_run,
		.network = !config_offline(app->env, o) &&
			   (!o->from.count || o->endpoints.count),
	};

	if (o->model_dir && o->args.count)
		return err_set(err, ERR_USAGE,
			       "a model directory is mended as a whole; leave "
			       "out REPO");
	if (policy_open(app, &policy, &m.policy, err) != 0 ||
	    check_input(app, m.policy, err) != 0)
		return -1;
	for (size_t i = 0; i < o->from.count; i++)
		if (supplies_add(&m.places, o->from.items[i], &app->cancel,
				 err) != 0)
			return err_wrap(err, "--from");
	if (m.network && mending_check_network(&m, err) != 0)
		return -1;
	if (open_store(&m, err) != 0)
		return -1;
	/* the same bytes may be there under another repository's name */
	if (supplies_add_store(&m.places, hfcache_root(m.store), err) != 0)
		return -1;
	if ((o->model_dir ? mend_model_dir : mend_cache)(&m, &wanted, err) != 0)
		return -1;
	put(&m);
	return mending_end(&m, ERR_INTEGRITY, err);
}

const struct command cmd_repair = {
	.name = "repair",
	.part = PART_CACHE,
	.args = "[REPO[@REVISION] ...]",
	.summary = "get what is damaged or missing again, and only that",
	.about = "Holds the cache against a lock, or without one against its "
		 "own links, listings and names, and gets only the files that "
		 "lack or are wrong: from the bundle, volumes or cache that "
		 "--from names, from elsewhere in the same cache, else from "
		 "the endpoints. With --model-dir the files of a model "
		 "directory are mended too; a file that was edited there is "
		 "kept as NAME.orig.\n\n"
		 "Nothing is believed: only bytes with the right digest are "
		 "taken, and wrong ones stay under their name until the right "
		 "ones replace them in one step. Links of snapshots that lead "
		 "nowhere and refs that are malformed are made anew. A listing "
		 "(trees/) that lacks files of its snapshot, or is malformed, "
		 "becomes what the lock, the bundle or an endpoint says that "
		 "the commit has; where none of them knows, it gets the files "
		 "that the snapshot has, or (malformed) goes. A bundle "
		 "is read only where the wanted payloads are.\n\n"
		 "Status 0: all is right now; 9: something could not be had; "
		 "3: nor could all places be read that may have it.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_NONE,
	.max_args = 1000,
	.run = run,
};
