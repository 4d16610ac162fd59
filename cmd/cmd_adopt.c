#include "base/mem.h"
#include "bundle/supply.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/mending.h"
#include "cmd/work.h"

#include <string.h>

static const struct option options[] = {
	{ .name = "link",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, link),
	  .help = "hard links: no second place is taken, and the files in DIR "
		  "become read-only, since whoever edits one edits the "
		  "cache" },
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
	"What hf download --local-dir or ModelScope left, for IndexTTS 2:",
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

static void put(struct mending *m)
{
	struct app *app = m->app;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;
	uint64_t lacking = m->counts[MENDING_NOWHERE];
	uint64_t taken = m->counts[MENDING_GOT] + m->counts[MENDING_WOULD];

	if (app->options->json) {
		app_json_begin(app, &j, &text);
		json_put_kv_bool(&j, "ok", lacking == 0);
		json_put_kv(&j, "cache", hfcache_root(m->store));
		mending_put_json(m, &j);
		app_json_end(app, &j);
		return;
	}
	mending_put_text(m);
	app_note(
		app,
		"%llu files: %llu %s, %llu were in the cache already, %llu are "
		"not in the directory",
		(unsigned long long)m->files, (unsigned long long)taken,
		m->dry_run ? "would be taken" : "taken",
		(unsigned long long)(m->files - taken - lacking),
		(unsigned long long)lacking);
	if (lacking)
		app_note(app, "itts-pack fetch gets the rest");
}

static int adopt(struct app *app, const char *dir, struct error *err)
{
	const struct options *o = app->options;
	struct work w CLEANUP(work_release) = WORK_INIT;
	struct mending m CLEANUP(mending_release) = {
		.app = app,
		.dry_run = o->dry_run,
		.mode = o->link	  ? SUPPLY_LINK
			: o->copy ? SUPPLY_COPY
				  : SUPPLY_SHARE,
		.whole = true,
	};

	if (o->link && o->copy)
		return err_set(err, ERR_USAGE, "give one of --link and --copy");
	if (supplies_add_files(&m.places, dir, err) != 0 ||
	    app_open_store(app, !o->dry_run, &m.store, err) != 0 ||
	    work_begin(&w, app, err) != 0 || mending_run(&m, &w.lock, err) != 0)
		return -1;
	put(&m);
	if (m.counts[MENDING_NOWHERE])
		app->status = err_exit_status(ERR_NOT_FOUND);
	return 0;
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
	.args = "DIR [RECIPE | REPO[@REVISION]]",
	.summary = "take files that another program left on disk into the "
		   "cache",
	.about = "Looks in DIR for the files of a lock (or of a recipe or a "
		 "repository, which the hub is asked about), under their "
		 "paths, the names of Git LFS objects, or any name with the "
		 "right size, and takes those whose digest is right: what hf "
		 "download --local-dir left, either cache of ModelScope, a git "
		 "clone with its .git/lfs, a copy from a stick. Half-finished "
		 "and changed files are not taken.\n\n"
		 "The files stay where they are. Where the file system can "
		 "share extents nothing is copied; objects of Git LFS, which "
		 "nobody edits, are hard-linked; the rest is copied, or with "
		 "--link linked as well.\n\n"
		 "Status 0: all files of the lock are in the cache now; 6: "
		 "some are not in DIR.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_FILES,
	.max_args = 2,
	.run = run,
};
