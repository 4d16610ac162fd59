#include "tests/unit/doctor/unit.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *get_variable(void *ctx, const char *name)
{
	const struct world *w = ctx;

	for (size_t i = 0; i + 1 < w->variables.count; i += 2)
		if (strcmp(w->variables.items[i], name) == 0)
			return w->variables.items[i + 1];
	return NULL;
}

static void expand(void *ctx, const char *text, struct str *out)
{
	const struct world *w = ctx;

	if (*text == '~')
		str_addf(out, "%s/home%s", w->path, text + 1);
	else
		str_adds(out, text);
}

static void give_gpus(void *ctx, struct gpu_list *out)
{
	const struct world *w = ctx;

	out->gpus = xcalloc(w->gpus.count + 1, sizeof(*out->gpus));
	for (size_t i = 0; i < w->gpus.count; i++)
		out->gpus[i] = w->gpus.gpus[i];
	out->count = w->gpus.count;
	out->users = xcalloc(w->gpus.user_count + 1, sizeof(*out->users));
	for (size_t i = 0; i < w->gpus.user_count; i++)
		out->users[i] = w->gpus.users[i];
	out->user_count = w->gpus.user_count;
	out->source = "test";
	memcpy(out->problem, w->gpus.problem, sizeof(out->problem));
}

static char *sub(struct world *w, const char *name)
{
	char *path = xasprintf("%s/%s", w->path, name);
	struct error err = { 0 };

	assert_int_equal(file_mkdirs(AT_FDCWD, path, &err), 0);
	return path;
}

void world_begin(struct world *w)
{
	*w = (struct world){ .path = "/tmp/itts-doctor.XXXXXX" };
	assert_non_null(mkdtemp(w->path));
	w->proc = sub(w, "proc");
	w->sys = sub(w, "sys");
	w->dev = sub(w, "dev");
	w->cwd = sub(w, "cwd");
	w->venv = sub(w, "venv");
	w->in = (struct doctor_input){
		.cwd = w->cwd,
		.proc = w->proc,
		.sys = w->sys,
		.dev = w->dev,
		.env = { get_variable, expand, w },
		.gpus = { give_gpus, w },
	};
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void world_end(struct world *w)
{
	assert_int_equal(nftw(w->path, remove_one, 16, FTW_DEPTH | FTW_PHYS),
			 0);
	diagnosis_release(&w->result);
	strlist_release(&w->variables);
	gpu_list_release(&w->gpus);
	free_ptr(&w->model_dir);
	free_ptr(&w->cwd);
	free_ptr(&w->venv);
	free_ptr(&w->proc);
	free_ptr(&w->sys);
	free_ptr(&w->dev);
}

static int make(struct world *w, const char *path)
{
	char *full CLEANUP(free_ptr) = xasprintf("%s/%s", w->path, path);
	char *dir CLEANUP(free_ptr) = xstrdup(full);
	struct error err = { 0 };
	int fd;

	*strrchr(dir, '/') = '\0';
	assert_int_equal(file_mkdirs(AT_FDCWD, dir, &err), 0);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	return fd;
}

void world_file(struct world *w, const char *path, const char *text)
{
	int fd CLEANUP(close_fd) = make(w, path);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

void world_sparse(struct world *w, const char *path, uint64_t size)
{
	int fd CLEANUP(close_fd) = make(w, path);

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
}

void world_set(struct world *w, const char *name, const char *value)
{
	strlist_add(&w->variables, name);
	strlist_add(&w->variables, value);
}

void world_gpu(struct world *w, const char *name, unsigned cc,
	       uint64_t free_mib)
{
	struct gpu *g;

	w->gpus.gpus = xgrow(w->gpus.gpus, &w->gpus.cap, w->gpus.count + 1,
			     sizeof(*g));
	g = &w->gpus.gpus[w->gpus.count++];
	g->cc = cc;
	g->total_mib = 24576;
	g->free_mib = free_mib;
	snprintf(g->name, sizeof(g->name), "%s", name);
	snprintf(g->driver, sizeof(g->driver), "570.86.15");
}

void world_run(struct world *w, const char *model_dir)
{
	free_ptr(&w->model_dir);
	diagnosis_release(&w->result);
	if (model_dir)
		w->model_dir = xasprintf("%s/%s", w->path, model_dir);
	w->in.model_dir = w->model_dir;
	doctor_run(&w->in, &w->result);
}

void assert_found(const struct world *w, enum severity severity, const char *id,
		  const char *words)
{
	const struct finding *f = findings_find(&w->result.findings, id);

	if (!f)
		fail_msg("%s is not found", id);
	assert_int_equal(f->severity, severity);
	if (!strstr(f->title, words) &&
	    (!f->evidence || !strstr(f->evidence, words)) &&
	    (!f->meaning || !strstr(f->meaning, words)) &&
	    (!f->remedy || !strstr(f->remedy, words)))
		fail_msg("%s: %s; %s: nothing about %s", id, f->title,
			 f->evidence, words);
	assert_non_null(f->remedy);
}

void assert_not_found(const struct world *w, const char *id)
{
	const struct finding *f = findings_find(&w->result.findings, id);

	if (f)
		fail_msg("%s: %s", f->title, f->evidence);
}
