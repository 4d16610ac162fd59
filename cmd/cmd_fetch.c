#include "base/human.h"
#include "base/mem.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/report.h"
#include "cmd/work.h"
#include "fetch/download.h"
#include "fetch/endpoint.h"

static const struct option options[] = {
	{ .name = "dry-run",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, dry_run),
	  .help = "list what would be downloaded and from where; nothing "
		  "is, and no lock file is written" },
	{ .name = "per-mirror",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, per_mirror),
	  .help = "show what each endpoint sends, on the way and at the end" },
	{ .name = "deadline",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, deadline),
	  .value = "TIME",
	  .help = "give up after this long (90s, 30m, 2h; 0: never); the next "
		  "run goes on where this one stopped" },
};

static const struct option_group fetch_group = { "Fetching", options,
						 ARRAY_LEN(options) };
static const struct option_group *const groups[] = {
	&fetch_group,	&group_selection, &group_lock,
	&group_network, &group_common,	  NULL
};

static const char *const examples[] = {
	"Everything that IndexTTS 2 loads, into the usual cache:",
	"itts-pack fetch",
	"One repository at one revision:",
	"itts-pack fetch facebook/w2v-bert-2.0@main --include '*.json'",
	"From a mirror, huggingface.co only where that fails:",
	("itts-pack fetch --endpoint https://hf-mirror.com \\\n"
	 "          --endpoint https://huggingface.co"),
	"Is all there? Looks at every byte, opens no connection:",
	"itts-pack fetch --offline --lock itts-pack.lock.json",
	NULL
};

/* What each endpoint has sent, in the user's order. */
static void put_sources(struct json_writer *j, const struct hub *h)
{
	json_put_key(j, "sources");
	json_begin_array(j);
	for (size_t i = 0; i < h->count; i++) {
		json_begin_object(j);
		json_put_kv(j, "endpoint", h->endpoints[i].name);
		json_put_kv(j, "origin", h->endpoints[i].origin);
		json_put_kv_u64(j, "received_bytes", h->endpoints[i].bytes);
		json_put_kv_u64(j, "wasted_bytes", h->endpoints[i].wasted);
		json_put_kv_bool(j, "dropped", h->endpoints[i].dropped);
		json_end_object(j);
	}
	json_end_array(j);
}

static void put_json(struct app *app, const struct work *w,
		     const struct download_stats *s)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	app_json_begin(app, &j, &text);
	json_put_kv(&j, "name", w->lock.name);
	json_put_kv(&j, "cache", hfcache_root(w->store));
	report_download(&j, s);
	put_sources(&j, &w->net.hub);
	app_json_end(app, &j);
}

static void put_text(struct app *app, const struct work *w,
		     const struct download_stats *s)
{
	char all[HUMAN_MAX], got[HUMAN_MAX];

	app_note(app,
		 "%s: %llu %s, %s, complete in %s (%llu %s, %s downloaded)",
		 w->lock.name, (unsigned long long)s->files,
		 human_plural(s->files, "file", "files"),
		 human_size(s->bytes, all), hfcache_root(w->store),
		 (unsigned long long)s->got_files,
		 human_plural(s->got_files, "file", "files"),
		 human_size(s->got_bytes, got));
	if (s->resumed_bytes)
		app_note(app, "%s were left by an earlier run",
			 human_size(s->resumed_bytes, got));
	if (s->wasted_bytes)
		app_note(app, "%s were received in vain (%llu %s)",
			 human_size(s->wasted_bytes, got),
			 (unsigned long long)s->retries,
			 human_plural(s->retries, "retry", "retries"));
}

/* --- dry run ------------------------------------------------------------------ */

/* Files that are missing, collected for the table or the document. */
struct missing {
	const struct hub *hub;
	struct table table;
	struct json_writer *json; /* NULL: the table */
};

/* The origins that the file may come from. */
static void find_sources(const struct missing *m, const struct lock_repo *repo,
			 const struct lock_file *file, struct strlist *out)
{
	const char *url = repo->archive.url ? repo->archive.url : repo->git;
	struct error ignored = { .code = ERR_NONE };
	char *origin = NULL;

	if (file->url)
		url = file->url;
	if (url && http_origin(url, &origin, &ignored) == 0)
		strlist_take(out, origin);
	for (size_t i = 0; i < m->hub->count; i++)
		if (endpoint_has(m->hub, &m->hub->endpoints[i], repo, file))
			strlist_add(out, m->hub->endpoints[i].name);
}

static void table_missing(struct missing *m, const struct lock_repo *repo,
			  const struct lock_file *file)
{
	struct strlist sources CLEANUP(strlist_release) = { 0 };
	struct str from CLEANUP(str_release) = STR_INIT;
	char *name CLEANUP(free_ptr) = xasprintf("%s %s", repo->id, file->path);
	char size[HUMAN_MAX];

	find_sources(m, repo, file, &sources);
	for (size_t i = 0; i < sources.count; i++)
		str_addf(&from, "%s%s", i ? ", " : "", sources.items[i]);
	table_add(&m->table, name);
	table_add(&m->table, human_size(file->size, size));
	table_add(&m->table, from.ptr);
}

