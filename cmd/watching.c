#include "cmd/watching.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "cmd/procenv.h"
#include "cmd/text.h"
#include "doctor/launch.h"
#include "doctor/proc.h"
#include "doctor/redact.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 30
#define LOOK_MS	   1000
/* The first seconds show most. */
#define FIRST_MS    250
#define FIRST_TURNS 8
#define GPU_MS	    50
/* Of a processor it takes one part in so many, and of a program with thousands of files
 * it sees less often; but it does look. */
#define SHARE	  100
#define LONG_MS	  8000
#define TITLE_MAX 4096
/* A second. */
#define POLLS_LEAST 5
#define POLLS_MOST  20

static const struct option options[] = {
	{ .name = "patience",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, patience),
	  .value = "TIME",
	  .help = "say so when nothing has moved for this long: 30 (default), "
		  "2m" },
	{ .name = "report",
	  .kind = OPTION_LIST,
	  .field = offsetof(struct options, reports),
	  .value = "FILE",
	  .help = "write a report: FILE.html with a picture, FILE.json, or "
		  "FILE.txt (repeatable)" },
};

const struct option_group group_watching = { "Watching", options,
					     ARRAY_LEN(options) };

void watching_release(struct watching *w)
{
	close_fd(&w->pidfd);
	timeline_release(&w->line);
	asking_release(&w->asking);
	gpu_driver_close(&w->gpus);
	pids_release(&w->strangers);
}

static int check_reports(const struct strlist *files, struct error *err)
{
	for (size_t i = 0; i < files->count; i++) {
		const char *f = files->items[i];

		if (!str_ends(f, ".html") && !str_ends(f, ".json") &&
		    !str_ends(f, ".txt"))
			return err_set(err, ERR_USAGE,
				       "--report %s: the name must end in "
				       ".html, .json or .txt",
				       f);
		/* not after hours */
		if (app_check_output(f, err) != 0)
			return err_wrap(err, "--report");
	}
	return 0;
}

/* Without what could steer a terminal or is no text. */
static void add_clean(struct str *out, const char *text)
{
	size_t old = out->len;

	text_clean(out, text, strlen(text));
	for (size_t i = old; i < out->len; i++)
		if (out->ptr[i] == '\n')
			out->ptr[i] = '?';
}

/* Quotes where the word had to have them: the stars of a secret alone need none. */
static void add_word(const char *word, const char *before, struct str *out)
{
	struct str quoted CLEANUP(str_release) = STR_INIT;
	struct str clean CLEANUP(str_release) = STR_INIT;
	char *safe CLEANUP(free_ptr) = xstrdup(word);

	redact_word(safe, before);
	add_clean(&clean, safe);
	quote_sh(&quoted, word);
	if (clean.len > TITLE_MAX)
		str_adds(out, "...");
	else if (strcmp(quoted.ptr, word) != 0)
		quote_sh(out, clean.ptr);
	else
		str_adds(out, clean.ptr);
}

/* The command line as it could be typed, without secrets. */
static void add_title(const struct strlist *words, struct str *out)
{
	for (size_t i = 0; i < words->count && out->len < TITLE_MAX; i++) {
		if (i)
			str_addc(out, ' ');
		add_word(words->items[i], i ? words->items[i - 1] : "", out);
	}
	if (out->len >= TITLE_MAX)
		str_adds(out, " ...");
}

int watching_init(struct watching *w, struct app *app,
		  const struct strlist *words, struct error *err)
{
	const struct options *o = app->options;
	struct str title CLEANUP(str_release) = STR_INIT;
	uint64_t patience = PATIENCE_S, timeout = 0;

	*w = (struct watching){ .app = app,
				.pidfd = -1,
				.gpu = SAMPLE_UNKNOWN };
	if (o->patience && human_parse_time(o->patience, &patience, err) != 0)
		return err_wrap(err, "--patience");
	if (o->timeout && human_parse_time(o->timeout, &timeout, err) != 0)
		return err_wrap(err, "--timeout");
	if (check_reports(&o->reports, err) != 0)
		return -1;
	w->timeout = timeout * 1000;
	add_title(words, &title);
	timeline_init(&w->line, title.ptr, patience * 1000);
	return 0;
}

/* --- telling ------------------------------------------------------------------- */

