#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "bundle/install.h"
#include "bundle/sniff.h"
#include "bundle/source.h"
#include "bundle/supply.h"
#include "cache/derive.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/kind.h"
#include "cmd/mending.h"
#include "cmd/policy.h"
#include "cmd/serial.h"
#include "cmd/trust.h"
#include "manifest/lock_pick.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const struct option options[] = {
	{ .name = "dry-run",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, dry_run),
	  .help = "say what would be taken; write nothing" },
	{ .name = "keep-refs",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, keep_refs),
	  .help = "leave refs (main, ...) that the cache has where they point "
		  "(of another cache they always stay)" },
	{ .name = "policy",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, policy),
	  .value = "FILE",
	  .help = "obey these rules, as install does (default: "
		  "/etc/itts-pack/policy.json, if it is there)" },
	{ .name = "link",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, link),
	  .help = "from another cache on the same file system: hard links, "
		  "both caches share the files from then on" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_trust,
						     &group_common, NULL };

static const char *const examples[] = {
	"What itts-pack export wrote:",
	"itts-pack import maskgct.tar",
	"One repository of a colleague's cache:",
	"itts-pack import /mnt/hub amphion/MaskGCT",
	"One of a bundle with several:",
	"itts-pack import indextts-2.tar amphion/MaskGCT",
	"All of an old cache, without copying:",
	"itts-pack import ~/.cache/huggingface/hub --link --cache /srv/hub",
	NULL
};

/* --- another cache ---------------------------------------------------------------- */

static int read_other(struct app *app, const char *place,
		      const struct strlist *specs, struct lock *out,
		      struct error *err)
{
	const struct derive_want want = { .specs = specs };
	struct hfcache *other CLEANUP(hfcache_close) = NULL;
	char *hub CLEANUP(free_ptr) = xasprintf("%s/hub", place);
	uint64_t unknown = 0;

	/* an HF_HOME, or the cache itself */
	if (hfcache_open(&other, hub, false, err) != 0) {
		err_clear(err);
		if (hfcache_open(&other, place, false, err) != 0)
			return -1;
	}
	if (derive_lock(other, &want, out, &unknown, err) != 0)
		return -1;
	if (unknown)
		event_warn(&app->sink,
			   "left out: %llu %s of %s, nothing tells what should "
			   "be there",
			   (unsigned long long)unknown,
			   human_plural(unknown, "file", "files"), place);
	return 0;
}

static void put(struct mending *m)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	if (!m->app->options->json) {
		mending_put_text(m);
		app_note(m->app,
			 "%llu %s: %llu %s, %llu linked, %llu not to be had",
			 (unsigned long long)m->files,
			 human_plural(m->files, "file", "files"),
			 (unsigned long long)m->counts[MENDING_GOT] +
				 m->counts[MENDING_WOULD],
			 m->dry_run ? "would be taken" : "taken",
			 (unsigned long long)m->counts[MENDING_LINKED],
			 (unsigned long long)m->counts[MENDING_NOWHERE]);
		return;
	}
	app_json_begin(m->app, &j, &text);
	app_json_drain(m->app, &j);
	json_put_kv(&j, "cache", hfcache_root(m->store));
	mending_put_json(m, &j);
	app_json_end(m->app, &j);
}

static int import_cache(struct app *app, const char *place, struct error *err)
{
	const struct options *o = app->options;
	struct strlist specs CLEANUP(strlist_release) = { 0 };
	struct policy policy CLEANUP(policy_release) = { 0 };
	struct lock l CLEANUP(lock_release) = { 0 };
	struct mending m CLEANUP(mending_release) = {
		.app = app,
		.places.sink = &app->sink,
		.dry_run = o->dry_run,
		.mode = o->link ? SUPPLY_LINK : SUPPLY_SHARE,
		.whole = true,
	};

	for (size_t i = 1; i < o->args.count; i++)
		strlist_add(&specs, o->args.items[i]);
	if (trusting_refuse(app, "another cache", err) != 0 ||
	    policy_open(app, &policy, &m.policy, err) != 0 ||
	    policy_check_unsigned(m.policy, place, err) != 0 ||
	    read_other(app, place, &specs, &l, err) != 0 ||
	    policy_check_lock(m.policy, &l, err) != 0 ||
	    supplies_add(&m.places, place, &app->cancel, err) != 0 ||
	    app_open_store(app, !o->dry_run, &m.store, err) != 0 ||
	    mending_run(&m, &l, err) != 0)
		return -1;
	put(&m);
	return mending_end(&m, ERR_INTEGRITY, err);
}

/* --- some of a bundle --------------------------------------------------------------- */

static void guard(void *ctx, struct bundle_source *source)
{
	trusting_guard(ctx, source);
}

/* The same bundle with those repos alone that are named. *l borrows all. */
static int pick(const struct options *o, const struct bundle_source *s,
		struct lock *l, struct error *err)
{
	const struct lock *all = &s->manifest.lock;
	bool *picked CLEANUP(free_ptr) = xcalloc(all->repo_count + 1,
						 sizeof(*picked));
	struct strlist specs = { .items = o->args.items + 1,
				 .count = o->args.count - 1 };

	if (lock_pick(all, &specs, s->name, picked, err) != 0)
		return -1;
	for (size_t i = 0; i < all->repo_count; i++)
		if (picked[i])
			l->repos[l->repo_count++] = all->repos[i];
	return 0;
}

