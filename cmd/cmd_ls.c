#include "base/human.h"
#include "base/mem.h"
#include "cache/census.h"
#include "cmd/app.h"
#include "cmd/asked.h"
#include "cmd/claims.h"
#include "cmd/groups.h"
#include "cmd/listing.h"
#include "cmd/report.h"

#include <string.h>
#include <time.h>

static const struct option options[] = {
	{ .name = "revisions",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, revisions),
	  .help = "a row for each revision, with its refs" },
	{ .name = "sort",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, sort),
	  .value = "KEY",
	  .choices = listing_orders,
	  .help = "name (default), size (largest first), used or changed "
		  "(longest ago first)" },
	{ .name = "filter",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, filters),
	  .value = "EXPR",
	  .help = "only rows where this holds: size>1G, used>30d (longer ago), "
		  "changed<2h, type=dataset, complete, incomplete, detached, "
		  "claimed, unclaimed (repeatable)" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_claims,
						     &group_common, NULL };

static const char *const examples[] = {
	"What is in the cache:",
	"itts-pack ls",
	"What has not been used for a month and is needed by no lock here:",
	"itts-pack ls --filter 'used>30d' --filter unclaimed --sort size",
	"Revisions of one owner, for a program to read:",
	"itts-pack ls 'facebook/*' --revisions --json",
	NULL
};

struct ls {
	struct app *app;
	struct hfcache *store;
	struct census_all all;
	struct claims claims;
	struct strlist unseen;
	struct listing_row *rows;
	size_t count, cap;
	int64_t now;
};

static void ls_release(struct ls *l)
{
	for (size_t i = 0; i < l->count; i++)
		listing_row_release(&l->rows[i]);
	free_ptr(&l->rows);
	census_all_release(&l->all);
	claims_release(&l->claims);
	strlist_release(&l->unseen);
	hfcache_close(&l->store);
}

/* --- rows ---------------------------------------------------------------------- */

static struct listing_row *new_row(struct ls *l, const struct census *c,
				   const struct census_revision *r)
{
	struct listing_row *row;

	l->rows = xgrow(l->rows, &l->cap, l->count + 1, sizeof(*l->rows));
	row = &l->rows[l->count++];
	*row = (struct listing_row){ .repo = c,
				     .revision = r,
				     .used = c->used,
				     .changed = c->changed,
				     .size = c->sums.size,
				     .whole = true,
				     .sure = true };
	return row;
}

/* A lock knows what belongs to a revision, as a listing does: it may also want
 * only some files, so the files it names need not be the listing's. */
static void add_revision(struct ls *l, struct listing_row *row,
			 const struct census_revision *r)
{
	const struct census *c = row->repo;
	const struct lock_repo *claim = claims_repo(&l->claims, c->type, c->id,
						    r->commit);

	claims_on(&l->claims, c->type, c->id, r->commit, &row->claimed);
	row->files += r->file_count;
	row->broken += r->broken;
	if (claim && claim->file_count <= r->file_count && !r->broken)
		return;
	row->missing += claim && claim->file_count > r->file_count
				? claim->file_count - r->file_count
				: r->listed_missing;
	row->whole &= census_is_whole(r) && !row->missing;
	row->sure &= r->listed || claim != NULL;
}

static void add_repo(struct ls *l, const struct census *c)
{
	bool apart = l->app->options->revisions;
	struct listing_row *row = apart ? NULL : new_row(l, c, NULL);

	for (size_t i = 0; i < c->revision_count; i++) {
		const struct census_revision *r = &c->revisions[i];

		if (apart) {
			row = new_row(l, c, r);
			row->size = r->bytes;
			row->changed = r->changed;
			row->detached = r->refs.count == 0;
		}
		add_revision(l, row, r);
		if (!apart && r->refs.count == 0)
			row->detached = true;
	}
	if (row && c->revision_count == 0)
		row->whole = false;
}

static int collect(struct ls *l, struct error *err)
{
	const struct strlist *texts = &l->app->options->filters;
	struct listing_filter *filters CLEANUP(free_ptr) = xcalloc(
		texts->count + 1, sizeof(*filters));
	size_t kept = 0;

	for (size_t i = 0; i < texts->count; i++)
		if (listing_filter_parse(texts->items[i], &filters[i], err) !=
		    0)
			return -1;
	for (size_t i = 0; i < l->all.count; i++)
		if (asked_for(l->app, &l->all.repos[i]))
			add_repo(l, &l->all.repos[i]);
	for (size_t i = 0; i < l->count; i++) {
		bool fits = true;

		for (size_t k = 0; k < texts->count; k++)
			fits &= listing_filter_fits(&filters[k], &l->rows[i],
						    l->now);
		if (fits)
			l->rows[kept++] = l->rows[i];
		else
			listing_row_release(&l->rows[i]);
	}
	l->count = kept;
	listing_sort(l->rows, l->count, l->app->options->sort);
	return 0;
}