static void tell(struct watching *w, enum timeline_news news)
{
	const struct timeline_span *s = timeline_now(&w->line);
	char time[HUMAN_MAX];

	if (news == NEWS_NONE || !s)
		return;
	if (news == NEWS_STAGE) {
		event_info(&w->app->sink, "%s %s", human_time(s->begin, time),
			   s->said);
		return;
	}
	event_warn(&w->app->sink, "nothing moves for %llu s: %s",
		   (unsigned long long)((w->line.end - w->line.since) / 1000),
		   s->said);
	if (s->advice)
		event_info(&w->app->sink, "%s", s->advice);
}

/* How far the file is, for a bar. */
static void show(struct watching *w, const struct watch_view *v)
{
	/* (no EVENT_START: the stage has been told) */
	const struct event ev = { .type = EVENT_PROGRESS,
				  .id = (unsigned)w->line.span_count,
				  .name = timeline_now(&w->line)->what,
				  .done = v->done,
				  .total = v->total };

	if (v->kind == WATCH_READ && v->total && v->done)
		event_emit(&w->app->sink, &ev);
}

/* What goes on now, for a line that is drawn again and again. */
static void tell_live(struct watching *w, const struct watch_view *v,
		      uint64_t took)
{
	const struct timeline *t = &w->line;
	const struct timeline_span *s = timeline_now(t);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str more CLEANUP(str_release) = STR_INIT;
	struct event ev = { .type = EVENT_STATUS };
	char a[HUMAN_MAX];

	str_addf(&text, "%s ", human_time(t->end, a));
	if (!watch_kind_moves(s->kind))
		str_addf(&text, "for %s: ", human_time(t->end - t->since, a));
	str_adds(&text, s->said);
	if (v->read && took)
		str_addf(&more, "%s/s, ", human_size(v->read * 1000 / took, a));
	str_addf(&more, "%.1f cores, %s of memory", v->cores,
		 human_size(v->rss, a));
	if (t->has_gpu && v->gpu != SAMPLE_UNKNOWN)
		str_addf(&more, ", %s of GPU memory", human_size(v->gpu, a));
	str_addf(&more, ", %u process%s, %u thread%s", v->procs,
		 v->procs == 1 ? "" : "es", v->threads,
		 v->threads == 1 ? "" : "s");
	if (v->connections)
		str_addf(&more, ", %u connection%s", v->connections,
			 v->connections == 1 ? "" : "s");
	ev.text = text.ptr;
	ev.name = more.ptr;
	event_emit(&w->app->sink, &ev);
}

static bool has_proc(const struct sample *s, uint64_t pid)
{
	for (size_t i = 0; i < s->proc_count; i++)
		if ((uint64_t)s->procs[i].pid == pid)
			return true;
	return false;
}

/* From the driver's library alone: nvidia-smi takes too long for this. What it does not
 * tell at once is looked for next time. */
static void read_gpus(struct watching *w, struct sample *now)
{
	struct gpu_list list CLEANUP(gpu_list_release) = { .source = NULL };

	if (w->gpus && gpu_driver_read(w->gpus, GPU_MS, &list) == GPU_TOLD) {
		w->gpu = 0;
		for (size_t i = 0; i < list.user_count; i++)
			if (has_proc(now, list.users[i].pid))
				w->gpu += list.users[i].mib << 20;
	}
	now->gpu = w->gpu;
}

/* Whom it asks, and what for. Its circumstances are read when it first waits for
 * somebody, and again when another one of its processes does. */
static void explain(struct watching *w, const struct sample *now,
		    struct watch_view *v)
{
	if (v->pid && v->pid != w->asker) {
		asking_release(&w->asking);
		procenv_asking(v->pid, &w->asking);
		w->asker = v->pid;
	}
	if (w->asker)
		asking_see(&w->asking, now);
	if (v->pid)
		asking_explain(&w->asking, v);
}

/* torch looks ten times a second whether the lock of a build is gone. One that was there
 * before the program is nothing to it, if it does not wake like that. */
static void look_for_lock(struct watching *w, const struct sample *before,
			  struct sample *now)
{
	pid_t polls = 0;

	for (size_t i = 0; i < now->proc_count && !now->stale_lock; i++) {
		const struct sample_proc *p = &now->procs[i];
		const struct sample_proc *q = watch_find(before, p);
		uint64_t wakes = q && p->wakes > q->wakes ? p->wakes - q->wakes
							  : 0;
		uint64_t each = wakes * 1000 / (now->ms - before->ms + 1);

		if (each < POLLS_LEAST || each > POLLS_MOST)
			continue;
		if (p->pid == w->polls) /* not for a moment */
			now->stale_lock = procenv_lock(p->pid, p->started);
		polls = p->pid;
	}
	w->polls = polls;
}

