/* The ways to start the program, and what each would run into. */
#include "doctor/start.h"

#include "base/human.h"
#include "base/mem.h"
#include "doctor/look.h"
#include "doctor/state.h"

#include <string.h>

/* Python code that makes IndexTTS2: infer_v2.py sets its own cache first. */
static void prepare_script(const struct doctor *d, struct run *r)
{
	*r = (struct run){ .name = "Python (IndexTTS2)" };
	choose_fixed(d, &r->hub);
	choose_transformers(d, &r->hub, &r->transformers);
}

/* The web interface imports gradio, and that huggingface_hub, before infer_v2.py
 * could set anything. */
static void prepare_webui(const struct doctor *d, struct run *r)
{
	*r = (struct run){ .name = "webui.py" };
	choose_hub(d, &r->hub);
	choose_transformers(d, &r->hub, &r->transformers);
}

/* It sets HF_HUB_CACHE as well, but long after the hub library was imported. */
static void prepare_comfy(const struct doctor *d, struct run *r)
{
	*r = (struct run){ .name = "ComfyUI", .comfy = true };
	choose_hub(d, &r->hub);
	choose_transformers(d, &r->hub, &r->transformers);
}

static void prepare_flat(const struct doctor *d, struct run *r)
{
	(void)d;
	*r = (struct run){ .name = "the program", .flat = true };
}

static bool hub_fits(const struct run *r)
{
	return r->missing.count == 0;
}

/* itts-pack env names DIR/hf_cache where that is a cache, else the one it is given; which
 * does not help where the files are in a third one, or the program has the path in its
 * code. */
static void remedy_split(struct doctor *d, const struct run *r,
			 struct finding *f)
{
	char *own CLEANUP(free_ptr) = model_path(d, "hf_cache");
	struct str before CLEANUP(str_release) = STR_INIT;
	char *text CLEANUP(free_ptr) = NULL;

	if (strcmp(r->elsewhere, own) == 0) {
		remedy_env(d, f);
		return;
	}
	if (d->hub || d->program == PROGRAM_HUB) {
		remedy_install(d, f);
		return;
	}
	str_adds(&before, "eval \"$(itts-pack env --cache ");
	add_shell(&before, r->elsewhere);
	str_adds(&before, " --model-dir ");
	text = model_command(d, before.ptr, ")\"");
	finding_remedy(f, "%s", text);
}

static void say_split(struct doctor *d, const struct run *r, enum severity s)
{
	struct finding *f = FIND(d, s, "start.split-cache",
				 "%s looks in another cache than the one that "
				 "has the files",
				 r->name);

	finding_evidence(f,
			 "%s; it is in %s. The hub library uses %s (%s), "
			 "transformers %s (%s)",
			 r->why, r->elsewhere, r->hub.dir, r->hub.why,
			 r->transformers.dir, r->transformers.why);
	finding_meaning(f, "%s will be fetched again: %s", r->missing.items[0],
			is_offline(d) ? "offline, this is an error at once"
				      : "without a network, a long silence");
	remedy_split(d, r, f);
}

/* Names as ComfyUI's nodes have them, which nobody else looks for. */
static void find_misplaced(const struct doctor *d, struct str *out)
{
	const struct known_file *k;

	for (size_t i = 0; d->program != PROGRAM_COMFY && (k = known_at(i));
	     i++) {
		char *path CLEANUP(free_ptr) = k->families & d->family
						       ? comfy_path(d, k)
						       : NULL;

		if (path && !out->len)
			str_addf(out, "; %s is where ComfyUI's nodes look",
				 path);
	}
}

