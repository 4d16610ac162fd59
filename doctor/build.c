/* What is compiled at the first start: the CUDA kernel of BigVGAN (nvcc, ninja, g++),
 * and the text normaliser's automata. Both are silent, and look like a hang. */
#include "base/mem.h"
#include "doctor/extensions.h"
#include "doctor/look.h"
#include "doctor/proc.h"
#include "doctor/start.h"
#include "doctor/state.h"

#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define KERNEL "/indextts/s2mel/modules/bigvgan/alias_free_activation/cuda"
#define TAGGER "/indextts/utils/tagger_cache"

/* Where the program's source is: beside the models, or installed; caller frees. */
static char *source_dir(const struct doctor *d, const char *sub)
{
	const char *const bases[] = { d->source, d->packages.site };

	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		char *dir CLEANUP(free_ptr) = NULL;

		if (!bases[i])
			continue;
		dir = xasprintf("%s%s", bases[i], sub);
		if (look_is_dir(dir))
			return take_ptr(dir);
	}
	return NULL;
}

/* torch's FileBaton: whoever creates "lock" builds, all others wait for its end, for
 * ever, also for one that was killed. */
static void check_lock(struct doctor *d, const char *lock, bool is_kernel)
{
	static const char *const builders[] = { "ninja", "nvcc",    "cicc",
						"ptxas", "cc1plus", "cudafe++",
						NULL };
	char *dir CLEANUP(free_ptr) = xstrndup(
		lock, (size_t)(strrchr(lock, '/') - lock));
	uint64_t pid;
	struct finding *f;

	if (look_at(lock, NULL) == LOOK_MISSING)
		return;
	/* torch starts ninja in the directory of the lock */
	if (proc_find(d->in->proc, builders, dir, &pid)) {
		f = FIND(d, SEV_NOTE, "build.running",
			 "a CUDA kernel is being compiled");
		finding_evidence(f, "process %llu; %s", (unsigned long long)pid,
				 lock);
		finding_meaning(f, "takes minutes, once");
		finding_remedy(f, "wait until it has ended");
		return;
	}
	/* without a card the program does not try it, and an extension of others may
	 * be one that it does not load */
	f = FIND(d, is_kernel && d->gpus.count ? SEV_ERROR : SEV_WARNING,
		 "build.lock",
		 "a lock that nobody holds will keep the program waiting");
	finding_evidence(f, "%s, and no compiler works there", lock);
	finding_meaning(f, "%s",
			is_kernel
				? "a build of the CUDA kernel was killed; "
				  "the next start with a card and that kernel "
				  "waits for it for ever, without a word, "
				  "behind \">> GPT weights restored from:\""
				: "a build of this extension was killed; what "
				  "loads it (DeepSpeed?) waits for ever, "
				  "without a word");
	struct str quoted CLEANUP(str_release) = STR_INIT;

	add_shell(&quoted, lock);
	finding_remedy(f, "rm %s", quoted.ptr);
}

/* Of DeepSpeed and others. */
static void check_extensions(struct doctor *d)
{
	struct strlist locks CLEANUP(strlist_release) = { 0 };

	extensions_locks(&d->in->env, &locks);
	for (size_t i = 0; i < locks.count; i++)
		check_lock(d, locks.items[i], false);
}

static bool is_built(const char *build)
{
	struct strlist names CLEANUP(strlist_release) = { 0 };

	look_list(build, 1000, &names);
	for (size_t i = 0; i < names.count; i++)
		if (str_ends(names.items[i], ".so"))
			return true;
	return false;
}

/* "12.8" of the toolkit that has this nvcc: its version.json, in bytes
 * "cuda" : { ... "version" : "12.8.61" }; "" if not told. */
static void nvcc_version(const char *nvcc, struct str *out)
{
	char *dir CLEANUP(free_ptr) = xstrdup(nvcc);
	char *path CLEANUP(free_ptr) = NULL;
	struct str text CLEANUP(str_release) = STR_INIT;
	const char *p;

	*strrchr(dir, '/') = '\0';
	path = xasprintf("%s/../version.json", dir);
	if (!look_read(path, 64u << 10, &text))
		return;
	p = strstr(text.ptr, "\"cuda\"");
	p = p ? strstr(p, "\"version\"") : NULL;
	p = p ? strchr(p, ':') : NULL;
	p = p ? strchr(p, '"') : NULL;
	if (!p)
		return;
	p++;
	str_add(out, p, strspn(p, "0123456789."));
}

/* torch refuses another major version. */
static void check_nvcc(struct doctor *d, const char *nvcc)
{
	const struct package *torch = packages_find(&d->packages, "torch");
	const char *cu = torch ? strstr(torch->version, "+cu") : NULL;
	struct str version CLEANUP(str_release) = STR_INIT;
	struct finding *f;

	nvcc_version(nvcc, &version);
	if (!cu || !version.len || strlen(cu) < 6 ||
	    strncmp(cu + 3, version.ptr, 2) == 0)
		return;
	f = FIND(d, SEV_WARNING, "build.nvcc",
		 "nvcc is of another CUDA version than torch");
	finding_evidence(f, "%s is %s, torch %s", nvcc, version.ptr,
			 torch->version);
	finding_meaning(f, "\"The detected CUDA version mismatches the "
			   "version that was used to compile PyTorch\": the "
			   "kernel is not built, or builds for ever");
	finding_remedy(f, "IndexTTS2(use_cuda_kernel=False); webui.py does "
			  "without it already");
}

