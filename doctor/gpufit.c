/* Will it fit the card, and was torch built for it? */
#include "base/human.h"
#include "base/mem.h"
#include "doctor/look.h"
#include "doctor/proc.h"
#include "doctor/state.h"

#include <stdio.h>
#include <string.h>

#define MIB	    ((uint64_t)1 << 20)
#define VERSION_MAX (64u << 10)

/* What people have seen each family take, beyond the weights' own size. 2.5: measured on
 * an RTX 4090 for one short sentence, as torch's peak of reserved memory (index-tts pull
 * request 755). 2.0: nobody seems to have measured it; 6.9 GB are one user's report from
 * a card of 8 GB, and in full precision a card of 12 GB ran out of memory at some 50
 * characters (issue 288): it takes more than such a card has free. */
static const struct peak {
	const char *profile;
	uint64_t mib;
	unsigned family;
	bool estimate;
} peaks[] = {
	{ "half precision without Qwen", 5612, FAMILY_25, false },
	{ "half precision with Qwen", 6697, FAMILY_25, false },
	{ "full precision with Qwen", 8346, FAMILY_25, false },
	{ "half precision on an 8 GB card", 7066, FAMILY_20, true },
	{ "full precision", 12288, FAMILY_20, true },
};

/* Compute capabilities that torch's wheels for Linux on x86-64 have kernels for: .ci/
 * manywheel/build_cuda.sh of github.com/pytorch/pytorch, in its branches release/2.x;
 * that 2.8 to 2.10 have 7.0 for CUDA 12.8 and 12.9: its issues 157517 and 172352. 11.0 is
 * in those for aarch64 only, but so are its cards.
 * Least drivers: docs.nvidia.com/deploy/cuda-compatibility, "minor version compatibility",
 * and the CUDA release notes. */
static const struct wheel {
	const char *cuda;
	const char *from; /* the least version of torch, "" for any */
	unsigned char capabilities[12];
	const char *driver;
} wheels[] = {
	/* newest torch first */
	{ "11.8", "", { 37, 50, 60, 61, 70, 75, 80, 86, 90 }, "450.80.02" },
	{ "12.1", "", { 50, 60, 70, 75, 80, 86, 90 }, "525.60.13" },
	{ "12.4", "", { 50, 60, 70, 75, 80, 86, 90 }, "525.60.13" },
	{ "12.6", "", { 50, 60, 70, 75, 80, 86, 90 }, "525.60.13" },
	{ "12.8", "2.11", { 75, 80, 86, 90, 100, 120 }, "525.60.13" },
	{ "12.8", "2.8", { 70, 75, 80, 86, 90, 100, 120 }, "525.60.13" },
	{ "12.8", "", { 75, 80, 86, 90, 100, 120 }, "525.60.13" },
	{ "12.9", "", { 70, 75, 80, 86, 90, 100, 120 }, "525.60.13" },
	{ "13.0", "", { 75, 80, 86, 90, 100, 110, 120 }, "580.65.06" },
	{ "13.2", "", { 75, 80, 86, 90, 100, 110, 120 }, "580.65.06" },
};

static const struct wheel *find_wheel(const struct doctor *d, const char *cuda)
{
	const struct package *torch = packages_find(&d->packages, "torch");

	for (size_t i = 0; torch && i < ARRAY_LEN(wheels); i++)
		if (strcmp(wheels[i].cuda, cuda) == 0 &&
		    (!*wheels[i].from ||
		     version_cmp(torch->version, wheels[i].from) >= 0))
			return &wheels[i];
	return NULL;
}

/* A kernel runs on cards of the same major capability that are not older (CUDA C++
 * Programming Guide, "binary compatibility"): 8.6 on 8.9, 12.0 on 12.1. */
static bool has_kernels(const struct wheel *w, unsigned cc)
{
	for (size_t i = 0; i < sizeof(w->capabilities); i++)
		if (w->capabilities[i] / 10 == cc / 10 &&
		    w->capabilities[i] <= cc)
			return true;
	return false;
}

static void add_capabilities(const struct wheel *w, struct str *out)
{
	for (size_t i = 0; i < sizeof(w->capabilities); i++)
		if (w->capabilities[i])
			str_addf(out, "%s%u.%u", i ? ", " : "",
				 w->capabilities[i] / 10,
				 w->capabilities[i] % 10);
}

/* "12.8" out of torch/version.py (cuda: Optional[str] = '12.8'), else out of
 * 2.8.0+cu128; false: built without CUDA, or not known. */
