#include "tests/unit/cache/unit.h"

#include <sched.h>
#include <sys/mount.h>

int main(void)
{
	int failed = 0;

	/* mounts of these tests end with this process */
	if (!unshare(CLONE_NEWNS))
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	failed += run_hashrun_tests();
	failed += run_store_tests();
	failed += run_fresh_tests();
	failed += run_part_tests();
	failed += run_journal_tests();
	failed += run_beneath_tests();
	failed += run_blocks_tests();
	failed += run_follow_tests();
	failed += run_link_tests();
	failed += run_tree_tests();
	failed += run_localdir_tests();
	failed += run_census_tests();
	failed += run_view_tests();
	failed += run_verify_tests();
	failed += run_verify_cache_tests();
	failed += run_verify_view_tests();
	failed += run_checked_tests();
	failed += run_audit_tests();
	return failed != 0;
}
