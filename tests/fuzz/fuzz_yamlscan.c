/* config.yaml: lines are counted, keys and values are short and end. */
#include "doctor/yamlscan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_scan s;
	struct yaml_line l;
	unsigned last = 0;

	yaml_scan_init(&s, (const char *)data, size);
	while (yaml_scan_next(&s, &l)) {
		if (l.number <= last || l.number > size || !l.key[0] ||
		    !l.value[0] || strlen(l.key) >= sizeof(l.key) ||
		    strlen(l.value) >= sizeof(l.value))
			abort();
		last = l.number;
		(void)yaml_is_absolute(l.value);
	}
	return 0;
}
