#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/supply.h"
#include "cache/localdir.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/mending.h"
#include "cmd/work.h"

#include <string.h>

static const struct option options[] = {
	{ .name = "as",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, as),
	  .value = "REPO[@REF]",
	  .help = "DIR is what hf download --local-dir left of this "
		  "repository: what it noted down beside the files tells "
		  "commit and digests, neither lock nor network is needed. REF "
		  "(default: main) is where the newest commit is found" },
	{ .name = "link",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, link),
	  .help = "hard links: no second place is taken, and the files in DIR "
		  "become read-only, since whoever edits one edits the "
		  "cache. Small texts, which are edited, are copied" },
	{ .name = "copy",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, copy),
	  .help = "always copy, share nothing" },
	{ .name = "dry-run",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, dry_run),
	  .help = "say what may be there, by names and sizes; write nothing" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = {
	&group,		&group_selection, &group_lock,
	&group_network, &group_common,	  NULL
};

static const char *const examples[] = {
	"What hf download --local-dir left, without a lock or a network:",
	"itts-pack adopt checkpoints --as IndexTeam/IndexTTS-2",
	"What it or ModelScope left, for IndexTTS 2:",
	"itts-pack adopt checkpoints --lock itts-pack.lock.json",
	"One repository, its files listed by the hub:",
	"itts-pack adopt ~/w2v-bert-2.0 facebook/w2v-bert-2.0",
	"ModelScope's cache, without taking the space twice:",
	("itts-pack adopt ~/.cache/modelscope --link \\\n"
	 "          --lock itts-pack.lock.json"),
	"A git clone: objects of Git LFS are linked by themselves:",
	"itts-pack adopt ~/src/IndexTTS-2 IndexTeam/IndexTTS-2",
	NULL
};

/* --- the report --------------------------------------------------------------- */

static void put_doubts(struct app *app, const struct localdir *d,
		       struct json_writer *j)
{
	if (j) {
		json_put_key(j, "refused");
		json_begin_array(j);
	}
	for (size_t i = 0; i < d->doubt_count; i++) {
		const struct localdir_doubt *one = &d->doubts[i];

		if (!j) {
			event_warn(&app->sink, "%s: not taken: %s", one->path,
				   one->why);
			continue;
		}
		json_begin_object(j);
		json_put_kv(j, "path", one->path);
		json_put_kv(j, "why", one->why);
		json_end_object(j);
	}
	if (j)
		json_end_array(j);
}

static void put(struct mending *m, const struct localdir *d)
{
	struct app *app = m->app;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;
	uint64_t lacking = m->counts[MENDING_NOWHERE];
	uint64_t taken = m->counts[MENDING_GOT] + m->counts[MENDING_WOULD];
	uint64_t had = m->files - taken - lacking;

	if (app->options->json) {
		app_json_begin(app, &j, &text);
		app_json_drain(app, &j);
		json_put_kv_bool(&j, "ok", lacking == 0 && !d->doubt_count);
		json_put_kv(&j, "cache", hfcache_root(m->store));
		mending_put_json(m, &j);
		put_doubts(app, d, &j);
		app_json_end(app, &j);
		return;
	}
	mending_put_text(m);
	put_doubts(app, d, NULL);
	app_note(app,
		 "%llu %s: %llu %s, %llu %s in the cache already, %llu %s not "
		 "in the directory%s",
		 (unsigned long long)m->files,
		 human_plural(m->files, "file", "files"),
		 (unsigned long long)taken,
		 m->dry_run ? "would be taken" : "taken",
		 (unsigned long long)had, human_plural(had, "was", "were"),
		 (unsigned long long)lacking,
		 human_plural(lacking, "is", "are"),
		 app->options->as ? ", or others than they were" : "");
	if (lacking)
		app_note(app, "itts-pack fetch gets the rest");
}

/* --- what hf download has noted down -------------------------------------------- */

static int read_as(struct app *app, const char *dir, struct localdir *d,
		   struct error *err)
{
	const struct options *o = app->options;
	char *id CLEANUP(free_ptr) = xstrndup(o->as, strcspn(o->as, "@"));
	const char *ref = o->as[strlen(id)] ? o->as + strlen(id) + 1 : "main";
	enum repo_type type = REPO_MODEL;

