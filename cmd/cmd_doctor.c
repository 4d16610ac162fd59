#include "base/fifo.h"
#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/hubprobe.h"
#include "cmd/report.h"
#include "cmd/text.h"
#include "doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_TAIL (16u << 20) /* bytes of a log that are looked at */
#define WIDTH	 80
#define ALIKE	 5 /* findings of which the title is enough */
#define INDENT	 9

static const struct option options[] = {
	{ .name = "model-dir",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, model_dir),
	  .value = "DIR",
	  .help = "the model directory (default: INDEXTTS2_MODEL_DIR, else "
		  "./checkpoints)" },
	{ .name = "venv",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, venv),
	  .value = "DIR",
	  .help = "the program's Python environment (default: VIRTUAL_ENV, "
		  "else .venv here or beside the model directory)" },
	{ .name = "python",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, python),
	  .value = "PATH",
	  .help = "the same, by its python program, which is not run" },
	{ .name = "log",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, log),
	  .value = "FILE",
	  .help = "explain the log of a start; - reads standard input" },
	{ .name = "online",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, online),
	  .help = "also ask the network, which nothing else here does" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_common,
						     NULL };

static const char *const examples[] = {
	"Will it start, and if not, why?",
	"itts-pack doctor --model-dir /srv/index-tts/checkpoints",
	"It hangs: where, and what for?",
	"itts-pack doctor --model-dir checkpoints --log server.log",
	"Out of the journal:",
	"journalctl -u index-tts | itts-pack doctor --log -",
	"Is the network refused, dropped, intercepted?",
	"itts-pack doctor --online",
	NULL
};

/* All that doctor_input borrows. */
struct visit {
	struct app *app;
	char *model_dir, *venv, *cwd;
	struct str log;
	struct gpu_places gpus;
	struct hubprobe probe;
	struct prober prober;
	struct diagnosis result;
};
#define VISIT_INIT(a)                                                \
	{                                                            \
		.app = (a), .log = STR_INIT, .probe = HUBPROBE_INIT, \
	}

static void visit_release(struct visit *v)
{
	free_ptr(&v->model_dir);
	free_ptr(&v->venv);
	free_ptr(&v->cwd);
	str_release(&v->log);
	hubprobe_close(&v->probe);
	diagnosis_release(&v->result);
}

/* --- what is given ------------------------------------------------------------ */

static const char *get_variable(void *ctx, const char *name)
{
	const struct app *app = ctx;

	return app->env->get(app->env->ctx, name);
}

static void expand(void *ctx, const char *text, struct str *out)
{
	const struct app *app = ctx;

	config_expand(app->env, text, true, out);
}

static int absolute(struct app *app, const char *dir, char **out,
		    struct error *err)
{
	struct str path CLEANUP(str_release) = STR_INIT;

	if (app_absolute(app, dir, &path, err) != 0)
		return -1;
	*out = str_detach(&path);
	return 0;
}

/* A link to the models keeps its name: the program is where the link is. */
static int absolute_link(struct app *app, const char *dir, char **out,
			 struct error *err)
{
	char *path CLEANUP(free_ptr) = app_dir(app, dir);
	char *parent CLEANUP(free_ptr) = NULL;
	size_t len = strlen(path);
	const char *name;
	struct stat st;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	if (lstat(path, &st) != 0 || !S_ISLNK(st.st_mode))
		return absolute(app, dir, out, err);
	name = strrchr(path, '/');
	name = name ? name + 1 : path;
	parent = xasprintf("%.*s.", (int)(name - path), path);
	if (absolute(app, parent, out, err) != 0)
		return -1;
	free_ptr(&parent);
	parent = *out;
	*out = xasprintf("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
	return 0;
}

/* Without any hint, and with a log to explain, no directory is no error. */
static int find_model_dir(struct visit *v, struct error *err)
{
	const struct options *o = v->app->options;
	const char *dir = o->model_dir;

	if (!dir || !*dir)
		dir = get_variable(v->app, "INDEXTTS2_MODEL_DIR");
	if ((!dir || !*dir) &&
	    (access("checkpoints", F_OK) == 0 || (!o->log && !o->online)))
		dir = "checkpoints";
	return dir && *dir ? absolute_link(v->app, dir, &v->model_dir, err) : 0;
}

/* .../bin/python -> ... */
static char *venv_of(const char *python)
{
	char *dir = xstrdup(python);

	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(dir, '/');

		if (slash)
			*slash = '\0';
	}
	return dir;
}

