/* The tail of a zip file, as if it stood at the end of one a gibibyte long or as all of
 * it; and its directory. */
#include "base/attr.h"
#include "doctor/weights.h"

#include <stdlib.h>

#define GIB ((uint64_t)1 << 30)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_end(const uint8_t *data, size_t size, uint64_t whole)
{
	struct error err = { 0 }, broken = { 0 };
	struct zip_end end;
	struct weights w;

	if (zip_find_end(data, size, whole, &end, &err) != 0) {
		if (err.code != ERR_FORMAT)
			abort();
		return;
	}
	if (end.offset > whole || end.size > whole - end.offset)
		abort();
	/* the directory, if it is within what we have */
	if (end.offset < whole - size || end.offset + end.size > whole)
		return;
	if (zip_parse_directory(data + (end.offset - (whole - size)),
				(size_t)end.size, end.entries, end.offset, &w,
				&broken) == 0 &&
	    w.tensors > size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { 0 };
	struct weights w;

	read_end(data, size, size);
	read_end(data, size, GIB);
	if (zip_parse_directory(data, size, size / 46, GIB, &w, &err) == 0 &&
	    w.tensors > size)
		abort();
	return 0;
}