static void check_tools(struct doctor *d)
{
	static const char *const tools[] = { "nvcc", "ninja", "g++" };
	const char *path = env_get(d, "PATH");
	struct str lacks CLEANUP(str_release) = STR_INIT;
	char *nvcc CLEANUP(free_ptr) = proc_program(path, "nvcc");
	struct finding *f;

	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		char *found CLEANUP(free_ptr) = proc_program(path, tools[i]);

		if (!found && !(i == 1 && packages_find(&d->packages, "ninja")))
			str_addf(&lacks, "%s%s", lacks.len ? ", " : "",
				 tools[i]);
	}
	if (nvcc)
		check_nvcc(d, nvcc);
	if (!lacks.len)
		return;
	f = FIND(d, SEV_NOTE, "build.tools",
		 "the CUDA kernel of BigVGAN cannot be built here");
	finding_evidence(f, "PATH has no %s", lacks.ptr);
	finding_meaning(f, "not fatal: \">> Failed to load custom CUDA kernel "
			   "for BigVGAN. Falling back to torch.\"");
	finding_remedy(f, "IndexTTS2(use_cuda_kernel=False) saves the try");
}

static bool has_automata(const char *dir)
{
	char *a CLEANUP(free_ptr) = xasprintf("%s/zh_tn_tagger.fst", dir);
	char *b CLEANUP(free_ptr) = xasprintf("%s/zh_tn_verbalizer.fst", dir);

	return look_is_file(a) && look_is_file(b);
}

/* Who may write there? Another user, or nobody. */
static void remedy_tagger(struct finding *f, const char *utils, const char *dir)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct statvfs fs;

	if (statvfs(look_is_dir(dir) ? dir : utils, &fs) == 0 &&
	    fs.f_flag & ST_RDONLY) {
		str_adds(&text, "sudo mount -o remount,rw \"$(findmnt -n -o "
				"TARGET --target ");
		add_shell(&text, look_is_dir(dir) ? dir : utils);
		str_adds(&text, ")\"");
	} else {
		str_addf(&text, "sudo install -d -o %u ", (unsigned)geteuid());
		add_shell(&text, dir);
	}
	finding_remedy(f, "%s", text.ptr);
}

static void check_normaliser(struct doctor *d)
{
	char *utils CLEANUP(free_ptr) = source_dir(d, "/indextts/utils");
	char *dir CLEANUP(free_ptr) = NULL;
	struct finding *f;

	if (!utils)
		return;
	dir = xasprintf("%s/tagger_cache", utils);
	if (has_automata(dir))
		return;
	if (look_writable(look_is_dir(dir) ? dir : utils)) {
		fact_add(d, "normaliser",
			 "will be built at the first start, "
			 "about half a minute");
		return;
	}
	f = FIND(d, SEV_ERROR, "build.tagger-cache",
		 "the text normaliser cannot be written");
	finding_evidence(f,
			 "%s has no .fst files, and this user may not "
			 "create them",
			 dir);
	finding_meaning(f, "PermissionError or \"Read-only file system\" "
			   "behind \">> bigvgan weights restored from:\". In a "
			   "container: a volume there; or zh_tn_tagger.fst and "
			   "zh_tn_verbalizer.fst from where it has run");
	remedy_tagger(f, utils, dir);
}

void check_build(struct doctor *d)
{
	char *kernel CLEANUP(free_ptr) = source_dir(d, KERNEL);
	char *build CLEANUP(free_ptr) = NULL;
	char *lock CLEANUP(free_ptr) = NULL;

	if (kernel) {
		build = xasprintf("%s/build", kernel);
		lock = xasprintf("%s/lock", build);
		check_lock(d, lock, true);
		if (d->gpus.count && !is_built(build))
			check_tools(d);
	}
	check_extensions(d);
	check_normaliser(d);
}

void step_kernel(const struct doctor *d, struct step *s)
{
	char *kernel CLEANUP(free_ptr) = source_dir(d, KERNEL);
	char *build CLEANUP(free_ptr) = xasprintf("%s/build",
						  kernel ? kernel : "");
	char *lock CLEANUP(free_ptr) = xasprintf("%s/lock", build);

	s->where = xstrdup(kernel ? build : "-");
	if (!kernel) {
		s->found = xstrdup("the program's source was not found");
	} else if (d->gpus.count && look_at(lock, NULL) != LOOK_MISSING &&
		   !findings_find(&d->out->findings, "build.running")) {
		s->found = xstrdup("waits for a lock that nobody holds");
		s->result = STEP_FAILS;
	} else if (is_built(build)) {
		s->found = xstrdup("there");
	} else if (d->gpus.count == 0) {
		s->found = xstrdup("not tried without a card");
	} else {
		s->found = xstrdup("will be compiled, minutes (not by "
				   "webui.py)");
		s->result = STEP_BUILDS;
	}
}

void step_normaliser(const struct doctor *d, struct step *s)
{
	char *utils CLEANUP(free_ptr) = source_dir(d, "/indextts/utils");
	char *dir CLEANUP(free_ptr) = xasprintf("%s/tagger_cache",
						utils ? utils : "");

	s->where = xstrdup(utils ? dir : "-");
	if (!utils) {
		s->found = xstrdup("the program's source was not found");
	} else if (has_automata(dir)) {
		s->found = xstrdup("there");
	} else if (findings_find(&d->out->findings, "build.tagger-cache")) {
		s->found = xstrdup("cannot be written");
		s->result = STEP_FAILS;
	} else {
		s->found = xstrdup("will be built, about half a minute");
		s->result = STEP_BUILDS;
	}
}
