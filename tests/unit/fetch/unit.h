/* What every test of fetch/ needs. cmocka.h wants these headers before it. */
#ifndef ITTS_UNIT_FETCH_H
#define ITTS_UNIT_FETCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/error.h"

#define TEMP_PATH_MAX 512
void temp_dir(char path[TEMP_PATH_MAX]); /* a new empty directory */
void temp_dir_end(const char *path);	 /* removes it with all that is in it */

void assert_ok(int result, const struct error *err);
/* The call failed with this code and these words in its message; clears err. */
void assert_fails(int result, struct error *err, enum err_code code,
		  const char *words);
void assert_contains(const char *text, const char *part);

int run_response_tests(void);
int run_segment_tests(void);
int run_url_tests(void);
int run_http_tests(void);
int run_http_post_tests(void);
int run_proxy_tests(void);
int run_endpoint_tests(void);
int run_archive_tests(void);
int run_corpus_tests(void);
int run_modelscope_tests(void);
int run_pkt_tests(void);
int run_lfs_tests(void);
int run_git_pack_tests(void);
int run_retry_tests(void);
int run_hub_parse_tests(void);
int run_hub_tests(void);
int run_pace_tests(void);
int run_pump_tests(void);
int run_reach_tests(void);
int run_plan_tests(void);
int run_download_tests(void);
int run_resume_tests(void);
int run_ranges_tests(void);
int run_registry_tests(void);
int run_failover_tests(void);
int run_resolve_tests(void);

#endif