static void say_missing(struct doctor *d, const struct run *r, enum severity s)
{
	struct str names CLEANUP(str_release) = STR_INIT;
	struct str misplaced CLEANUP(str_release) = STR_INIT;
	struct finding *f;

	for (size_t i = 0; i < r->missing.count; i++)
		str_addf(&names, "%s%s", i ? ", " : "", r->missing.items[i]);
	f = FIND(d, s, r->bad_ref ? "start.bad-ref" : "start.missing",
		 r->bad_ref ? "%s cannot see what is in the cache (at %s)"
			    : "%s stops at %s",
		 r->name, r->first);
	find_misplaced(d, &misplaced);
	finding_evidence(f, "%s; it lacks %s%s", r->why, names.ptr,
			 misplaced.ptr);
	if (is_offline(d))
		finding_meaning(f, "offline: LocalEntryNotFoundError, or "
				   "\"Can't load feature extractor\"");
	else
		finding_meaning(f,
				"it asks the network for %s, without a "
				"word; without a network up to %u s of "
				"silence for each, then \"couldn't "
				"connect\"",
				r->missing.count == 1 ? "it" : "these",
				r->wait_s / (unsigned)r->missing.count);
	remedy_install(d, f);
}

/* All is there, and yet the network is asked at each start. */
static void say_network(struct doctor *d, const struct run *r)
{
	struct finding *f;

	if (!r->requests || r->missing.count)
		return;
	f = FIND(d, SEV_WARNING, "start.network",
		 "%s asks the network at each start, though all is there",
		 r->name);
	finding_evidence(f, "%u %s; HF_HUB_OFFLINE is not 1", r->requests,
			 human_plural(r->requests, "request", "requests"));
	finding_meaning(f,
			"where packets are dropped: up to %u s of silence "
			"for each address of the host; a proxy that is "
			"dead, a certificate that is not trusted "
			"(SSLError) or a bad token (401) ends the start "
			"even so",
			r->wait_s);
	remedy_env(d, f);
}

static void say_cwd(struct doctor *d, const struct run *r)
{
	char *own CLEANUP(free_ptr) = model_path(d, "hf_cache");
	struct str mend CLEANUP(str_release) = STR_INIT;
	struct finding *f;
	const char *parent;
	char *up CLEANUP(free_ptr) = NULL;
	bool is_named = str_ends(d->in->model_dir, "/checkpoints");

	if (!d->hub || strcmp(own, r->hub.dir) == 0 || look_is_dir(r->hub.dir))
		return;
	parent = strrchr(d->in->model_dir, '/');
	up = xstrndup(d->in->model_dir, (size_t)(parent - d->in->model_dir));
	f = FIND(d, SEV_WARNING, "start.cwd",
		 "the program depends on the directory that it is started in");
	finding_evidence(f,
			 "it looks in ./checkpoints/hf_cache, here %s, "
			 "which does not exist; the parts are in %s",
			 r->hub.dir, own);
	finding_meaning(f, "infer_v2.py up to v2.0.0 has that path in its "
			   "code; no variable changes it");
	str_adds(&mend, is_named ? "cd " : "ln -s ");
	add_shell(&mend, !is_named ? d->in->model_dir : *up ? up : "/");
	str_adds(&mend, is_named ? "" : " checkpoints");
	finding_remedy(f, "%s", mend.ptr);
}

static void say_copies(struct doctor *d, const struct run *r)
{
	char *hub CLEANUP(free_ptr) = model_path(d, "hf_cache");
	struct finding *f;

	if (!r->copies)
		return;
	f = FIND(d, look_writable(hub) ? SEV_NOTE : SEV_ERROR, "start.migrate",
		 "%u %s will be copied into the flat layout first", r->copies,
		 human_plural(r->copies, "part", "parts"));
	finding_evidence(f, "they are only in a Hub layout%s",
			 look_writable(hub)
				 ? ""
				 : ", and hf_cache cannot be written to");
	finding_meaning(f, "needs their size once more on this disk, and "
			   "minutes; no network");
	remedy_install(d, f);
}