static void json_missing(struct missing *m, const struct lock_repo *repo,
			 const struct lock_file *file)
{
	struct strlist sources CLEANUP(strlist_release) = { 0 };

	find_sources(m, repo, file, &sources);
	json_begin_object(m->json);
	json_put_kv(m->json, "repo", repo->id);
	json_put_kv(m->json, "path", file->path);
	json_put_kv_u64(m->json, "bytes", file->size);
	json_put_kv_strings(m->json, "from", &sources);
	json_end_object(m->json);
}

static void on_missing(void *ctx, const struct lock_repo *repo,
		       const struct lock_file *file, enum blob_state state)
{
	struct missing *m = ctx;

	(void)state;
	if (m->json)
		json_missing(m, repo, file);
	else
		table_missing(m, repo, file);
}

static int dry_json(struct app *app, struct work *w,
		    const struct download_options *o, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;
	struct missing m = { .hub = &w->net.hub, .json = &j };
	struct download_survey survey = { on_missing, &m };
	struct download_stats s;

	app_json_begin(app, &j, &text);
	/* nothing is that long before the first file, and nothing fails then */
	app_json_drain(app, &j);
	json_put_kv(&j, "name", w->lock.name);
	json_put_kv_bool(&j, "dry_run", true);
	json_put_key(&j, "missing");
	json_begin_array(&j);
	if (download_survey(w->store, &w->lock, o, &survey, &s, err) != 0)
		return -1;
	json_end_array(&j);
	json_put_kv_u64(&j, "files", s.files);
	json_put_kv_u64(&j, "bytes", s.bytes);
	json_put_kv_u64(&j, "missing_files", s.got_files);
	json_put_kv_u64(&j, "missing_bytes", s.got_bytes);
	app_json_end(app, &j);
	return 0;
}

static int dry_text(struct app *app, struct work *w,
		    const struct download_options *o, struct error *err)
{
	struct table table CLEANUP(table_release) = { .columns = 3 };
	struct missing m = { .hub = &w->net.hub, .table = table };
	struct download_survey survey = { on_missing, &m };
	struct download_stats s;
	char size[HUMAN_MAX];
	int rc = download_survey(w->store, &w->lock, o, &survey, &s, err);

	table = m.table;
	if (rc != 0)
		return -1;
	table_print(&table, app);
	app_note(app, "%llu of %llu %s would be downloaded, %s",
		 (unsigned long long)s.got_files, (unsigned long long)s.files,
		 human_plural(s.files, "file", "files"),
		 human_size(s.got_bytes, size));
	return 0;
}

/* What came while the hub was asked what there is belongs to no file. */
static void forget_answers(struct hub *h)
{
	for (size_t i = 0; i < h->count; i++)
		h->endpoints[i].bytes = h->endpoints[i].wasted = 0;
}

static int run(struct app *app, struct error *err)
{
	struct work w CLEANUP(work_release) = WORK_INIT;
	struct download_stats s = { 0 };
	struct download_options o = {
		.jobs = (unsigned)app->options->jobs,
		.offline = config_offline(app->env, app->options),
		.per_source = app->options->per_mirror,
		.cancel = &app->cancel,
		.sink = &app->sink,
	};

	w.survey = app->options->dry_run;
	if (work_begin(&w, app, err) != 0)
		return -1;
	if (app->options->dry_run)
		return app->options->json ? dry_json(app, &w, &o, err)
					  : dry_text(app, &w, &o, err);
	forget_answers(&w.net.hub);
	if (download_lock(&w.net.hub, w.store, &w.lock, &o, &s, err) != 0)
		return net_advise(&w.net, err);
	if (app->options->json) {
		put_json(app, &w, &s);
		return 0;
	}
	put_text(app, &w, &s);
	net_note_sources(app, &w.net.hub);
	return 0;
}

const struct command cmd_fetch = {
	.name = "fetch",
	.part = PART_MAKE,
	.args = "[RECIPE | REPO[@REVISION]]",
	.summary = "download what the lock names into the cache",
	.about =
		"Fills the Hugging Face cache with the files of the lock, so "
		"that any Python program finds them there. What the cache has "
		"already is hashed and not fetched again; what an interrupted "
		"run left is continued; every byte is hashed as it comes, and "
		"nothing gets its final name before it is right.\n\n"
		"Large files come in pieces over several connections, as many "
		"as make it faster, and from all endpoints at once: each gets "
		"as much to do as it can deliver.\n\n"
		"Without a lock file the hub is asked first, as itts-pack lock "
		"does. Small files are asked of the endpoints in the order "
		"given; one that fails or lies is left for the next.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_RECIPES,
	.max_args = 1,
	.run = run,
};
