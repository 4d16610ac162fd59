#include "base/file.h"
#include "base/mem.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/watching.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CMDLINE_MAX ((size_t)8 << 20)

static const struct option_group *const groups[] = { &group_watching,
						     &group_common, NULL };

static const char *const examples[] = {
	"A program that seems to hang:", "itts-pack watch 4711",
	"With a page to attach to an issue:",
	"itts-pack watch 4711 --report start.html", NULL
};

/* Words of /proc/PID/cmdline. */
static void read_words(uint64_t pid, struct strlist *out)
{
	char *path CLEANUP(free_ptr) = xasprintf("/proc/%llu/cmdline",
						 (unsigned long long)pid);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error ignored = { 0 };

	if (file_read_all(AT_FDCWD, path, CMDLINE_MAX, &text, &ignored) != 0)
		str_clear(&text);
	/* (who writes a title of its own into it leaves a tail of zeros) */
	while (text.len && !text.ptr[text.len - 1])
		str_truncate(&text, text.len - 1);
	for (size_t i = 0; i < text.len; i += strlen(text.ptr + i) + 1)
		strlist_add(out, text.ptr + i);
	if (!out->count) {
		free_ptr(&path);
		path = xasprintf("process %llu", (unsigned long long)pid);
		strlist_add(out, path);
	}
}

/* Without a look at its files and connections, nothing that is said would be right. */
static int check_rights(uint64_t pid, struct error *err)
{
	char *path CLEANUP(free_ptr) = xasprintf("/proc/%llu/fd",
						 (unsigned long long)pid);
	DIR *dir = opendir(path);

	if (dir)
		closedir(dir);
	else if (errno == EACCES || errno == EPERM)
		return err_set(
			err, ERR_IO,
			"process %llu is another user's, or keeps others "
			"out: run itts-pack watch as that user or root",
			(unsigned long long)pid);
	return 0;
}

/* A program that is not ours writes elsewhere. */
static int watch(struct watching *w, pid_t pid, struct error *err)
{
	w->live = true;
	return watching_go(w, pid, err);
}

static int run(struct app *app, struct error *err)
{
	struct watching w CLEANUP(watching_release) = { .pidfd = -1 };
	struct strlist words CLEANUP(strlist_release) = { 0 };
	const char *text = app->options->args.count
				   ? app->options->args.items[0]
				   : "";
	uint64_t pid;

	if (*str_digits(text, &pid) || !pid || pid > INT32_MAX)
		return err_set(err, ERR_USAGE,
			       "which process? give its number, as ps or "
			       "pgrep python tell it");
	read_words(pid, &words);
	if (check_rights(pid, err) != 0 ||
	    watching_init(&w, app, &words, err) != 0 ||
	    watch(&w, (pid_t)pid, err) != 0)
		return -1;
	w.line.outcome = xstrdup(cancel_is_set(&app->cancel)
					 ? "it was still running"
					 : "it has ended");
	return watching_report(&w, err);
}

const struct command cmd_watch = {
	.name = "watch",
	.part = PART_HANG,
	.args = "PID",
	.summary =
		"tell what a running program is doing, and what it waits for",
	.about =
		"Looks at a process and its children from outside, once a "
		"second: which model file is being read and how far, compilers "
		"at work, connections that nobody answers, name servers, "
		"locks, "
		"memory, threads. Nothing is attached to it and nothing "
		"changed. When nothing has moved for a while it says what is "
		"waited for and what helps.\n\n"
		"Ends with the process, or with Ctrl-C, and prints what was "
		"seen. Processes of other users need root.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_NONE,
	.max_args = 1,
	.run = run,
};
