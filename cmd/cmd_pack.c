#include "base/human.h"
#include "base/mem.h"
#include "bundle/bmanifest.h"
#include "bundle/pack.h"
#include "bundle/volumes.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/pack_choice.h"
#include "cmd/report.h"
#include "cmd/work.h"
#include "fetch/download.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct option options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, output),
	  .value = "FILE",
	  .help = "write the bundle here (default: NAME.tar with the "
		  "manifest's name); - is standard output" },
	{ .name = "per-mirror",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, per_mirror),
	  .help = "show what each endpoint sends, on the way and at the end" },
	{ .name = "for",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, for_site),
	  .value = "FILE",
	  .help = "leave out what a site has: its inventory, or the bundle "
		  "that was installed there last" },
	{ .name = "from-store",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, from_store),
	  .help = "make the bundle (NAME, if there are several) that was "
		  "installed into the cache again, whole" },
	{ .name = "installer",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, installer),
	  .value = "FILE",
	  .help = "carry this static itts-pack in the bundle, for a server "
		  "that has none" },
	{ .name = "volume-size",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, volume_size),
	  .value = "SIZE",
	  .help = "cut the bundle into FILE.001, FILE.002, ... of at most this "
		  "size: a number with K, M or G, or fat32, dvd, bd25" },
	{ .name = "serial",
	  .kind = OPTION_NUMBER,
	  .field = offsetof(struct options, serial),
	  .value = "N",
	  .max = JSON_MAX_INT,
	  .help = "number of this release of the bundle (default 1); let it "
		  "grow with each" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = {
	&group,		&group_selection, &group_lock,
	&group_network, &group_common,	  NULL
};

static const char *const examples[] = {
	"All that IndexTTS 2 needs, in one file:",
	"itts-pack pack -o indextts-2.tar",
	"A manifest of your own:",
	"itts-pack pack -m my-models.json -o my-models.tar",
	"No manifest at all:",
	("itts-pack pack facebook/w2v-bert-2.0@main --include '*.json' -o "
	 "w2v.tar"),
	"From what the cache has, without network:",
	"itts-pack pack --offline --lock itts-pack.lock.json -o bundle.tar",
	"Compressed on the way to another machine:",
	"itts-pack pack -o - | zstd | ssh HOST 'cat > bundle.tar.zst'",
	"Only what is new to a server:",
	"itts-pack pack -o update.tar --for site.json",
	"On several sticks:",
	"itts-pack pack -o indextts-2.tar --volume-size fat32",
	"On a server, for the next one:",
	"itts-pack pack --from-store -o indextts-2.tar",
	NULL
};

/* --- what is said before anything is read ---------------------------------- */

static int check_stdout(struct app *app, struct error *err)
{
	if (isatty(STDOUT_FILENO))
		return err_set(
			err, ERR_USAGE,
			"a bundle is not for a terminal; give -o FILE or "
			"redirect standard output");
	app->stdout_taken = true;
	return 0;
}

static void say_licences(struct app *app, const struct lock *l)
{
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];
		struct str notice CLEANUP(str_release) = STR_INIT;

		if (r->license)
			event_info(&app->sink, "%s: licence %s", r->id,
				   r->license);
		if (report_notice(r, &notice))
			event_warn(&app->sink, "%s", notice.ptr);
	}
}

/* --- results ---------------------------------------------------------------- */

/* What one run was told, and what it has made. */
struct made {
	struct pack_choice choice;
	const char *path;
	char *name; /* owned: path, if nobody gave one */
	uint64_t serial, volumes;
	struct pack_stats pack;
	struct download_stats download;
	bool downloaded;
};

static void made_release(struct made *m)
{
	free_ptr(&m->name);
	pack_choice_release(&m->choice);
}

static void put_json(struct app *app, const struct lock *l,
		     const struct made *m)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;
	struct digest d;
	char hex[DIGEST_HEX_MAX];

	lock_digest(l, &d);
	app_json_begin(app, &j, &text);
	json_put_kv(&j, "name", l->name);
	json_put_kv(&j, "file", m->path);
	json_put_kv_u64(&j, "serial", m->serial);
	json_put_kv_u64(&j, "bytes", m->pack.bytes);
	json_put_kv_u64(&j, "payloads", m->pack.payloads);
	json_put_kv_u64(&j, "payload_bytes", m->pack.payload_bytes);
	if (m->volumes)
		json_put_kv_u64(&j, "volumes", m->volumes);
	json_put_kv_u64(&j, "left_out", m->pack.absent);
	json_put_kv_u64(&j, "left_out_bytes", m->pack.absent_bytes);
	json_put_kv_u64(&j, "cloned_bytes", m->pack.cloned_bytes);
	json_put_kv(&j, "lock_digest", digest_hex(&d, hex));
	if (m->downloaded) {
		json_put_key(&j, "download");
		json_begin_object(&j);
		report_download(&j, &m->download);
		json_end_object(&j);
	}
	app_json_end(app, &j);
}

