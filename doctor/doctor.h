/*
 * Why does it not start, and how is that mended? Looks at a model directory, the
 * caches, the environment, the packages, the machine and a log, changes nothing and
 * opens no socket. What is asked of the world comes in as data: cmd/ fills it.
 */
#ifndef ITTS_DOCTOR_H
#define ITTS_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "doctor/finding.h"
#include "doctor/gpu.h"
#include "doctor/online.h"
#include "doctor/simulate.h"

/* The environment that the Python program would get. */
struct doctor_env {
	const char *(*get)(void *ctx, const char *name); /* borrowed, or NULL */
	/* '~' and $NAME as Python expands them, appended */
	void (*expand)(void *ctx, const char *text, struct str *out);
	void *ctx;
};

/* All paths are absolute; NULL or "": not given. */
struct doctor_input {
	const char *model_dir;
	const char *cwd;  /* where the program would be started */
	const char *venv; /* directory of a virtual environment */
	const char *log;  /* text of a log */
	size_t log_len;
	bool has_log;
	struct doctor_env env;
	const char *proc, *sys, *dev; /* "/proc", "/sys", "/dev" */
	struct gpu_source gpus;
	const struct prober *prober; /* NULL: stay off the network */
};

/* What is remarkable though nothing is wrong: "files", "24 of 24, 8.26 GiB". */
struct fact {
	char *topic, *text;
};

struct diagnosis {
	struct findings findings; /* worst first */
	struct fact *facts;
	size_t fact_count, fact_cap;
	struct step *steps; /* of the program's start, in order */
	size_t step_count, step_cap;
	bool will_start; /* no finding is an error */
};
void diagnosis_release(struct diagnosis *d); /* CLEANUP */

/* Never fails: what cannot be read is a finding. */
void doctor_run(const struct doctor_input *in, struct diagnosis *out);

#endif
