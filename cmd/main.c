#include "base/clock.h"
#include "base/file.h"
#include "cmd/app.h"
#include "cmd/commands.h"
#include "cmd/groups.h"
#include "cmd/help.h"
#include "cmd/text.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAPPED_FROM (4 << 20) /* bytes: above the buffers that come again */

/* lint: mutable. What a signal handler can reach is a variable of the file. */
static struct cancel *volatile signal_cancel;

static void on_signal(int sig)
{
	(void)sig;
	cancel_set(signal_cancel);
}

/* The first SIGINT or SIGTERM asks to stop, the second one kills. */
static void catch_signals(struct cancel *c)
{
	struct sigaction stop = { .sa_handler = on_signal,
				  .sa_flags = (int)SA_RESETHAND | SA_RESTART };

	signal_cancel = c;
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
}

/* A file must not get the number of a standard stream that was closed. Where there is
 * no /dev a directory takes the place: nothing can be written to that either. */
static void fill_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			fd = open("/", O_RDONLY | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static const char *get_env(void *ctx, const char *name)
{
	const char *v = getenv(name);
	struct passwd *pw;

	(void)ctx;
	if (strcmp(name, "HOME") != 0 || (v && *v))
		return v;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread begins */
	pw = getpwuid(getuid());
	return pw ? pw->pw_dir : NULL;
}

/* --- the terminal ------------------------------------------------------------ */

static void write_stderr(void *ctx, const char *text, size_t len)
{
	struct error dropped = { 0 };

	(void)ctx;
	/* there is nowhere to say that it failed */
	if (file_write_all(STDERR_FILENO, text, len, "standard error",
			   &dropped) != 0)
		err_clear(&dropped);
}

static uint64_t read_clock(void *ctx)
{
	(void)ctx;
	return clock_ms();
}

static void terminal_size(void *ctx, unsigned *columns, unsigned *rows)
{
	struct winsize ws = { 0 };

	(void)ctx;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) != 0 || ws.ws_col == 0 ||
	    ws.ws_row == 0)
		return;
	*columns = ws.ws_col;
	*rows = ws.ws_row;
}

static bool terminal_moves(const struct env *env)
{
	const char *term = env->get(env->ctx, "TERM");

	return isatty(STDERR_FILENO) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

static enum render_kind choose_render(const struct app *app)
{
	static const struct {
		const char *name;
		enum render_kind kind;
	} kinds[] = {
		{ "tty", RENDER_TTY },
		{ "plain", RENDER_PLAIN },
		{ "json", RENDER_JSON },
		{ "none", RENDER_NONE },
	};
	const char *asked = app->options->progress;

	for (size_t i = 0; asked && i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, asked) == 0 &&
		    (!app->options->quiet || kinds[i].kind == RENDER_JSON))
			return kinds[i].kind;
	if (app->options->quiet)
		return RENDER_NONE;
	return terminal_moves(app->env) ? RENDER_TTY : RENDER_PLAIN;
}

static void open_render(struct app *app)
{
	const char *no_color = app->env->get(app->env->ctx, "NO_COLOR");
	struct render_io io = {
		.write = write_stderr,
		.clock_ms = read_clock,
		.size = terminal_size,
		.quiet = app->options->quiet,
		.verbose = app->options->verbose,
		.color = terminal_moves(app->env) && !(no_color && *no_color),
	};

	app->render = render_open(choose_render(app), &io);
	app->sink = render_sink(app->render);
}

/* --- the end ------------------------------------------------------------------ */

static void put_error(const struct app *app, const struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer w;

	fprintf(stderr, "itts-pack: %s\n", err->msg);
	if (!app->options->json)
		return;
	json_writer_init(&w, &text, JSON_COMPACT);
	json_begin_object(&w);
	json_put_kv_u64(&w, "v", 1);
	json_put_key(&w, "error");
	json_begin_object(&w);
	json_put_kv(&w, "class", err_code_name(err->code));
	json_put_kv_u64(&w, "status", (uint64_t)err_exit_status(err->code));
	json_put_kv(&w, "message", err->msg);
	if (err->http > 0)
		json_put_kv_u64(&w, "http", (uint64_t)err->http);
	json_end_object(&w);
	json_end_object(&w);
	fprintf(app->stdout_taken ? stderr : stdout, "%s\n", text.ptr);
}

/* A result that did not arrive is no result: full disk, closed pipe. Who closed the
 * pipe ("| head") knows it, and need not be told. */
