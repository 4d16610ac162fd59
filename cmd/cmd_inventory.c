#include "base/mem.h"
#include "bundle/inventory.h"
#include "cmd/app.h"
#include "cmd/groups.h"

static const struct option options[] = {
	{ .name = "quick",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, quick),
	  .help = "believe the names of the blobs instead of reading them" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_common,
						     NULL };

static const char *const examples[] = {
	"On the server without network:", "itts-pack inventory > site.json",
	"On the connected machine, only what is new there:",
	"itts-pack pack -o update.tar --for site.json", NULL
};

static int run(struct app *app, struct error *err)
{
	struct inventory inv CLEANUP(inventory_release) = { 0 };
	struct hfcache *store CLEANUP(hfcache_close) = NULL;
	struct str text CLEANUP(str_release) = STR_INIT;
	const struct inventory_options o = {
		.quick = app->options->quick,
		.threads = (unsigned)app->options->jobs,
		.cancel = &app->cancel,
		.sink = &app->sink,
	};

	if (app_open_store(app, false, &store, err) != 0 ||
	    inventory_scan(&inv, store, &o, err) != 0)
		return -1;
	inventory_format(&inv, &text);
	app_write(app, &text);
	return 0;
}

const struct command cmd_inventory = {
	.name = "inventory",
	.part = PART_TARGET,
	.args = "",
	.summary = "list what this cache has, for a bundle that leaves it out",
	.about =
		"Prints digest and size of every blob over 64 KiB in the "
		"cache, as JSON. Carried to the connected machine it makes "
		"small updates: itts-pack pack --for leaves out what it lists. "
		"It holds no names and no paths.\n\n"
		"Every blob is read and held against its name, so that a "
		"damaged one is not missed on the next trip; --quick spares "
		"that.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_NONE,
	.max_args = 0,
	.run = run,
};
