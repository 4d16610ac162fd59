#include "doctor/parents.h"

#include "base/attr.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "doctor/pparse.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define TEXT_MAX 4096

static bool read_stat(int dirfd, const char *pid, struct pparse_stat *out)
{
	char name[NAME_MAX + 8], text[TEXT_MAX];
	int fd CLEANUP(close_fd) = -1;
	ssize_t n;

	snprintf(name, sizeof(name), "%s/stat", pid);
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return pparse_stat(text, out);
}

size_t parents_read(const char *proc, struct parents_child **out)
{
	DIR *dir = opendir(proc);
	size_t count = 0, cap = 0;
	struct dirent *d;

	*out = NULL;
	while (dir && (d = readdir(dir))) {
		struct pparse_stat st;
		uint64_t pid;

		if (*str_digits(d->d_name, &pid) || !pid ||
		    !read_stat(dirfd(dir), d->d_name, &st))
			continue;
		*out = xgrow(*out, &cap, count + 1, sizeof(**out));
		(*out)[count++] = (struct parents_child){ pid, st.ppid };
	}
	if (dir)
		closedir(dir);
	return count;
}

void pids_release(struct pids *p)
{
	free_ptr(&p->items);
	p->count = p->cap = 0;
}

void pids_add(struct pids *p, pid_t pid)
{
	p->items = xgrow(p->items, &p->cap, p->count + 1, sizeof(*p->items));
	p->items[p->count++] = pid;
}

bool pids_has(const struct pids *p, uint64_t pid)
{
	for (size_t i = 0; i < p->count; i++)
		if ((uint64_t)p->items[i] == pid)
			return true;
	return false;
}

void parents_own(const char *proc, const struct pids *less, struct pids *out)
{
	struct parents_child *all CLEANUP(free_ptr) = NULL;
	size_t count = parents_read(proc, &all);

	for (size_t i = 0; i < count; i++)
		if (all[i].ppid == (uint64_t)getpid() &&
		    !pids_has(less, all[i].pid))
			pids_add(out, (pid_t)all[i].pid);
}
