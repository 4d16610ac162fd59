#include "doctor/threads.h"

#include "base/file.h"
#include "base/mem.h"
#include "doctor/proc.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define THREADS_MAX 64	/* looked at in each process */
#define WAKES_MAX   256 /* whose going to sleep is counted, at each look */

void threads_states(int fd, struct sample_proc *p)
{
	DIR *dir = file_dir_open(fd, "task");
	char text[PROC_TEXT_MAX];
	struct dirent *d;
	int n = 0;

	while (dir && n < THREADS_MAX && (d = readdir(dir))) {
		char name[NAME_MAX + 8];
		struct pparse_stat st;

		if (*d->d_name == '.')
			continue;
		n++;
		snprintf(name, sizeof(name), "%s/stat", d->d_name);
		if (!proc_text(dirfd(dir), name, text) ||
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
	DIR *dir = threads > 1 ? file_dir_open(fd, "task") : NULL;
	uint64_t all = 0, one = 0;
	struct dirent *d;
	int n = 0;

	if (!dir)
		pparse_key(text, "voluntary_ctxt_switches", &all);
	while (dir && n < WAKES_MAX && (d = readdir(dir))) {
		char name[NAME_MAX + 8], own[PROC_TEXT_MAX];

		if (*d->d_name == '.')
			continue;
		n++;
		snprintf(name, sizeof(name), "%s/status", d->d_name);
		if (proc_text(dirfd(dir), name, own) &&
		    pparse_key(own, "voluntary_ctxt_switches", &one))
			all += one;
	}
	if (dir)
		closedir(dir);
	return all;
}
