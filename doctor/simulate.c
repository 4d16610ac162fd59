/*
 * The order in which IndexTTS2 loads: infer_v2.py (v2.0.0) and infer_v2_5.py. Up to
 * v2.0.0 each part of another repository goes through huggingface_hub or transformers,
 * with a cache each; since June 2026 all is looked for below MODELDIR/hf_cache first.
 */
#include "doctor/simulate.h"

#include "base/mem.h"
#include "doctor/caches.h"
#include "doctor/hublook.h"
#include "doctor/look.h"
#include "doctor/redact.h"
#include "doctor/start.h"
#include "doctor/state.h"

#include <string.h>

/* Seconds: huggingface_hub waits this long for an answer to each HEAD request. */
#define ETAG_TIMEOUT 10
/* Since 1.2 it tries a file that it has not six times more, 60 s each, with pauses. */
#define RETRY_WAIT (6 * 60 + 23)

enum row_kind { ROW_FILE, ROW_PART, ROW_KERNEL, ROW_NORMALISER };

static const struct row {
	const char *what;
	enum row_kind kind;
	unsigned families;
	const char *path;  /* in the model directory */
	bool transformers; /* ROW_PART: asks transformers, not the hub library */
	unsigned requests; /* though the file is in the cache */
	const char *log;
} rows[] = {
	{ "config.yaml", ROW_FILE, 15, "config.yaml", false, 0, NULL },
	{ "Qwen (emotions in words)", ROW_FILE, 4,
	  "qwen0.6bemo4-merge/model.safetensors", false, 0, NULL },
	{ "GPT weights", ROW_FILE, 15, "gpt.pth", false, 0,
	  ">> GPT weights restored from:" },
	{ "CUDA kernel of BigVGAN", ROW_KERNEL, 4, NULL, false, 0,
	  ">> Preload custom CUDA kernel for BigVGAN" },
	{ "w2v-bert-2.0 preprocessor_config.json", ROW_PART, 12,
	  "hf_cache/w2v-bert-2.0/preprocessor_config.json", true, 1, NULL },
	{ "w2v-bert-2.0 config.json", ROW_PART, 12,
	  "hf_cache/w2v-bert-2.0/config.json", true, 1, NULL },
	/* found by the commit that config.json has told: no request */
	{ "w2v-bert-2.0 model.safetensors", ROW_PART, 12,
	  "hf_cache/w2v-bert-2.0/model.safetensors", true, 0, NULL },
	{ "w2v-bert statistics", ROW_FILE, 12, "wav2vec2bert_stats.pt", false,
	  0, NULL },
	{ "codec", ROW_FILE, 8, "codec.pth", false, 0, NULL },
	{ "MaskGCT semantic codec", ROW_PART, 4,
	  "hf_cache/semantic_codec_model.safetensors", false, 1,
	  ">> semantic_codec weights restored from:" },
	{ "s2mel weights", ROW_FILE, 12, "s2mel.pth", false, 0,
	  ">> s2mel weights restored from:" },
	{ "campplus", ROW_PART, 12, "hf_cache/campplus_cn_common.bin", false, 1,
	  ">> campplus_model weights restored from:" },
	{ "BigVGAN config.json", ROW_PART, 12, "hf_cache/bigvgan/config.json",
	  false, 2, NULL },
	{ "BigVGAN weights", ROW_PART, 12,
	  "hf_cache/bigvgan/bigvgan_generator.pt", false, 1,
	  ">> bigvgan weights restored from:" },
	{ "BigVGAN weights", ROW_FILE, 3, "bigvgan_generator.pth", false, 0,
	  ">> bigvgan weights restored from:" },
	{ "tokens", ROW_FILE, 8, "multilingual_zh_ja_yue_char_del.tiktoken",
	  false, 0, NULL },
	{ "text normaliser", ROW_NORMALISER, 15, NULL, false, 0,
	  ">> TextNormalizer loaded" },
	{ "bpe.model", ROW_FILE, 7, "bpe.model", false, 0,
	  ">> bpe model loaded from:" },
	{ "emotion matrix", ROW_FILE, 12, "feat2.pt", false, 0, NULL },
	{ "speaker matrix", ROW_FILE, 12, "feat1.pt", false, 0, NULL },
};

