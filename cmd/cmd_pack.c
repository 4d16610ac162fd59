#include "base/human.h"
#include "base/mem.h"
#include "bundle/bmanifest.h"
#include "bundle/pack.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/report.h"
#include "cmd/work.h"
#include "fetch/download.h"

#include <errno.h>
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
	NULL
};

/* --- what is said before anything is read ---------------------------------- */

/* Fails early where the bundle could not be written after hours of download.
 * path NULL: some name in the current directory. */
static int check_output(const char *path, struct error *err)
{
	char *dir CLEANUP(free_ptr) = xstrdup(path ? path : ".");
	char *slash = strrchr(dir, '/');
	const char *in = slash == dir ? "/" : slash ? dir : ".";
	struct stat st;

	if (slash && slash != dir)
		*slash = '\0';
	if (path && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE,
			       "%s is a directory; -o names the file to write",
			       path);
	if (access(in, W_OK | X_OK) != 0)
		return err_sys(err, errno, "cannot write into %s", in);
	return 0;
}

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

/* What one run has made. */
struct made {
	const char *path;
	struct pack_stats pack;
	struct download_stats download;
	bool downloaded;
};

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
	json_put_kv_u64(&j, "serial", app->options->serial);
	json_put_kv_u64(&j, "bytes", m->pack.bytes);
	json_put_kv_u64(&j, "payloads", m->pack.payloads);
	json_put_kv_u64(&j, "payload_bytes", m->pack.payload_bytes);
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
	app_note(app, "%s: %s, %s (%llu bytes), %llu payloads", m->path,
		 l->name, human_size(m->pack.bytes, size),
		 (unsigned long long)m->pack.bytes,
		 (unsigned long long)m->pack.payloads);
	app_note(app, "lock sha256 %s", digest_hex(&d, hex));
	if (app->stdout_taken)
		return;
	app_next(app, "On the server",
		 views ? (const char *const[]){ "itts-pack", "install", m->path,
						"--model-dir", "DIR", NULL }
		       : (const char *const[]){ "itts-pack", "install", m->path,
						NULL });
}

/* --- the job ---------------------------------------------------------------- */

static int get_files(struct app *app, struct work *w, struct made *m,
		     struct error *err)
{
	struct download_options o = {
		.jobs = (unsigned)app->options->jobs,
		.cancel = &app->cancel,
		.sink = &app->sink,
	};

	/* offline, what lacks or is damaged is seen while packing */
	if (config_offline(app->env, app->options))
		return 0;
	m->downloaded = true;
	return download_lock(&w->net.hub, w->store, &w->lock, &o, &m->download,
			     err);
}

static int run(struct app *app, struct error *err)
{
	struct work w CLEANUP(work_release) = WORK_INIT;
	char *name CLEANUP(free_ptr) = NULL;
	struct made m = { .path = app->options->output };
	struct pack_options o = { .serial = app->options->serial,
				  .cancel = &app->cancel,
				  .sink = &app->sink };
	bool to_stdout = m.path && strcmp(m.path, "-") == 0;

	if (config_epoch(app->env, &o.epoch, err) != 0)
		return -1;
	if (to_stdout && check_stdout(app, err) != 0)
		return -1;
	if (!to_stdout && check_output(m.path, err) != 0)
		return -1;
	if (work_begin(&w, app, err) != 0)
		return -1;
	name = xasprintf("%s.tar", w.lock.name);
	if (!m.path)
		m.path = name;
	if (!to_stdout && check_output(m.path, err) != 0)
		return -1;
	say_licences(app, &w.lock);
	if (get_files(app, &w, &m, err) != 0 ||
	    pack_lock(w.store, &w.lock, m.path, STDOUT_FILENO, &o, &m.pack,
		      err) != 0)
		return -1;
	if (app->options->json)
		put_json(app, &w.lock, &m);
	else
		put_text(app, &w.lock, &m);
	return 0;
}

const struct command cmd_pack = {
	.name = "pack",
	.args = "[RECIPE | REPO[@REVISION]]",
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
		"notices of the models are shown before.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_RECIPES,
	.max_args = 1,
	.run = run,
};