	if (o->args.count || o->lock || o->manifest || o->recipe ||
	    o->include.count || o->exclude.count || o->with.count ||
	    o->without.count)
		return err_set(err, ERR_USAGE,
			       "--as says what DIR holds: no lock, recipe, "
			       "repository or pattern goes with it");
	if (repo_id_check(id, err) != 0 || revision_check(ref, err) != 0)
		return err_wrap(err, "--as %s", o->as);
	if (is_commit_id(ref))
		return err_set(
			err, ERR_USAGE,
			"--as %s: the directory tells the commit; behind "
			"@ stands a branch or tag",
			o->as);
	if (o->type && repo_type_parse(&type, o->type, err) != 0)
		return -1;
	if (localdir_read(d, dir, type, id, ref, err) != 0)
		return -1;
	if (d->lock.repo_count > 1)
		event_warn(&app->sink,
			   "%s: files of %zu commits; %s is to be the newest "
			   "of them, %s",
			   dir, d->lock.repo_count, ref,
			   d->lock.repos[0].commit);
	if (d->unfetched)
		event_info(&app->sink,
			   "%llu %s of the repository not downloaded into %s",
			   (unsigned long long)d->unfetched,
			   human_plural(d->unfetched, "file", "files"), dir);
	return 0;
}

/* Files whose bytes are not what was noted down, by name. */
static void add_suspects(const struct mending *m, struct localdir *d)
{
	for (size_t i = 0; i < m->row_count; i++) {
		const char *path = m->rows[i].path;

		if (m->rows[i].result == MENDING_NOWHERE)
			localdir_doubt(d, path, localdir_suspect(d, path));
	}
}

/* --------------------------------------------------------------------------------- */

/* Offline work makes no cache of its own; adopt does, and there is only one to be
 * left as it was. */
static int begin(struct work *w, struct app *app, struct hfcache *store,
		 struct error *err)
{
	int rc;

	if (!app->options->dry_run)
		w->store = store;
	rc = work_begin(w, app, err);
	if (w->store == store)
		w->store = NULL;
	return rc;
}

static int adopt(struct app *app, const char *dir, struct error *err)
{
	const struct options *o = app->options;
	struct work w CLEANUP(work_release) = WORK_INIT;
	struct localdir d CLEANUP(localdir_release) = LOCALDIR_INIT;
	struct lock *l = o->as ? &d.lock : &w.lock;
	struct mending m CLEANUP(mending_release) = {
		.app = app,
		.places.sink = &app->sink,
		.dry_run = o->dry_run,
		.mode = o->link	  ? SUPPLY_LINK
			: o->copy ? SUPPLY_COPY
				  : SUPPLY_SHARE,
		.whole = true,
	};

	if (o->link && o->copy)
		return err_set(err, ERR_USAGE, "give one of --link and --copy");
	if ((o->as && read_as(app, dir, &d, err) != 0) ||
	    supplies_add_files(&m.places, dir, err) != 0 ||
	    app_open_store(app, !o->dry_run, &m.store, err) != 0 ||
	    (!o->as && begin(&w, app, m.store, err) != 0) ||
	    mending_run(&m, l, err) != 0)
		return -1;
	if (o->as)
		add_suspects(&m, &d);
	put(&m, &d);
	if (d.doubt_count)
		app->status = err_exit_status(ERR_NOT_FOUND);
	return mending_end(&m, ERR_NOT_FOUND, err);
}

static int run(struct app *app, struct error *err)
{
	const struct options *given = app->options;
	struct options o = *given;
	char *dir CLEANUP(free_ptr) = NULL;
	int rc;

	if (given->args.count == 0)
		return err_set(err, ERR_USAGE, "which directory?");
	/* what stands behind it selects, as for fetch and lock */
	dir = app_dir(app, given->args.items[0]);
	o.args.items++;
	o.args.count--;
	app->options = &o;
	rc = adopt(app, dir, err);
	app->options = given;
	return rc;
}

const struct command cmd_adopt = {
	.name = "adopt",
	.part = PART_CACHE,
	.args = "DIR [--as REPO | RECIPE | REPO[@REVISION]]",
	.summary = "take files that another program left on disk into the "
		   "cache",
	.about = "Looks in DIR for the files of a lock (or of a recipe or a "
		 "repository, which the hub is asked about), under their "
		 "paths, the names of Git LFS objects, or any name with the "
		 "right size, and takes those whose digest is right: what hf "
		 "download --local-dir left, either cache of ModelScope, a git "
		 "clone with its .git/lfs, a copy from a stick. Half-finished "
		 "and changed files are not taken. With --as the files are "
		 "those that hf download has noted down in DIR/.cache/"
		 "huggingface, each held against the digest that stands "
		 "there.\n\n"
		 "The files stay where they are. Where the file system can "
		 "share extents nothing is copied; objects of Git LFS, which "
		 "nobody edits, are hard-linked; the rest is copied, or with "
		 "--link linked as well.\n\n"
		 "Status 0: all files of the lock are in the cache now; 6: "
		 "some are not in DIR, or are no longer what was downloaded: "
		 "they are named.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_FILES,
	.max_args = 2,
	.run = run,
};
