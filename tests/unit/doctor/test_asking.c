#include "tests/unit/doctor/unit.h"

#include "base/mem.h"
#include "doctor/asking.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define W2V "m/hf_cache/models--facebook--w2v-bert-2.0/"
#define REV "da985ba0987f70aaeb84a80f2851cfac8c697a7b"

/* A model directory of 2.0 in the Hub layout, whose second part is missing. */
static void begin(struct world *w, const char *hosts, struct asking *a)
{
	char *cache CLEANUP(free_ptr) = NULL;

	world_begin(w);
	w->model_dir = xasprintf("%s/m", w->path);
	w->in.model_dir = w->model_dir;
	cache = xasprintf("%s/hf_cache", w->model_dir);
	world_set(w, "HF_HUB_CACHE", cache);
	world_file(w, "m/s2mel.pth", "x");
	world_file(w, "m/bpe.model", "x");
	world_file(w, "m/gpt.pth", "x");
	world_file(w, W2V "refs/main", REV);
	world_file(w, W2V "snapshots/" REV "/config.json", "{}");
	world_file(w, W2V "snapshots/" REV "/preprocessor_config.json", "{}");
	world_file(w, W2V "snapshots/" REV "/model.safetensors", "x");
	asking_init(a, &w->in, true, hosts, NULL);
}

static struct watch_view waits(enum watch_kind kind, const char *address,
			       unsigned port)
{
	struct watch_view v = { .kind = kind, .port = port };

	snprintf(v.address, sizeof(v.address), "%s", address);
	snprintf(v.what, sizeof(v.what), "%s:%u", address, port);
	return v;
}

static void test_names(void **state)
{
	static const char hosts[] =
		"127.0.0.1 localhost\n#1.2.3.4 no.invalid\n"
		"1.2.3.4\tfirst.invalid  HUGGINGFACE.CO # 1.2.3.9\r\n"
		"1.2.3.5 other.invalid\n1.2.3.45 wrong.invalid\n::1 x\n1.2.3.6";
	struct asking a CLEANUP(asking_release) = ASKING_NONE;
	struct watch_view v;
	struct world w;

	(void)state;
	begin(&w, hosts, &a);
	v = waits(WATCH_CONNECT, "1.2.3.4", 443);
	asking_explain(&a, &v);
	assert_string_equal(v.host, "huggingface.co");
	assert_false(v.probably);
	assert_non_null(strstr(v.why, "semantic_codec/model.safetensors of "
				      "amphion/MaskGCT is not in the cache"));
	assert_non_null(strstr(v.why, "asks whether 2 that are there"));
	v = waits(WATCH_ANSWER, "1.2.3.5", 443);
	asking_explain(&a, &v);
	assert_string_equal(v.host, "other.invalid");
	assert_string_equal(v.why, "");
	v = waits(WATCH_CONNECT, "1.2.3.6", 443);
	asking_explain(&a, &v);
	assert_string_equal(v.host, "huggingface.co");
	assert_true(v.probably);
	/* a service of this machine is no hub */
	v = waits(WATCH_ANSWER, "127.0.0.1", 443);
	asking_explain(&a, &v);
	assert_string_equal(v.host, "");
	assert_string_equal(v.why, "");
	v = waits(WATCH_COMPUTE, "1.2.3.4", 443);
	asking_explain(&a, &v);
	assert_string_equal(v.why, "");
	world_end(&w);
}

static void test_urls(void **state)
{
	static const struct {
		const char *url, *host;
		unsigned port; /* 0: not read */
	} rows[] = {
		{ "https://hf-mirror.com", "hf-mirror.com", 443 },
		{ "http://a.b/c", "a.b", 80 },
		{ "https://me:p@ss@a.b:8443/hf?x=@", "a.b", 8443 },
		{ "https://[fe80::1]:444/", "fe80::1", 444 },
		{ "socks5h://a", "a", 1080 },
		{ "a.b:3128", "a.b", 3128 },
		{ "https://:443", "", 0 },
		{ "https://a:99999", "", 0 },
		{ "https://a:x", "", 0 },
		{ "https://", "", 0 },
		{ "https://[", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct asking a CLEANUP(asking_release) = ASKING_NONE;
		struct world w;

		world_begin(&w);
		world_set(&w, "HF_ENDPOINT", rows[i].url);
		asking_init(&a, &w.in, false, NULL, NULL);
		assert_int_equal(a.peer_count, rows[i].port != 0);
		if (rows[i].port) {
			assert_string_equal(a.peers[0].host, rows[i].host);
			assert_int_equal(a.peers[0].port, rows[i].port);
		}
		world_end(&w);
	}
}

/* What it has open tells which steps it has taken. */
static void test_progress(void **state)
{
	struct asking a CLEANUP(asking_release) = ASKING_NONE;
	char *path CLEANUP(free_ptr) = NULL;
	struct sample_file open = { .path = NULL };
	struct sample now = { .files = &open, .file_count = 1 };
	struct watch_view v = waits(WATCH_CONNECT, "1.2.3.4", 443);
	struct stat st;
	struct world w;

	(void)state;
	begin(&w, NULL, &a);
	path = xasprintf("%s/" W2V "snapshots/" REV "/model.safetensors",
			 w.path);
	assert_int_equal(stat(path, &st), 0);
	open.dev = st.st_dev;
	open.ino = st.st_ino;
	asking_see(&a, &now);
	asking_explain(&a, &v);
	assert_true(a.behind > 0);
	assert_non_null(strstr(v.why, "amphion/MaskGCT is not in the cache"));
	assert_null(strstr(v.why, "before that"));
	world_end(&w);
}

int run_asking_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests_name("asking", tests, NULL, NULL);
}
