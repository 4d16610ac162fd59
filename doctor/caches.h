/* Which cache the program's libraries use, and which variable decides it. */
#ifndef ITTS_CACHES_H
#define ITTS_CACHES_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

struct doctor;

struct cache_choice {
	char *dir; /* absolute */
	char *why; /* "HF_HOME, as HF_HUB_CACHE is not set" */
};
void cache_choice_release(struct cache_choice *c); /* CLEANUP */

/* huggingface_hub by the environment alone. */
void choose_hub(const struct doctor *d, struct cache_choice *out);
/* transformers (v4) over what the hub's choice is. */
void choose_transformers(const struct doctor *d, const struct cache_choice *hub,
			 struct cache_choice *out);
/* What infer_v2.py sets itself: ./checkpoints/hf_cache. */
void choose_fixed(const struct doctor *d, struct cache_choice *out);
/* All places where a cache may be, each once. */
void cache_candidates(const struct doctor *d, struct strlist *out);

/* HF_HUB_OFFLINE, or TRANSFORMERS_OFFLINE where the first is not set. */
bool is_offline(const struct doctor *d);
/* 1, ON, YES, TRUE in any case. */
bool is_true_value(const char *v);

#endif
