#include "doctor/proc.h"

#include "base/mem.h"
#include "doctor/look.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (64u << 10)
#define MAX_PIDS 100000

static uint64_t digits(const char *p)
{
	uint64_t n = 0;

	if (!isdigit((unsigned char)*p))
		return PROC_NONE;
	for (; isdigit((unsigned char)*p); p++) {
		if (n > (UINT64_MAX - 9) / 10)
			return PROC_NONE;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	return n;
}

uint64_t proc_kib(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		uint64_t n;

		p += *p == '\n';
		if (strncmp(p, key, len) != 0 || p[len] != ':')
			continue;
		p += len + 1;
		n = digits(p + strspn(p, " \t"));
		return n > UINT64_MAX / 1024 ? PROC_NONE : n * 1024;
	}
	return PROC_NONE;
}

static uint64_t read_number(const char *dir, const char *name)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/%s", dir, name);
	struct str line CLEANUP(str_release) = STR_INIT;

	return look_line(path, &line) ? digits(line.ptr) : PROC_NONE;
}

static void take_limit(const char *dir, const char *limit_name,
		       const char *used_name, uint64_t *limit, uint64_t *used)
{
	uint64_t n = read_number(dir, limit_name);

	/* version 1 writes a huge number for none */
	if (n >= *limit || n > (uint64_t)1 << 60)
		return;
	*limit = n;
	*used = read_number(dir, used_name);
}

void proc_cgroup(const char *proc, const char *sys, uint64_t *limit,
		 uint64_t *used)
{
	char *file CLEANUP(free_ptr) = xasprintf("%s/self/cgroup", proc);
	struct str text CLEANUP(str_release) = STR_INIT;
	char *at, *end;

	*limit = *used = PROC_NONE;
	look_read(file, TEXT_MAX, &text);
	at = str_starts(text.ptr, "0::") ? text.ptr : strstr(text.ptr, "\n0::");
	if (!at) {
		char *dir CLEANUP(free_ptr) = xasprintf("%s/fs/cgroup/memory",
							sys);

		take_limit(dir, "memory.limit_in_bytes",
			   "memory.usage_in_bytes", limit, used);
		return;
	}
	at = strstr(at, "0::") + 3;
	at[strcspn(at, "\n")] = '\0';
	do {
		char *dir CLEANUP(free_ptr) = xasprintf("%s/fs/cgroup%s", sys,
							at);

		take_limit(dir, "memory.max", "memory.current", limit, used);
		end = strrchr(at, '/');
		if (end)
			*end = '\0';
	} while (end);
}

/* The kernel refuses to tell of other users' processes: those may. */
static bool may_work_in(const char *process, const char *dir)
{
	char *link CLEANUP(free_ptr) = xasprintf("%s/cwd", process);
	char *real CLEANUP(free_ptr) = realpath(dir, NULL);
	char cwd[PATH_MAX];
	ssize_t n = readlink(link, cwd, sizeof(cwd) - 1);

	if (n < 0 || !real)
		return errno == EACCES || errno == EPERM;
	cwd[n] = '\0';
	return strcmp(cwd, real) == 0;
}

bool proc_find(const char *proc, const char *const *names, const char *dir,
	       uint64_t *pid)
{
	struct strlist dirs CLEANUP(strlist_release) = { 0 };

	look_list(proc, MAX_PIDS, &dirs);
	for (size_t i = 0; i < dirs.count; i++) {
		char *process CLEANUP(free_ptr) = xasprintf("%s/%s", proc,
							    dirs.items[i]);
		char *path CLEANUP(free_ptr) = xasprintf("%s/comm", process);
		struct str name CLEANUP(str_release) = STR_INIT;

		if (!isdigit((unsigned char)dirs.items[i][0]) ||
		    !look_line(path, &name))
			continue;
		for (size_t k = 0; names[k]; k++)
			if (strcmp(name.ptr, names[k]) == 0 &&
			    may_work_in(process, dir)) {
				*pid = digits(dirs.items[i]);
				return true;
			}
	}
	return false;
}

char *proc_program(const char *path, const char *name)
{
	while (path && *path) {
		size_t n = strcspn(path, ":");
		char *full CLEANUP(free_ptr) = xasprintf("%.*s/%s", (int)n,
							 path, name);

		if (n && look_is_file(full) && access(full, X_OK) == 0)
			return take_ptr(full);
		path += n + (path[n] == ':');
	}
	return NULL;
}
