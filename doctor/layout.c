/* Which family, which layout, which program: from names, sizes and a few lines. */
#include "base/mem.h"
#include "cache/view.h"
#include "doctor/look.h"
#include "doctor/state.h"
#include "doctor/yamlscan.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_MAX  (256u << 10)
#define SOURCE_MAX  (1u << 20)
#define PATHS_SHOWN 3

/* One thing that speaks for a family. */
struct vote {
	unsigned families;
	char what[128];
};

struct votes {
	struct vote items[16];
	size_t count;
};

static void vote(struct votes *v, unsigned families, const char *what)
{
	if (v->count == ARRAY_LEN(v->items))
		return;
	v->items[v->count].families = families;
	snprintf(v->items[v->count].what, sizeof(v->items[0].what), "%s", what);
	v->count++;
}

/* Only names that families have in common, with sizes that tell them apart. */
static void vote_by_size(struct doctor *d, struct votes *v)
{
	static const char *const names[] = { "gpt.pth", "s2mel.pth" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path CLEANUP(free_ptr) = model_path(d, names[i]);
		const struct known_file *k;
		struct stat st;
		char what[128];

		if (look_at(path, &st) != LOOK_FILE)
			continue;
		k = known_by_size(names[i], (uint64_t)st.st_size);
		snprintf(what, sizeof(what), "%s (%llu bytes)", names[i],
			 (unsigned long long)st.st_size);
		if (k)
			vote(v, k->families, what);
		/* a user's log says 664.26 MiB; the exact size is not published */
		else if (i == 0 && st.st_size / (1 << 20) == 664)
			vote(v, FAMILY_1, what);
	}
}

static void vote_by_name(struct doctor *d, struct votes *v)
{
	static const struct {
		const char *name;
		unsigned families;
	} names[] = {
		{ "codec.pth", FAMILY_25 },
		{ "multilingual_zh_ja_yue_char_del.tiktoken", FAMILY_25 },
		{ "s2mel.pth", FAMILY_20 | FAMILY_25 },
		{ "wav2vec2bert_stats.pt", FAMILY_20 | FAMILY_25 },
		{ "bigvgan_generator.pth", FAMILY_1 | FAMILY_15 },
		{ "bpe.model", FAMILY_1 | FAMILY_15 | FAMILY_20 },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path CLEANUP(free_ptr) = model_path(d, names[i].name);

		if (look_is_file(path))
			vote(v, names[i].families, names[i].name);
	}
}

static unsigned version_family(const char *version)
{
	static const struct {
		const char *version;
		unsigned family;
	} known[] = {
		{ "1.0", FAMILY_1 },  { "1", FAMILY_1 },  { "1.5", FAMILY_15 },
		{ "2.0", FAMILY_20 }, { "2", FAMILY_20 }, { "2.5", FAMILY_25 },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i].version, version) == 0)
			return known[i].family;
	return FAMILY_NONE;
}

static void find_absolute(struct doctor *d, const char *seen)
{
	struct finding *f = FIND(d, SEV_ERROR, "files.absolute",
				 "config.yaml leads out of the model "
				 "directory");

	finding_evidence(f, "%s", seen);
	finding_meaning(f, "the program joins such a path to the model "
			   "directory, which an absolute path replaces: "
			   "FileNotFoundError. The first revision of "
			   "IndexTTS-2.5 (d0aa86e7) was published like this");
	remedy_install(d, f);
}

/* "/cubefs/..." in an early IndexTTS-2.5: os.path.join() then drops the model
 * directory. */
static void check_config(struct doctor *d, struct votes *v)
{
	char *path CLEANUP(free_ptr) = model_path(d, "config.yaml");
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str seen CLEANUP(str_release) = STR_INIT;
	struct yaml_scan s;
	struct yaml_line l;
	size_t absolute = 0;
	char what[128];

	if (!look_read(path, CONFIG_MAX, &text))
		return;
	yaml_scan_init(&s, text.ptr, text.len);
	while (yaml_scan_next(&s, &l)) {
		if (strcmp(l.key, "version") == 0 && version_family(l.value)) {
			snprintf(what, sizeof(what),
				 "config.yaml (version: %.32s)", l.value);
			vote(v, version_family(l.value), what);
		}
		if (yaml_is_absolute(l.value) && ++absolute <= PATHS_SHOWN)
			str_addf(&seen, "%sline %u: %s: %s",
				 seen.len ? "; " : "", l.number, l.key,
				 l.value);
	}
	if (absolute > PATHS_SHOWN)
		str_addf(&seen, "; and %zu more", absolute - PATHS_SHOWN);
	if (absolute)
		find_absolute(d, seen.ptr);
}

