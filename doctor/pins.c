/* Installed versions against the recipe's, and what each mismatch sounds like. */
#include "base/mem.h"
#include "doctor/look.h"
#include "doctor/state.h"
#include "manifest/manifest.h"
#include "manifest/recipes.h"

#include <string.h>

/* A range of versions that is known to break something. */
static const struct trouble {
	const char *name, *versions;
	enum severity severity;
	const char *says; /* what Python says, or what happens */
} troubles[] = {
	{ "transformers", ">=5.0.0.dev0", SEV_ERROR,
	  "ImportError: cannot import name 'OffloadedCache'" },
	{ "transformers", ">=4.56", SEV_ERROR,
	  "ImportError: cannot import name 'QuantizedCacheConfig' from "
	  "'transformers.cache_utils'" },
	{ "transformers", "<4.52", SEV_ERROR,
	  "ImportError: names that indextts.gpt needs are not there yet" },
	{ "safetensors", ">=0.8", SEV_ERROR,
	  "TypeError: torch_load_file() got an unexpected keyword argument "
	  "'backend'" },
	{ "huggingface-hub", ">=1.0.0.dev0", SEV_ERROR,
	  "ImportError: huggingface-hub>=0.30.0,<1.0 is required for a normal "
	  "functioning of this module (transformers 4 says so)" },
	{ "tokenizers", "<0.21", SEV_ERROR,
	  "ImportError: tokenizers>=0.21,<0.22 is required for a normal "
	  "functioning of this module" },
	{ "tokenizers", ">=0.22", SEV_ERROR,
	  "ImportError: tokenizers>=0.21,<0.22 is required for a normal "
	  "functioning of this module" },
	{ "wetext", "<0.1.0", SEV_WARNING,
	  "it asks ModelScope for pengzhendong/wetext at every start; without "
	  "a network that is a long silence or an error" },
	{ "gradio", ">=6.0.0.dev0", SEV_WARNING,
	  "the web interface uses arguments that are gone" },
	{ "numba", "<0.58", SEV_WARNING, "librosa fails while it is imported" },
};

static const struct trouble *find_trouble(const struct package *p)
{
	for (size_t i = 0; i < ARRAY_LEN(troubles); i++)
		if (strcmp(troubles[i].name, p->name) == 0 &&
		    version_fits(p->version, troubles[i].versions))
			return &troubles[i];
	return NULL;
}

static void say_trouble(struct doctor *d, const struct package *p,
			const struct trouble *t, const char *pin)
{
	struct finding *f = FIND(d, t->severity, "packages.version",
				 "%s %s does not go with %s", p->name,
				 p->version, family_name(d->family));

	finding_evidence(f, "%s; %s%s", d->packages.site,
			 pin ? "the program pins " : "known to break: ",
			 pin ? pin : t->versions);
	finding_meaning(f, "%s", t->says);
	finding_remedy(f, "on a connected machine: uv sync, then carry the "
			  ".venv over");
}

/* All that differ without a known consequence, in one note. */
struct drift {
	struct str text;
	size_t count;
};

/* The same module under another name. */
static bool has_twin(const struct doctor *d, const char *name)
{
	static const char *const twins[] = { "opencv-python-headless",
					     "opencv-contrib-python",
					     "opencv-contrib-python-headless" };

	for (size_t i = 0; i < ARRAY_LEN(twins); i++)
		if (strcmp(name, "opencv-python") == 0 &&
		    packages_find(&d->packages, twins[i]))
			return true;
	return false;
}

static void check_pin(struct doctor *d, const struct manifest_package *pin,
		      struct drift *drift, struct strlist *absent)
{
	const struct package *p = packages_find(&d->packages, pin->name);
	const struct trouble *t = p ? find_trouble(p) : NULL;

	if (!p && has_twin(d, pin->name))
		return;
	if (!p) {
		strlist_add(absent, pin->name);
		return;
	}
	if (version_fits(p->version, pin->version))
		return;
	if (t) {
		say_trouble(d, p, t, pin->version);
		return;
	}
	str_addf(&drift->text, "%s%s %s (%s)", drift->count++ ? ", " : "",
		 p->name, p->version, pin->version);
}

