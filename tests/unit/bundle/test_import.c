#include "tests/unit/bundle/unit.h"

int run_import_tests(void)
{
	return 0;
}
