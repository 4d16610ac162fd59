/* What every test of base/ needs. cmocka.h wants these headers before it. */
#ifndef ITTS_UNIT_BASE_H
#define ITTS_UNIT_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

/* A new empty directory: its descriptor, and its name in path. */
#define TEMP_PATH_MAX 512
int temp_dir(char path[TEMP_PATH_MAX]);
/* Closes it and removes it with all that is in it. */
void temp_dir_end(int dirfd, const char *path);

void assert_ok(int result, const struct error *err);
/* The call failed with this code and these words in its message; clears err. */
void assert_fails(int result, struct error *err, enum err_code code,
		  const char *words);

int run_base64_tests(void);
int run_cancel_tests(void);
int run_digest_tests(void);
int run_dir_tests(void);
int run_error_tests(void);
int run_fifo_tests(void);
int run_event_tests(void);
int run_file_tests(void);
int run_human_tests(void);
int run_json_tests(void);
int run_json_reader_tests(void);
int run_json_writer_tests(void);
int run_near_tests(void);
int run_path_tests(void);
int run_pool_tests(void);
int run_tar_view_tests(void);
int run_xxh64_tests(void);
int run_str_tests(void);

#endif