static int import_some(struct app *app, const char *path, struct error *err)
{
	const struct options *o = app->options;
	struct trusting t CLEANUP(trusting_release) = TRUSTING_INIT;
	struct policy policy CLEANUP(policy_release) = { 0 };
	struct mending m CLEANUP(mending_release) = {
		.app = app,
		.places.sink = &app->sink,
		.dry_run = o->dry_run,
		.move_refs = !o->keep_refs,
		.whole = true,
	};
	struct lock_repo *repos CLEANUP(free_ptr) = NULL;
	int lockfd CLEANUP(close_fd) = -1;
	const struct bundle_source *s;
	struct bundle_manifest part;

	if (policy_open(app, &policy, &m.policy, err) != 0 ||
	    trusting_init(&t, app, err) != 0)
		return -1;
	policy_demand(m.policy, &t.trust);
	s = supplies_add_bundle(&m.places, path, guard, &t, err);
	if (!s)
		return kind_hint(path, "itts-bundle", err);
	repos = xcalloc(s->manifest.lock.repo_count + 1, sizeof(*repos));
	part = s->manifest;
	part.lock.repos = repos;
	part.lock.repo_count = 0;
	if (pick(o, s, &part.lock, err) != 0)
		return -1;
	if (policy_check_bundle(m.policy, &part, err) != 0)
		return err_wrap(err, "%s", s->name);
	if (app_open_store(app, !o->dry_run, &m.store, err) != 0 ||
	    serial_check(app, &s->manifest, s->name, hfcache_root(m.store),
			 err) != 0)
		return -1;
	/* until the serial is recorded nobody else installs an older one */
	if (!o->dry_run &&
	    (install_lock(m.store, &app->cancel, &app->sink, &lockfd, err) !=
		     0 ||
	     serial_check_again(app, &s->manifest, s->name, err) != 0))
		return -1;
	if (mending_run(&m, &part.lock, err) != 0)
		return -1;
	/* a bundle of which nothing was fit to be taken must not keep out others */
	if (!o->dry_run && m.named)
		serial_record(app, &s->manifest);
	trusting_say(&t, app, s->name);
	put(&m);
	return mending_end(&m, ERR_INTEGRITY, err);
}

/* --- files ------------------------------------------------------------------------- */

/* Not a bundle but a plain archive of a cache? */
static bool is_archive(const char *path)
{
	char head[SNIFF_BYTES];
	struct error ignored = { 0 };
	const char *what;
	int fd CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY |
						      O_NONBLOCK);
	enum sniff_kind kind;
	struct stat st;
	size_t got;

	/* what a pipe gives comes once */
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    file_read_full(fd, head, sizeof(head), &got, path, &ignored) != 0)
		return false;
	kind = sniff(head, got, &what);
	if (kind == SNIFF_COMPRESSED) {
		struct bundle_source s CLEANUP(
			bundle_source_close) = BUNDLE_SOURCE_INIT;

		/* only what is in it tells: that of a bundle begins as one */
		return bundle_source_open(&s, path, &ignored) != 0 &&
		       ignored.code == ERR_FORMAT && s.ahead.len == 0;
	}
	return kind == SNIFF_ARCHIVE;
}

/* What install does, and nothing else; or some of the repositories. */
static int import_file(struct app *app, struct error *err)
{
	const struct options *given = app->options;
	const char *path = given->args.items[0];
	struct options o = *given;
	int rc;

	if (given->link)
		return err_set(err, ERR_USAGE,
			       "--link goes with another cache");
	o.import = strcmp(path, "-") != 0 && is_archive(path);
	if (given->args.count > 1 && !o.import)
		return import_some(app, path, err);
	app->options = &o;
	rc = cmd_install.run(app, err);
	app->options = given;
	return rc;
}

static int run(struct app *app, struct error *err)
{
	const struct strlist *args = &app->options->args;
	enum supply_kind kind = SUPPLY_BUNDLE;

	if (args->count == 0)
		return err_set(
			err, ERR_USAGE,
			"which bundle, archive or cache? give FILE, - or "
			"DIR");
	if (strcmp(args->items[0], "-") != 0 &&
	    supply_kind_of(args->items[0], &kind, err) != 0)
		return -1;
	return kind == SUPPLY_CACHE ? import_cache(app, args->items[0], err)
				    : import_file(app, err);
}

const struct command cmd_import = {
	.name = "import",
	.part = PART_CACHE,
	.args = "FILE | - | DIR [REPO[@REVISION] ...]",
	.summary = "take repositories from a bundle or another cache",
	.about =
		"FILE is a bundle (of export or pack), or a plain archive of a "
		"Hub cache: it goes into the cache as itts-pack install does "
		"it, all of it or the repositories that are named (of a "
		"bundle that is compressed or comes through a pipe: all of "
		"it). DIR is another Hub cache, or an HF_HOME with one: its "
		"repositories, or those that are named, are taken; every byte "
		"is held against the digest that its listing or name tells, "
		"and what the cache has is not copied again. Where the file "
		"system can, both share the space.\n\n"
		"Refs that the cache lacks come along; those that it has stay. "
		"Status 9: something in the other cache is missing or "
		"damaged; the rest was taken. Status 3: a directory there "
		"cannot be read; nothing was taken.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_FILES,
	.max_args = 1000,
	.run = run,
};
