/* The header of numpy's arrays (numpy.lib.format, versions 1.0 to 3.0). Pure. */
#ifndef ITTS_NPY_H
#define ITTS_NPY_H

#include <stddef.h>
#include <stdint.h>

#define NPY_MAGIC      "\x93NUMPY"
#define NPY_MAGIC_LEN  6
#define NPY_HEADER_MAX 65536u /* bytes of the text */
#define NPY_DEPTH      16     /* of types in types */

enum npy_kind {
	NPY_UNKNOWN, /* not as numpy writes it: only Python knows what it is */
	NPY_NUMBERS, /* or texts, times, bytes; alone or in records */
	NPY_OBJECTS, /* at least one of the types is an object: a pickle follows */
};

/* Judges the text of a header. *size: bytes of an array of NPY_NUMBERS. */
enum npy_kind npy_judge(const void *text, size_t len, uint64_t *size);

#endif
