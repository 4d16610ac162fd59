#include "base/human.h"
#include "base/mem.h"
#include "cache/census.h"
#include "cmd/app.h"
#include "cmd/asked.h"
#include "cmd/groups.h"
#include "cmd/report.h"

static const struct option_group *const groups[] = { &group_common, NULL };

static const char *const examples[] = { "Where the space is:", "itts-pack du",
					"Of one owner:",
					"itts-pack du 'facebook/*'", NULL };

static void put_json_usage(struct json_writer *j, const struct census_sums *u)
{
	json_put_kv_u64(j, "size", u->size);
	json_put_kv_u64(j, "disk", u->disk);
	json_put_kv_u64(j, "unused", u->unused);
	json_put_kv_u64(j, "parts", u->parts);
	json_put_kv_u64(j, "detached", u->detached);
}

static void put_row(struct table *t, const char *name,
		    const struct census_sums *u)
{
	const uint64_t cells[] = { u->size, u->disk, u->unused, u->parts,
				   u->detached };
	char text[HUMAN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		table_add(t, cells[i] || !i ? human_size(cells[i], text) : "-");
	table_add(t, name);
}

static void put_json(struct app *app, struct hfcache *store,
		     const struct census_all *all,
		     const struct census_sums *total,
		     const struct strlist *unseen)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	app_json_begin(app, &j, &text);
	json_put_kv(&j, "cache", hfcache_root(store));
	put_json_usage(&j, total);
	json_put_kv_u64(&j, "shared_bytes", all->shared_bytes);
	json_put_key(&j, "repos");
	json_begin_array(&j);
	for (size_t i = 0; i < all->count; i++) {
		if (!asked_for(app, &all->repos[i]))
			continue;
		json_begin_object(&j);
		json_put_kv(&j, "type", repo_type_name(all->repos[i].type));
		json_put_kv(&j, "id", all->repos[i].id);
		put_json_usage(&j, &all->repos[i].sums);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_put_kv_strings(&j, "unseen", unseen);
	json_put_kv_strings(&j, "others", &all->others);
	app_json_end(app, &j);
}

static void put_table(struct app *app, const struct census_all *all,
		      const struct census_sums *total)
{
	static const char *const heads[] = { "SIZE",  "ON DISK",  "UNUSED",
					     "PARTS", "DETACHED", "REPO" };
	struct table t CLEANUP(table_release) = { .columns = ARRAY_LEN(heads) };
	struct str text CLEANUP(str_release) = STR_INIT;
	char size[HUMAN_MAX];
	uint64_t rows = 0;

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_add(&t, heads[i]);
	for (size_t i = 0; i < all->count; i++) {
		if (!asked_for(app, &all->repos[i]))
			continue;
		put_row(&t, all->repos[i].id, &all->repos[i].sums);
		rows += all->repos[i].sums.size;
	}
	put_row(&t, "in all", total);
	table_format(&t, &text);
	app_print(app, &text);
	if (rows > total->size)
		app_note(app,
			 "%s of the rows are the same files under other names "
			 "(hard links): in all they count once",
			 human_size(rows - total->size, size));
	if (all->shared_bytes)
		app_note(app, "%s in the shared store of Python's client",
			 human_size(all->shared_bytes, size));
	asked_others(app, all);
	if (total->unused || total->parts)
		app_note(app, "Unused blobs and parts: itts-pack gc");
}

static int run(struct app *app, struct error *err)
{
	struct hfcache *store CLEANUP(hfcache_close) = NULL;
	struct census_all all CLEANUP(census_all_release) = { 0 };
	struct strlist unseen CLEANUP(strlist_release) = { 0 };
	struct census_sums total = { 0 };
	bool *asked CLEANUP(free_ptr) = NULL;

	if (app_open_store(app, false, &store, err) != 0 ||
	    census_all(store, 0, (unsigned)app->options->jobs, &all, err) != 0)
		return -1;
	asked = xcalloc(all.count + 1, sizeof(*asked));
	for (size_t i = 0; i < all.count; i++)
		asked[i] = asked_for(app, &all.repos[i]);
	census_sum(&all, asked, &total);
	asked_unseen(app, &all, &unseen);
	if (app->options->json) {
		put_json(app, store, &all, &total, &unseen);
		return 0;
	}
	put_table(app, &all, &total);
	for (size_t i = 0; i < unseen.count; i++)
		event_warn(&app->sink, "not counted: what is in %s/%s",
			   hfcache_root(store), unseen.items[i]);
	return 0;
}

const struct command cmd_du = {
	.name = "du",
	.part = PART_CACHE,
	.args = "[PATTERN ...]",
	.summary = "where the cache's space is, and what could be freed",
	.about = "For each repository: its size, blocks on disk, blobs that no "
		 "snapshot uses, unfinished downloads, and what only detached "
		 "revisions use (those that no ref names). Blobs that several "
		 "revisions share count once, as do files that have several "
		 "names by hard links: in a row those of the repository, in "
		 "the last one those of all. Freed is such a file only with "
		 "its last name.\n\n"
		 "Status 3: something could not be looked into, and is not "
		 "counted.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_NONE,
	.max_args = 1000,
	.run = run,
};
