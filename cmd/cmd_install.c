#include "base/human.h"
#include "base/mem.h"
#include "bundle/import.h"
#include "bundle/install.h"
#include "bundle/source.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/kind.h"
#include "cmd/placed.h"
#include "cmd/policy.h"
#include "cmd/pull.h"
#include "cmd/serial.h"
#include "cmd/trust.h"
#include "cmd/work.h"

#include <string.h>
#include <unistd.h>

#define MAX_PLACES 64

static const struct option options[] = {
	{ .name = "model-dir",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, model_dir),
	  .value = "DIR",
	  .help = "also place the files under the names that the program "
		  "looks for, in this directory" },
	{ .name = "dry-run",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, dry_run),
	  .help = "say what would be done and whether there is room; write "
		  "nothing" },
	{ .name = "keep-refs",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, keep_refs),
	  .help = "leave refs (main, ...) that the cache has where they "
		  "point" },
	{ .name = "import",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, import),
	  .help = "FILE is no bundle but an archive of a Hub cache (tar, "
		  "tar.gz, tar.zst, zip)" },
	{ .name = "allow-downgrade",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, allow_downgrade),
	  .help = "take a bundle with a lower serial than one of its name "
		  "that was installed here" },
	{ .name = "allow-jump",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, allow_jump),
	  .help = "take a serial that is more than 1000000 above the last" },
	{ .name = "policy",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, policy),
	  .value = "FILE",
	  .help = "obey these rules: signers, serials, repositories, licences, "
		  "no code, sizes (default: /etc/itts-pack/policy.json, if it "
		  "is there)" },
	{ .name = "plain-http",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, plain_http),
	  .help = "with oci: talk to the registry without TLS" },
	{ .name = "retries",
	  .kind = OPTION_NUMBER,
	  .field = offsetof(struct options, retries),
	  .value = "N",
	  .max = 100,
	  .may_be_0 = true,
	  .help = "with oci: how often in a row an answer that may get better "
		  "is asked for again (default 5)" },
	{ .name = "lock",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, lock),
	  .value = "FILE",
	  .help = "check what is imported against this lock, set its refs, and "
		  "place it in "
		  "the model directory as it says (with --import)" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_trust,
						     &group_common, NULL };

static const char *const examples[] = {
	"On the air-gapped server:",
	("itts-pack install indextts-2.tar --model-dir "
	 "/srv/index-tts/checkpoints"),
	"Is there room? What would change?",
	"itts-pack install indextts-2.tar --dry-run",
	"From a compressed stream:",
	"ssh HOST cat bundle.tar.zst | itts-pack install - --cache /srv/hub",
	"From two sticks, one after the other:",
	"itts-pack install /media/usb1; itts-pack install /media/usb2",
	"From a registry, one repository:",
	("itts-pack install oci:registry.example/maskgct:v1 "
	 "--model-dir /srv/models"),
	"A colleague's archive of a cache:",
	"itts-pack install --import cache.tar.gz",
	NULL
};

/* --- results ---------------------------------------------------------------- */

static void put_json(struct app *app, const struct bundle_source *s,
		     const struct trusting *t, const struct install_options *o,
		     const struct install_stats *i)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	app_json_begin(app, &j, &text);
	json_put_kv(&j, "name", s->manifest.lock.name);
	json_put_kv_u64(&j, "serial", s->manifest.serial);
	trusting_put(t, &j);
	json_put_kv(&j, "cache", o->cache_root);
	json_put_kv_bool(&j, "dry_run", o->dry_run);
	json_put_kv_u64(&j, "files", i->files);
	json_put_kv_u64(&j, "bytes", i->bytes);
	json_put_kv_u64(&j, "had_files", i->had_files);
	json_put_kv_u64(&j, "had_bytes", i->had_bytes);
	json_put_kv_u64(&j, "new_files", i->new_files);
	json_put_kv_u64(&j, "new_bytes", i->new_bytes);
	json_put_kv_u64(&j, "shared_bytes", i->cloned_bytes);
	json_put_kv_u64(&j, "need_bytes", i->need_bytes);
	json_put_kv_u64(&j, "need_inodes", i->need_inodes);
	if (o->model_dir)
		placed_put(&j, o->model_dir, &i->views);
	app_json_end(app, &j);
}

