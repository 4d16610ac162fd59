/* One way of starting the program, gone through by simulate(). */
#ifndef ITTS_START_H
#define ITTS_START_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "doctor/caches.h"
#include "doctor/simulate.h"

struct doctor;
struct doctor_input;

struct run {
	const char *name; /* "webui.py" */
	bool flat;
	bool comfy; /* parts beside gpt.pth count first */
	struct cache_choice hub, transformers; /* not flat */
	/* results */
	struct step *steps;
	size_t count;
	struct strlist missing;	  /* "FILE of REPO" */
	size_t missing_elsewhere; /* of these: in another cache */
	char *why, *elsewhere;	  /* of the first that is missing */
	const char *first, *stops_at;
	unsigned requests, wait_s, copies, files_missing;
	bool bad_ref, partial;
};
void run_release(struct run *r); /* CLEANUP */
void simulate(const struct doctor *d, struct run *r);
/* doctor.c: the one way that is taken; no steps: no model directory that is known. */
void foresee(const struct doctor_input *in, bool webui, struct run *r);
/* start.c: the same, once check_layout() has looked. */
void start_simulate(const struct doctor *d, bool webui, struct run *r);

/* --- build.c: fill in where, found and result */
void step_kernel(const struct doctor *d, struct step *s);
void step_normaliser(const struct doctor *d, struct step *s);

#endif
