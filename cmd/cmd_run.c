#include "base/clock.h"
#include "base/mem.h"
#include "cmd/app.h"
#include "cmd/envfile.h"
#include "cmd/forward.h"
#include "cmd/groups.h"
#include "cmd/offline.h"
#include "cmd/text.h"
#include "cmd/watching.h"
#include "doctor/endtree.h"
#include "doctor/launch.h"
#include "doctor/look.h"
#include "doctor/parents.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMED_OUT    124 /* as timeout(1) */
#define GRACE_MS     10000
#define LEFT_MS	     500
#define LEFT_STEP_MS 20

static const struct option options[] = {
	{ .name = "model-dir",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, model_dir),
	  .value = "DIR",
	  .help = "set the variables that itts-pack env gives for this model "
		  "directory" },
	{ .name = "offline",
	  .kind = OPTION_FLAG,
	  .field = offsetof(struct options, offline),
	  .help = "set them for the cache directory: the program stays off "
		  "the network" },
	{ .name = "timeout",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, timeout),
	  .value = "TIME",
	  .help = "end the program and what it has started after this time "
		  "(status 124)" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_watching,
						     &group_common, NULL };

static const char *const examples[] = {
	"Offline, from a model directory:",
	"itts-pack run --model-dir checkpoints -- python webui.py",
	"Does it start within five minutes, and what takes so long?",
	"itts-pack run --timeout 5m --report start.html -- python webui.py",
	NULL
};

static bool is_named(const char *entry, const char *name, size_t len)
{
	return strncmp(entry, name, len) == 0 &&
	       (entry[len] == '=' || entry[len] == '\0');
}

/* An entry that is set or unset here replaces what is there. */
static bool is_replaced(const char *entry, const struct strlist *sets,
			const struct strlist *unsets)
{
	for (size_t i = 0; i < sets->count; i++)
		if (is_named(entry, sets->items[i],
			     strcspn(sets->items[i], "=")))
			return true;
	for (size_t i = 0; i < unsets->count; i++)
		if (is_named(entry, unsets->items[i], strlen(unsets->items[i])))
			return true;
	return false;
}

static int make_env(struct app *app, struct strlist *out, struct error *err)
{
	struct strlist sets CLEANUP(strlist_release) = { 0 };
	struct strlist unsets CLEANUP(strlist_release) = { 0 };
	struct str cache CLEANUP(str_release) = STR_INIT;

	if (app->options->model_dir || app->options->offline) {
		if (offline_cache(app, &cache, err) != 0)
			return -1;
		envfile_lists(&(struct envfile){ cache.ptr,
						 config_no_proxy(app->env) },
			      &sets, &unsets);
	}
	for (char **e = environ; *e; e++)
		if (!is_replaced(*e, &sets, &unsets))
			strlist_add(out, *e);
	for (size_t i = 0; i < sets.count; i++)
		strlist_add(out, sets.items[i]);
	return 0;
}

/* A NULL-terminated array of borrowed strings; caller frees it. */
static char **vector(const struct strlist *l)
{
	char **v = xcalloc(l->count + 1, sizeof(*v));

	for (size_t i = 0; i < l->count; i++)
		v[i] = l->items[i];
	return v;
}

static int start(struct app *app, const struct strlist *words, pid_t *pid,
		 struct error *err)
{
	struct strlist env CLEANUP(strlist_release) = { 0 };
	char **argv CLEANUP(free_ptr) = vector(words);
	char **envp CLEANUP(free_ptr) = NULL;
	sigset_t usual;
	int rc;

	if (make_env(app, &env, err) != 0)
		return -1;
	envp = vector(&env);
	*pid = 0;
	forward_hold(&usual);
	launch_adopt();
	rc = cancel_check(&app->cancel, err);
	if (rc == 0)
		rc = launch(argv, envp, &usual, pid, err);
	forward_to(*pid, &usual);
	return rc;
}

/* What the program has started and not waited for: "python (12), sh (13)". */
static void list_left(const struct watching *w, struct str *out)
{
	struct pids left CLEANUP(pids_release) = { .items = NULL };

	launch_reap(0);
	parents_own("/proc", &w->strangers, &left);
	for (size_t i = 0; i < left.count; i++) {
		struct str name CLEANUP(str_release) = STR_INIT;
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/comm",
			 (int)left.items[i]);
		if (!look_line(path, &name))
			continue;
		str_adds(out, out->len ? ", " : "; it has left running: ");
		text_clean(out, name.ptr, name.len);
		str_addf(out, " (%d)", (int)left.items[i]);
	}
}

/* Helpers of Python's see a moment later that it has ended. */
static void find_left(const struct watching *w, struct str *out)
{
	uint64_t begin = clock_ms();

	do {
		str_clear(out);
		list_left(w, out);
	} while (out->len && clock_ms() - begin < LEFT_MS &&
		 poll(NULL, 0, LEFT_STEP_MS) == 0);
}

/* Caller frees. */
static char *outcome(const struct watching *w, int status, int sig)
{
	struct str left CLEANUP(str_release) = STR_INIT;
	const char *name = sig ? sigabbrev_np(sig) : NULL;

	if (w->timed_out)
		return xstrdup("ended: its time was over");
	find_left(w, &left);
	if (!sig)
		return xasprintf("ended with status %d%s", status, left.ptr);
	return xasprintf("ended by signal %d%s%s%s%s", sig, name ? ", SIG" : "",
			 name ? name : "",
			 sig == SIGKILL && w->oom_kills
				 ? "; meanwhile the kernel has ended a program "
				   "for lack of memory"
				 : "",
			 left.ptr);
}

static int run(struct app *app, struct error *err)
{
	const struct strlist *words = &app->options->args;
	struct watching w CLEANUP(watching_release) = { .pidfd = -1 };
	pid_t pid;
	int status, sig;

	if (!words->count)
		return err_set(err, ERR_USAGE,
			       "what to run? itts-pack run [options] -- "
			       "COMMAND ...");
	if (watching_init(&w, app, words, err) != 0)
		return -1;
	w.adopts = true;
	parents_own("/proc", &w.strangers, &w.strangers);
	if (start(app, words, &pid, err) != 0 || watching_go(&w, pid, err) != 0)
		return -1;
	if (w.timed_out)
		endtree(pid, &w.strangers, GRACE_MS);
	status = launch_status(pid, &sig);
	app->status = w.timed_out ? TIMED_OUT : status;
	app->is_others = true;
	w.line.outcome = outcome(&w, status, sig);
	return watching_report(&w, err);
}

const struct command cmd_run = {
	.name = "run",
	.part = PART_HANG,
	.args = "-- COMMAND ...",
	.summary = "start a program with the right environment and watch it",
	.about =
		"Starts COMMAND, with --model-dir or --offline with the "
		"variables of itts-pack env, and watches it as itts-pack watch "
		"does. What the program prints goes where it always goes; what "
		"is seen of it goes to standard error, the summary to standard "
		"output.\n\n"
		"Signals go on to COMMAND. The status is that of COMMAND, 128 "
		"and the signal's number if "
		"one killed it, 124 if its time was over. What it leaves "
		"running when it ends is named, and goes on.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_FILES,
	.max_args = 1000,
	.run = run,
};