/* By its name: what it links to is the Python that the environment is based on. */
static int find_python(struct visit *v, struct error *err)
{
	char *path CLEANUP(free_ptr) = app_dir(v->app, v->app->options->python);
	char *full CLEANUP(free_ptr) = NULL;

	if (access(path, F_OK) != 0)
		return err_sys(err, errno, "%s", path);
	full = *path == '/' || !v->cwd ? xstrdup(path)
				       : xasprintf("%s/%s", v->cwd, path);
	v->venv = venv_of(full);
	return 0;
}

static int find_venv(struct visit *v, struct error *err)
{
	const struct options *o = v->app->options;
	const char *dir = o->venv;
	char *beside CLEANUP(free_ptr) = NULL;

	if (o->python)
		return find_python(v, err);
	if (!dir || !*dir)
		dir = get_variable(v->app, "VIRTUAL_ENV");
	if ((!dir || !*dir) && access(".venv/pyvenv.cfg", F_OK) == 0)
		dir = ".venv";
	if ((!dir || !*dir) && v->model_dir) {
		beside = xasprintf("%s/../.venv", v->model_dir);
		if (access(beside, F_OK) == 0)
			dir = beside;
	}
	return dir && *dir ? absolute(v->app, dir, &v->venv, err) : 0;
}

/* The end counts: what comes before is dropped, so that memory stays small. */
static int read_tail(int fd, const char *name, struct str *out,
		     struct error *err)
{
	char buf[65536];
	size_t got;

	do {
		if (file_read_full(fd, buf, sizeof(buf), &got, name, err) != 0)
			return -1;
		str_add(out, buf, got);
		if (out->len >= 2 * LOG_TAIL) {
			memmove(out->ptr, out->ptr + out->len - LOG_TAIL,
				LOG_TAIL);
			str_truncate(out, LOG_TAIL);
		}
	} while (got == sizeof(buf));
	return 0;
}

static int read_log(struct visit *v, struct error *err)
{
	const char *name = v->app->options->log;
	char *path CLEANUP(free_ptr) = NULL;
	int fd CLEANUP(close_fd) = -1;

	if (!name)
		return 0;
	if (strcmp(name, "-") == 0)
		return read_tail(STDIN_FILENO, "standard input", &v->log, err);
	path = app_dir(v->app, name);
	if (fifo_open_input(path, &v->app->cancel, &fd, err) != 0) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		err_clear(err);
		return err_set(err, ERR_NOT_FOUND, "there is no log %s", path);
	}
	/* a pipe has no other end to begin at */
	if (lseek(fd, 0, SEEK_END) > (off_t)LOG_TAIL)
		lseek(fd, -(off_t)LOG_TAIL, SEEK_END);
	else
		lseek(fd, 0, SEEK_SET);
	return read_tail(fd, path, &v->log, err);
}

/* --- what is said ------------------------------------------------------------- */

static void put_optional(struct json_writer *w, const char *key,
			 const char *value)
{
	if (value)
		json_put_kv(w, key, value);
}

