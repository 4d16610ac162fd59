#include "base/digest.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/path.h"
#include "cache/census.h"
#include "cmd/app.h"
#include "cmd/claims.h"
#include "cmd/clean.h"
#include "cmd/groups.h"

#include <string.h>

static const char *const type_choices[] = { "model", "dataset", "space", NULL };

static const struct option options[] = {
	{ .name = "type",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, type),
	  .value = "TYPE",
	  .choices = type_choices,
	  .help = "what REPO is: model (default), dataset, space" },
	{ .name = "force",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, force),
	  .help = "also what a lock or model directory needs" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_clean,
						     &group_claims,
						     &group_common, NULL };

static const char *const examples[] = {
	"What would go with a repository:", "itts-pack rm amphion/MaskGCT",
	"One revision, by ref or commit:",
	"itts-pack rm facebook/w2v-bert-2.0@refs/pr/1 --yes", NULL
};

struct target {
	enum repo_type type;
	char *id;	/* NULL: any repo that has the commit */
	char *revision; /* NULL: all of the repo */
	bool found;
};

struct rm {
	struct target *targets;
	size_t count;
	struct claims claims;
	bool force;
	struct strlist refused; /* texts: what is needed, and by whom */
};

static void rm_release(struct rm *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free_ptr(&r->targets[i].id);
		free_ptr(&r->targets[i].revision);
	}
	free_ptr(&r->targets);
	claims_release(&r->claims);
	strlist_release(&r->refused);
}

static int parse(struct app *app, const char *text, struct target *out,
		 struct error *err)
{
	const char *at = strchr(text, '@'), *id = text;
	size_t skip;

	if (is_commit_id(text)) {
		out->revision = xstrdup(text);
		return 0;
	}
	if (app->options->type &&
	    repo_type_parse(&out->type, app->options->type, err) != 0)
		return -1;
	for (int t = REPO_MODEL; t <= REPO_SPACE; t++) {
		skip = strlen(repo_type_prefix((enum repo_type)t));
		if (skip && strncmp(text, repo_type_prefix((enum repo_type)t),
				    skip) == 0) {
			out->type = (enum repo_type)t;
			id = text + skip;
		}
	}
	out->id = at ? xstrndup(id, (size_t)(at - id)) : xstrdup(id);
	if (repo_id_check(out->id, err) != 0)
		return -1;
	if (!at)
		return 0;
	out->revision = xstrdup(at + 1);
	return revision_check(out->revision, err);
}

static bool has_ref(const struct census_revision *r, const char *name)
{
	return strcmp(r->commit, name) == 0 || strlist_has(&r->refs, name);
}

static bool fits(const struct target *t, const struct census *c,
		 const struct census_revision *r)
{
	if (t->id && (t->type != c->type || strcmp(t->id, c->id) != 0))
		return false;
	if (!t->revision)
		return true;
	return r && has_ref(r, t->revision);
}

static bool drop(void *ctx, const struct census *c,
		 const struct census_revision *r)
{
	struct rm *rm = ctx;
	bool hit = false;

	for (size_t i = 0; i < rm->count; i++)
		if (fits(&rm->targets[i], c, r))
			hit = rm->targets[i].found = true;
	return hit;
}

/* A revision that is meant, or the ref that means it, may be where the kernel does
 * not let us look: then nobody knows whether it is there, and needed. A repo can go
 * as a whole. */
static int check_seen(const struct target *t, const struct census_all *all,
		      const char *root, struct error *err)
{
	for (size_t i = 0; t->revision && i < all->count; i++) {
		const struct census *c = &all->repos[i];

		if (!c->failed || (t->id && (!c->id || c->type != t->type ||
					     strcmp(c->id, t->id) != 0)))
			continue;
		err_set(err, ERR_IO, "%s/%s", root, c->failed);
		return t->id ? -1
			     : err_hint(err, "REPO@%s names a single one",
					t->revision);
	}
	return 0;
}