/* --- results ------------------------------------------------------------------- */

static const char *state_name(const struct listing_row *r)
{
	if (r->broken)
		return "broken";
	if (!r->whole)
		return "partial";
	return r->sure ? "complete" : "unknown";
}

/* What could not be read, strangers, and refs that lead nowhere. */
static void put_json_problems(struct json_writer *j, const struct census *c)
{
	json_put_key(j, "problems");
	json_begin_array(j);
	for (size_t i = 0; i < c->ref_count; i++) {
		char *text CLEANUP(free_ptr) = NULL;

		if (!c->refs[i].problem)
			continue;
		text = xasprintf("refs/%s: %s", c->refs[i].name,
				 c->refs[i].problem);
		json_put_string(j, text);
	}
	for (size_t i = 0; i < c->problems.count; i++)
		json_put_string(j, c->problems.items[i]);
	json_end_array(j);
}

static void put_json_row(struct json_writer *j, const struct listing_row *r)
{
	json_begin_object(j);
	json_put_kv(j, "type", repo_type_name(r->repo->type));
	json_put_kv(j, "id", r->repo->id);
	if (r->revision) {
		json_put_kv(j, "commit", r->revision->commit);
		json_put_kv_strings(j, "refs", &r->revision->refs);
	} else {
		json_put_kv_u64(j, "revisions", r->repo->revision_count);
		json_put_kv_u64(j, "unused", r->repo->sums.unused);
		json_put_kv_u64(j, "parts", r->repo->sums.parts);
		put_json_problems(j, r->repo);
	}
	json_put_kv_u64(j, "size", r->size);
	json_put_kv_u64(j, "files", r->files);
	json_put_kv(j, "state", state_name(r));
	json_put_kv_u64(j, "missing", r->missing);
	json_put_kv_u64(j, "broken", r->broken);
	json_put_kv_bool(j, "detached", r->detached);
	json_put_key(j, "used");
	json_put_i64(j, r->used / 1000000000);
	json_put_key(j, "changed");
	json_put_i64(j, r->changed / 1000000000);
	json_put_kv_strings(j, "claimed_by", &r->claimed);
	json_end_object(j);
}

static void put_json(const struct ls *l)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	app_json_begin(l->app, &j, &text);
	json_put_kv(&j, "cache", hfcache_root(l->store));
	json_put_key(&j, "rows");
	json_begin_array(&j);
	for (size_t i = 0; i < l->count; i++)
		put_json_row(&j, &l->rows[i]);
	json_end_array(&j);
	json_put_kv_strings(&j, "unseen", &l->unseen);
	json_put_kv_strings(&j, "others", &l->all.others);
	json_put_kv_strings(&j, "strangers", &l->all.strangers);
	json_put_kv_u64(&j, "shared_bytes", l->all.shared_bytes);
	app_json_end(l->app, &j);
}

static void join(const struct strlist *l, struct str *out)
{
	for (size_t i = 0; i < l->count; i++)
		str_addf(out, "%s%s", i ? ", " : "", l->items[i]);
}

/* Refs of a revision; of a repo, those that mean something. */
static void put_refs(const struct listing_row *r, struct str *out)
{
	if (r->revision) {
		join(&r->revision->refs, out);
		if (!r->revision->refs.count)
			str_adds(out, "(detached)");
		return;
	}
	for (size_t i = 0; i < r->repo->ref_count; i++)
		str_addf(out, "%s%s", i ? ", " : "", r->repo->refs[i].name);
}

static void put_row(const struct ls *l, struct table *t,
		    const struct listing_row *r)
{
	struct str refs CLEANUP(str_release) = STR_INIT;
	struct str claimed CLEANUP(str_release) = STR_INIT;
	char size[HUMAN_MAX], used[HUMAN_MAX];
	char *name CLEANUP(free_ptr) = xasprintf(
		"%s%s", repo_type_prefix(r->repo->type), r->repo->id);

	table_add(t, name);
	if (r->revision)
		table_add(t, r->revision->commit);
	table_add(t, human_size(r->size, size));
	table_add(t, state_name(r));
	table_add(t, human_ago(listing_age(r->used, l->now), used));
	put_refs(r, &refs);
	table_add(t, refs.ptr);
	join(&r->claimed, &claimed);
	table_add(t, claimed.ptr);
}

