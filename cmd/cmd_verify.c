#include "base/human.h"
#include "base/mem.h"
#include "bundle/check.h"
#include "bundle/source.h"
#include "cache/verify.h"
#include "cache/view.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/kind.h"
#include "cmd/report.h"
#include "cmd/trust.h"
#include "cmd/work.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {
	{ .name = "model-dir",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, model_dir),
	  .value = "DIR",
	  .help = "check this model directory, against what install recorded "
		  "in it, or --lock" },
	{ .name = "lock",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, lock),
	  .value = "FILE",
	  .help = "check the cache (or the model directory) against this "
		  "lock" },
	{ .name = "quick",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, quick),
	  .help = "read only what has changed (size, times, inode) since it "
		  "was last found right" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_trust,
						     &group_common, NULL };

static const char *const examples[] = {
	"What was installed for IndexTTS 2:",
	"itts-pack verify --model-dir /srv/index-tts/checkpoints",
	"A bundle, before it is carried away and after:",
	"itts-pack verify indextts-2.tar",
	"The whole Hugging Face cache, whoever filled it:",
	"itts-pack verify",
	"The same at every start of a service, in a moment:",
	"itts-pack verify --quick",
	"The cache against a lock, for a program to read:",
	"itts-pack verify --lock itts-pack.lock.json --json",
	NULL
};

/* Locks that a model directory is held against. */
struct records {
	struct lock *locks;
	size_t count;
};

static void records_release(struct records *r)
{
	for (size_t i = 0; i < r->count; i++)
		lock_release(&r->locks[i]);
	free_ptr(&r->locks);
	r->count = 0;
}

struct job {
	struct app *app;
	const char *bundle;	  /* or NULL */
	char *model_dir;	  /* or NULL */
	struct trusting trusting; /* of the bundle */
	struct verify_options options;
	struct verify_report report;
};

static void job_release(struct job *j)
{
	free_ptr(&j->model_dir);
	trusting_release(&j->trusting);
	verify_report_release(&j->report);
}

/* --- results ---------------------------------------------------------------- */

static void put_json(struct app *app, const struct job *job,
		     const struct verify_report *r)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	app_json_begin(app, &j, &text);
	app_json_drain(app, &j);
	json_put_kv_bool(&j, "ok", r->damaged == 0);
	json_put_kv_u64(&j, "files", r->files);
	json_put_kv_u64(&j, "bytes", r->bytes);
	json_put_kv_u64(&j, "damaged", r->damaged);
	json_put_kv_u64(&j, "unchanged", r->known_files);
	if (job->bundle)
		trusting_put(&job->trusting, &j);
	json_put_key(&j, "items");
	json_begin_array(&j);
	for (size_t i = 0; i < r->count; i++) {
		const struct verify_item *it = &r->items[i];

		json_begin_object(&j);
		json_put_kv(&j, "state", verify_state_name(it->state));
		json_put_kv_bool(&j, "damage",
				 verify_state_is_damage(it->state));
		json_put_kv(&j, "where", it->where);
		json_put_kv(&j, "path", it->path);
		json_put_kv_u64(&j, "size", it->size);
		if (it->detail)
			json_put_kv(&j, "detail", it->detail);
		json_end_object(&j);
	}
	json_end_array(&j);
	app_json_end(app, &j);
}

/* Damage; with --verbose what is only remarkable too. */
static void put_table(struct app *app, const struct verify_report *r)
{
	struct table t CLEANUP(table_release) = { .columns = 4 };

	for (size_t i = 0; i < r->count; i++) {
		const struct verify_item *it = &r->items[i];

		if (!verify_state_is_damage(it->state) &&
		    !app->options->verbose)
			continue;
		table_borrow(&t, verify_state_name(it->state));
		table_borrow(&t, it->where);
		table_borrow(&t, it->path);
		table_borrow(&t, it->detail ? it->detail : "");
	}
	table_print(&t, app);
}

static void put_summary(struct app *app, const struct verify_report *r)
{
	uint64_t other = r->count - r->damaged;
	char size[HUMAN_MAX];

	if (r->damaged)
		app_note(app, "%llu damaged; %llu %s, %s, %s right",
			 (unsigned long long)r->damaged,
			 (unsigned long long)r->files,
			 human_plural(r->files, "file", "files"),
			 human_size(r->bytes, size),
			 human_plural(r->files, "is", "are"));
	else
		app_note(app, "all right: %llu %s, %s",
			 (unsigned long long)r->files,
			 human_plural(r->files, "file", "files"),
			 human_size(r->bytes, size));
	if (r->known_files)
		app_note(app,
			 "%llu of %s not read: unchanged since %s found right",
			 (unsigned long long)r->known_files,
			 human_plural(r->files, "it", "them"),
			 human_plural(r->known_files, "it was", "they were"));
	if (other && !app->options->verbose)
		app_note(app,
			 "%llu extra, left over or badly listed, no damage "
			 "(--verbose lists them)",
			 (unsigned long long)other);
}

