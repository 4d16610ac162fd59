#include "base/human.h"
#include "cmd/app.h"
#include "cmd/claims.h"
#include "cmd/clean.h"
#include "cmd/groups.h"

static const struct option options[] = {
	{ .name = "detached",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, detached),
	  .help = "also revisions that no ref names and no lock or model "
		  "directory needs" },
	{ .name = "grace",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, grace),
	  .value = "TIME",
	  .help = "leave alone what has changed within this time: 30m, 2h, 7d "
		  "(default: 1d)" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_clean,
						     &group_claims,
						     &group_common, NULL };

static const char *const examples[] = {
	"What could go:",
	"itts-pack gc",
	"Do it:",
	"itts-pack gc --yes",
	"Old revisions too, but what is installed there stays:",
	"itts-pack gc --detached --model-dir /srv/index-tts/checkpoints --yes",
	NULL
};

static bool drop(void *ctx, const struct census *c,
		 const struct census_revision *r)
{
	struct strlist by CLEANUP(strlist_release) = { 0 };

	if (!r || r->refs.count)
		return false;
	claims_on(ctx, c->type, c->id, r->commit, &by);
	return by.count == 0;
}

static int run(struct app *app, struct error *err)
{
	struct claims claims CLEANUP(claims_release) = { 0 };
	struct gc_rules rules = { .ctx = &claims,
				  .garbage = true,
				  .grace = 86400,
				  .cancel = &app->cancel };

	if (app->options->detached)
		rules.drop = drop;
	if (app->options->grace &&
	    human_parse_time(app->options->grace, &rules.grace, err) != 0)
		return err_wrap(err, "--grace");
	if (claims_load(app, true, &claims, err) != 0)
		return -1;
	return clean(app, &rules, err);
}

const struct command cmd_gc = {
	.name = "gc",
	.part = PART_CACHE,
	.args = "",
	.summary = "delete what nothing in the cache needs any more",
	.about = "Blobs that no snapshot uses, unfinished downloads, temporary "
		 "names of clients that were interrupted. Shows what it would "
		 "delete; --yes does it.\n\n"
		 "What a process has open or mapped stays, and what someone "
		 "downloads or installs meanwhile, with this program or with "
		 "Python's client (who holds a lock). Where a repository "
		 "cannot be read, no blob goes (status 3): it may be needed "
		 "there, and what is deleted does not come back; make it "
		 "readable, or run gc as its owner or root. Things are first "
		 "renamed and looked at once "
		 "more before they are deleted, so an interruption loses "
		 "nothing; what one left is taken up by the next gc.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_NONE,
	.run = run,
};
