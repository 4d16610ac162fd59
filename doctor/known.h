/* The published files of each family: names, sizes, digests. Data. */
#ifndef ITTS_KNOWN_H
#define ITTS_KNOWN_H

#include <stddef.h>
#include <stdint.h>

/* A set: a file may belong to several. */
enum family {
	FAMILY_NONE = 0,
	FAMILY_1 = 1,  /* Index-TTS (1.0) */
	FAMILY_15 = 2, /* IndexTTS-1.5 */
	FAMILY_20 = 4, /* IndexTTS-2 */
	FAMILY_25 = 8, /* IndexTTS-2.5 */
};
const char *family_name(unsigned f);   /* "IndexTTS 2.0" */
const char *family_recipe(unsigned f); /* "indextts-2", or NULL */

enum file_kind {
	KIND_OTHER,
	KIND_SAFETENSORS,
	KIND_TORCH,
	KIND_JSON,
	KIND_YAML
};

enum known_flags {
	KNOWN_QWEN = 1,	    /* only for emotions described in words */
	KNOWN_OPTIONAL = 2, /* not needed to start */
	KNOWN_AUX = 4, /* of another repository: flat path below hf_cache/ */
	KNOWN_GPT = 8, /* half precision halves it */
};

struct known_file {
	unsigned families;
	const char *path;   /* in the model directory */
	uint64_t size;	    /* 0: not known */
	const char *sha256; /* or NULL */
	enum file_kind kind;
	unsigned flags;
	const char *repo, *repo_path; /* KNOWN_AUX: where it is from */
	const char *says; /* what Python says if it is missing, or NULL */
};
const struct known_file *known_at(size_t i); /* NULL behind the last */
/* The family's row for a path, or NULL. */
const struct known_file *known_find(unsigned families, const char *path);
/* Where ComfyUI's nodes look for a KNOWN_AUX file before they ask the hub library:
 * the i-th place in the model directory; NULL behind the last. */
const char *known_comfy(const struct known_file *k, size_t i);
/* A row of this name and size in any family, or NULL. */
const struct known_file *known_by_size(const char *path, uint64_t size);

#endif