static bool torch_cuda(const struct doctor *d, char out[16], bool *cpu)
{
	const struct package *torch = packages_find(&d->packages, "torch");
	struct str text CLEANUP(str_release) = STR_INIT;
	char *path CLEANUP(free_ptr) = NULL;
	const char *p;

	*cpu = false;
	if (!torch)
		return false;
	path = xasprintf("%s/torch/version.py", d->packages.site);
	p = strstr(torch->version, "+cu");
	if (p && strlen(p + 3) >= 3 && strlen(p + 3) <= 4) {
		size_t n = strlen(p + 3);

		/* "128": the last digit is the minor version */
		memcpy(out, p + 3, n - 1);
		out[n - 1] = '.';
		out[n] = p[3 + n - 1];
		out[n + 1] = '\0';
		return true;
	}
	*cpu = strstr(torch->version, "+cpu") != NULL;
	if (*cpu || !look_read(path, VERSION_MAX, &text))
		return false;
	p = strstr(text.ptr, "\ncuda");
	p = p ? strchr(p + 1, '=') : NULL;
	if (!p)
		return false;
	p += 1 + strspn(p + 1, " ");
	if (str_starts(p, "None")) {
		*cpu = true;
		return false;
	}
	if (*p != '\'' && *p != '"')
		return false;
	p++;
	if (strcspn(p, "'\"\n") > 15)
		return false;
	memcpy(out, p, strcspn(p, "'\"\n"));
	out[strcspn(p, "'\"\n")] = '\0';
	return true;
}

static void say_capability(struct doctor *d, const struct gpu *g,
			   const struct wheel *w)
{
	struct finding *f = FIND(d, SEV_ERROR, "gpu.capability",
				 "torch has no kernels for this card");
	struct str all CLEANUP(str_release) = STR_INIT;

	add_capabilities(w, &all);
	finding_evidence(f,
			 "%s has compute capability %u.%u; torch for CUDA %s "
			 "has %s",
			 g->name, g->cc / 10, g->cc % 10, w->cuda, all.ptr);
	finding_meaning(f, "\"no kernel image is available for execution on "
			   "the device\"");
	finding_remedy(f,
		       "on a connected machine: uv pip install 'torch==2.8.*' "
		       "'torchaudio==2.8.*' --index-url "
		       "https://download.pytorch.org/whl/%s",
		       g->cc < w->capabilities[0] ? "cu126" : "cu128");
}

static void check_wheel(struct doctor *d, const struct gpu *g)
{
	const struct wheel *w;
	struct finding *f;
	char cuda[16];
	bool cpu;

	if (!torch_cuda(d, cuda, &cpu)) {
		if (!cpu)
			return;
		f = FIND(d, SEV_WARNING, "gpu.cpu-torch",
			 "torch is built without CUDA");
		finding_evidence(f, "%s is there, and not used", g->name);
		finding_meaning(f, "the program runs on the processor: minutes "
				   "for a sentence");
		finding_remedy(f, "on a connected machine: uv sync (torch from "
				  "the cu128 index)");
		return;
	}
	w = find_wheel(d, cuda);
	if (!w)
		return;
	if (g->cc && !has_kernels(w, g->cc))
		say_capability(d, g, w);
	if (g->driver[0] && version_cmp(g->driver, w->driver) < 0) {
		f = FIND(d, SEV_ERROR, "gpu.driver",
			 "the driver is too old for torch");
		finding_evidence(f, "driver %s; CUDA %s needs %s", g->driver,
				 cuda, w->driver);
		finding_meaning(f, "\"The NVIDIA driver on your system is too "
				   "old\": CUDA is not available");
		finding_remedy(f, "install a newer driver");
	}
}

static void add_users(struct doctor *d, struct str *out)
{
	for (size_t i = 0; i < d->gpus.user_count && i < 5; i++) {
		const struct gpu_user *u = &d->gpus.users[i];
		char *path CLEANUP(free_ptr) = xasprintf(
			"%s/%llu/comm", d->in->proc,
			(unsigned long long)u->pid);
		struct str name CLEANUP(str_release) = STR_INIT;

		look_line(path, &name);
		str_addf(out, "; process %llu (%s) ",
			 (unsigned long long)u->pid, name.len ? name.ptr : "?");
		if (u->untold)
			str_adds(out, "does not tell how much it has");
		else
			str_addf(out, "has %llu MiB",
				 (unsigned long long)u->mib);
	}
}

/* The largest profile that fits into the free memory, and the smallest there is. */
static void find_profiles(const struct doctor *d, uint64_t free_mib,
			  const struct peak **fits, const struct peak **least)
{
	*fits = *least = NULL;
	for (size_t i = 0; i < ARRAY_LEN(peaks); i++) {
		const struct peak *p = &peaks[i];

		if (p->family != d->family)
			continue;
		if (!*least)
			*least = p;
		if (p->mib <= free_mib)
			*fits = p;
	}
}

static bool are_equal(const struct gpu_list *l)
{
	for (size_t i = 1; i < l->count; i++)
		if (strcmp(l->gpus[i].name, l->gpus[0].name) != 0)
			return false;
	return true;
}

static const struct gpu *freest(const struct gpu_list *l)
{
	const struct gpu *best = NULL;

	for (size_t i = 0; i < l->count; i++)
		if (!best || l->gpus[i].free_mib > best->free_mib)
			best = &l->gpus[i];
	return best;
}