/* What was meant, perhaps. */
static int not_found(const struct target *t, const struct census_all *all,
		     const char *root, struct error *err)
{
	struct strlist there CLEANUP(strlist_release) = { 0 };
	char *word CLEANUP(free_ptr) = NULL;

	if (!t->id)
		return err_set(err, ERR_NOT_FOUND,
			       "%s: no repository has the revision %s", root,
			       t->revision);
	word = xasprintf("%s%s", repo_type_prefix(t->type), t->id);
	for (size_t i = 0; i < all->count; i++) {
		const struct census *c = &all->repos[i];

		if (c->id)
			strlist_take(&there,
				     xasprintf("%s%s",
					       repo_type_prefix(c->type),
					       c->id));
	}
	if (strlist_has(&there, word) && t->revision)
		return err_set(err, ERR_NOT_FOUND,
			       "%s: %s has no revision %s there", root, word,
			       t->revision);
	return near_fail(word, &there, root, err);
}

/* Before anything is done: is all there, and is it needed? */
static int look(struct rm *rm, struct app *app, struct error *err)
{
	struct census_all all CLEANUP(census_all_release) = { 0 };
	struct hfcache *store CLEANUP(hfcache_close) = NULL;

	if (app_open_store(app, false, &store, err) != 0 ||
	    census_all(store, 0, (unsigned)app->options->jobs, &all, err) != 0)
		return -1;
	for (size_t i = 0; i < rm->count; i++)
		if (check_seen(&rm->targets[i], &all, hfcache_root(store),
			       err) != 0)
			return -1;
	for (size_t i = 0; i < all.count; i++) {
		const struct census *c = &all.repos[i];

		if (!c->id)
			continue;
		if (!c->revision_count)
			drop(rm, c, NULL);
		for (size_t k = 0; k < c->revision_count; k++)
			if (drop(rm, c, &c->revisions[k]))
				claims_on(&rm->claims, c->type, c->id,
					  c->revisions[k].commit, &rm->refused);
	}
	for (size_t i = 0; i < rm->count; i++)
		if (!rm->targets[i].found)
			return not_found(&rm->targets[i], &all,
					 hfcache_root(store), err);
	if (!rm->refused.count || rm->force)
		return 0;
	err_set(err, ERR_USAGE, "needed by %s%s", rm->refused.items[0],
		rm->refused.count > 1 ? " and others" : "");
	return err_hint(err, "--force deletes it all the same");
}

static int run(struct app *app, struct error *err)
{
	const struct strlist *args = &app->options->args;
	struct rm rm CLEANUP(rm_release) = { .force = app->options->force };
	struct gc_rules rules = { .drop = drop,
				  .ctx = &rm,
				  .cancel = &app->cancel };

	if (!args->count)
		return err_set(err, ERR_USAGE,
			       "which repository or revision? itts-pack ls "
			       "--revisions lists them");
	rm.targets = xcalloc(args->count, sizeof(*rm.targets));
	for (size_t i = 0; i < args->count; i++) {
		rm.count++;
		if (parse(app, args->items[i], &rm.targets[i], err) != 0)
			return err_wrap(err, "%s", args->items[i]);
	}
	if (claims_load(app, true, &rm.claims, err) != 0 ||
	    look(&rm, app, err) != 0)
		return -1;
	return clean(app, &rules, err);
}

const struct command cmd_rm = {
	.name = "rm",
	.part = PART_CACHE,
	.args = "REPO[@REVISION] | COMMIT ...",
	.summary = "delete repositories or revisions from the cache",
	.about =
		"A repository with all that belongs to it, or one revision "
		"with "
		"its refs, its listing and the blobs that no other revision "
		"uses. Shows what it would delete; --yes does it. Refuses what "
		"a lock or a model directory needs, unless forced, and leaves "
		"what a process has open, or a client holds a lock of (status "
		"10). Where its locks cannot be looked at it stays, too "
		"(status "
		"3).",
	.examples = examples,
	.groups = groups,
	.words = WORDS_NONE,
	.max_args = 1000,
	.run = run,
};