static void put_mending(const struct job *j)
{
	const struct options *o = j->app->options;

	if (j->bundle && volumes_is(j->bundle))
		app_note(j->app, "To mend: copy the volumes that are named "
				 "again");
	else if (j->bundle)
		app_note(j->app, "To mend: copy the bundle again, or make it "
				 "again with itts-pack pack");
	else if (j->model_dir)
		app_next(j->app, "To mend",
			 (const char *const[]){ "itts-pack", "repair", "--from",
						"BUNDLE", "--model-dir",
						o->model_dir, NULL });
	else if (o->lock)
		app_next(j->app, "To mend, or itts-pack install BUNDLE",
			 (const char *const[]){ "itts-pack", "fetch", "--lock",
						o->lock, NULL });
	else
		app_note(j->app,
			 "To mend: itts-pack repair, or itts-pack repair "
			 "--from BUNDLE; it gets only what is damaged");
}

/* --- the three kinds --------------------------------------------------------- */

static int check_bundle(struct job *j, struct error *err)
{
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;

	s.cancel = &j->app->cancel;
	trusting_guard(&j->trusting, &s);
	if (trusting_init(&j->trusting, j->app, err) != 0)
		return -1;
	if (bundle_source_open(&s, j->bundle, err) != 0)
		return kind_hint(j->bundle, "itts-bundle", err);
	trusting_say(&j->trusting, j->app, s.name);
	return bundle_check(&s, &j->options, &j->report, err);
}

/* What is remembered of earlier checks; what cannot be remembered is read again. */
static void begin_checked(struct job *j, struct checked *k, const char *top,
			  const char *dir)
{
	j->options.checked = k;
	if (k->problem && j->app->options->quick)
		event_warn(&j->app->sink, "%s/%s/%s; all is read", top, dir,
			   k->problem);
}

/* Nothing is remembered of a check that did not come to its end. Returns rc. */
static int end_checked(struct job *j, struct checked *k, bool whole, int rc)
{
	struct error why = { 0 };

	j->options.checked = NULL;
	if (rc == 0 && checked_save(k, whole, &why) != 0)
		event_info(&j->app->sink,
			   "what was found right cannot be remembered: %s",
			   why.msg);
	return rc;
}

static int verify_store(struct job *j, struct hfcache *c,
			const struct records *r, struct error *err)
{
	struct strlist all CLEANUP(strlist_release) = { 0 };

	if (r->count == 0)
		return verify_cache(c, &all, &j->options, &j->report, err);
	for (size_t i = 0; i < r->count; i++)
		if (verify_lock(c, &r->locks[i], &j->options, &j->report,
				err) != 0)
			return -1;
	return 0;
}

static int check_cache(struct job *j, const struct records *r,
		       struct error *err)
{
	struct hfcache *c CLEANUP(hfcache_close) = NULL;
	struct checked k CLEANUP(checked_release) = CHECKED_INIT;
	int rc;

	if (app_open_store(j->app, false, &c, err) != 0)
		return -1;
	checked_open(&k, hfcache_fd(c), CHECKED_CACHE_DIR, CHECKED_CACHE_NAME,
		     j->app->options->quick);
	begin_checked(j, &k, hfcache_root(c), CHECKED_CACHE_DIR);
	rc = verify_store(j, c, r, err);
	return end_checked(j, &k, r->count == 0, rc);
}

static bool same_item(const struct verify_item *a, const struct verify_item *b)
{
	return a->state == b->state && strcmp(a->where, b->where) == 0 &&
	       strcmp(a->path, b->path) == 0;
}

/* Several bundles in one directory: what one record calls extra belongs to
 * another, unless all say so. The report is sorted, so equals are neighbours. */
static void drop_foreign(struct verify_report *r, size_t records)
{
	size_t kept = 0, n;

	verify_report_sort(r);
	for (size_t i = 0; i < r->count; i += n) {
		struct verify_item *it = &r->items[i];

		for (n = 1; i + n < r->count && same_item(it, it + n); n++)
			;
		if (it->state == VERIFY_EXTRA && n < records)
			continue;
		if (verify_state_is_damage(it->state))
			r->damaged -= n - 1;
		r->items[kept++] = *it;
	}
	r->count = kept;
}