static int finish_stdout(const struct app *app, int status)
{
	int failed = ferror(stdout), cause;

	errno = 0;
	if (fflush(stdout) == 0 && !failed && close(STDOUT_FILENO) == 0)
		return status;
	cause = app->write_error ? app->write_error : errno;
	if (cause == EPIPE && app->is_others)
		return status;
	if (cause != EPIPE)
		fprintf(stderr, "itts-pack: cannot write standard output%s%s\n",
			cause ? ": " : "", cause ? strerrordesc_np(cause) : "");
	return err_exit_status(ERR_IO);
}

static int fail(const struct app *app, const struct error *err)
{
	put_error(app, err);
	return err_exit_status(err->code);
}

/* --- the command line ---------------------------------------------------------- */

/* Directories are made as the umask says; one that takes away its owner's own access would
 * only leave them behind, closed. What `run` starts has the umask that it was given. */
static void keep_own_access(const struct command *c)
{
	if (c != &cmd_run)
		umask(umask(S_IRWXG | S_IRWXO) & ~(mode_t)S_IRWXU);
}

static int run_command(struct app *app, struct error *err)
{
	const struct command *c = app->command;
	const struct strlist *args = &app->options->args;
	int rc;

	if (args->count > c->max_args) {
		err_set(err, ERR_USAGE, "'%s' is one word too many",
			args->items[c->max_args]);
		return err_hint(err, "see itts-pack help %s", c->name);
	}
	if (cancel_init(&app->cancel, err) != 0)
		return -1;
	catch_signals(&app->cancel);
	keep_own_access(c);
	open_render(app);
	rc = c->run(app, err);
	render_close(&app->render);
	return rc;
}

static int print_help(struct app *app)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	size_t width = help_width(STDOUT_FILENO);

	if (app->command)
		help_command(&text, app->command, width);
	else
		help_short(&text, width);
	app->command = &cmd_help;
	app_text(app, &text);
	return 0;
}

/* With no command at all. */
static int print_usage(const struct app *app)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	if (app->options->json) {
		err_set(&err, ERR_USAGE, "no command; see itts-pack help");
		return fail(app, &err);
	}
	help_short(&text, help_width(STDERR_FILENO));
	fwrite(text.ptr, 1, text.len, stderr);
	return err_exit_status(ERR_USAGE);
}

/* Options may stand before the command and behind it. */
static int parse(struct app *app, struct options *o, struct words *w,
		 struct error *err)
{
	static const struct option_group *const common[] = { &group_common,
							     NULL };
	const char *name;

	if (options_parse(common, w, true, o, err) != 0)
		return err_hint(err, "see itts-pack help");
	if (w->at == w->argc)
		return 0;
	name = w->argv[w->at++];
	app->command = command_find(name);
	if (!app->command)
		return command_unknown(name, err);
	if (options_parse(app->command->groups, w, false, o, err) != 0)
		return err_hint(err, "see itts-pack help %s",
				app->command->name);
	return 0;
}

static int dispatch(struct app *app, struct options *o, struct words *w)
{
	struct error err = { 0 };

	if (parse(app, o, w, &err) != 0) {
		/* it may stand behind what could not be read */
		for (; w->at < w->argc && !o->json; w->at++)
			o->json = strcmp(w->argv[w->at], "--json") == 0;
		return fail(app, &err);
	}
	if (o->help)
		return print_help(app);
	if (o->version)
		app->command = &cmd_version;
	if (!app->command)
		return print_usage(app);
	if (o->version)
		strlist_release(&o->args);
	if (run_command(app, &err) == 0)
		return app->status;
	if (err.code == ERR_CANCELLED)
		err_hint(&err, "run the same command again to continue");
	return fail(app, &err);
}

int main(int argc, char **argv)
{
	const struct env env = { .get = get_env };
	struct options options CLEANUP(options_release) = OPTIONS_INIT;
	struct app app = { .options = &options, .env = &env };
	struct words words = { .argc = argc, .at = argc > 0, .argv = argv };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	int status;

	fill_standard_fds();
	/* what is freed of the texts of large sets goes back to the system, and is not
	 * kept in pieces; by itself glibc's limit grows with what is freed */
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
	mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
	/* a pipe that nobody reads is an error of write() */
	sigaction(SIGPIPE, &ignore, NULL);
	/* so is the limit of "ulimit -f" */
	sigaction(SIGXFSZ, &ignore, NULL);
	status = dispatch(&app, &options, &words);
	/* app.cancel is not released: a signal may still come */
	return finish_stdout(&app, status);
}
