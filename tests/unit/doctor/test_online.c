#include "tests/unit/doctor/unit.h"

#include <stdio.h>
#include <string.h>

static void test_judge(void **state)
{
	(void)state;
	assert_int_equal(probe_judge(200, true, "text/plain"), PROBE_OK);
	assert_int_equal(probe_judge(200, false, "text/html"), PROBE_CAPTIVE);
	assert_int_equal(probe_judge(302, false, ""), PROBE_CAPTIVE);
	assert_int_equal(probe_judge(511, false, "text/html"), PROBE_CAPTIVE);
	assert_int_equal(probe_judge(407, false, "text/html"), PROBE_PROXY);
	assert_int_equal(probe_judge(403, false, "text/html"), PROBE_CAPTIVE);
	assert_int_equal(probe_judge(404, true, "text/plain"), PROBE_HTTP);
	assert_int_equal(probe_judge(503, false, "text/html"), PROBE_HTTP);
	assert_int_equal(probe_judge(429, false, "text/plain"), PROBE_HTTP);
}

struct asked {
	enum probe_state states[2];
	char urls[2][200];
	size_t count;
};

static void ask(void *ctx, const char *url, struct probe_result *out)
{
	struct asked *a = ctx;

	assert_true(a->count < 2);
	snprintf(a->urls[a->count], sizeof(a->urls[0]), "%s", url);
	out->state = a->states[a->count++];
	snprintf(out->detail, sizeof(out->detail), "as told");
}

/* All states have a name and a meaning; the second file is asked for only where the
 * first one came. */
static void test_states(void **state)
{
	(void)state;
	for (int s = PROBE_OK; s <= PROBE_OTHER; s++) {
		struct asked a = { .states = { (enum probe_state)s,
					       PROBE_OK } };
		struct prober p = { ask, &a };
		struct world w;

		world_begin(&w);
		w.in.prober = &p;
		world_set(&w, "HF_ENDPOINT", "https://hub.example/hf//");
		world_run(&w, NULL);
		assert_true(str_starts(a.urls[0],
				       "https://hub.example/hf/facebook/"));
		assert_int_equal(a.count, s == PROBE_OK ? 2 : 1);
		if (s == PROBE_OK)
			assert_not_found(&w, "online.hub");
		else
			assert_found(&w, SEV_WARNING, "online.hub",
				     probe_state_name((enum probe_state)s));
		world_end(&w);
	}
}

static void test_redirect(void **state)
{
	struct asked a = { .states = { PROBE_OK, PROBE_DROPPED } };
	struct prober p = { ask, &a };
	struct world w;

	(void)state;
	world_begin(&w);
	w.in.prober = &p;
	world_set(&w, "HF_HUB_OFFLINE", "1");
	world_run(&w, NULL);
	assert_string_equal(a.urls[1],
			    "https://huggingface.co/facebook/w2v-bert-2.0/"
			    "resolve/main/model.safetensors");
	/* offline, it matters less */
	assert_found(&w, SEV_NOTE, "online.hub", "big files");
	world_end(&w);
}

int run_online_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_redirect),
	};

	return cmocka_run_group_tests_name("online", tests, NULL, NULL);
}