static unsigned decide(const struct votes *v, bool *mixed)
{
	unsigned left = FAMILY_1 | FAMILY_15 | FAMILY_20 | FAMILY_25;

	*mixed = false;
	for (size_t i = 0; i < v->count; i++) {
		if (left & v->items[i].families)
			left &= v->items[i].families;
		else
			*mixed = true;
	}
	if (v->count == 0)
		return FAMILY_NONE;
	/* the newer of two that are still possible, but 1.x stays open */
	if (left == (FAMILY_1 | FAMILY_15))
		return left;
	return left & FAMILY_20	  ? FAMILY_20
	       : left & FAMILY_25 ? FAMILY_25
				  : left;
}

static void find_mix(struct doctor *d, const struct votes *v)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct finding *f;

	for (size_t i = 0; i < v->count; i++) {
		unsigned n = v->items[i].families;

		if (n & (n - 1) && n != (FAMILY_1 | FAMILY_15))
			continue; /* says little */
		str_addf(&text, "%s%s is of %s", text.len ? ", " : "",
			 v->items[i].what, family_name(n));
	}
	f = FIND(d, SEV_ERROR, "files.mixed",
		 "files of different versions are mixed");
	finding_evidence(f, "%s", text.ptr);
	finding_meaning(f, "names are the same in all versions, contents are "
			   "not: \"size mismatch for\" or \"Unexpected key(s) "
			   "in state_dict\", or, since weights are loaded "
			   "with strict=False, noise instead of speech");
	remedy_install(d, f);
}

static bool has_repo_folder(const char *dir)
{
	DIR *dp = opendir(dir);
	const struct dirent *e;
	bool found = false;

	while (dp && !found && (e = readdir(dp)))
		found = str_starts(e->d_name, "models--");
	if (dp)
		closedir(dp);
	return found;
}

static void look_at_layouts(struct doctor *d)
{
	static const char *const flat[] = { "hf_cache/w2v-bert-2.0",
					    "hf_cache/campplus_cn_common.bin",
					    "hf_cache/bigvgan" };
	char *hub CLEANUP(free_ptr) = model_path(d, "hf_cache");
	char *qwen CLEANUP(free_ptr) = model_path(d, "qwen0.6bemo4-merge");

	for (size_t i = 0; i < ARRAY_LEN(flat); i++) {
		char *path CLEANUP(free_ptr) = model_path(d, flat[i]);

		d->flat |= look_at(path, NULL) != LOOK_MISSING;
	}
	d->hub = has_repo_folder(hub);
	d->has_qwen = look_is_dir(qwen);
}

char *comfy_path(const struct doctor *d, const struct known_file *k)
{
	const char *place;

	for (size_t i = 0; (place = known_comfy(k, i)); i++) {
		char *path CLEANUP(free_ptr) = model_path(d, place);

		if (look_is_file(path))
			return take_ptr(path);
	}
	return NULL;
}

/* ComfyUI/models/IndexTTS-2 */
static bool is_comfy(const struct doctor *d)
{
	char *nodes CLEANUP(free_ptr) = model_path(d, "../../custom_nodes");

	return look_is_dir(nodes);
}

/* The source that would load it: beside the model directory, or where it would be
 * started. */
static void find_program(struct doctor *d)
{
	/* the third: of a link to the models, what holds the link */
	char *holds CLEANUP(free_ptr) = xstrdup(d->in->model_dir);
	const char *const bases[] = { d->in->cwd, d->in->model_dir, holds };
	const char *const ups[] = { "", "/..", "" };

	*strrchr(holds, '/') = '\0';
	if (is_comfy(d)) {
		d->program = PROGRAM_COMFY;
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(bases) && !d->source; i++) {
		char *path CLEANUP(free_ptr) = NULL;
		struct str text CLEANUP(str_release) = STR_INIT;

		if (!bases[i] || !*bases[i])
			continue;
		path = xasprintf("%s%s/indextts/infer_v2.py", bases[i], ups[i]);
		if (!look_read(path, SOURCE_MAX, &text))
			continue;
		d->source = xasprintf("%s%s", bases[i], ups[i]);
		if (strstr(text.ptr, "ensure_models_available"))
			d->program = PROGRAM_FLAT;
		else if (strstr(text.ptr, "hf_hub_download"))
			d->program = PROGRAM_HUB;
	}
}

