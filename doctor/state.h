/* What the checks of doctor/ hand on to each other. Not for other folders. */
#ifndef ITTS_DOCTOR_STATE_H
#define ITTS_DOCTOR_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"
#include "doctor/doctor.h"
#include "doctor/known.h"
#include "doctor/packages.h"
#include "manifest/lock.h"

/* Which program would load the model directory, as far as its source says. */
enum program {
	PROGRAM_UNKNOWN,
	PROGRAM_HUB,   /* up to v2.0.0: asks huggingface_hub for each part */
	PROGRAM_COMFY, /* a node of ComfyUI: beside gpt.pth first, then as HUB */
	PROGRAM_FLAT, /* since June 2026: looks below MODELDIR/hf_cache first */
};

struct doctor {
	const struct doctor_input *in;
	struct diagnosis *out;

	unsigned family; /* FAMILY_NONE: no model directory, or not known */
	bool has_dir;
	bool flat, hub; /* layouts of the parts that are below hf_cache/ */
	bool has_qwen;
	enum program program;
	char *source; /* directory that holds indextts/, or NULL */

	struct lock *records; /* what install has recorded there */
	size_t record_count;

	bool is_local; /* the start neither asks a hub nor looks into a cache */

	/* from the files themselves */
	uint64_t weight_bytes, gpt_bytes, qwen_bytes, largest_file;

	struct packages packages;
	struct gpu_list gpus;
};

/* The checks, in the order in which they need each other. */
void check_layout(struct doctor *d);
void check_files(struct doctor *d);
void check_leftovers(struct doctor *d);
void check_environment(struct doctor *d);
void check_packages(struct doctor *d);
void check_start(struct doctor *d);
void check_machine(struct doctor *d);
void check_gpu(struct doctor *d);
void check_build(struct doctor *d);
void check_log(struct doctor *d);
void check_online(struct doctor *d);

/* finding_add() for this diagnosis. */
#define FIND(d, severity, id, ...) \
	finding_add(&(d)->out->findings, severity, id, __VA_ARGS__)
void fact_add(struct doctor *d, const char *topic, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* MODELDIR/rel; caller frees. */
char *model_path(const struct doctor *d, const char *rel);
/* Where that file is in ComfyUI's layout; caller frees, NULL: not there. */
char *comfy_path(const struct doctor *d, const struct known_file *k);
/* As str_add_sh(), and what would look like another line of ours, or does something to a
 * terminal, stands as $'\012' does in bash. */
void add_shell(struct str *out, const char *path);
/* "BEFORE MODELDIR AFTER", quoted for a shell; caller frees. */
char *model_command(const struct doctor *d, const char *before,
		    const char *after);
/* The commands that mend most. */
void remedy_install(const struct doctor *d, struct finding *f);
/* install puts files where its bundle says; where something else looks, they are linked
 * from there. more: what follows `from` as it stands ("", or a pattern for a shell). */
void remedy_link(const struct doctor *d, struct finding *f, const char *from,
		 const char *more, const char *to);
void remedy_verify(const struct doctor *d, struct finding *f);
/* path is not given to this user (EACCES): opens what is in the way, with sudo where it
 * is another's. */
void remedy_readable(const struct doctor *d, struct finding *f,
		     const char *path);
void remedy_env(const struct doctor *d, struct finding *f);
/* A variable of the program, NULL if it is not set or empty. */
const char *env_get(const struct doctor *d, const char *name);

#endif