const char *step_result_name(enum step_result r)
{
	static const char *const names[] = { "ok", "asks the network", "builds",
					     "fails" };

	return names[r];
}

void step_release(struct step *s)
{
	free_ptr(&s->where);
	free_ptr(&s->found);
	free_ptr(&s->file);
	free_ptr(&s->path);
	free_ptr(&s->elsewhere);
}

void run_release(struct run *r)
{
	for (size_t i = 0; i < r->count; i++)
		step_release(&r->steps[i]);
	free_ptr(&r->steps);
	cache_choice_release(&r->hub);
	cache_choice_release(&r->transformers);
	strlist_release(&r->missing);
	free_ptr(&r->why);
	free_ptr(&r->elsewhere);
}

static unsigned etag_timeout(const struct doctor *d)
{
	const char *v = env_get(d, "HF_HUB_ETAG_TIMEOUT");
	unsigned n = 0;

	for (; v && *v >= '0' && *v <= '9' && n < 10000; v++)
		n = n * 10 + (unsigned)(*v - '0');
	return v && !*v && n ? n : ETAG_TIMEOUT;
}

static unsigned missing_wait(const struct doctor *d)
{
	const struct package *hub = packages_find(&d->packages,
						  "huggingface-hub");

	return etag_timeout(d) +
	       (hub && version_cmp(hub->version, "1.2") >= 0 ? RETRY_WAIT : 0);
}

/* Another cache that has the file; caller frees, NULL: none. */
static char *find_elsewhere(const struct doctor *d, const struct known_file *k,
			    const char *not_here)
{
	struct strlist all CLEANUP(strlist_release) = { 0 };

	cache_candidates(d, &all);
	for (size_t i = 0; i < all.count; i++)
		if (strcmp(all.items[i], not_here) != 0 &&
		    hublook_file(all.items[i], k->repo, k->repo_path) ==
			    HUBLOOK_FOUND)
			return xstrdup(all.items[i]);
	return NULL;
}

static void take_missing(const struct doctor *d, struct run *r,
			 const struct known_file *k, struct step *s)
{
	s->elsewhere = find_elsewhere(d, k, s->where);
	s->result = STEP_FAILS;
	s->requests = is_offline(d) ? 0 : 1;
	s->wait_s = is_offline(d) ? 0 : missing_wait(d);
	if (!r->missing.count) {
		r->why = xasprintf("%s: %s", s->where, s->found);
		r->first = s->what;
	}
	r->missing_elsewhere += s->elsewhere != NULL;
	if (s->elsewhere && !r->elsewhere)
		r->elsewhere = xstrdup(s->elsewhere);
	strlist_add(&r->missing, s->file);
}

/* Through the libraries and their caches. */
static void ask_hub(const struct doctor *d, struct run *r,
		    const struct row *row, struct step *s)
{
	const struct known_file *k = known_find(d->family, row->path);
	const char *cache = row->transformers ? r->transformers.dir
					      : r->hub.dir;
	enum hublook h = hublook_file(cache, k->repo, k->repo_path);

	s->where = xstrdup(cache);
	s->found = xstrdup(hublook_text(h));
	s->file = xasprintf("%s of %s", k->repo_path, k->repo);
	s->path = hublook_path(cache, k->repo, k->repo_path);
	if (h == HUBLOOK_BAD_REF)
		r->bad_ref = true;
	if (h != HUBLOOK_FOUND) {
		take_missing(d, r, k, s);
		return;
	}
	if (is_offline(d) || !row->requests)
		return;
	s->result = STEP_ASKS;
	s->requests = row->requests;
	s->wait_s = row->requests * etag_timeout(d);
}