static void put_text(struct app *app, const struct lock *l,
		     const struct made *m)
{
	struct digest d;
	char hex[DIGEST_HEX_MAX], size[HUMAN_MAX];
	bool views = false;

	lock_digest(l, &d);
	for (size_t i = 0; i < l->repo_count && !views; i++) {
		views = l->repos[i].hub_view;
		for (size_t k = 0; k < l->repos[i].file_count && !views; k++)
			views = l->repos[i].files[k].views;
	}
	app_note(app, "%s: %s, %s (%llu bytes), %llu %s",
		 strcmp(m->path, "-") == 0 ? "standard output" : m->path,
		 l->name, human_size(m->pack.bytes, size),
		 (unsigned long long)m->pack.bytes,
		 (unsigned long long)m->pack.payloads,
		 human_plural(m->pack.payloads, "payload", "payloads"));
	if (m->volumes)
		app_note(app,
			 "cut into %llu %s; copy the card "
			 "(NAME" VOLUMES_CARD ") and NAME" VOLUMES_MANIFEST
			 " with each",
			 (unsigned long long)m->volumes,
			 human_plural(m->volumes, "volume", "volumes"));
	if (m->pack.absent)
		app_note(app, "left out: %llu %s, %s, that the target has",
			 (unsigned long long)m->pack.absent,
			 human_plural(m->pack.absent, "payload", "payloads"),
			 human_size(m->pack.absent_bytes, size));
	app_note(app, "lock sha256 %s", digest_hex(&d, hex));
	if (app->stdout_taken)
		return;
	app_next(app, "On the server",
		 m->volumes ? (const char *const[]){ "itts-pack", "install",
						     "DIRECTORY", NULL }
		 : views    ? (const char *const[]){ "itts-pack", "install",
						     m->path, "--model-dir", "DIR",
						     NULL }
			    : (const char *const[]){ "itts-pack", "install",
						     m->path, NULL });
}

/* --- the job ---------------------------------------------------------------- */

static int get_files(struct app *app, struct work *w, struct made *m,
		     struct error *err)
{
	struct download_options o = {
		.jobs = (unsigned)app->options->jobs,
		.per_source = app->options->per_mirror,
		.cancel = &app->cancel,
		.sink = &app->sink,
	};

	/* offline, what lacks or is damaged is seen while packing */
	if (config_offline(app->env, app->options))
		return 0;
	m->downloaded = true;
	if (download_lock(&w->net.hub, w->store, &w->lock, &o, &m->download,
			  err) != 0)
		return net_advise(&w->net, err);
	if (!app->options->json)
		net_note_sources(app, &w->net.hub);
	return 0;
}

/* A bundle in the place of what it is made from: a slip of the hand. */
static int spare_inputs(const struct app *app, const char *path,
			struct error *err)
{
	const struct options *o = app->options;
	const char *const inputs[] = { o->lock ? o->lock : LOCK_NAME,
				       o->manifest, o->for_site, o->installer };

	return path ? app_spare(path, inputs, ARRAY_LEN(inputs), err) : 0;
}

/* -o, or NAME.tar; looked at as early as it is known. */
static int choose_output(struct app *app, struct made *m, const char *name,
			 struct error *err)
{
	if (m->path && (app->stdout_taken || app_is_stdout(m->path))) {
		m->path = "-";
		return app->stdout_taken ? 0 : check_stdout(app, err);
	}
	if (!m->path && name)
		m->path = m->name = xasprintf("%s.tar", name);
	if (spare_inputs(app, m->path, err) != 0 ||
	    pack_spare_cache(app, m->path, err) != 0)
		return -1;
	return app_check_output(m->path, err);
}

/* All that can be wrong with the options and the files that they name is said
 * before hours of download. */