static void put_text(struct app *app, const struct bundle_source *s,
		     const struct install_options *o,
		     const struct install_stats *i)
{
	char all[HUMAN_MAX], new[HUMAN_MAX], need[HUMAN_MAX];

	if (o->dry_run) {
		app_note(app,
			 "%s serial %llu: would install %llu of %llu %s (%s) "
			 "into %s; needs %s and %llu %s, which are free",
			 s->manifest.lock.name,
			 (unsigned long long)s->manifest.serial,
			 (unsigned long long)i->new_files,
			 (unsigned long long)i->files,
			 human_plural(i->files, "file", "files"),
			 human_size(i->new_bytes, new), o->cache_root,
			 human_size(i->need_bytes, need),
			 (unsigned long long)i->need_inodes,
			 human_plural(i->need_inodes, "inode", "inodes"));
		return;
	}
	app_note(app,
		 "installed %s serial %llu into %s: %llu %s, %s (%llu new, %s)",
		 s->manifest.lock.name, (unsigned long long)s->manifest.serial,
		 o->cache_root, (unsigned long long)i->files,
		 human_plural(i->files, "file", "files"),
		 human_size(i->bytes, all), (unsigned long long)i->new_files,
		 human_size(i->new_bytes, new));
	if (o->model_dir)
		placed_say(app, o->model_dir, &i->views);
	placed_say_next(app, o);
}

static void put_skipped(struct app *app, const struct import_stats *i)
{
	if (i->skipped)
		app_note(app, "%llu %s no part of a cache",
			 (unsigned long long)i->skipped,
			 human_plural(i->skipped, "entry was", "entries were"));
	if (i->macos)
		app_note(app, "%llu %s of macOS left out (._*, .DS_Store)",
			 (unsigned long long)i->macos,
			 human_plural(i->macos, "file", "files"));
}

static void put_import(struct app *app, const struct install_options *o,
		       const struct import_stats *i)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;
	char size[HUMAN_MAX];
	const char *repos = human_plural(i->repos, "repository",
					 "repositories"),
		   *blobs = human_plural(i->blobs, "blob", "blobs");

	if (!app->options->json && o->dry_run) {
		app_note(
			app,
			"would import %llu %s into %s: %llu %s, %s (%llu there "
			"already); there is room for them",
			(unsigned long long)i->repos, repos, o->cache_root,
			(unsigned long long)i->blobs, blobs,
			human_size(i->bytes, size),
			(unsigned long long)i->had_blobs);
		put_skipped(app, i);
		return;
	}
	if (!app->options->json) {
		app_note(app,
			 "imported %llu %s into %s: %llu %s, %s (%llu there "
			 "already), %llu %s, %llu %s",
			 (unsigned long long)i->repos, repos, o->cache_root,
			 (unsigned long long)i->blobs, blobs,
			 human_size(i->bytes, size),
			 (unsigned long long)i->had_blobs,
			 (unsigned long long)i->snapshots,
			 human_plural(i->snapshots, "snapshot", "snapshots"),
			 (unsigned long long)i->refs,
			 human_plural(i->refs, "ref", "refs"));
		put_skipped(app, i);
		placed_say_next(app, o);
		return;
	}
	app_json_begin(app, &j, &text);
	json_put_kv(&j, "cache", o->cache_root);
	json_put_kv_bool(&j, "dry_run", o->dry_run);
	json_put_kv_u64(&j, "repos", i->repos);
	json_put_kv_u64(&j, "blobs", i->blobs);
	json_put_kv_u64(&j, "bytes", i->bytes);
	json_put_kv_u64(&j, "had_blobs", i->had_blobs);
	json_put_kv_u64(&j, "snapshots", i->snapshots);
	json_put_kv_u64(&j, "refs", i->refs);
	json_put_kv_u64(&j, "skipped", i->skipped);
	json_put_kv_u64(&j, "macos", i->macos);
	app_json_end(app, &j);
}

/* --- the job ---------------------------------------------------------------- */

static int import(struct app *app, const char *path,
		  const struct install_options *o, struct error *err)
{
	struct lock lock CLEANUP(lock_release) = { 0 };
	struct import_stats stats = { 0 };
	const char *file = app->options->lock;

	if (app->options->args.count > 1 && !o->only)
		return err_set(err, ERR_USAGE, "--import takes one FILE");
	if (o->model_dir && !file)
		return err_set(err, ERR_USAGE,
			       "--import with --model-dir needs --lock FILE, "
			       "which says where each file goes");
	if (file && lock_load(file, &lock, err) != 0)
		return -1;
	if (trusting_refuse(app, "an archive of a cache", err) != 0)
		return -1;
	if (import_archive(path, file ? &lock : NULL, o, &stats, err) != 0)
		return -1;
	put_import(app, o, &stats);
	return 0;
}

struct serial_turn {
	struct app *app;
	const struct bundle_source *source;
};

static int check_serial_again(void *ctx, struct error *err)
{
	const struct serial_turn *t = ctx;

	return serial_check_again(t->app, &t->source->manifest, t->source->name,
				  err);
}

static void record_serial(void *ctx)
{
	const struct serial_turn *t = ctx;

	serial_record(t->app, &t->source->manifest);
}