/* A node of ComfyUI. As upstream, a directory counts as whole if it is there. */
static void ask_comfy(const struct doctor *d, struct run *r,
		      const struct row *row, struct step *s)
{
	const struct known_file *k = known_find(d->family, row->path);
	char *path CLEANUP(free_ptr) = comfy_path(d, k);
	char *dir CLEANUP(free_ptr) = model_path(d, "w2v-bert-2.0");

	if (!path && !(strstr(row->path, "w2v-bert") && look_is_dir(dir))) {
		ask_hub(d, r, row, s);
		return;
	}
	s->where = xstrdup(d->in->model_dir);
	s->file = xasprintf("%s of %s", k->repo_path, k->repo);
	s->found = xstrdup(path ? "there"
				: "the directory is there, the file is not");
	s->path = take_ptr(path);
	if (s->path)
		return;
	s->result = STEP_FAILS;
	r->partial = true;
}

/* Since June 2026: the flat file, else a copy out of a Hub layout, else a download.
 * w2v-bert-2.0 counts as there if it is not empty; check_partial() tells of that. */
static void ask_flat(const struct doctor *d, struct run *r,
		     const struct row *row, struct step *s)
{
	const struct known_file *k = known_find(d->family, row->path);
	char *path CLEANUP(free_ptr) = model_path(d, row->path);
	char *dir CLEANUP(free_ptr) = model_path(d, "hf_cache/w2v-bert-2.0");
	char *from CLEANUP(free_ptr) = NULL;

	s->where = model_path(d, "hf_cache");
	s->file = xasprintf("%s of %s", k->repo_path, k->repo);
	if (look_is_file(path)) {
		s->found = xstrdup("there");
		s->path = take_ptr(path);
		return;
	}
	if (strstr(row->path, "w2v-bert") && look_is_dir(dir)) {
		s->found = xstrdup("the directory is there, the file is not");
		s->result = STEP_FAILS;
		r->partial = true;
		return;
	}
	from = find_elsewhere(d, k, "");
	if (from) {
		s->found = xasprintf("copied out of %s", from);
		s->result = STEP_BUILDS;
		r->copies++;
		return;
	}
	s->found = xstrdup("missing");
	take_missing(d, r, k, s);
}

static void look_for_file(const struct doctor *d, struct run *r,
			  const struct row *row, struct step *s)
{
	char *path CLEANUP(free_ptr) = model_path(d, row->path);
	bool there = look_is_file(path);

	s->where = xstrdup(d->in->model_dir);
	s->found = xstrdup(there ? "there" : "missing");
	if (there) {
		s->path = take_ptr(path);
		return;
	}
	s->result = STEP_FAILS;
	r->files_missing++;
}

static void fill_step(const struct doctor *d, struct run *r,
		      const struct row *row, struct step *s)
{
	switch (row->kind) {
	case ROW_FILE:
		look_for_file(d, r, row, s);
		break;
	case ROW_PART:
		if (r->flat)
			ask_flat(d, r, row, s);
		else if (r->comfy)
			ask_comfy(d, r, row, s);
		else
			ask_hub(d, r, row, s);
		break;
	case ROW_KERNEL:
		step_kernel(d, s);
		break;
	case ROW_NORMALISER:
		step_normaliser(d, s);
		break;
	}
}

void simulate(const struct doctor *d, struct run *r)
{
	size_t cap = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct step *s;

		if (!(rows[i].families & d->family) ||
		    (strstr(rows[i].what, "Qwen") && !d->has_qwen))
			continue;
		r->steps = xgrow(r->steps, &cap, r->count + 1,
				 sizeof(*r->steps));
		s = &r->steps[r->count++];
		*s = (struct step){ .what = rows[i].what, .log = rows[i].log };
		fill_step(d, r, &rows[i], s);
		redact_secrets(s->where); /* as all that is said */
		redact_secrets(s->found);
		r->requests += s->requests;
		r->wait_s += s->wait_s;
		/* the program ends at the first that fails */
		if (s->result == STEP_FAILS && !r->stops_at)
			r->stops_at = s->what;
	}
}
