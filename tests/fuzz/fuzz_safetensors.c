/* The JSON header of a safetensors file: what is taken covers the data exactly. The
 * first 4 bytes say how long the data are. */
#include "base/attr.h"
#include "doctor/weights.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { 0 };
	struct weights w;
	uint32_t len;

	if (size < sizeof(len))
		return 0;
	memcpy(&len, data, sizeof(len));
	if (safetensors_parse((const char *)data + sizeof(len),
			      size - sizeof(len), len, &w, &err) == 0) {
		if (w.bytes != len)
			abort();
	} else if (err.code != ERR_FORMAT && err.code != ERR_INTEGRITY) {
		abort();
	}
	return 0;
}
