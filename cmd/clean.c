#include "cmd/clean.h"

#include "base/human.h"
#include "base/mem.h"
#include "cmd/report.h"

#include <string.h>
#include <unistd.h>

static const struct option options[] = {
	{ .name = "yes",
	  .letter = 'y',
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, yes),
	  .help = "do it; without this it is only shown" },
};

const struct option_group group_clean = { "Doing it", options,
					  ARRAY_LEN(options) };

static uint64_t count_of(const struct gc_report *r, enum gc_state state)
{
	uint64_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		n += r->items[i].state == state;
	return n;
}

static void put_json(struct app *app, const struct gc_report *r)
{
	bool done = app->options->yes;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	app_json_begin(app, &j, &text);
	json_put_kv_bool(&j, "done", done);
	json_put_kv_u64(&j, "bytes",
			gc_bytes(r, done ? GC_DELETED : GC_PLANNED));
	json_put_kv_u64(&j, "detached_revisions", r->detached);
	json_put_kv_u64(&j, "detached_bytes", r->detached_bytes);
	json_put_kv_bool(&j, "blind", r->blind);
	json_put_key(&j, "items");
	json_begin_array(&j);
	for (size_t i = 0; i < r->count; i++) {
		const struct gc_item *it = &r->items[i];

		json_begin_object(&j);
		json_put_kv(&j, "state", gc_state_name(it->state));
		json_put_kv(&j, "kind", gc_kind_name(it->kind));
		json_put_kv(&j, "folder", it->folder);
		json_put_kv(&j, "path", it->path);
		json_put_kv_u64(&j, "size", it->size);
		json_put_kv_bool(&j, "frees", it->frees);
		if (it->detail)
			json_put_kv(&j, "detail", it->detail);
		json_end_object(&j);
	}
	json_end_array(&j);
	app_json_end(app, &j);
}

static void put_table(struct app *app, const struct gc_report *r)
{
	struct table t CLEANUP(table_release) = { .columns = 5 };

	for (size_t i = 0; i < r->count; i++) {
		const struct gc_item *it = &r->items[i];
		bool named = it->kind == GC_REPO || it->kind == GC_REVISION ||
			     it->state == GC_FAILED || it->state == GC_OPEN;
		char size[HUMAN_MAX];

		if (!named && !app->options->verbose)
			continue;
		table_add(&t, gc_state_name(it->state));
		table_add(&t, gc_kind_name(it->kind));
		table_add(&t, human_size(it->size, size));
		char *path CLEANUP(free_ptr) =
			*it->path ? xasprintf("%s/%s", it->folder, it->path)
				  : xstrdup(it->folder);

		table_add(&t, path);
		table_add(&t, it->detail ? it->detail : "");
	}
	table_print(&t, app);
}

static void put_counts(struct app *app, const struct gc_report *r)
{
	char size[HUMAN_MAX];

	for (int k = 0; k < GC_KINDS; k++)
		for (int s = 0; s < GC_STATES; s++) {
			uint64_t n = 0, bytes = 0;

			for (size_t i = 0; i < r->count; i++)
				if ((int)r->items[i].kind == k &&
				    (int)r->items[i].state == s) {
					n++;
					bytes += r->items[i].size;
				}
			if (n)
				app_note(app, "%s: %llu x %s, %s",
					 gc_state_name((enum gc_state)s),
					 (unsigned long long)n,
					 gc_kind_name((enum gc_kind)k),
					 human_size(bytes, size));
		}
}

static void put_summary(struct app *app, const struct gc_report *r)
{
	char size[HUMAN_MAX];

	put_counts(app, r);
	if (app->options->yes)
		app_note(app, "%s freed",
			 human_size(gc_bytes(r, GC_DELETED), size));
	else if (count_of(r, GC_PLANNED))
		app_note(app,
			 "%s would be freed. Nothing was changed; --yes does "
			 "it (--verbose lists every file)",
			 human_size(gc_bytes(r, GC_PLANNED), size));
	else
		app_note(app, "nothing to delete");
	if (r->blind)
		app_note(app, geteuid() == 0
				      ? "Not seen: what some processes have "
					"open, which even root may not look "
					"into here"
				      : "Not seen: what processes of other "
					"users have open; root sees it");
}

/* The cache must be there already. */
static int open_store(struct app *app, struct hfcache **out, struct error *err)
{
	if (app_open_store(app, false, out, err) != 0)
		return -1;
	if (!app->options->yes)
		return 0;
	hfcache_close(out);
	return app_open_store(app, true, out, err);
}

int clean(struct app *app, const struct gc_rules *rules, struct error *err)
{
	struct hfcache *store CLEANUP(hfcache_close) = NULL;
	struct gc_report report CLEANUP(gc_report_release) = { 0 };
	int rc = open_store(app, &store, err);

	if (rc == 0 && app->options->yes)
		rc = gc_run(store, rules, &report, err);
	else if (rc == 0)
		rc = gc_plan(store, rules, &report, err);
	if (rc != 0)
		return -1;
	if (app->options->json) {
		put_json(app, &report);
	} else {
		put_table(app, &report);
		put_summary(app, &report);
		if (report.detached && rules->garbage)
			app_note(
				app,
				"%llu %s no ref; --detached takes what no lock "
				"needs",
				(unsigned long long)report.detached,
				human_plural(report.detached, "revision has",
					     "revisions have"));
	}
	if (count_of(&report, GC_FAILED))
		app->status = err_exit_status(ERR_IO);
	else if (!rules->garbage && app->options->yes &&
		 count_of(&report, GC_DELETED) < report.count)
		app->status = err_exit_status(ERR_BUSY);
	return 0;
}