static int begin(struct app *app, struct pack_options *o, struct made *m,
		 const char *name, struct error *err)
{
	if (config_epoch(app->env, &o->epoch, err) != 0 ||
	    choose_output(app, m, name, err) != 0)
		return -1;
	if (app->options->volume_size && app->stdout_taken)
		return err_set(err, ERR_USAGE,
			       "volumes cannot go to standard output; "
			       "give -o FILE");
	return pack_choose(&m->choice, app, err);
}

static int write_bundle(struct app *app, struct hfcache *store,
			const struct lock *l, const struct pack_options *base,
			struct made *m, struct error *err)
{
	struct volume_writer volumes CLEANUP(volume_writer_release) = { 0 };
	const struct pack_choice *c = &m->choice;
	struct pack_options o = *base;

	if (c->volume_size) {
		volume_writer_init(&volumes, m->path, c->volume_size);
		o.volumes = &volumes;
	}
	o.have = c->thin ? &c->have : NULL;
	o.extras = &c->installer;
	o.extra_count = c->installer_path ? 1 : 0;
	if (pack_lock(store, l, m->path, STDOUT_FILENO, &o, &m->pack, err) != 0)
		return -1;
	m->volumes = volumes.count;
	m->serial = o.again ? o.again->serial : o.serial;
	if (app->options->json)
		put_json(app, l, m);
	else
		put_text(app, l, m);
	return 0;
}

static int run_from_store(struct app *app, const struct pack_options *base,
			  struct made *m, struct error *err)
{
	struct bundle_manifest old CLEANUP(bundle_manifest_release) = { 0 };
	struct hfcache *store CLEANUP(hfcache_close) = NULL;
	const struct options *given = app->options;
	struct pack_options o = *base;

	if (given->manifest || given->recipe || given->lock || given->installer)
		return err_set(err, ERR_USAGE,
			       "--from-store makes what was installed; leave "
			       "out --manifest, --recipe, --lock and "
			       "--installer");
	if (app_open_store(app, false, &store, err) != 0 ||
	    installed_find(store,
			   given->args.count ? given->args.items[0] : NULL,
			   &old, err) != 0 ||
	    choose_output(app, m, old.lock.name, err) != 0)
		return -1;
	o.again = &old;
	say_licences(app, &old.lock);
	return write_bundle(app, store, &old.lock, &o, m, err);
}

int pack_store_lock(struct app *app, struct hfcache *store,
		    const struct lock *l, struct error *err)
{
	struct made m CLEANUP(made_release) = { .path = app->options->output };
	struct pack_options o = { .serial = app->options->serial,
				  .cancel = &app->cancel,
				  .sink = &app->sink };

	if (begin(app, &o, &m, l->name, err) != 0)
		return -1;
	say_licences(app, l);
	return write_bundle(app, store, l, &o, &m, err);
}

static int run(struct app *app, struct error *err)
{
	struct work w CLEANUP(work_release) = WORK_INIT;
	struct made m CLEANUP(made_release) = { .path = app->options->output };
	struct pack_options o = { .serial = app->options->serial,
				  .cancel = &app->cancel,
				  .sink = &app->sink };

	if (begin(app, &o, &m, NULL, err) != 0)
		return -1;
	if (app->options->from_store)
		return run_from_store(app, &o, &m, err);
	if (work_begin(&w, app, err) != 0 ||
	    choose_output(app, &m, w.lock.name, err) != 0)
		return -1;
	say_licences(app, &w.lock);
	if (get_files(app, &w, &m, err) != 0)
		return -1;
	return write_bundle(app, w.store, &w.lock, &o, &m, err);
}

const struct command cmd_pack = {
	.name = "pack",
	.part = PART_MAKE,
	.args = "[RECIPE | REPO[@REVISION] | NAME]",
	.summary = "lock, fetch, and write everything into one tar",
	.about =
		"The one command for the connected machine: resolves the "
		"manifest (or takes the lock file), downloads what the cache "
		"lacks, and writes a bundle. The bundle is a plain tar: "
		"itts-pack "
		"install checks and installs it, tar -xf gives a ready cache "
		"and model directory, skopeo reads it as an OCI archive.\n\n"
		"The same lock gives the same bytes, on any machine. Every "
		"payload is hashed once more while it is written, and the file "
		"has a temporary name until it is complete. Licences and "
		"notices of the models are shown before.\n\n"
		"With --for the bundle is a thin one: it lists everything and "
		"leaves out the files over 64 KiB that the site has.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_RECIPES,
	.max_args = 1,
	.run = run,
};
