#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/kind.h"
#include "cmd/select.h"
#include "cmd/work.h"
#include "fetch/git_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const struct option options[] = {
	{ .name = "check",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, check),
	  .help = "leave the lock file as it is; print what would change and "
		  "end with status 1 if anything would (small files that have "
		  "to be known for that come into the cache)" },
	{ .name = "prove",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, prove),
	  .help = "have git prove that commits and files belong together, "
		  "whatever a mirror says" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = {
	&group,		&group_selection, &group_lock,
	&group_network, &group_common,	  NULL
};

static const char *const examples[] = {
	"Lock the default recipe, indextts-2:",
	"itts-pack lock",
	"Lock a manifest, without a group that it has on by default:",
	"itts-pack lock -m my-models.json --without qwen",
	"Has anything changed on the hub? Fit for a nightly job:",
	"itts-pack lock --check",
	"Trust no listing but what the commits prove:",
	"itts-pack lock --prove",
	"Ask two hubs; they must agree:",
	("itts-pack lock --endpoint https://huggingface.co \\\n"
	 "          --endpoint https://hf-mirror.com"),
	NULL
};

#define PRINT_AT_ONCE 65536
#define OTHERWISE     "~ manifest or groups" /* where no file differs */

/* The lines in which old differs from the lock. Nothing is gathered: with two long
 * locks in memory there is no room for all lines. old NULL: none. */
static void each_line(const struct work *w, const struct lock *old, bool same,
		      void (*put)(void *ctx, const char *line), void *ctx)
{
	if (old && lock_diff_each(old, &w->lock, put, ctx) == 0 && !same)
		put(ctx, OTHERWISE);
}

static void json_line(void *ctx, const char *line)
{
	json_put_string(ctx, line);
}

static void put_json(struct app *app, const struct work *w,
		     const struct lock *old, bool same, bool written)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;
	struct digest d;
	char hex[DIGEST_HEX_MAX];

	lock_digest(&w->lock, &d);
	app_json_begin(app, &j, &text);
	app_json_drain(app, &j);
	json_put_kv(&j, "file", w->path);
	json_put_kv_bool(&j, "written", written);
	json_put_kv(&j, "lock_digest", digest_hex(&d, hex));
	json_put_kv_u64(&j, "bytes", lock_total(&w->lock));
	json_put_key(&j, "differences");
	json_begin_array(&j);
	each_line(w, old, same, json_line, &j);
	json_end_array(&j);
	app_json_end(app, &j);
}

struct printing {
	struct app *app;
	struct str text;
};

static void print_line(void *ctx, const char *line)
{
	struct printing *p = ctx;

	str_addf(&p->text, "%s\n", line);
	if (p->text.len < PRINT_AT_ONCE)
		return;
	app_print(p->app, &p->text);
	str_clear(&p->text);
}

static void print_diff(struct app *app, const struct work *w,
		       const struct lock *old, bool same)
{
	struct printing p = { .app = app, .text = STR_INIT };

	each_line(w, old, same, print_line, &p);
	app_print(app, &p.text);
	str_release(&p.text);
}

/* --locked: the file is there and fits. Needs no network. */
static int run_locked(struct app *app, struct work *w, struct error *err)
{
	const char *misfit;

	if (lock_load(w->path, &w->lock, err) != 0) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		return work_hint_lock(app, err);
	}
	misfit = lock_misfit(&w->lock, &w->manifest, &w->groups);
	if (misfit) {
		err_set(err, ERR_USAGE, "%s %s", w->path, misfit);
		return work_hint_lock(app, err);
	}
	if (app->options->json)
		put_json(app, w, NULL, true, false);
	else
		app_note(app, "%s fits %s", w->path, w->manifest.name);
	return 0;
}

static int load_old(struct app *app, const struct work *w, struct lock *old,
		    bool *exists, struct error *err)
{
	*exists = lock_load(w->path, old, err) == 0;
	if (*exists && select_is_default(app->options) &&
	    strcmp(old->name, w->manifest.name) != 0)
		return err_set(err, ERR_USAGE,
			       "%s is the lock of %s; say what to lock instead "
			       "with -m FILE, or with --recipe %s",
			       w->path, old->name, w->manifest.name);
	if (*exists)
		return 0;
	if (app->options->check)
		return err->code == ERR_NOT_FOUND ? work_hint_lock(app, err)
						  : -1;
	/* absent, or of no use: it is made anew; but another file stays */
	if (err->code == ERR_FORMAT && !kind_is_old(w->path, "\"itts-lock\""))
		return err_hint(err, "it is not replaced: remove it, or give "
				     "another name with --lock");
	if (err->code == ERR_FORMAT || err->code == ERR_UNSAFE)
		event_warn(&app->sink, "the old lock is replaced: %s",
			   err->msg);
	else if (err->code != ERR_NOT_FOUND)
		return -1;
	err_clear(err);
	return 0;
}

/* Does the file say exactly this? Digest and groups may differ where no file
 * does. */
