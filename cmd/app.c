#include "cmd/app.h"

#include "base/mem.h"
#include "bundle/space.h"
#include "cmd/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* main() looks at the stream's error flag when all is done. */
void app_write(struct app *app, const struct str *text)
{
	FILE *f = app->stdout_taken ? stderr : stdout;

	render_hide(app->render);
	errno = 0;
	if (fwrite(text->ptr, 1, text->len, f) != text->len &&
	    app->write_error == 0)
		app->write_error = errno;
}

void app_print(struct app *app, const struct str *text)
{
	struct str clean CLEANUP(str_release) = STR_INIT;

	text_clean(&clean, text->ptr, text->len);
	app_write(app, &clean);
}

void app_note(struct app *app, const char *fmt, ...)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	char *line CLEANUP(free_ptr) = NULL;
	va_list args, again;
	int len;

	if (app->options->quiet || app->options->json)
		return;
	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, args);
	line = xmalloc((size_t)len + 1);
	vsnprintf(line, (size_t)len + 1, fmt, again);
	va_end(again);
	va_end(args);
	str_addf(&text, "%s\n", line);
	app_print(app, &text);
}

void app_next(struct app *app, const char *why, const char *const *words)
{
	struct str line CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; words[i]; i++) {
		if (i)
			str_addc(&line, ' ');
		quote_sh(&line, words[i]);
	}
	app_note(app, "%s:\n  %s", why, line.ptr);
}

void app_json_begin(struct app *app, struct json_writer *w, struct str *text)
{
	json_writer_init(w, text, JSON_COMPACT);
	json_begin_object(w);
	json_put_kv_u64(w, "v", 1);
	json_put_kv(w, "command", app->command->name);
}

static void drain(void *ctx, const void *p, size_t n)
{
	/* borrowed */
	const struct str piece = { .ptr = (char *)(uintptr_t)p, .len = n };

	app_write(ctx, &piece);
}

void app_json_drain(struct app *app, struct json_writer *w)
{
	json_writer_drain(w, drain, app);
}

void app_json_end(struct app *app, struct json_writer *w)
{
	json_end_object(w);
	str_addc(w->out, '\n');
	app_write(app, w->out);
}

void app_text(struct app *app, const struct str *text)
{
	struct str doc CLEANUP(str_release) = STR_INIT;
	struct json_writer w;

	if (!app->options->json) {
		app_write(app, text);
		return;
	}
	app_json_begin(app, &w, &doc);
	json_put_kv(&w, "text", text->ptr);
	app_json_end(app, &w);
}

/* What makes a cache that is not there: nothing of ours, behind a link that leads nowhere. */
static int hint_store(const char *root, struct error *err)
{
	char *nearest CLEANUP(free_ptr) = NULL;
	struct error why = { 0 };

	if (space_nearest(root, &nearest, &why) != 0)
		return err_hint(err,
				"%s; mount or make what it leads to, or "
				"--cache names another",
				why.msg);
	return err_hint(err, "itts-pack fetch or itts-pack install makes it, "
			     "--cache names another");
}

int app_open_store(struct app *app, bool create, struct hfcache **out,
		   struct error *err)
{
	struct str root CLEANUP(str_release) = STR_INIT;

	if (config_cache(app->env, app->options, &root, err) != 0)
		return -1;
	if (hfcache_open(out, root.ptr, create, err) != 0)
		return err->code == ERR_NOT_FOUND ? hint_store(root.ptr, err)
						  : -1;
	if (app->options->verbose)
		event_info(&app->sink, "cache: %s", hfcache_root(*out));
	return 0;
}

char *app_dir(struct app *app, const char *option)
{
	struct str out CLEANUP(str_release) = STR_INIT;

	config_expand(app->env, option, false, &out);
	return str_detach(&out);
}

int app_absolute(struct app *app, const char *dir, struct str *out,
		 struct error *err)
{
	char *path CLEANUP(free_ptr) = app_dir(app, dir);
	char *real CLEANUP(free_ptr) = realpath(path, NULL);
	char *cwd CLEANUP(free_ptr) = NULL;

	if (real) {
		str_adds(out, real);
		return 0;
	}
	if (*path != '/') {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return err_sys(err, errno, "the current directory");
		str_addf(out, "%s/", cwd);
	}
	str_adds(out, path);
	return 0;
}

bool app_is_stdout(const char *path)
{
	struct stat named, out;

	return strcmp(path, "-") == 0 ||
	       (stat(path, &named) == 0 && fstat(STDOUT_FILENO, &out) == 0 &&
		named.st_dev == out.st_dev && named.st_ino == out.st_ino);
}

int app_check_replace(const char *path, struct error *err)
{
	struct stat st;

	if (app_check_output(path, err) != 0)
		return -1;
	if (app_is_stdout(path))
		return err_set(
			err, ERR_USAGE,
			"%s is standard output, which gets the messages; "
			"give another name",
			path);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE,
			       "%s is a device or pipe, which no file can take "
			       "the place of",
			       path);
	return 0;
}

int app_spare(const char *path, const char *const *inputs, size_t count,
	      struct error *err)
{
	struct stat out, in;

	if (stat(path, &out) != 0 || !S_ISREG(out.st_mode))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (inputs[i] && stat(inputs[i], &in) == 0 &&
		    in.st_dev == out.st_dev && in.st_ino == out.st_ino)
			return err_set(err, ERR_USAGE,
				       "-o %s would replace what it is made "
				       "from; give another name",
				       path);
	return 0;
}

int app_check_output(const char *path, struct error *err)
{
	char *dir CLEANUP(free_ptr) = xstrdup(path ? path : ".");
	char *slash = strrchr(dir, '/');
	const char *in = slash == dir ? "/" : slash ? dir : ".";
	struct stat st;

	if (slash && slash != dir)
		*slash = '\0';
	if (path && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE,
			       "%s is a directory; give the file to write",
			       path);
	if (access(in, W_OK | X_OK) != 0)
		return err_sys(err, errno, "%s: cannot write into %s",
			       path ? path : "output", in);
	return 0;
}
