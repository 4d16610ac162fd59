#include "doctor/proc.h"

#include "base/mem.h"
#include "doctor/look.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX (64u << 10)
#define MAX_PIDS 100000

bool proc_text(int dirfd, const char *name, char out[PROC_TEXT_MAX])
{
	int fd CLEANUP(close_fd) = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, PROC_TEXT_MAX - 1);

	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

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

/* The number behind KEY where a line begins with it. */
static uint64_t word_value(const char *text, const char *key)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (str_starts(p, key))
			return digits(p + strlen(key));
	}
	return PROC_NONE;
}

static uint64_t read_number(const char *dir, const char *name)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/%s", dir, name);
	struct str line CLEANUP(str_release) = STR_INIT;

	return look_line(path, &line) ? digits(line.ptr) : PROC_NONE;
}

/* Of a group's memory, what the kernel gives back as soon as it is wanted: the pages of
 * files. Whoever has copied models has many. */
static uint64_t cached_bytes(const char *dir, bool v1)
{
	static const char *const keys[2][2] = {
		{ "inactive_file ", "active_file " },
		{ "total_inactive_file ", "total_active_file " },
	};
	char *path CLEANUP(free_ptr) = xasprintf("%s/memory.stat", dir);
	struct str text CLEANUP(str_release) = STR_INIT;
	uint64_t sum = 0;

	look_read(path, TEXT_MAX, &text);
	for (size_t i = 0; i < 2; i++) {
		uint64_t n = word_value(text.ptr, keys[v1][i]);

		sum += n > (uint64_t)1 << 60 ? 0 : n;
	}
	return sum;
}

static void take_limit(const char *dir, bool v1, uint64_t *limit,
		       uint64_t *used)
{
	uint64_t n = read_number(dir,
				 v1 ? "memory.limit_in_bytes" : "memory.max");
	uint64_t cached;

	/* version 1 writes a huge number for none */
	if (n >= *limit || n > (uint64_t)1 << 60)
		return;
	*limit = n;
	*used = read_number(dir,
			    v1 ? "memory.usage_in_bytes" : "memory.current");
	cached = cached_bytes(dir, v1);
	if (*used != PROC_NONE)
		*used = *used > cached ? *used - cached : 0;
}

/* Is memory a controller of this line of /proc/PID/cgroup (cgroups(7))? */
static bool is_memory(const char *line, const char *path)
{
	static const char word[] = "memory";
	size_t len = sizeof(word) - 1;

	for (const char *p = strchr(line, ':'); p && p + len < path;
	     p = strchr(p + 1, ','))
		if (!strncmp(p + 1, word, len) &&
		    (p[1 + len] == ',' || p[1 + len] == ':'))
			return true;
	return false;
}

/* The group where the memory of that process is counted, below SYS/fs/cgroup; "" if
 * none is told. A system of both versions has a line for each, and the controller is
 * where version 1 names it. Caller frees. */
static char *memory_group(const char *process, bool *v1)
{
	char *file CLEANUP(free_ptr) = xasprintf("%s/cgroup", process);
	struct str text CLEANUP(str_release) = STR_INIT;
	char *group CLEANUP(free_ptr) = xstrdup("");

	*v1 = false;
	look_read(file, TEXT_MAX, &text);
	for (const char *p = text.ptr; *p && !*v1;
	     p += strcspn(p, "\n"), p += *p == '\n') {
		int len = (int)strcspn(p, "\n");
		const char *path = memchr(p, '/', (size_t)len);

		if (!path)
			continue;
		*v1 = is_memory(p, path);
		if (!*v1 && !str_starts(p, "0::"))
			continue;
		free_ptr(&group);
		group = xasprintf("%s%.*s", *v1 ? "/memory" : "",
				  len - (int)(path - p), path);
	}
	return take_ptr(group);
}

/* The group above. In a container only its own may be there to look at, as the root
 * of all. */
static bool climb(char *group)
{
	char *end = strrchr(group, '/');

	if (end)
		*end = '\0';
	return end;
}

void proc_cgroup(const char *proc, const char *sys, uint64_t *limit,
		 uint64_t *used)
{
	char *self CLEANUP(free_ptr) = xasprintf("%s/self", proc);
	bool v1;
	char *group CLEANUP(free_ptr) = memory_group(self, &v1);

	*limit = *used = PROC_NONE;
	do {
		char *dir CLEANUP(free_ptr) = xasprintf("%s/fs/cgroup%s", sys,
							group);

		take_limit(dir, v1, limit, used);
	} while (climb(group));
}

/* "total_workingset_refault_file 12": total_ are those of version 1 with the groups
 * below. Before Linux 5.9 there is one number, of files alone. */
static bool find_refaults(const char *path, struct proc_refaults *out)
{
	static const struct {
		const char *anon, *file;
	} keys[] = {
		{ "total_workingset_refault_anon ",
		  "total_workingset_refault_file " },
		{ "workingset_refault_anon ", "workingset_refault_file " },
		{ NULL, "workingset_refault " },
	};
	struct str text CLEANUP(str_release) = STR_INIT;

	look_read(path, TEXT_MAX, &text);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		out->file = word_value(text.ptr, keys[i].file);
		out->anon = keys[i].anon ? word_value(text.ptr, keys[i].anon)
					 : PROC_NONE;
		if (out->file != PROC_NONE)
			return true;
	}
	return false;
}

void proc_refaults(const char *proc, const char *sys, pid_t pid,
		   struct proc_refaults *out)
{
	char *process CLEANUP(free_ptr) = xasprintf("%s/%d", proc, (int)pid);
	char *vmstat CLEANUP(free_ptr) = xasprintf("%s/vmstat", proc);
	bool v1;
	char *group CLEANUP(free_ptr) = memory_group(process, &v1);

	do {
		char *path CLEANUP(free_ptr) = xasprintf(
			"%s/fs/cgroup%s/memory.stat", sys, group);

		if (find_refaults(path, out))
			return;
	} while (climb(group));
	find_refaults(vmstat, out);
}

uint64_t proc_oom_kills(const char *proc)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s/vmstat", proc);
	struct str text CLEANUP(str_release) = STR_INIT;

	look_read(path, TEXT_MAX, &text);
	return word_value(text.ptr, "oom_kill ");
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
