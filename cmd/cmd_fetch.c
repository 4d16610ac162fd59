#include "base/human.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/report.h"
#include "cmd/work.h"
#include "fetch/download.h"

static const struct option_group *const groups[] = {
	&group_selection, &group_lock, &group_network, &group_common, NULL
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

static void put_json(struct app *app, const struct work *w,
		     const struct download_stats *s)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	app_json_begin(app, &j, &text);
	json_put_kv(&j, "name", w->lock.name);
	json_put_kv(&j, "cache", hfcache_root(w->store));
	report_download(&j, s);
	app_json_end(app, &j);
}

static void put_text(struct app *app, const struct work *w,
		     const struct download_stats *s)
{
	char all[HUMAN_MAX], got[HUMAN_MAX];

	app_note(app,
		 "%s: %llu files, %s, complete in %s (%llu files, %s "
		 "downloaded)",
		 w->lock.name, (unsigned long long)s->files,
		 human_size(s->bytes, all), hfcache_root(w->store),
		 (unsigned long long)s->got_files,
		 human_size(s->got_bytes, got));
	if (s->resumed_bytes)
		app_note(app, "%s were left by an earlier run",
			 human_size(s->resumed_bytes, got));
	if (s->wasted_bytes)
		app_note(app, "%s were received in vain (%llu retries)",
			 human_size(s->wasted_bytes, got),
			 (unsigned long long)s->retries);
}

static int run(struct app *app, struct error *err)
{
	struct work w CLEANUP(work_release) = WORK_INIT;
	struct download_stats s = { 0 };
	struct download_options o = {
		.jobs = (unsigned)app->options->jobs,
		.offline = config_offline(app->env, app->options),
		.cancel = &app->cancel,
		.sink = &app->sink,
	};

	if (work_begin(&w, app, err) != 0 ||
	    download_lock(&w.net.hub, w.store, &w.lock, &o, &s, err) != 0)
		return -1;
	if (app->options->json)
		put_json(app, &w, &s);
	else
		put_text(app, &w, &s);
	return 0;
}

const struct command cmd_fetch = {
	.name = "fetch",
	.args = "[RECIPE | REPO[@REVISION]]",
	.summary = "download what the lock names into the cache",
	.about =
		"Fills the Hugging Face cache with the files of the lock, so "
		"that any Python program finds them there. What the cache has "
		"already is hashed and not fetched again; what an interrupted "
		"run left is continued; every byte is hashed as it comes, and "
		"nothing gets its final name before it is right.\n\n"
		"Without a lock file the hub is asked first, as itts-pack lock "
		"does. Endpoints are tried in the order given; one that fails "
		"or lies is left for the next.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_RECIPES,
	.max_args = 1,
	.run = run,
};