static bool same_lock(const struct lock *a, const struct lock *b)
{
	struct digest da, db;

	lock_digest(a, &da);
	lock_digest(b, &db);
	return digest_equal(&da, &db);
}

/* An editor or a formatter may have laid the file out anew: it says the same, but
 * its bytes and their digest are no longer the lock's. */
static int is_canonical(const struct work *w, bool *out, struct error *err)
{
	int fd CLEANUP(close_fd) = -1;
	struct digest is, want;
	struct stat st;

	/* two locks are in memory already */
	if (file_open(AT_FDCWD, w->path, 0, &fd, err) != 0)
		return -1;
	if (fstat(fd, &st) != 0)
		return err_sys(err, errno, "%s", w->path);
	if (digest_fd(DIGEST_SHA256, fd, 0, (uint64_t)st.st_size, &is, err) !=
	    0)
		return err_wrap(err, "%s", w->path);
	lock_digest(&w->lock, &want);
	*out = digest_equal(&is, &want);
	return 0;
}

/* Two long locks, and what a download needs beside them, would be too much: all of
 * the old one that resolving makes no use of is left until it is compared. */
static bool put_away(const struct work *w, struct lock *old)
{
	struct stat st;

	/* a pipe is read once */
	if (stat(w->path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	lock_keep_archives(old);
	return true;
}

static int finish(struct app *app, struct work *w, const struct lock *old,
		  bool exists, struct error *err)
{
	bool same = exists && same_lock(old, &w->lock), canonical = same;
	bool write;

	if (same && is_canonical(w, &canonical, err) != 0)
		return -1;
	write = !canonical && !app->options->check;
	if (write && work_write_lock(w, err) != 0)
		return -1;
	if (app->options->json)
		put_json(app, w, old, same, write);
	else if (exists || app->options->check)
		print_diff(app, w, old, same);
	if (write)
		app_note(app,
			 same ? "wrote %s again: it says the same, in the "
				"form that locks have"
			      : "wrote %s",
			 w->path);
	else
		app_note(app, "%s is %s", w->path,
			 same ? "up to date" : "out of date");
	if (app->options->check && !same)
		app->status = err_exit_status(ERR_OTHER);
	return 0;
}

/* From the commits alone: a listing that is not theirs is found out. */
static int prove(struct app *app, struct work *w, struct error *err)
{
	size_t files;

	if (!app->options->prove)
		return 0;
	if (git_source_prove(&w->net.hub, w->store, &w->lock, &files, err) != 0)
		return -1;
	if (files)
		app_note(app, "git proves the %zu %s", files,
			 human_plural(files, "file of the lock by its commit",
				      "files of the lock by their commits"));
	else
		app_note(app, "nothing in the lock is from a hub's listing: "
			      "git has nothing to prove");
	return 0;
}

static int run(struct app *app, struct error *err)
{
	const struct options *o = app->options;
	struct work w CLEANUP(work_release) = WORK_INIT;
	struct lock old CLEANUP(lock_release) = { 0 };
	bool exists, away;

	if (o->prove && o->locked)
		return err_set(err, ERR_USAGE,
			       "--prove asks the hub and --locked does not: "
			       "give one of them");
	if (o->check && o->locked)
		return err_set(err, ERR_USAGE,
			       "--check asks the hub and --locked does not: "
			       "give one of them");
	if (work_select(&w, app, err) != 0)
		return -1;
	if (o->locked)
		return run_locked(app, &w, err);
	if (config_offline(app->env, o))
		return err_set(err, ERR_USAGE,
			       "offline: a lock is made by asking the hub");
	if ((!o->check && app_check_replace(w.path, err) != 0) ||
	    load_old(app, &w, &old, &exists, err) != 0)
		return -1;
	away = exists && put_away(&w, &old);
	if (work_resolve(&w, app, &old, err) != 0 || prove(app, &w, err) != 0)
		return -1;
	if (away)
		lock_release(&old);
	if (away && load_old(app, &w, &old, &exists, err) != 0)
		return -1;
	return finish(app, &w, &old, exists, err);
}

const struct command cmd_lock = {
	.name = "lock",
	.part = PART_MAKE,
	.args = "[RECIPE | REPO[@REVISION]]",
	.summary = "resolve a manifest to commits, files and digests",
	.about = "Asks the hub what the manifest means today and writes it "
		 "down: "
		 "for each repository the commit, for each file path, size and "
		 "digest. fetch, pack and verify work from that file and from "
		 "nothing else, so what was locked once is what you get next "
		 "year. Keep it in version control; its bytes only change when "
		 "its meaning does.\n\n"
		 "With several endpoints all that answer must agree. The "
		 "SHA-256 "
		 "of small files is not known to the hub: they are downloaded "
		 "into the cache to learn it.\n\n"
		 "With --prove the git server behind a hub is asked for the "
		 "tree of each commit. Its objects are named by their own "
		 "SHA-1, so nobody can pass off other files as those of a "
		 "commit.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_RECIPES,
	.max_args = 1,
	.run = run,
};
