#include "doctor/threads.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define THREADS_MAX 64	/* looked at in each process */
#define WAKES_MAX   256 /* whose going to sleep is counted, at each look */

bool threads_text(int dirfd, const char *name, char out[THREADS_TEXT_MAX])
{
	int fd CLEANUP(close_fd) = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, THREADS_TEXT_MAX - 1);

	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

DIR *threads_dir(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		close_fd(&fd);
	return dir;
}

void threads_states(int fd, struct sample_proc *p)
{
	DIR *dir = threads_dir(fd, "task");
	char text[THREADS_TEXT_MAX];
	struct dirent *d;
	int n = 0;

	while (dir && n < THREADS_MAX && (d = readdir(dir))) {
		char name[NAME_MAX + 8];
		struct pparse_stat st;

		if (*d->d_name == '.')
			continue;
		n++;
		snprintf(name, sizeof(name), "%s/stat", d->d_name);
		if (!threads_text(dirfd(dir), name, text) ||
		    !pparse_stat(text, &st))
			continue;
		p->disk_threads += st.state == 'D';
		p->runs |= st.state == 'R';
	}
	if (dir)
		closedir(dir);
}

uint64_t threads_wakes(int fd, const char *text, int threads)
{
	DIR *dir = threads > 1 ? threads_dir(fd, "task") : NULL;
	uint64_t all = 0, one = 0;
	struct dirent *d;
	int n = 0;

	if (!dir)
		pparse_key(text, "voluntary_ctxt_switches", &all);
	while (dir && n < WAKES_MAX && (d = readdir(dir))) {
		char name[NAME_MAX + 8], own[THREADS_TEXT_MAX];

		if (*d->d_name == '.')
			continue;
		n++;
		snprintf(name, sizeof(name), "%s/status", d->d_name);
		if (threads_text(dirfd(dir), name, own) &&
		    pparse_key(own, "voluntary_ctxt_switches", &one))
			all += one;
	}
	if (dir)
		closedir(dir);
	return all;
}
