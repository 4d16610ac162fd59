#include "tests/unit/manifest/tests.h"

int main(void)
{
	return run_glob_tests() + run_repo_tests() + run_twins_tests() +
	       run_manifest_tests() + run_lock_tests() + run_lock_diff_tests() +
	       run_lock_join_tests() + run_lock_pick_tests() +
	       run_recipes_tests() + run_corpus_tests();
}
