#include "tests/unit/doctor/unit.h"

int main(void)
{
	return run_content_tests() + run_weights_tests() + run_log_tests() +
	       run_machine_tests() + run_online_tests() + run_package_tests() +
	       run_redact_tests() + run_corpus_tests() + run_watch_tests() +
	       run_asking_tests();
}