static void say(struct doctor *d, const struct run *r, enum severity s)
{
	/* files of the model directory itself: check_files() has told */
	if (r->missing.count && r->missing_elsewhere == r->missing.count)
		say_split(d, r, s);
	else if (r->missing.count)
		say_missing(d, r, s);
	say_network(d, r);
	say_copies(d, r);
}

static void say_caches(struct doctor *d, const struct run *r)
{
	fact_add(d, "start", "%s: %u %s%s", r->name, r->requests,
		 human_plural(r->requests, "request", "requests"),
		 r->flat	 ? "; looks below hf_cache/ first"
		 : is_offline(d) ? "; offline"
				 : "");
	if (r->flat)
		return;
	fact_add(d, "caches", "%s: hub library %s (%s)", r->name, r->hub.dir,
		 r->hub.why);
	if (strcmp(r->hub.dir, r->transformers.dir) != 0)
		fact_add(d, "caches", "%s: transformers %s (%s)", r->name,
			 r->transformers.dir, r->transformers.why);
}

static void keep_steps(struct doctor *d, struct run *r)
{
	d->out->steps = take_ptr(r->steps);
	d->out->step_count = r->count;
	r->count = 0;
}

/* w2v-bert-2.0/ counts as whole for the nodes; files.partial is about the other one. */
static void say_partial(struct doctor *d, const struct run *r)
{
	char *flat CLEANUP(free_ptr) = model_path(d, "hf_cache/w2v-bert-2.0");
	char *own CLEANUP(free_ptr) = model_path(d, "w2v-bert-2.0");
	struct finding *f;

	if (!r->comfy || !r->partial)
		return;
	f = FIND(d, SEV_ERROR, "start.partial", "%s stops at %s", r->name,
		 r->stops_at);
	finding_evidence(f, "%s/w2v-bert-2.0 is there, and lacks files",
			 d->in->model_dir);
	finding_meaning(f, "the node takes any directory of that name for "
			   "complete: \"Can't load feature extractor\" or "
			   "\"does not appear to have a file named\"");
	remedy_link(d, f, flat, "/*", own);
}

static void start_one(struct doctor *d)
{
	struct run r CLEANUP(run_release) = { 0 };

	start_simulate(d, false, &r);
	d->is_local = r.flat && !r.missing.count && !r.copies;
	say(d, &r, SEV_ERROR);
	say_partial(d, &r);
	say_caches(d, &r);
	keep_steps(d, &r);
}

/* One that works is enough to start; the other is then a warning. */
static void start_hub(struct doctor *d)
{
	struct run script CLEANUP(run_release) = { 0 };
	struct run webui CLEANUP(run_release) = { 0 };
	bool one;

	prepare_script(d, &script);
	prepare_webui(d, &webui);
	simulate(d, &script);
	simulate(d, &webui);
	one = hub_fits(&script) || hub_fits(&webui);
	say_cwd(d, &script);
	say(d, &script, one ? SEV_WARNING : SEV_ERROR);
	say(d, &webui, one ? SEV_WARNING : SEV_ERROR);
	say_caches(d, &script);
	say_caches(d, &webui);
	keep_steps(d, hub_fits(&script) ? &script : &webui);
}

static bool asks_the_hub(const struct doctor *d)
{
	return d->family == FAMILY_20 && d->program != PROGRAM_COMFY &&
	       (d->program == PROGRAM_HUB ||
		(d->program == PROGRAM_UNKNOWN && d->hub && !d->flat));
}

void start_simulate(const struct doctor *d, bool webui, struct run *r)
{
	if (d->program == PROGRAM_COMFY)
		prepare_comfy(d, r);
	else if (!asks_the_hub(d))
		prepare_flat(d, r);
	else if (webui)
		prepare_webui(d, r);
	else
		prepare_script(d, r);
	simulate(d, r);
}

void check_start(struct doctor *d)
{
	if (!d->has_dir || !d->family)
		return;
	if (asks_the_hub(d))
		start_hub(d);
	else
		start_one(d);
}
