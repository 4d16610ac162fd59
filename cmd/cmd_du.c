#include "base/human.h"
#include "cache/census.h"
#include "cmd/app.h"
#include "cmd/asked.h"
#include "cmd/groups.h"
#include "cmd/report.h"

static const struct option_group *const groups[] = { &group_common, NULL };

static const char *const examples[] = { "Where the space is:", "itts-pack du",
					"Of one owner:",
					"itts-pack du 'facebook/*'", NULL };

/* What one row says; the last row adds them up. */
struct usage {
	uint64_t size, disk, unused, parts, detached;
};

static void add(struct usage *to, const struct census *c)
{
	to->size += c->bytes;
	to->disk += c->disk;
	to->unused += c->unused;
	to->parts += c->parts;
	to->detached += c->detached;
}

static void put_json_usage(struct json_writer *j, const struct usage *u)
{
	json_put_kv_u64(j, "size", u->size);
	json_put_kv_u64(j, "disk", u->disk);
	json_put_kv_u64(j, "unused", u->unused);
	json_put_kv_u64(j, "parts", u->parts);
	json_put_kv_u64(j, "detached", u->detached);
}

static void put_row(struct table *t, const char *name, const struct usage *u)
{
	const uint64_t cells[] = { u->size, u->disk, u->unused, u->parts,
				   u->detached };
	char text[HUMAN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cells); i++)
		table_add(t, cells[i] || !i ? human_size(cells[i], text) : "-");
	table_add(t, name);
}

static void put_json(struct app *app, struct hfcache *store,
		     const struct census_all *all, const struct usage *total,
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
		struct usage u = { 0 };

		if (!asked_for(app, &all->repos[i]))
			continue;
		add(&u, &all->repos[i]);
		json_begin_object(&j);
		json_put_kv(&j, "type", repo_type_name(all->repos[i].type));
		json_put_kv(&j, "id", all->repos[i].id);
		put_json_usage(&j, &u);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_put_kv_strings(&j, "unseen", unseen);
	app_json_end(app, &j);
}

static void put_table(struct app *app, const struct census_all *all,
		      const struct usage *total)
{
	static const char *const heads[] = { "SIZE",  "ON DISK",  "UNUSED",
					     "PARTS", "DETACHED", "REPO" };
	struct table t CLEANUP(table_release) = { .columns = ARRAY_LEN(heads) };
	struct str text CLEANUP(str_release) = STR_INIT;
	char size[HUMAN_MAX];

	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_add(&t, heads[i]);
	for (size_t i = 0; i < all->count; i++) {
		struct usage u = { 0 };

		if (!asked_for(app, &all->repos[i]))
			continue;
		add(&u, &all->repos[i]);
		put_row(&t, all->repos[i].id, &u);
	}
	put_row(&t, "in all", total);
	table_format(&t, &text);
	app_print(app, &text);
	if (all->shared_bytes)
		app_note(app, "%s in the shared store of Python's client",
			 human_size(all->shared_bytes, size));
	if (total->unused || total->parts)
		app_note(app, "Unused blobs and parts: itts-pack gc");
}

static int run(struct app *app, struct error *err)
{
	struct hfcache *store CLEANUP(hfcache_close) = NULL;
	struct census_all all CLEANUP(census_all_release) = { 0 };
	struct strlist unseen CLEANUP(strlist_release) = { 0 };
	struct usage total = { 0 };

	if (app_open_store(app, false, &store, err) != 0 ||
	    census_all(store, 0, (unsigned)app->options->jobs, &all, err) != 0)
		return -1;
	for (size_t i = 0; i < all.count; i++)
		if (asked_for(app, &all.repos[i]))
			add(&total, &all.repos[i]);
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
		 "revisions share count once.\n\n"
		 "Status 3: something could not be looked into, and is not "
		 "counted.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_NONE,
	.max_args = 1000,
	.run = run,
};
