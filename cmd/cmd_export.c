#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/derive.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/pack_choice.h"

#include <ctype.h>
#include <string.h>

static const struct option options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, output),
	  .value = "FILE",
	  .help = "write the bundle here (default: NAME.tar, after the "
		  "repository); - is standard output" },
	{ .name = "for",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, for_site),
	  .value = "FILE",
	  .help = "leave out what a site has: its inventory, or the bundle "
		  "that was installed there last" },
	{ .name = "volume-size",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, volume_size),
	  .value = "SIZE",
	  .help = "cut the bundle into FILE.001, FILE.002, ... of at most this "
		  "size: a number with K, M or G, or fat32, dvd, bd25" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_common,
						     NULL };

static const char *const examples[] = {
	"One model, for another machine:",
	"itts-pack export amphion/MaskGCT -o maskgct.tar",
	"There:",
	"itts-pack import maskgct.tar",
	"A revision that is not the newest, straight over:",
	"itts-pack export acme/voice@v1.0 -o - | ssh HOST itts-pack import -",
	NULL
};

/* "amphion/MaskGCT" -> "maskgct": names of bundles are plain. */
static char *name_of(const char *spec)
{
	char *id CLEANUP(free_ptr) = xstrndup(spec, strcspn(spec, "@"));
	char *name = xstrdup(path_base(id));

	for (char *p = name; *p; p++) {
		*p = (char)tolower((unsigned char)*p);
		if (!isalnum((unsigned char)*p) &&
		    (p == name || !strchr("._-", *p)))
			*p = p == name ? 'x' : '-';
	}
	return name;
}

static int run(struct app *app, struct error *err)
{
	const struct options *o = app->options;
	const struct derive_want want = { .specs = &o->args, .tip = true };
	struct hfcache *store CLEANUP(hfcache_close) = NULL;
	struct lock l CLEANUP(lock_release) = { 0 };
	uint64_t unknown = 0;

	if (o->args.count == 0)
		return err_set(err, ERR_USAGE,
			       "which repository? itts-pack ls lists them");
	/* before hours of reading */
	if (pack_spare_cache(app, o->output, err) != 0 ||
	    app_open_store(app, false, &store, err) != 0 ||
	    derive_lock(store, &want, &l, &unknown, err) != 0)
		return -1;
	if (unknown)
		return err_set(
			err, ERR_NOT_FOUND,
			"%llu %s neither a listing nor a blob that tells "
			"the digest",
			(unsigned long long)unknown,
			human_plural(unknown, "file has", "files have"));
	l.name = name_of(o->args.items[0]);
	if (derive_fill(store, &l, &app->cancel, err) != 0)
		return -1;
	return pack_store_lock(app, store, &l, err);
}

const struct command cmd_export = {
	.name = "export",
	.part = PART_CACHE,
	.args = "REPO[@REVISION] ...",
	.summary = "write single repositories of the cache into one tar",
	.about =
		"Makes a bundle of what the cache has of a repository, without "
		"manifest, lock file or network: refs/main (or the only "
		"revision), or the ref or commit that is named. It is the "
		"same kind of file that itts-pack pack writes: import and "
		"install take it, tar -xf gives a cache, the same revision "
		"gives the same bytes.\n\n"
		"What is damaged or missing is said and nothing is written; "
		"itts-pack repair gets it again. So it is (status 3) where a "
		"directory of it cannot be read.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_NONE,
	.max_args = 100,
	.run = run,
};
