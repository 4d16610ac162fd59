#include "tests/unit/cmd/unit.h"

#include <string.h>

static const char *get(void *ctx, const char *name)
{
	for (const char *const *p = ctx; *p; p += 2)
		if (strcmp(*p, name) == 0)
			return p[1];
	return NULL;
}

struct env fake_env(const char *const *pairs)
{
	return (struct env){ .get = get, .ctx = (void *)(uintptr_t)pairs };
}

int main(void)
{
	int failed = 0;

	failed += run_text_tests();
	failed += run_options_tests();
	failed += run_help_tests();
	failed += run_config_tests();
	failed += run_render_tests();
	failed += run_envfile_tests();
	failed += run_completion_tests();
	failed += run_work_tests();
	failed += run_report_tests();
	failed += run_listing_tests();
	return failed;
}
