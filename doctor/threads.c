#include "doctor/threads.h"

#include "base/file.h"
#include "base/mem.h"
#include "doctor/proc.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
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

static void add_status(const char *text, struct sample_proc *p)
{
	const char *state = strstr(text, "\nState:\t");
	uint64_t one;

	if (pparse_key(text, "voluntary_ctxt_switches", &one))
		p->wakes += one;
	p->awake |= state && state[8] == 'R';
}

/* Of all of them: who downloads is seldom the first. */
void threads_wakes(int fd, const char *text, struct sample_proc *p)
{
	DIR *dir = p->stat.threads > 1 ? file_dir_open(fd, "task") : NULL;
	struct dirent *d;
	int n = 0;

	if (!dir)
		add_status(text, p);
	while (dir && n < WAKES_MAX && (d = readdir(dir))) {
		char name[NAME_MAX + 8], own[PROC_TEXT_MAX];

		if (*d->d_name == '.')
			continue;
		n++;
		snprintf(name, sizeof(name), "%s/status", d->d_name);
		if (proc_text(dirfd(dir), name, own))
			add_status(own, p);
	}
	if (dir)
		closedir(dir);
}