/* Of the repos that are shown. */
static void add_up(const struct ls *l, struct census_sums *total)
{
	bool *shown CLEANUP(free_ptr) = xcalloc(l->all.count + 1,
						sizeof(*shown));

	for (size_t i = 0; i < l->count; i++)
		shown[l->rows[i].repo - l->all.repos] = true;
	census_sum(&l->all, shown, total);
}

static void put_table(const struct ls *l)
{
	static const char *const heads[] = { "REPO",	 "REVISION", "SIZE",
					     "STATE",	 "USED",     "REFS",
					     "NEEDED BY" };
	struct table t CLEANUP(table_release) = { 0 };
	bool revisions = l->app->options->revisions;
	struct census_sums total = { 0 };
	char a[HUMAN_MAX], b[HUMAN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		if (i != 1 || revisions)
			t.columns++;
	for (size_t i = 0; i < ARRAY_LEN(heads) && l->count; i++)
		if (i != 1 || revisions)
			table_add(&t, heads[i]);
	for (size_t i = 0; i < l->count; i++)
		put_row(l, &t, &l->rows[i]);
	add_up(l, &total);
	table_print(&t, l->app);
	if (revisions)
		app_note(l->app, "%zu %s in %s", l->count,
			 human_plural(l->count, "revision", "revisions"),
			 hfcache_root(l->store));
	else
		app_note(l->app, "%zu %s, %s, in %s", l->count,
			 human_plural(l->count, "repository", "repositories"),
			 human_size(total.size, a), hfcache_root(l->store));
	if (!revisions && total.unused + total.parts)
		app_note(l->app,
			 "%s of it unused or unfinished; see: itts-pack gc",
			 human_size(total.unused + total.parts, b));
	asked_others(l->app, &l->all);
}

/* That of the whole folder begins with its name. */
static void warn_problem(const struct ls *l, const struct census *c,
			 const char *text)
{
	bool whole = str_starts(text, c->folder);

	event_warn(&l->app->sink, "%s: %s/%s%s%s", c->id,
		   hfcache_root(l->store), whole ? "" : c->folder,
		   whole ? "" : "/", text);
}

static void warn(const struct ls *l)
{
	for (size_t i = 0; i < l->all.count; i++) {
		const struct census *c = &l->all.repos[i];

		for (size_t k = 0; k < c->ref_count; k++)
			if (c->refs[k].problem)
				event_warn(&l->app->sink, "%s refs/%s: %s",
					   c->id, c->refs[k].name,
					   c->refs[k].problem);
		for (size_t k = 0; k < c->problems.count; k++)
			warn_problem(l, c, c->problems.items[k]);
	}
	for (size_t i = 0; i < l->all.strangers.count; i++)
		event_warn(&l->app->sink, "%s/%s belongs to no Hub cache",
			   hfcache_root(l->store), l->all.strangers.items[i]);
}

static int run(struct app *app, struct error *err)
{
	struct ls l CLEANUP(ls_release) = { .app = app };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	l.now = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	if (app_open_store(app, false, &l.store, err) != 0 ||
	    claims_load(app, true, &l.claims, err) != 0 ||
	    claims_installed(app, l.store, &l.claims, err) != 0 ||
	    census_all(l.store, CENSUS_LISTINGS, (unsigned)app->options->jobs,
		       &l.all, err) != 0 ||
	    collect(&l, err) != 0)
		return -1;
	asked_unseen(app, &l.all, &l.unseen);
	if (app->options->json) {
		put_json(&l);
		return 0;
	}
	put_table(&l);
	warn(&l);
	return 0;
}

const struct command cmd_ls = {
	.name = "ls",
	.part = PART_CACHE,
	.args = "[PATTERN ...]",
	.summary = "list what the cache holds",
	.about =
		"Repositories (or with --revisions their revisions): size, "
		"whether all is there, when last used, refs, and which lock, "
		"model directory or installed bundle needs them. Patterns are "
		"matched against "
		"repository ids. The last line counts files that several "
		"repositories share by hard links once. Nothing is hashed and "
		"nothing changed; "
		"itts-pack "
		"verify looks at the bytes.\n\n"
		"State is complete where the listing of the revision or a lock "
		"says so, partial where files lack, broken where links lead to "
		"nothing, unknown where all links are sound but nothing says "
		"what should be there.\n\n"
		"Status 3: something could not be looked into, and may hold "
		"more than is listed.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_NONE,
	.max_args = 1000,
	.run = run,
};
