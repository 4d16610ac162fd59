/* What the program will do when it starts, step by step. */
#ifndef ITTS_SIMULATE_H
#define ITTS_SIMULATE_H

#include <stddef.h>

enum step_result {
	STEP_OK,
	STEP_ASKS,   /* it is there, but the network is asked all the same */
	STEP_BUILDS, /* takes a while: compiler, text normaliser, copying */
	STEP_FAILS,
};
const char *step_result_name(enum step_result r); /* "ok" */

struct step {
	const char *what; /* "w2v-bert-2.0 model.safetensors" */
	char *where;	  /* the directory it looks in */
	char *found;	  /* "there", "refs/main is missing" */
	enum step_result result;
	unsigned requests; /* that are sent */
	unsigned wait_s;   /* seconds without a network, at most */
	const char *log;   /* line that the program prints after it, or NULL */
	char *file;	 /* "FILE of REPO" if the network may be asked for it */
	char *path;	 /* the file itself, where it is there, or NULL */
	char *elsewhere; /* another cache that has what is missing, or NULL */
};
void step_release(struct step *s); /* CLEANUP */

#endif