static void describe(struct doctor *d)
{
	const char *program = d->program == PROGRAM_HUB ? "program up to v2.0.0"
			      : d->program == PROGRAM_FLAT
				      ? "program since June 2026"
			      : d->program == PROGRAM_COMFY
				      ? "a node of ComfyUI"
				      : "program not found";

	fact_add(d, "models", "%s in %s; %s; %s", family_name(d->family),
		 d->in->model_dir,
		 d->flat && d->hub	       ? "flat and Hub layout"
		 : d->flat		       ? "flat layout"
		 : d->hub		       ? "Hub layout"
		 : d->program == PROGRAM_COMFY ? "ComfyUI's layout"
					       : "no parts below hf_cache/",
		 program);
}

static void no_directory(struct doctor *d)
{
	enum look look = look_at(d->in->model_dir, NULL);
	struct finding *f = FIND(d, SEV_ERROR, "files.no-directory",
				 "there is no model directory");

	finding_evidence(f, "%s %s", d->in->model_dir,
			 look == LOOK_MISSING ? "does not exist"
			 : look == LOOK_DANGLING
				 ? "is a link that leads nowhere"
				 : "is no directory");
	finding_meaning(f, "the libraries take the name of a directory that "
			   "is not there for a repository on the network: "
			   "HFValidationError, \"Repo id must be in the "
			   "form\", or \"Network is unreachable\"");
	remedy_install(d, f);
}

/* 2.0 loads it unless told otherwise, which it can be since June 2026. */
static void no_qwen(struct doctor *d)
{
	bool always = d->program == PROGRAM_HUB;
	struct finding *f = FIND(d, always ? SEV_ERROR : SEV_WARNING,
				 "files.no-qwen",
				 "there is no qwen0.6bemo4-merge/ (emotions in "
				 "words)");

	finding_evidence(f, "%s has no such directory", d->in->model_dir);
	finding_meaning(f, "%s",
			always ? "the program up to v2.0.0 loads it at every "
				 "start: HFValidationError, \"Repo id must be "
				 "in the form\""
			       : "the program loads it unless it is told not "
				 "to: HFValidationError, \"Repo id must be in "
				 "the form\"; webui.py leaves it out by itself "
				 "on cards of less than 10 GB");
	if (always)
		remedy_install(d, f);
	else
		finding_remedy(f, "IndexTTS2(use_qwen_emo=False)");
}

static void no_access(struct doctor *d)
{
	struct finding *f = FIND(d, SEV_ERROR, "files.unreadable",
				 "this user may not look into the model "
				 "directory");

	finding_evidence(f, "%s", d->in->model_dir);
	finding_meaning(f, "PermissionError, or the libraries take it for a "
			   "repository on the network");
	remedy_readable(d, f, d->in->model_dir);
}

static void no_family(struct doctor *d)
{
	struct finding *f = FIND(d, SEV_ERROR, "files.no-family",
				 "no IndexTTS in the model directory");

	finding_evidence(f, "%s has neither gpt.pth, s2mel.pth nor bpe.model",
			 d->in->model_dir);
	finding_meaning(f, "is it the directory that the program is given "
			   "(checkpoints)?");
	remedy_install(d, f);
}

void check_layout(struct doctor *d)
{
	struct error none = { 0 };
	struct votes v = { 0 };
	enum look look;
	bool mixed;

	if (!d->in->model_dir || !*d->in->model_dir)
		return;
	look = look_at(d->in->model_dir, NULL);
	if (look == LOOK_DENIED ||
	    (look == LOOK_DIR && access(d->in->model_dir, R_OK | X_OK) != 0)) {
		no_access(d);
		return;
	}
	if (look != LOOK_DIR) {
		no_directory(d);
		return;
	}
	d->has_dir = true;
	if (view_records(d->in->model_dir, &d->records, &d->record_count,
			 &none) != 0)
		d->record_count = 0;
	vote_by_size(d, &v);
	vote_by_name(d, &v);
	check_config(d, &v);
	d->family = decide(&v, &mixed);
	look_at_layouts(d);
	find_program(d);
	if (d->family == FAMILY_20 && !d->has_qwen)
		no_qwen(d);
	if (mixed)
		find_mix(d, &v);
	else if (!d->family)
		no_family(d);
	describe(d);
}