static int install(struct app *app, const char *path,
		   const struct install_options *o, struct error *err)
{
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;
	struct strlist more CLEANUP(strlist_release) = { 0 };
	struct trusting t CLEANUP(trusting_release) = TRUSTING_INIT;
	struct install_stats stats = { 0 };
	struct serial_turn serial = { app, &s };
	const struct install_turn turn = { check_serial_again, record_serial,
					   &serial };
	struct install_options mine = *o;

	mine.turn = &turn;
	if (app->options->args.count > 1 && !volumes_is(path))
		return err_set(err, ERR_USAGE,
			       "%s is no bundle in volumes: give one FILE",
			       path);
	if (app->options->lock)
		return err_set(
			err, ERR_USAGE,
			"--lock goes with --import; a bundle carries its "
			"own");
	s.cancel = &app->cancel;
	for (size_t i = 1; i < app->options->args.count; i++)
		strlist_add(&more, app->options->args.items[i]);
	s.more = &more;
	trusting_guard(&t, &s);
	if (trusting_init(&t, app, err) != 0)
		return -1;
	policy_demand(o->policy, &t.trust);
	if (bundle_source_open(&s, path, err) != 0)
		return kind_hint(path, "itts-bundle", err);
	trusting_say(&t, app, s.name);
	if (serial_check(app, &s.manifest, s.name, o->cache_root, err) != 0 ||
	    install_bundle(&s, &mine, &stats, err) != 0)
		return -1;
	if (app->options->json)
		put_json(app, &s, &t, o, &stats);
	else
		put_text(app, &s, o, &stats);
	return 0;
}

static int run(struct app *app, struct error *err)
{
	const struct options *given = app->options;
	struct str cache CLEANUP(str_release) = STR_INIT;
	struct strlist only CLEANUP(strlist_release) = { 0 };
	struct policy policy CLEANUP(policy_release) = { 0 };
	char *model_dir CLEANUP(free_ptr) = NULL;
	struct install_options o = { .keep_refs = given->keep_refs,
				     .dry_run = given->dry_run,
				     .cancel = &app->cancel,
				     .sink = &app->sink };
	const char *path;

	if (given->args.count == 0)
		return err_set(err, ERR_USAGE,
			       "which bundle? give FILE, or - for standard "
			       "input");
	path = given->args.items[0];
	if (strcmp(path, "-") == 0 && isatty(STDIN_FILENO))
		return err_set(err, ERR_USAGE,
			       "standard input is a terminal; a bundle is "
			       "expected there");
	if (config_cache(app->env, given, &cache, err) != 0 ||
	    policy_open(app, &policy, &o.policy, err) != 0)
		return -1;
	if (given->model_dir)
		model_dir = app_dir(app, given->model_dir);
	o.model_dir = model_dir;
	o.cache_root = cache.ptr;
	for (size_t i = 1; i < given->args.count; i++)
		strlist_add(&only, given->args.items[i]);
	/* by its name: the carried program has no import to point at */
	if (strcmp(app->command->name, "import") == 0 && only.count)
		o.only = &only;
	if (pull_is_wanted(path))
		return pull_install(app, path, &o, err);
	return given->import ? import(app, path, &o, err)
			     : install(app, path, &o, err);
}

const struct command cmd_install = {
	.name = "install",
	.part = PART_TARGET,
	.args = "FILE | - | DIR [DIR...] | oci:HOST/NAME:TAG",
	.summary =
		"check a bundle and put it into a cache and a model directory",
	.about =
		"The one command for the server without network: needs no "
		"connection, no token and no root. Every byte is checked while "
		"it is copied into the Hugging Face cache; with --model-dir "
		"the files also appear under the names that the program looks "
		"for, as hard links (else reflinks, else copies), so that they "
		"take no second place. Small text files are copies that you "
		"may edit.\n\n"
		"Free space is checked before the first write. Names, refs "
		"last "
		"of all, appear only when their bytes are right and on disk; "
		"running it again finishes an interrupted run. Refs that "
		"pointed elsewhere are moved and named.\n\n"
		"A bundle in volumes is read where they lie: give the "
		"directory, or several; volumes that are elsewhere can be read "
		"in a later run, in any order. Nothing is joined or "
		"deleted.\n\n"
		"A policy (--policy, else /etc/itts-pack/policy.json; "
		"docs/policy.md) can refuse what is to be installed before "
		"anything is written.\n\n"
		"oci:HOST/NAME:TAG is a repository that skopeo has copied from "
		"a bundle to a registry: what the cache lacks is pulled, and "
		"with --model-dir placed as the bundle says. With --signature "
		"the bundle's signature is checked. Names and passwords are "
		"those of skopeo login, podman or docker.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_FILES,
	.max_args = MAX_PLACES,
	.run = run,
};