static void put_findings(struct json_writer *w, const struct findings *f)
{
	json_put_key(w, "findings");
	json_begin_array(w);
	for (size_t i = 0; i < f->count; i++) {
		json_begin_object(w);
		json_put_kv(w, "severity", severity_name(f->items[i].severity));
		json_put_kv(w, "id", f->items[i].id);
		json_put_kv(w, "title", f->items[i].title);
		put_optional(w, "evidence", f->items[i].evidence);
		put_optional(w, "meaning", f->items[i].meaning);
		put_optional(w, "remedy", f->items[i].remedy);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_steps(struct json_writer *w, const struct diagnosis *d)
{
	json_put_key(w, "steps");
	json_begin_array(w);
	for (size_t i = 0; i < d->step_count; i++) {
		const struct step *s = &d->steps[i];

		json_begin_object(w);
		json_put_kv(w, "what", s->what);
		json_put_kv(w, "where", s->where);
		json_put_kv(w, "found", s->found);
		json_put_kv(w, "result", step_result_name(s->result));
		json_put_kv_u64(w, "requests", s->requests);
		json_put_kv_u64(w, "wait_s", s->wait_s);
		put_optional(w, "log", s->log);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_json(struct app *app, const struct diagnosis *d)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer w;

	app_json_begin(app, &w, &text);
	json_put_kv_bool(&w, "will_start", d->will_start);
	put_findings(&w, &d->findings);
	json_put_key(&w, "facts");
	json_begin_array(&w);
	for (size_t i = 0; i < d->fact_count; i++) {
		json_begin_object(&w);
		json_put_kv(&w, "topic", d->facts[i].topic);
		json_put_kv(&w, "text", d->facts[i].text);
		json_end_object(&w);
	}
	json_end_array(&w);
	put_steps(&w, d);
	app_json_end(app, &w);
}

static void put_line(struct str *out, const char *label, const char *text,
		     bool whole)
{
	if (!text)
		return;
	str_addf(out, "%*s%-7s", INDENT, "", label);
	if (whole) /* a command: not to be broken */
		str_adds(out, text);
	else
		text_wrap(out, text, INDENT + 7, WIDTH, INDENT + 7);
	if (out->ptr[out->len - 1] != '\n')
		str_addc(out, '\n');
}

static void put_title(struct str *out, const struct finding *f)
{
	str_addf(out, "%-*s", INDENT, severity_name(f->severity));
	text_wrap(out, f->title, INDENT, WIDTH, INDENT);
	if (out->ptr[out->len - 1] != '\n')
		str_addc(out, '\n');
}

static void put_finding(struct str *out, const struct finding *f)
{
	put_title(out, f);
	put_line(out, "seen:", f->evidence, false);
	put_line(out, "means:", f->meaning, false);
	put_line(out, "mend:", f->remedy, true);
}

static bool is_like(const struct finding *a, const struct finding *b)
{
	return a->severity == b->severity && !strcmp(a->id, b->id) &&
	       !strcmp(a->remedy ? a->remedy : "", b->remedy ? b->remedy : "");
}

/* One screen: of those that one command mends together the first is told whole, of the
 * next ones the titles. With verbose all are. */
static void put_some(struct str *out, const struct findings *all, size_t at,
		     bool verbose)
{
	const struct finding *f = &all->items[at];
	size_t before = 0, after = 0;

	for (size_t i = 0; i < all->count && !verbose; i++)
		if (i != at && is_like(&all->items[i], f))
			++*(i < at ? &before : &after);
	if (before == 0)
		put_finding(out, f);
	else if (before <= ALIKE)
		put_title(out, f);
	if (before == ALIKE && after > 0)
		str_addf(out, "%*sand %zu more like %s (--verbose)\n", INDENT,
			 "", after, after > 1 ? "these" : "this");
}

/* Steps that do more than read a file; with --verbose all. */
static void put_step_table(struct app *app, const struct diagnosis *d,
			   struct str *out)
{
	struct table t CLEANUP(table_release) = { .columns = 4 };
	char cell[64];

	for (size_t i = 0; i < d->step_count; i++) {
		const struct step *s = &d->steps[i];

		if (s->result == STEP_OK && !app->options->verbose)
			continue;
		snprintf(cell, sizeof(cell), "%2zu %s", i + 1,
			 step_result_name(s->result));
		table_add(&t, cell);
		table_add(&t, s->what);
		snprintf(cell, sizeof(cell), "%u s", s->wait_s);
		table_add(&t, s->wait_s ? cell : "");
		snprintf(cell, sizeof(cell), "%.63s", s->found);
		table_add(&t, s->result == STEP_ASKS ? s->where : cell);
	}
	if (!t.count)
		return;
	str_adds(out, "\nWhat the start will do (without a network: wait at "
		      "most)\n");
	table_format(&t, out);
}

static void put_text(struct app *app, const struct diagnosis *d)
{
	struct str out CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < d->findings.count; i++)
		if (d->findings.items[i].severity != SEV_NOTE ||
		    !app->options->quiet)
			put_some(&out, &d->findings, i, app->options->verbose);
	put_step_table(app, d, &out);
	if (d->fact_count)
		str_addc(&out, '\n');
	for (size_t i = 0; i < d->fact_count && !app->options->quiet; i++) {
		str_addf(&out, "%-12s ", d->facts[i].topic);
		text_wrap(&out, d->facts[i].text, 13, WIDTH, 13);
		if (out.ptr[out.len - 1] != '\n')
			str_addc(&out, '\n');
	}
	app_print(app, &out);
}

/* --------------------------------------------------------------------------- */

static void say_verdict(struct app *app, const struct diagnosis *d,
			bool has_dir)
{
	size_t counts[3] = { 0 };

	for (size_t i = 0; i < d->findings.count; i++)
		counts[d->findings.items[i].severity]++;
	app_note(app, "\n%s%zu %s, %zu %s, %zu %s",
		 !has_dir	 ? ""
		 : d->will_start ? "the program will start: "
				 : "the program will not start: ",
		 counts[SEV_ERROR],
		 human_plural(counts[SEV_ERROR], "error", "errors"),
		 counts[SEV_WARNING],
		 human_plural(counts[SEV_WARNING], "warning", "warnings"),
		 counts[SEV_NOTE],
		 human_plural(counts[SEV_NOTE], "note", "notes"));
}

static int visit(struct visit *v, struct error *err)
{
	struct app *app = v->app;
	struct doctor_input in = {
		.proc = "/proc",
		.sys = "/sys",
		.dev = "/dev",
		.env = { get_variable, expand, app },
		.gpus = { gpu_read, &v->gpus },
		.has_log = app->options->log != NULL,
	};

	/* one that was deleted has no name; the rest can be looked at */
	v->cwd = getcwd(NULL, 0);
	if (!v->cwd && errno != ENOENT)
		return err_sys(err, errno, "the current directory");
	if (find_model_dir(v, err) != 0 || find_venv(v, err) != 0 ||
	    read_log(v, err) != 0)
		return -1;
	if (app->options->online) {
		if (hubprobe_open(&v->probe, app, err) != 0)
			return -1;
		v->prober = (struct prober){ hubprobe_ask, &v->probe };
		in.prober = &v->prober;
	}
	v->gpus = (struct gpu_places){ .path = get_variable(app, "PATH"),
				       .proc = in.proc };
	in.model_dir = v->model_dir;
	in.venv = v->venv;
	in.cwd = v->cwd;
	in.log = v->log.ptr;
	in.log_len = v->log.len;
	doctor_run(&in, &v->result);
	return 0;
}

static int run(struct app *app, struct error *err)
{
	struct visit v CLEANUP(visit_release) = VISIT_INIT(app);

	if (visit(&v, err) != 0)
		return -1;
	if (app->options->json) {
		put_json(app, &v.result);
	} else {
		put_text(app, &v.result);
		say_verdict(app, &v.result, v.model_dir != NULL);
	}
	if (!v.result.will_start)
		app->status = err_exit_status(ERR_OTHER);
	return 0;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.part = PART_HANG,
	.args = "",
	.summary = "tell why the program does not start, and what mends it",
	.about = "Looks at the files (missing, cut off, pointers, web pages, "
		 "mixed versions), goes through the start of the program step "
		 "by step (which cache each step looks in, what it finds, what "
		 "it would ask the network for and how long that takes), and "
		 "checks the environment, the Python packages, memory, the "
		 "graphics card and a log. Worst first, each with what was "
		 "seen, what it means and what mends it.\n\n"
		 "Runs without Python, opens no socket but with --online, and "
		 "changes nothing. Secrets are not shown. Weights are not read "
		 "(itts-pack verify does that), only their directories.\n\n"
		 "The status is 0 if the program will start, if only after a "
		 "wait, and 1 if it will not (or the log tells that it did "
		 "not).",
	.examples = examples,
	.groups = groups,
	.run = run,
};