/* Names of files are whatever somebody gave them. */
static void make_safe(char *text, size_t cap)
{
	struct str clean CLEANUP(str_release) = STR_INIT;

	add_clean(&clean, text);
	/* '?' for a byte: it has not become longer */
	snprintf(text, cap, "%s", clean.ptr);
}

static void look(struct watching *w, struct sample *before,
		 const struct sample *now, uint64_t ticks)
{
	struct watch_view v;
	enum timeline_news news;

	watch_judge(before, now, ticks, &v);
	explain(w, now, &v);
	make_safe(v.what, sizeof(v.what));
	make_safe(v.host, sizeof(v.host));
	make_safe(v.why, sizeof(v.why));
	make_safe(v.mend, sizeof(v.mend));
	news = timeline_add(&w->line, now->ms, &v);
	tell(w, news);
	show(w, &v);
	if (w->live)
		tell_live(w, &v, now->ms - before->ms);
}

/* Processor time of this program until now. */
static uint64_t used_us(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static unsigned next_pause(unsigned turns, uint64_t cost_us)
{
	uint64_t usual = turns < FIRST_TURNS ? FIRST_MS : LOOK_MS;
	uint64_t fair = cost_us * SHARE / 1000;

	if (fair > LONG_MS)
		fair = LONG_MS;
	return (unsigned)(fair > usual ? fair : usual);
}

int watching_go(struct watching *w, pid_t pid, struct error *err)
{
	struct sampler sampler CLEANUP(sampler_release) = { .root = pid };
	struct sample before CLEANUP(
		sample_release) = { .gpu = SAMPLE_UNKNOWN };
	uint64_t begin = clock_ms(), killed = proc_oom_kills("/proc");
	unsigned turns = 0;

	w->pid = pid;
	if (launch_open(pid, &w->pidfd, err) != 0)
		return -1;
	sampler_init(&sampler, pid);
	sampler.adopts = w->adopts;
	for (size_t i = 0; i < w->strangers.count; i++)
		pids_add(&sampler.strangers, w->strangers.items[i]);
	w->gpus = gpu_driver_open(NULL);
	pids_add(&sampler.strangers, gpu_driver_pid(w->gpus));
	for (;;) {
		struct sample now CLEANUP(sample_release) = { .ms = 0 };
		uint64_t used = used_us();

		if (w->adopts)
			launch_reap(pid);
		if (!sampler_take(&sampler, clock_ms() - begin, &now))
			break;
		read_gpus(w, &now);
		look_for_lock(w, &before, &now);
		look(w, &before, &now, sampler.ticks);
		sample_release(&before);
		before = now;
		now = (struct sample){ .ms = 0 };
		w->timed_out = w->timeout && before.ms >= w->timeout;
		if (w->timed_out ||
		    launch_wait(w->pidfd, &w->app->cancel,
				next_pause(turns++, used_us() - used)) ||
		    cancel_is_set(&w->app->cancel))
			break;
	}
	w->oom_kills = proc_oom_kills("/proc") != killed;
	gpu_driver_close(&w->gpus);
	return 0;
}

/* --- reports ------------------------------------------------------------------- */

static void format(const struct watching *w, const char *file, struct str *out)
{
	struct json_writer j;

	if (str_ends(file, ".html")) {
		timeline_html(&w->line, out);
	} else if (str_ends(file, ".txt")) {
		timeline_text(&w->line, out);
	} else {
		json_writer_init(&j, out, JSON_PRETTY);
		json_begin_object(&j);
		json_put_kv_u64(&j, "v", 1);
		timeline_json(&w->line, &j);
		json_end_object(&j);
		str_addc(out, '\n');
	}
}

int watching_report(struct watching *w, struct error *err)
{
	const struct strlist *files = &w->app->options->reports;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json_writer j;

	for (size_t i = 0; i < files->count; i++) {
		str_clear(&text);
		format(w, files->items[i], &text);
		if (file_replace(AT_FDCWD, files->items[i], text.ptr, text.len,
				 err) != 0)
			return -1;
	}
	str_clear(&text);
	if (w->app->options->json) {
		app_json_begin(w->app, &j, &text);
		timeline_json(&w->line, &j);
		app_json_end(w->app, &j);
		return 0;
	}
	timeline_text(&w->line, &text);
	if (!w->app->options->quiet)
		app_print(w->app, &text);
	return 0;
}
