#include "cmd/procenv.h"

#include "base/file.h"
#include "base/mem.h"
#include "doctor/extensions.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX  ((size_t)2 << 20) /* of variables, words, /etc/hosts */
#define MODEL_DIR "checkpoints"

static void read_text(pid_t pid, const char *name, struct str *out)
{
	struct error gone = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	if (file_read_all(AT_FDCWD, path, TEXT_MAX, out, &gone) != 0)
		str_clear(out);
}

static const char *get(void *ctx, const char *name)
{
	const struct procenv *p = ctx;
	const char *end = p->variables.ptr + p->variables.len;
	size_t len = strlen(name);

	for (const char *v = p->variables.ptr; v < end; v += strlen(v) + 1)
		if (strncmp(v, name, len) == 0 && v[len] == '=')
			return v + len + 1;
	return NULL;
}

static void expand(void *ctx, const char *text, struct str *out)
{
	const struct procenv *p = ctx;
	struct str path CLEANUP(str_release) = STR_INIT;

	config_expand(&p->env, text, true, &path);
	if (p->root && path.ptr[0] == '/')
		str_adds(out, p->root);
	str_adds(out, path.ptr);
}

/* A container has mounts of its own; its paths are then looked up below root. */
static char *find_root(pid_t pid)
{
	char ns[64];
	struct stat its, ours;

	snprintf(ns, sizeof(ns), "/proc/%d/ns/mnt", (int)pid);
	if (stat(ns, &its) != 0 || stat("/proc/self/ns/mnt", &ours) != 0 ||
	    (its.st_ino == ours.st_ino && its.st_dev == ours.st_dev))
		return NULL;
	return xasprintf("/proc/%d/root", (int)pid);
}

/* As the program sees it, with root in front. Caller frees; NULL: not to be read. */
static char *find_cwd(pid_t pid, const char *root)
{
	char name[64], target[PATH_MAX];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%d/cwd", (int)pid);
	n = readlink(name, target, sizeof(target) - 1);
	if (n <= 0)
		return NULL;
	target[n] = '\0';
	return xasprintf("%s%s", root ? root : "", target);
}

/* The value of --model_dir or --model-dir, or NULL; borrowed from words. */
static const char *find_word(const struct str *words, bool *webui)
{
	const char *end = words->ptr + words->len, *found = NULL;

	*webui = false;
	for (const char *w = words->ptr; w < end; w += strlen(w) + 1) {
		const char *next = w + strlen(w) + 1;

		*webui |= str_ends(w, "webui.py");
		if (!str_starts(w, "--model_dir") &&
		    !str_starts(w, "--model-dir"))
			continue;
		w += strlen("--model_dir");
		if (*w == '=')
			found = w + 1;
		else if (!*w && next < end)
			found = next;
	}
	return found && *found ? found : NULL;
}

static char *absolute(const struct procenv *p, const char *cwd, const char *dir)
{
	size_t n = strlen(dir);

	while (str_starts(dir, "./")) {
		dir += 2;
		n -= 2;
	}
	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (*dir == '/')
		return xasprintf("%s%.*s", p->root ? p->root : "", (int)n, dir);
	return xasprintf("%s/%.*s", cwd, (int)n, dir);
}

void procenv_asking(pid_t pid, struct asking *out)
{
	struct procenv p = { .variables = STR_INIT, .env = { get, &p } };
	struct str words CLEANUP(str_release) = STR_INIT;
	struct str hosts CLEANUP(str_release) = STR_INIT;
	char *root CLEANUP(free_ptr) = find_root(pid);
	char *cwd CLEANUP(free_ptr) = find_cwd(pid, root);
	char *dir CLEANUP(free_ptr) = NULL;
	const char *word;
	bool webui;
	struct doctor_input in = { .proc = "/proc",
				   .sys = "/sys",
				   .dev = "/dev",
				   .env = { get, expand, &p } };

	p.root = root;
	read_text(pid, "environ", &p.variables);
	read_text(pid, "cmdline", &words);
	read_text(pid, "root/etc/hosts", &hosts);
	word = find_word(&words, &webui);
	if (!word)
		word = get(&p, "INDEXTTS2_MODEL_DIR");
	if (cwd)
		dir = absolute(&p, cwd, word && *word ? word : MODEL_DIR);
	in.cwd = cwd;
	in.model_dir = dir;
	asking_init(out, &in, webui, hosts.ptr, root);
	str_release(&p.variables);
}

char *procenv_lock(pid_t pid, uint64_t started)
{
	struct procenv p = { .variables = STR_INIT, .env = { get, &p } };
	const struct doctor_env env = { get, expand, &p };
	struct strlist locks CLEANUP(strlist_release) = { 0 };
	char *root CLEANUP(free_ptr) = find_root(pid);
	char *found = NULL;

	p.root = root;
	read_text(pid, "environ", &p.variables);
	extensions_locks(&env, &locks);
	for (size_t i = 0; i < locks.count && !found; i++) {
		struct stat st;

		if (locks.items[i][0] == '/' &&
		    stat(locks.items[i], &st) == 0 &&
		    (uint64_t)st.st_mtime < started)
			found = xstrdup(locks.items[i] +
					(root ? strlen(root) : 0));
	}
	str_release(&p.variables);
	return found;
}