static int check_model_dir(struct job *j, const struct records *r,
			   struct error *err)
{
	struct checked k CLEANUP(checked_release) = CHECKED_INIT;
	int dirfd CLEANUP(close_fd) = open(j->model_dir,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	checked_open(&k, dirfd, CHECKED_VIEW_DIR, CHECKED_VIEW_NAME,
		     j->app->options->quick);
	begin_checked(j, &k, j->model_dir, CHECKED_VIEW_DIR);
	for (size_t i = 0; rc == 0 && i < r->count; i++)
		rc = verify_model_dir(j->model_dir, &r->locks[i], &j->options,
				      &j->report, err);
	if (end_checked(j, &k, false, rc) != 0)
		return -1;
	if (r->count > 1)
		drop_foreign(&j->report, r->count);
	return 0;
}

/* --lock FILE, else the records of the model directory, else none. */
static int find_records(const struct job *j, struct records *r,
			struct error *err)
{
	const char *file = j->app->options->lock;

	if (file) {
		r->locks = xcalloc(1, sizeof(*r->locks));
		if (lock_load(file, &r->locks[0], err) != 0)
			return -1;
		r->count = 1;
		return 0;
	}
	if (!j->model_dir)
		return 0;
	return view_records(j->model_dir, &r->locks, &r->count, err);
}

static int check(struct job *j, struct error *err)
{
	struct records r CLEANUP(records_release) = { 0 };
	const struct options *o = j->app->options;

	if (j->bundle && (o->model_dir || o->lock || o->cache || o->quick))
		return err_set(err, ERR_USAGE,
			       "a bundle is checked against itself, and whole; "
			       "leave out --model-dir, --lock, --cache and "
			       "--quick");
	if (j->bundle)
		return check_bundle(j, err);
	if (o->allowed_signers || o->require_signature || o->signature ||
	    o->revoked.count)
		return err_set(
			err, ERR_USAGE,
			"only a bundle is signed; name one, or leave out "
			"the options that are about signatures");
	if (find_records(j, &r, err) != 0)
		return -1;
	if (j->model_dir && check_model_dir(j, &r, err) != 0)
		return -1;
	if (!j->model_dir || o->cache)
		return check_cache(j, &r, err);
	return 0;
}

static int run(struct app *app, struct error *err)
{
	const struct options *o = app->options;
	struct job j CLEANUP(job_release) = {
		.app = app,
		.bundle = o->args.count ? o->args.items[0] : NULL,
		.trusting = TRUSTING_INIT,
		.options = { .threads = (unsigned)o->jobs,
			     .cancel = &app->cancel,
			     .sink = &app->sink },
	};

	if (o->model_dir)
		j.model_dir = app_dir(app, o->model_dir);
	if (check(&j, err) != 0)
		return -1;
	verify_report_sort(&j.report);
	if (app->options->json) {
		put_json(app, &j, &j.report);
	} else {
		put_table(app, &j.report);
		put_summary(app, &j.report);
	}
	if (j.report.damaged) {
		put_mending(&j);
		app->status = err_exit_status(ERR_INTEGRITY);
	}
	return 0;
}

const struct command cmd_verify = {
	.name = "verify",
	.part = PART_TARGET,
	.args = "[BUNDLE | -]",
	.summary = "check every byte of a bundle, a cache or a model directory",
	.about =
		"Reads everything once, on all cores, and holds it against its "
		"digests. A bundle is checked whole, without unpacking. A "
		"model "
		"directory is checked against what install recorded in it, in "
		"both layouts; with --cache also the cache it came from. A "
		"cache is checked against a lock, or with none against itself: "
		"each blob against its own name, each snapshot link, ref and "
		"listing for sense. Caches that Python filled are fine.\n\n"
		"What is damaged is listed, and the status is 9; leftovers, "
		"files that nothing asks for and listings that are malformed "
		"or short are no damage. Nothing is "
		"mended or deleted (itts-pack repair does that).\n\n"
		"What was found right is remembered, where the cache has a "
		".locks directory or the model directory a record of "
		"install, for --quick: that reads only files whose size, "
		"times or inode have changed since. It does not see a disk "
		"that goes bad.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_FILES,
	.max_args = 1,
	.run = run,
};
