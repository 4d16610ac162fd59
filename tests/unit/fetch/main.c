#include "tests/unit/fetch/unit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void temp_dir(char path[TEMP_PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(path, TEMP_PATH_MAX, "%s/itts-unit-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void temp_dir_end(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void assert_ok(int result, const struct error *err)
{
	if (err->code != ERR_NONE)
		print_error("unexpected error: %s\n", err->msg);
	assert_int_equal(err->code, ERR_NONE);
	assert_int_equal(result, 0);
}

void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_error("\"%s\" does not have \"%s\"\n", text, part);
	assert_non_null(strstr(text, part));
}

void assert_fails(int result, struct error *err, enum err_code code,
		  const char *words)
{
	assert_int_equal(result, -1);
	if (err->code != code)
		print_error("unexpected class %d: %s\n", (int)err->code,
			    err->msg);
	assert_int_equal(err->code, code);
	assert_contains(err->msg, words);
	err_clear(err);
}

int main(void)
{
	int failed = 0;

	failed += run_response_tests();
	failed += run_url_tests();
	failed += run_http_tests();
	failed += run_http_post_tests();
	failed += run_proxy_tests();
	failed += run_endpoint_tests();
	failed += run_archive_tests();
	failed += run_corpus_tests();
	failed += run_modelscope_tests();
	failed += run_pkt_tests();
	failed += run_lfs_tests();
	failed += run_git_pack_tests();
	failed += run_retry_tests();
	failed += run_hub_parse_tests();
	failed += run_hub_tests();
	failed += run_segment_tests();
	failed += run_pace_tests();
	failed += run_pump_tests();
	failed += run_reach_tests();
	failed += run_plan_tests();
	failed += run_download_tests();
	failed += run_resume_tests();
	failed += run_ranges_tests();
	failed += run_registry_tests();
	failed += run_failover_tests();
	failed += run_resolve_tests();
	return failed;
}
