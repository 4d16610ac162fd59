/* What every test of doctor/ needs. cmocka.h wants these headers before it. */
#ifndef ITTS_UNIT_DOCTOR_H
#define ITTS_UNIT_DOCTOR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"
#include "doctor/doctor.h"

/* A made-up world: a directory with proc/, sys/, dev/, home/ and what a test puts
 * there, variables, cards. */
struct world {
	char path[128];
	struct strlist variables; /* name, value, name, value */
	struct gpu_list gpus;
	struct doctor_input in;
	struct diagnosis result;
	char *model_dir, *cwd, *venv, *proc, *sys, *dev;
};
void world_begin(struct world *w);
void world_end(struct world *w);
void world_file(struct world *w, const char *path, const char *text);
/* A file of this size without content. */
void world_sparse(struct world *w, const char *path, uint64_t size);
void world_set(struct world *w, const char *name, const char *value);
void world_gpu(struct world *w, const char *name, unsigned cc,
	       uint64_t free_mib);
/* The directory "world/sub" as the model directory (or NULL), then doctor_run(). */
void world_run(struct world *w, const char *model_dir);
void assert_found(const struct world *w, enum severity severity, const char *id,
		  const char *words);
void assert_not_found(const struct world *w, const char *id);

int run_content_tests(void);
int run_log_tests(void);
int run_machine_tests(void);
int run_online_tests(void);
int run_package_tests(void);
int run_redact_tests(void);
int run_weights_tests(void);
int run_corpus_tests(void);
int run_watch_tests(void);
int run_asking_tests(void);

#endif