static void check_fit(struct doctor *d, const struct gpu *g)
{
	struct str users CLEANUP(str_release) = STR_INIT;
	const struct peak *fits, *least;
	const struct gpu *other;
	char full[HUMAN_MAX], half[HUMAN_MAX];
	struct finding *f;

	find_profiles(d, g->free_mib, &fits, &least);
	if (!least)
		return;
	human_size(d->weight_bytes, full);
	human_size(d->weight_bytes - d->gpt_bytes / 2 - d->qwen_bytes, half);
	fact_add(d, "fit",
		 "weights: %s; %s in half precision without Qwen; "
		 "fits for %s%s",
		 full, half, fits ? fits->profile : "nothing",
		 least->estimate ? ", by estimate" : "");
	add_users(d, &users);
	if (fits && fits->mib >= least->mib && fits != least)
		return;
	f = FIND(d, fits ? SEV_WARNING : SEV_ERROR, "gpu.memory",
		 fits ? "little free memory on the card"
		      : "not enough free memory on the card");
	finding_evidence(f, "%s: %llu of %llu MiB free; %s takes %s%llu MiB%s",
			 g->name, (unsigned long long)g->free_mib,
			 (unsigned long long)g->total_mib, least->profile,
			 least->estimate ? "an estimated " : "",
			 (unsigned long long)least->mib, users.ptr);
	finding_meaning(f, "torch.OutOfMemoryError: CUDA out of memory, while "
			   "loading or at the first long sentence");
	other = freest(&d->gpus);
	if (other != g && are_equal(&d->gpus) && other->free_mib > least->mib)
		finding_remedy(f, "export CUDA_VISIBLE_DEVICES=%zu",
			       (size_t)(other - d->gpus.gpus));
	else
		finding_remedy(
			f,
			"%swebui.py --fp16, or IndexTTS2(%s=True); "
			"no Qwen, short texts",
			d->gpus.user_count ? "end what else uses the card; "
					   : "",
			d->family == FAMILY_25 ? "use_bf16" : "use_fp16");
}

static void no_driver(struct doctor *d)
{
	char *nvidia CLEANUP(free_ptr) = xasprintf("%s/nvidia0", d->in->dev);
	bool device = look_at(nvidia, NULL) != LOOK_MISSING;
	struct finding *f;

	fact_add(d, "graphics", "no NVIDIA card that answers");
	if (!device && !d->gpus.problem[0])
		return;
	f = FIND(d, SEV_WARNING, "gpu.no-driver",
		 "there is a card, but its driver does not answer");
	finding_evidence(f, "%s",
			 d->gpus.problem[0] ? d->gpus.problem
					    : "neither NVML nor nvidia-smi");
	finding_meaning(f, "torch.cuda.is_available() is False: the program "
			   "runs on the processor");
	finding_remedy(f, "nvidia-smi tells more; in a container: --gpus all");
}

/* The program takes "cuda:0": the first of CUDA_VISIBLE_DEVICES. Which of several that are
 * not equal CUDA counts as the first, only CUDA_DEVICE_ORDER=PCI_BUS_ID makes sure, and
 * names (GPU-..., MIG-...) are not looked up here: then the freest is taken. */
static const struct gpu *chosen(const struct doctor *d, const char **why)
{
	const char *visible = env_get(d, "CUDA_VISIBLE_DEVICES");
	const char *order = env_get(d, "CUDA_DEVICE_ORDER");
	bool by_number = are_equal(&d->gpus) ||
			 (order && strcmp(order, "PCI_BUS_ID") == 0);
	uint64_t n = 0;

	*why = d->gpus.count > 1 ? "; the freest of several" : "";
	if (!by_number || d->gpus.count < 2 ||
	    (visible && !str_digits(visible, &n)))
		return freest(&d->gpus);
	if (n >= d->gpus.count)
		return freest(&d->gpus);
	*why = visible ? "; the first of CUDA_VISIBLE_DEVICES"
		       : "; the first of several";
	return &d->gpus.gpus[n];
}

void check_gpu(struct doctor *d)
{
	const char *visible = env_get(d, "CUDA_VISIBLE_DEVICES"), *why;
	const struct gpu *g;

	if (!d->in->gpus.read)
		return;
	d->in->gpus.read(d->in->gpus.ctx, &d->gpus);
	g = chosen(d, &why);
	if (!g) {
		no_driver(d);
		return;
	}
	check_wheel(d, g);
	if (!g->total_mib || (visible && str_starts(visible, "MIG-"))) {
		/* memory that is shared with the processor; a slice of a card */
		fact_add(d, "graphics", "%s, driver %s, memory not told (%s)",
			 g->name, g->driver, d->gpus.source);
		return;
	}
	fact_add(d, "graphics", "%s, driver %s, %llu of %llu MiB free (%s)%s",
		 g->name, g->driver, (unsigned long long)g->free_mib,
		 (unsigned long long)g->total_mib, d->gpus.source, why);
	if (d->has_dir && d->family)
		check_fit(d, g);
}
