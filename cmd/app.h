/* What main() builds and every command gets. */
#ifndef ITTS_APP_H
#define ITTS_APP_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/event.h"
#include "base/json.h"
#include "base/str.h"
#include "cache/hfcache.h"
#include "cmd/commands.h"
#include "cmd/config.h"
#include "cmd/options.h"
#include "cmd/render.h"

struct app {
	const struct command *command;
	const struct options *options;
	const struct env *env;
	struct cancel cancel;
	struct render *render;
	struct event_sink sink;
	bool stdout_taken; /* a bundle goes there: results go to stderr */
	int write_error;   /* errno of the first write that failed, or 0 */
	int status;	   /* exit status of a command that returns 0 */
	bool is_others;	   /* it is that of the program that was started */
};

/* Results for people: printed as they are, but for control bytes. */
void app_print(struct app *app, const struct str *text);
/* Results for programs and shells: the very bytes. */
void app_write(struct app *app, const struct str *text);
/* Remarks that --quiet and --json leave out; one line, no newline. */
void app_note(struct app *app, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A command line to run next: the words, quoted where needed. NULL-terminated. */
void app_next(struct app *app, const char *why, const char *const *words);

/* The JSON result: {"v":1,"command":NAME, ... }. */
void app_json_begin(struct app *app, struct json_writer *w, struct str *text);
void app_json_end(struct app *app, struct json_writer *w);
/* For a long result, which may begin to be printed before it is complete: nothing
 * may fail any more. Behind app_json_begin(). */
void app_json_drain(struct app *app, struct json_writer *w);
/* A result that is a text: the very bytes, with --json as the key "text". */
void app_text(struct app *app, const struct str *text);

/* Opens the cache directory that options and environment name. */
int app_open_store(struct app *app, bool create, struct hfcache **out,
		   struct error *err) MUST_CHECK;
/* A directory option, '~' expanded; caller frees. */
char *app_dir(struct app *app, const char *option);
/* The same, absolute, though it need not exist. */
int app_absolute(struct app *app, const char *dir, struct str *out,
		 struct error *err) MUST_CHECK;
/* Fails where a file could not be written, before the work for it begins. path NULL:
 * some name in the current directory. */
int app_check_output(const char *path, struct error *err) MUST_CHECK;
/* As that, for a file that is written under another name and then renamed: as root
 * that would take the place of /dev/null. */
int app_check_replace(const char *path, struct error *err) MUST_CHECK;
/* Fails where the output of -o would take the place of one of the inputs (NULL: none of
 * them), a slip of the hand. */
int app_spare(const char *path, const char *const *inputs, size_t count,
	      struct error *err) MUST_CHECK;
/* "-", /dev/stdout, or the file that standard output goes to. */
bool app_is_stdout(const char *path);

#endif
