/* Installed versions against the recipe's, and what each mismatch sounds like. */
#include "base/human.h"
#include "base/mem.h"
#include "doctor/look.h"
#include "doctor/state.h"
#include "manifest/manifest.h"
#include "manifest/recipes.h"

#include <stdlib.h>
#include <string.h>

/* A range of versions that is known to break something. */
static const struct trouble {
	const char *name, *versions;
	enum severity severity;
	const char *says;   /* what Python says, or what happens */
	const char *wanted; /* where the program has no pin of its own */
} troubles[] = {
	{ "transformers", ">=5.0.0.dev0", SEV_ERROR,
	  "ImportError: cannot import name 'OffloadedCache'", "<4.56" },
	{ "transformers", ">=4.56", SEV_ERROR,
	  "ImportError: cannot import name 'QuantizedCacheConfig' from "
	  "'transformers.cache_utils'",
	  "<4.56" },
	{ "transformers", "<4.52", SEV_ERROR,
	  "ImportError: names that indextts.gpt needs are not there yet",
	  ">=4.52,<4.56" },
	{ "safetensors", ">=0.8", SEV_ERROR,
	  "TypeError: torch_load_file() got an unexpected keyword argument "
	  "'backend'",
	  "<0.8" },
	{ "huggingface-hub", ">=1.0.0.dev0", SEV_ERROR,
	  "ImportError: huggingface-hub>=0.30.0,<1.0 is required for a normal "
	  "functioning of this module (transformers 4 says so)",
	  ">=0.30.0,<1.0" },
	{ "tokenizers", "<0.21", SEV_ERROR,
	  "ImportError: tokenizers>=0.21,<0.22 is required for a normal "
	  "functioning of this module",
	  ">=0.21,<0.22" },
	{ "tokenizers", ">=0.22", SEV_ERROR,
	  "ImportError: tokenizers>=0.21,<0.22 is required for a normal "
	  "functioning of this module",
	  ">=0.21,<0.22" },
	{ "wetext", "<0.1.0", SEV_WARNING,
	  "it asks ModelScope for pengzhendong/wetext at every start; without "
	  "a network that is a long silence or an error",
	  ">=0.1.0" },
	{ "gradio", ">=6.0.0.dev0", SEV_WARNING,
	  "the web interface uses arguments that are gone", "<6" },
	{ "numba", "<0.58", SEV_WARNING, "librosa fails while it is imported",
	  ">=0.58" },
};

#define FROM_ELSEWHERE                                                     \
	"Packages come from a network: without one, do it on a connected " \
	"machine and carry the environment over"

static const struct trouble *find_trouble(const struct package *p)
{
	for (size_t i = 0; i < ARRAY_LEN(troubles); i++)
		if (strcmp(troubles[i].name, p->name) == 0 &&
		    version_fits(p->version, troubles[i].versions))
			return &troubles[i];
	return NULL;
}

/* Is the environment that which uv makes beside the program's source? */
static bool is_project(const struct doctor *d)
{
	char *file CLEANUP(free_ptr) = NULL, *own CLEANUP(free_ptr) = NULL;
	char *a CLEANUP(free_ptr) = NULL, *b CLEANUP(free_ptr) = NULL;

	if (!d->source)
		return false;
	file = xasprintf("%s/pyproject.toml", d->source);
	own = xasprintf("%s/.venv", d->source);
	a = realpath(own, NULL);
	b = realpath(d->in->venv, NULL);
	return look_is_file(file) && a && b && strcmp(a, b) == 0;
}

static void add_sync(const struct doctor *d, struct str *out)
{
	/* "checkpoints/.." of a link means one thing to a shell, another to the kernel */
	char *real CLEANUP(free_ptr) = realpath(d->source, NULL);

	str_adds(out, "cd ");
	add_shell(out, real ? real : d->source);
	str_adds(out, " && uv sync");
}

/* specs: " 'name==1.0'", one or more. */
static void remedy_packages(const struct doctor *d, struct finding *f,
			    const char *specs)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	if (is_project(d)) {
		add_sync(d, &text);
	} else {
		str_adds(&text, "uv pip install --python ");
		add_shell(&text, d->in->venv);
		str_adds(&text, specs);
	}
	finding_remedy(f, "%s", text.ptr);
}

static void add_spec(struct str *out, const char *name, const char *versions)
{
	str_addf(out, " '%s%s'", name, versions ? versions : "");
}

static void say_trouble(struct doctor *d, const struct package *p,
			const struct trouble *t, const char *pin)
{
	struct finding *f = FIND(d, t->severity, "packages.version",
				 "%s %s does not go with %s", p->name,
				 p->version, family_name(d->family));
	struct str spec CLEANUP(str_release) = STR_INIT;

	finding_evidence(f, "%s; %s%s", d->packages.site,
			 pin ? "the program pins " : "known to break: ",
			 pin ? pin : t->versions);
	finding_meaning(f, "%s. %s", t->says, FROM_ELSEWHERE);
	add_spec(&spec, p->name, pin ? pin : t->wanted);
	remedy_packages(d, f, spec.ptr);
}

