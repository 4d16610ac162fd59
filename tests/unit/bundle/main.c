#include "tests/unit/bundle/unit.h"

#include <string.h>

/* "clones": those alone that need a file system of a certain kind (TMPDIR). */
int main(int argc, char **argv)
{
	int failed = 0;

	if (argc > 1)
		return strcmp(argv[1], "clones") ? 2 : run_clone_tests();
	failed += run_bmanifest_tests();
	failed += run_check_tests();
	failed += run_clone_tests();
	failed += run_copy_tests();
	failed += run_import_tests();
	failed += run_install_tests();
	failed += run_layout_tests();
	failed += run_oci_tests();
	failed += run_pack_tests();
	failed += run_policy_tests();
	failed += run_corpus_tests();
	failed += run_sbom_tests();
	failed += run_scan_tests();
	failed += run_serials_tests();
	failed += run_sign_tests();
	failed += run_source_tests();
	failed += run_sshsig_tests();
	failed += run_supply_tests();
	failed += run_tar_reader_tests();
	failed += run_tar_tests();
	failed += run_thin_tests();
	failed += run_trust_tests();
	failed += run_volumes_tests();
	failed += run_zipdir_tests();
	return failed != 0;
}
