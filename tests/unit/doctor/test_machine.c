#include "tests/unit/doctor/unit.h"

#include "base/mem.h"
#include "doctor/proc.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GIB ((uint64_t)1 << 30)

/* A model directory that is IndexTTS 2.0 by its names, and a machine that can. */
static void good_machine(struct world *w)
{
	world_begin(w);
	world_file(w, "proc/meminfo",
		   "MemTotal:       32000000 kB\nMemFree: 1 kB\n"
		   "MemAvailable:   24000000 kB\nSwapFree:  0 kB\n");
	world_file(w, "proc/self/cgroup", "0::/\n");
	world_file(w, "m/s2mel.pth", "x");
	world_file(w, "m/bpe.model", "x");
	world_set(w, "HF_HUB_OFFLINE", "1");
	w->in.venv = w->venv;
}

static void torch(struct world *w, const char *version)
{
	char *path CLEANUP(free_ptr) = xasprintf(
		"venv/lib/python3.11/site-packages/torch-%s.dist-info/METADATA",
		version);

	world_file(w, path, "Name: torch\n");
}

static void test_healthy(void **state)
{
	struct world w;

	(void)state;
	good_machine(&w);
	torch(&w, "2.8.0+cu128");
	world_gpu(&w, "RTX 4090", 89, 23000);
	world_run(&w, "m");
	for (size_t i = 0; i < w.result.findings.count; i++) {
		const char *id = w.result.findings.items[i].id;

		assert_false(str_starts(id, "gpu."));
		assert_false(str_starts(id, "machine.memory"));
		assert_false(str_starts(id, "build."));
	}
	world_end(&w);
}

/* index-tts#288 #301 #326: cards of 8 to 12 GB */
static void test_card_memory(void **state)
{
	struct world w;

	(void)state;
	good_machine(&w);
	world_gpu(&w, "RTX 3060", 86, 6000);
	world_run(&w, "m");
	assert_found(&w, SEV_ERROR, "gpu.memory", "6000 of 24576 MiB free");
	assert_found(&w, SEV_ERROR, "gpu.memory",
		     "takes an estimated 7066 MiB");
	assert_false(w.result.will_start);
	w.gpus.gpus[0].free_mib = 7500;
	world_run(&w, "m");
	assert_found(&w, SEV_WARNING, "gpu.memory", "fp16");
	w.gpus.gpus[0].free_mib = 12288;
	world_run(&w, "m");
	assert_not_found(&w, "gpu.memory");
	world_end(&w);
}

static void test_who_uses_it(void **state)
{
	struct world w;

	(void)state;
	good_machine(&w);
	world_gpu(&w, "RTX 4090", 89, 3000);
	w.gpus.users = xgrow(w.gpus.users, &w.gpus.user_cap, 1,
			     sizeof(*w.gpus.users));
	w.gpus.users[w.gpus.user_count++] = (struct gpu_user){ .pid = 77,
							       .mib = 20000 };
	world_file(&w, "proc/77/comm", "ollama\n");
	world_run(&w, "m");
	assert_found(&w, SEV_ERROR, "gpu.memory",
		     "process 77 (ollama) has 20000 MiB");
	world_end(&w);
}

