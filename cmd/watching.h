/* What run and watch share: looking on, telling, reporting. */
#ifndef ITTS_WATCHING_H
#define ITTS_WATCHING_H

#include <sys/types.h>

#include "base/attr.h"
#include "base/error.h"
#include "cmd/app.h"
#include "doctor/asking.h"
#include "doctor/gpu.h"
#include "doctor/parents.h"
#include "doctor/timeline.h"

struct watching {
	struct app *app;
	pid_t pid;
	int pidfd;
	uint64_t timeout; /* ms, 0: none */
	bool live;   /* a terminal is ours: what is true now may stand there */
	bool adopts; /* launch_adopt() */
	struct pids strangers; /* children that this process had before */
	bool timed_out;
	bool oom_kills;		 /* the kernel has killed something meanwhile */
	struct gpu_driver *gpus; /* or NULL */
	uint64_t gpu;		 /* bytes, as last told */
	struct timeline line;
	pid_t polls; /* it woke a few times a second, at the last look */
	/* once it waits for the network */
	pid_t asker;
	struct asking asking;
};
void watching_release(struct watching *w); /* CLEANUP */
/* words: the command line. Checks --patience, --timeout and --report. */
int watching_init(struct watching *w, struct app *app,
		  const struct strlist *words, struct error *err) MUST_CHECK;
/* Until the process ends, is timed out, or we are told to stop. */
int watching_go(struct watching *w, pid_t pid, struct error *err) MUST_CHECK;
/* Prints and writes the reports. */
int watching_report(struct watching *w, struct error *err) MUST_CHECK;

extern const struct option_group group_watching; /* --patience, --report */

#endif
