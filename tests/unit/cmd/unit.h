/* Shared by the unit tests of cmd/. */
#ifndef ITTS_UNIT_CMD_H
#define ITTS_UNIT_CMD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/config.h"

/* An environment of pairs: name, value, ..., NULL. */
struct env fake_env(const char *const *pairs);

int run_text_tests(void);
int run_options_tests(void);
int run_help_tests(void);
int run_config_tests(void);
int run_render_tests(void);
int run_envfile_tests(void);
int run_completion_tests(void);
int run_work_tests(void);
int run_report_tests(void);
int run_listing_tests(void);

#endif