/* index-tts#815 #84: P100, RTX 50 */
static void test_capability(void **state)
{
	static const struct {
		const char *version;
		unsigned cc;
		bool fits;
	} rows[] = {
		{ "2.8.0+cu128", 60, false },
		{ "2.8.0+cu128", 75, true },
		{ "2.8.0+cu128", 120, true },
		{ "2.8.0+cu126", 60, true },
		{ "2.5.1+cu124", 120, false },
		{ "2.5.1+cu121", 90, true },
		/* V100 */
		{ "2.8.0+cu128", 70, true },
		{ "2.10.0+cu128", 70, true },
		{ "2.7.1+cu128", 70, false },
		{ "2.11.0+cu128", 70, false },
		/* of the same major capability: 1080 Ti, RTX 4090, GB10 */
		{ "2.8.0+cu126", 61, true },
		{ "2.8.0+cu128", 61, false },
		{ "2.8.0+cu128", 89, true },
		{ "2.8.0+cu128", 121, true },
		{ "2.9.0+cu130", 110, true },
		{ "2.9.0+cu128", 110, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct world w;

		good_machine(&w);
		torch(&w, rows[i].version);
		world_gpu(&w, "card", rows[i].cc, 23000);
		world_run(&w, "m");
		if (rows[i].fits)
			assert_not_found(&w, "gpu.capability");
		else
			assert_found(&w, SEV_ERROR, "gpu.capability",
				     "no kernel image");
		world_end(&w);
	}
}

static void test_driver(void **state)
{
	struct world w;

	(void)state;
	good_machine(&w);
	torch(&w, "2.8.0");
	world_file(&w, "venv/lib/python3.11/site-packages/torch/version.py",
		   "debug = False\ncuda: Optional[str] = '12.8'\n");
	world_gpu(&w, "card", 86, 23000);
	world_run(&w, "m");
	assert_not_found(&w, "gpu.driver");
	snprintf(w.gpus.gpus[0].driver, sizeof(w.gpus.gpus[0].driver),
		 "470.57.02");
	world_run(&w, "m");
	assert_found(&w, SEV_ERROR, "gpu.driver", "470.57.02");
	world_end(&w);
}

static void test_no_driver(void **state)
{
	struct world w;

	(void)state;
	good_machine(&w);
	world_run(&w, "m");
	assert_not_found(&w, "gpu.no-driver");
	world_file(&w, "dev/nvidia0", "");
	world_run(&w, "m");
	assert_found(&w, SEV_WARNING, "gpu.no-driver", "nvidia-smi");
	world_end(&w);
	good_machine(&w);
	torch(&w, "2.8.0+cpu");
	world_gpu(&w, "card", 86, 23000);
	world_run(&w, "m");
	assert_found(&w, SEV_WARNING, "gpu.cpu-torch", "without CUDA");
	world_end(&w);
}

static void test_memory(void **state)
{
	struct world w;

	(void)state;
	good_machine(&w);
	world_file(&w, "proc/meminfo",
		   "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n");
	world_run(&w, "m");
	assert_found(&w, SEV_WARNING, "machine.memory-small", "16 GB");
	/* a container's limit counts, also one of a cgroup above */
	world_file(&w, "proc/meminfo",
		   "MemTotal: 32000000 kB\nMemAvailable: 24000000 kB\n");
	world_file(&w, "proc/self/cgroup", "0::/a/b\n");
	world_file(&w, "sys/fs/cgroup/a/memory.max", "4294967296\n");
	world_file(&w, "sys/fs/cgroup/a/memory.current", "1073741824\n");
	world_file(&w, "sys/fs/cgroup/a/b/memory.max", "max\n");
	world_run(&w, "m");
	assert_found(&w, SEV_WARNING, "machine.memory-small", "3.00 GiB");
	world_end(&w);
}

/* The same with weights: a file larger than what is left. */
static void test_killed(void **state)
{
	struct world w;
	static const unsigned char magic[] = { 0x80, 2,	   0x8a, 10,   0x6c,
					       0xfc, 0x9c, 0x46, 0xf9, 0x20,
					       0x6a, 0xa8, 0x50, 0x19, 0 };

	(void)state;
	good_machine(&w);
	world_file(&w, "m/gpt.pth", (const char *)magic);
	char *path CLEANUP(free_ptr) = xasprintf("%s/m/gpt.pth", w.path);

	assert_int_equal(truncate(path, 3484663079), 0);
	world_run(&w, "m");
	assert_not_found(&w, "machine.memory");
	world_file(&w, "proc/meminfo",
		   "MemTotal: 32000000 kB\nMemAvailable: 3000000 kB\n");
	world_run(&w, "m");
	assert_found(&w, SEV_ERROR, "machine.memory", "137");
	world_end(&w);
}

static void test_cgroup(void **state)
{
	struct world w;
	uint64_t limit, used;

	(void)state;
	world_begin(&w);
	proc_cgroup(w.proc, w.sys, &limit, &used);
	assert_true(limit == PROC_NONE);
	/* version 1 */
	world_file(&w, "proc/self/cgroup", "9:memory:/docker/x\n");
	world_file(&w, "sys/fs/cgroup/memory/memory.limit_in_bytes",
		   "9223372036854771712\n");
	proc_cgroup(w.proc, w.sys, &limit, &used);
	assert_true(limit == PROC_NONE);
	world_file(&w, "sys/fs/cgroup/memory/memory.limit_in_bytes",
		   "2147483648\n");
	proc_cgroup(w.proc, w.sys, &limit, &used);
	assert_true(limit == 2 * GIB);
	/* both versions: the controller is in one of them; not in a container */
	world_file(&w, "proc/self/cgroup",
		   "9:name=systemd:/memory\n4:cpuset,memory:/a/b\n"
		   "0::/a/b\n");
	world_file(&w, "sys/fs/cgroup/memory/a/memory.limit_in_bytes",
		   "1073741824\n");
	world_file(&w, "sys/fs/cgroup/memory/a/memory.usage_in_bytes", "5\n");
	proc_cgroup(w.proc, w.sys, &limit, &used);
	assert_true(limit == GIB && used == 5);
	/* pages of files are given back when they are wanted */
	world_file(&w, "sys/fs/cgroup/memory/a/memory.usage_in_bytes",
		   "1000000000\n");
	world_file(&w, "sys/fs/cgroup/memory/a/memory.stat",
		   "inactive_file 1\nactive_file 1\n"
		   "total_inactive_file 500000000\n"
		   "total_active_file 400000000\n");
	proc_cgroup(w.proc, w.sys, &limit, &used);
	assert_true(limit == GIB && used == 100000000);
	world_file(&w, "sys/fs/cgroup/c/memory.max", "1073741824\n");
	world_file(&w, "sys/fs/cgroup/c/memory.current", "1000000000\n");
	world_file(&w, "sys/fs/cgroup/c/memory.stat",
		   "anon 9\nactive_file 400000000\ninactive_file 599999000\n");
	world_file(&w, "proc/self/cgroup", "0::/c\n");
	proc_cgroup(w.proc, w.sys, &limit, &used);
	assert_true(limit == GIB && used == 1000);
	world_file(&w, "proc/self/cgroup", "0::/a/b\n4:memory:/a/b\n");
	proc_cgroup(w.proc, w.sys, &limit, &used);
	assert_true(limit == GIB);
	world_end(&w);
}

/* Where the kernel counts the pages that come again. */
static void test_refaults(void **state)
{
	static const struct {
		const char *file, *text;
		struct proc_refaults wanted;
	} rows[] = {
		{ "proc/vmstat",
		  "pgfault 5\nworkingset_refault 7\n",
		  { PROC_NONE, 7 } },
		{ "proc/vmstat",
		  "workingset_refault_anon 1\nworkingset_refault_file 20\n",
		  { 1, 20 } },
		/* of the group above, of its own */
		{ "sys/fs/cgroup/a/memory.stat",
		  "anon 9\nworkingset_refault_file 30\n",
		  { PROC_NONE, 30 } },
		{ "sys/fs/cgroup/a/b/memory.stat",
		  "anon 9\n",
		  { PROC_NONE, 30 } },
		{ "sys/fs/cgroup/a/b/memory.stat",
		  "workingset_refault_anon 4\nworkingset_refault_file 40\n",
		  { 4, 40 } },
		{ "proc/7/cgroup", "3:memory:/a\n0::/a/b\n", { 1, 20 } },
		{ "sys/fs/cgroup/memory/memory.stat",
		  "workingset_refault_anon 0\nworkingset_refault_file 1\n"
		  "total_workingset_refault_anon 2\n"
		  "total_workingset_refault_file 50\n",
		  { 2, 50 } },
		{ "proc/7/cgroup", "", { 1, 20 } },
	};
	struct proc_refaults got;
	struct world w;

	(void)state;
	world_begin(&w);
	proc_refaults(w.proc, w.sys, 7, &got);
	assert_true(got.anon == PROC_NONE && got.file == PROC_NONE);
	world_file(&w, "proc/7/cgroup", "0::/a/b\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_file(&w, rows[i].file, rows[i].text);
		proc_refaults(w.proc, w.sys, 7, &got);
		assert_int_equal(got.anon, rows[i].wanted.anon);
		assert_int_equal(got.file, rows[i].wanted.file);
	}
	world_end(&w);
}

static void test_kib(void **state)
{
	(void)state;
	assert_true(proc_kib("A: 1 kB\nB:  2 kB\n", "B") == 2048);
	assert_true(proc_kib("AB: 1 kB\n", "B") == PROC_NONE);
	assert_true(proc_kib("B: x\n", "B") == PROC_NONE);
	assert_true(proc_kib("", "B") == PROC_NONE);
	assert_true(proc_kib("B: 99999999999999999999999\n", "B") == PROC_NONE);
}

#define KERNEL \
	"cwd/indextts/s2mel/modules/bigvgan/alias_free_activation/cuda/build/"

/* pytorch#189245: the lock of a build that runs is no error */
static void test_lock(void **state)
{
	struct world w;
	char link[256], dir[256];

	(void)state;
	good_machine(&w);
	world_file(&w, "cwd/indextts/infer_v2.py", "hf_hub_download");
	world_file(&w, KERNEL "lock", "");
	/* without a card the program does not try the kernel */
	world_run(&w, "m");
	assert_found(&w, SEV_WARNING, "build.lock", "rm ");
	world_gpu(&w, "card", 86, 23000);
	world_run(&w, "m");
	assert_found(&w, SEV_ERROR, "build.lock", "rm ");
	/* somebody else's work, in another directory */
	world_file(&w, "proc/123/comm", "nvcc\n");
	snprintf(link, sizeof(link), "%s/proc/123/cwd", w.path);
	snprintf(dir, sizeof(dir), "%s/cwd", w.path);
	assert_int_equal(symlink(dir, link), 0);
	world_run(&w, "m");
	assert_found(&w, SEV_ERROR, "build.lock", "rm ");
	assert_int_equal(unlink(link), 0);
	snprintf(dir, sizeof(dir), "%s/" KERNEL, w.path);
	dir[strlen(dir) - 1] = '\0'; /* as the kernel says it */
	assert_int_equal(symlink(dir, link), 0);
	world_run(&w, "m");
	assert_not_found(&w, "build.lock");
	assert_found(&w, SEV_NOTE, "build.running", "123");
	/* one that has just ended */
	assert_int_equal(unlink(link), 0);
	world_run(&w, "m");
	assert_found(&w, SEV_ERROR, "build.lock", "rm ");
	world_end(&w);
}

/* The program takes cuda:0, whatever the others have free. */
static void test_cards(void **state)
{
	struct world w;

	(void)state;
	good_machine(&w);
	world_gpu(&w, "card", 86, 900);
	world_gpu(&w, "card", 86, 23000);
	world_run(&w, "m");
	assert_found(&w, SEV_ERROR, "gpu.memory",
		     "export CUDA_VISIBLE_DEVICES=1");
	world_set(&w, "CUDA_VISIBLE_DEVICES", "1");
	world_run(&w, "m");
	assert_not_found(&w, "gpu.memory");
	/* a slice of a card has memory of its own */
	strlist_release(&w.variables);
	world_set(&w, "CUDA_VISIBLE_DEVICES", "MIG-1234");
	w.gpus.gpus[1].free_mib = 900;
	world_run(&w, "m");
	assert_not_found(&w, "gpu.memory");
	/* of cards that are not equal CUDA itself says which is the first */
	strlist_release(&w.variables);
	world_set(&w, "CUDA_VISIBLE_DEVICES", "0");
	w.gpus.gpus[1].free_mib = 23000;
	snprintf(w.gpus.gpus[1].name, sizeof(w.gpus.gpus[1].name), "other");
	world_run(&w, "m");
	assert_not_found(&w, "gpu.memory");
	world_set(&w, "CUDA_DEVICE_ORDER", "PCI_BUS_ID");
	world_run(&w, "m");
	assert_found(&w, SEV_ERROR, "gpu.memory", "webui.py --fp16");
	/* memory shared with the processor, which NVML does not tell of */
	w.gpus.gpus[0].total_mib = w.gpus.gpus[0].free_mib = 0;
	world_run(&w, "m");
	assert_not_found(&w, "gpu.memory");
	world_end(&w);
}

/* index-tts#172 ...: compilers that are absent or of another version */
static void test_tools(void **state)
{
	struct world w;

	(void)state;
	good_machine(&w);
	world_file(&w, "cwd/indextts/infer_v2.py", "hf_hub_download");
	world_file(&w, KERNEL "x.o", "");
	world_gpu(&w, "card", 86, 23000);
	world_run(&w, "m");
	assert_found(&w, SEV_NOTE, "build.tools", "nvcc, ninja, g++");
	/* a kernel that is built needs none of them */
	world_file(&w, KERNEL "x.so", "");
	world_run(&w, "m");
	assert_not_found(&w, "build.tools");
	world_end(&w);
}

static void test_nvcc(void **state)
{
	struct world w;
	char *path CLEANUP(free_ptr) = NULL, *nvcc CLEANUP(free_ptr) = NULL;

	(void)state;
	good_machine(&w);
	torch(&w, "2.8.0+cu128");
	world_file(&w, "cwd/indextts/infer_v2.py", "hf_hub_download");
	world_file(&w, KERNEL "x.o", "");
	world_file(&w, "cuda/bin/nvcc", "");
	world_file(&w, "cuda/version.json",
		   "{\"cuda\" : {\"name\" : \"CUDA SDK\", \"version\" : "
		   "\"11.3.1\"}}");
	nvcc = xasprintf("%s/cuda/bin/nvcc", w.path);
	assert_int_equal(chmod(nvcc, 0755), 0);
	path = xasprintf("%s/cuda/bin", w.path);
	world_set(&w, "PATH", path);
	world_gpu(&w, "card", 86, 23000);
	world_run(&w, "m");
	assert_found(&w, SEV_WARNING, "build.nvcc", "11.3.1");
	world_file(&w, "cuda/version.json",
		   "{\"cuda\":{\"version\":\"12.8.61\"}}");
	world_run(&w, "m");
	assert_not_found(&w, "build.nvcc");
	world_end(&w);
}

static void test_smi(void **state)
{
	struct gpu g;

	(void)state;
	assert_true(gpu_parse_line("NVIDIA GeForce RTX 4090, 570.86.15, 24564, "
				   "23000, 8.9\n",
				   &g));
	assert_string_equal(g.name, "NVIDIA GeForce RTX 4090");
	assert_string_equal(g.driver, "570.86.15");
	assert_int_equal(g.total_mib, 24564);
	assert_int_equal(g.free_mib, 23000);
	assert_int_equal(g.cc, 89);
	assert_true(gpu_parse_line("B200, 580.1, 1, 2, 10.0", &g));
	assert_int_equal(g.cc, 100);
	assert_false(gpu_parse_line("NVIDIA-SMI has failed because it "
				    "couldn't communicate",
				    &g));
	assert_false(gpu_parse_line("", &g));
	assert_false(gpu_parse_line("a, [N/A], [N/A], [N/A], [N/A]", &g));
}

int run_machine_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_card_memory),
		cmocka_unit_test(test_who_uses_it),
		cmocka_unit_test(test_capability),
		cmocka_unit_test(test_driver),
		cmocka_unit_test(test_no_driver),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_refaults),
		cmocka_unit_test(test_kib),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_cards),
		cmocka_unit_test(test_tools),
		cmocka_unit_test(test_nvcc),
		cmocka_unit_test(test_smi),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