static void say_absent(struct doctor *d, const struct strlist *absent,
		       size_t pins)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct finding *f;

	for (size_t i = 0; i < absent->count; i++)
		str_addf(&text, "%s%s", i ? ", " : "", absent->items[i]);
	f = FIND(d, SEV_ERROR, "packages.missing",
		 "%zu of %zu packages are not installed", absent->count, pins);
	finding_evidence(f, "%s; %s", d->packages.site, text.ptr);
	finding_meaning(f, "ModuleNotFoundError; or this is not the "
			   "environment that the program runs in");
	finding_remedy(f, "name another with --venv DIR; else on a connected "
			  "machine: uv sync");
}

static void check_python(struct doctor *d, const char *range)
{
	struct finding *f;

	if (!range || !d->packages.python ||
	    version_fits(d->packages.python, range))
		return;
	f = FIND(d, SEV_WARNING, "packages.python",
		 "Python %s does not go with %s", d->packages.python,
		 family_name(d->family));
	finding_evidence(f, "the program wants %s", range);
	finding_meaning(f, "wheels for its pins do not exist for this Python: "
			   "pip then builds or takes other versions");
	finding_remedy(f, "uv venv --python 3.11, then uv sync");
}

/* What the family has no pin for: wetext, huggingface-hub. */
static void check_unpinned(struct doctor *d, const struct manifest *m)
{
	for (size_t i = 0; i < ARRAY_LEN(troubles); i++) {
		const struct package *p = packages_find(&d->packages,
							troubles[i].name);
		bool pinned = false;

		for (size_t k = 0; k < m->package_count; k++)
			pinned |= strcmp(m->packages[k].name,
					 troubles[i].name) == 0;
		if (p && !pinned && find_trouble(p) == &troubles[i])
			say_trouble(d, p, &troubles[i], NULL);
	}
}

static void check_against(struct doctor *d, const struct manifest *m)
{
	struct drift drift = { .text = STR_INIT };
	struct strlist absent CLEANUP(strlist_release) = { 0 };
	struct finding *f;

	for (size_t i = 0; i < m->package_count; i++)
		check_pin(d, &m->packages[i], &drift, &absent);
	if (absent.count)
		say_absent(d, &absent, m->package_count);
	if (drift.count) {
		f = FIND(d, SEV_NOTE, "packages.drift",
			 "%zu packages are not the versions that the program "
			 "pins",
			 drift.count);
		finding_evidence(f, "%s", drift.text.ptr);
		finding_meaning(f, "only the pinned ones are tested upstream");
		finding_remedy(f, "on a connected machine: uv sync");
	}
	str_release(&drift.text);
	check_python(d, m->python);
	check_unpinned(d, m);
}

static void say_extras(struct doctor *d)
{
	static const char *const extras[] = { "torch", "huggingface-hub",
					      "transformers", "deepspeed",
					      "flash-attn" };
	struct str text CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
		const struct package *p = packages_find(&d->packages,
							extras[i]);

		if (p)
			str_addf(&text, ", %s %s", p->name, p->version);
	}
	fact_add(d, "packages", "Python %s%s; %s", d->packages.python, text.ptr,
		 d->packages.site);
}

void check_packages(struct doctor *d)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };
	struct error err = { 0 };
	const char *name = family_recipe(d->family ? d->family : FAMILY_20);
	const struct recipe *r = name ? recipe_find(name) : NULL;
	struct finding *f;

	if (!d->in->venv || !*d->in->venv)
		return;
	packages_read(d->in->venv, &d->packages);
	if (!d->packages.site) {
		f = FIND(d, SEV_ERROR, "packages.no-venv",
			 "there is no Python environment");
		finding_evidence(f, "%s has no lib/python3.*/site-packages",
				 d->in->venv);
		finding_remedy(f, "name it with --venv DIR");
		return;
	}
	say_extras(d);
	if (r && manifest_parse(&m, r->text, r->len, &err) == 0)
		check_against(d, &m);
}
