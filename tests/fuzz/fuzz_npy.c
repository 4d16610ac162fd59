/* Headers of numpy's arrays: what is said to be numbers names no object. */
#include "base/attr.h"
#include "bundle/npy.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t bytes = 0;
	enum npy_kind kind = npy_judge(data, size, &bytes);

	if (kind == NPY_UNKNOWN)
		return 0;
	/* Python would find all three, and no other way to write them */
	assert(size <= NPY_HEADER_MAX && data[0] != '\n');
	assert(memmem(data, size, "descr", 5) &&
	       memmem(data, size, "fortran_order", 13) &&
	       memmem(data, size, "shape", 5));
	assert(!memchr(data, '\\', size) && !memchr(data, '\0', size));
	if (kind == NPY_OBJECTS)
		assert(memchr(data, 'O', size));
	return 0;
}
