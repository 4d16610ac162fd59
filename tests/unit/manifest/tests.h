#ifndef ITTS_TESTS_MANIFEST_H
#define ITTS_TESTS_MANIFEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int run_corpus_tests(void);
int run_glob_tests(void);
int run_lock_tests(void);
int run_lock_diff_tests(void);
int run_lock_join_tests(void);
int run_lock_pick_tests(void);
int run_manifest_tests(void);
int run_recipes_tests(void);
int run_repo_tests(void);
int run_twins_tests(void);

#endif