/* All that differ without a known consequence, in one note. */
struct drift {
	struct str text, specs;
	size_t count;
};

struct absent {
	struct strlist names;
	struct str specs;
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
		      struct drift *drift, struct absent *absent)
{
	const struct package *p = packages_find(&d->packages, pin->name);
	const struct trouble *t = p ? find_trouble(p) : NULL;

	if (!p && has_twin(d, pin->name))
		return;
	if (!p) {
		strlist_add(&absent->names, pin->name);
		add_spec(&absent->specs, pin->name, pin->version);
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
	add_spec(&drift->specs, pin->name, pin->version);
}

static void say_absent(struct doctor *d, const struct absent *all, size_t pins)
{
	const struct strlist *absent = &all->names;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct finding *f;

	for (size_t i = 0; i < absent->count; i++)
		str_addf(&text, "%s%s", i ? ", " : "", absent->items[i]);
	f = FIND(d, SEV_ERROR, "packages.missing",
		 "%zu of %zu packages %s not installed", absent->count, pins,
		 human_plural(absent->count, "is", "are"));
	finding_evidence(f, "%s; %s", d->packages.site, text.ptr);
	finding_meaning(f, "ModuleNotFoundError; or this is not the "
			   "environment that the program runs in (--venv DIR "
			   "names another). " FROM_ELSEWHERE);
	remedy_packages(d, f, all->specs.ptr);
}

static void check_python(struct doctor *d, const char *range)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct finding *f;

	if (!range || !d->packages.python ||
	    version_fits(d->packages.python, range))
		return;
	f = FIND(d, SEV_WARNING, "packages.python",
		 "Python %s does not go with %s", d->packages.python,
		 family_name(d->family));
	finding_evidence(f, "the program wants %s", range);
	finding_meaning(
		f, "wheels for its pins do not exist for this Python: "
		   "pip then builds or takes other versions. " FROM_ELSEWHERE);
	str_adds(&text, "mv ");
	add_shell(&text, d->in->venv);
	str_addc(&text, ' ');
	add_shell(&text, d->in->venv);
	str_adds(&text, ".old && uv venv --python 3.11 ");
	add_shell(&text, d->in->venv);
	if (is_project(d)) {
		str_adds(&text, " && ");
		add_sync(d, &text);
	}
	finding_remedy(f, "%s", text.ptr);
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
	struct drift drift = { .text = STR_INIT, .specs = STR_INIT };
	struct absent absent = { .specs = STR_INIT };
	struct finding *f;

	for (size_t i = 0; i < m->package_count; i++)
		check_pin(d, &m->packages[i], &drift, &absent);
	if (absent.names.count)
		say_absent(d, &absent, m->package_count);
	if (drift.count) {
		f = FIND(d, SEV_NOTE, "packages.drift",
			 "%zu %s that the program pins", drift.count,
			 human_plural(drift.count, "package is not the version",
				      "packages are not the versions"));
		finding_evidence(f, "%s", drift.text.ptr);
		finding_meaning(f, "only the pinned ones are tested "
				   "upstream. " FROM_ELSEWHERE);
		remedy_packages(d, f, drift.specs.ptr);
	}
	str_release(&drift.text);
	str_release(&drift.specs);
	strlist_release(&absent.names);
	str_release(&absent.specs);
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

/* That of the program's source, else those that there are. */
static void remedy_venv(const struct doctor *d, struct finding *f)
{
	char *own CLEANUP(free_ptr) = d->source
					      ? xasprintf("%s/.venv", d->source)
					      : NULL;
	struct str text CLEANUP(str_release) = STR_INIT;
	char *command CLEANUP(free_ptr) = NULL;
	char *cfg CLEANUP(free_ptr) = own ? xasprintf("%s/pyvenv.cfg", own)
					  : NULL;

	if (!cfg || !look_is_file(cfg)) {
		finding_meaning(f,
				"the program's one is named with --venv DIR; "
				"the command lists the directories of all "
				"that uv and venv have made");
		finding_remedy(f, "find / -name pyvenv.cfg -printf '%%h\\n' "
				  "2>/dev/null");
		return;
	}
	str_adds(&text, "itts-pack doctor --venv ");
	add_shell(&text, own);
	str_adds(&text, " --model-dir ");
	command = model_command(d, text.ptr, "");
	finding_remedy(f, "%s", command);
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
		remedy_venv(d, f);
		return;
	}
	say_extras(d);
	if (r && manifest_parse(&m, r->text, r->len, &err) == 0)
		check_against(d, &m);
}
