/* What a file of weights holds, from its directory alone: nothing is unpickled, and
 * the weights themselves are not read. */
#ifndef ITTS_WEIGHTS_H
#define ITTS_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

struct weights {
	uint64_t tensors;
	uint64_t params; /* 0: not known (the types are in a pickle) */
	uint64_t bytes;	 /* of parameters */
};

/* What Python's library says to it; set with ERR_FORMAT only. */
#define WEIGHTS_SAYS_MAX 96

/* --- safetensors.c -------------------------------------------------------- */
#define SAFETENSORS_HEADER_MAX 100000000   /* the library's own limit */
#define SAFETENSORS_HEADER_OUR (24u << 20) /* that is read here */

/* The JSON header of a file with data_len bytes behind it. Pure. ERR_FORMAT,
 * ERR_INTEGRITY (the data end early, or there are too many). */
int safetensors_parse(const char *header, size_t len, uint64_t data_len,
		      struct weights *out, struct error *err) MUST_CHECK;
/* says: the library's word for it. ERR_IO too. */
int safetensors_read(int fd, uint64_t size, struct weights *out,
		     char says[WEIGHTS_SAYS_MAX], struct error *err) MUST_CHECK;

/* --- torchzip.c ------------------------------------------------------------- */
/* The directory of a zip file (the tail of a file of `size` bytes, tail_len bytes
 * long) without reading another byte: where the central directory is. Pure. */
struct zip_end {
	uint64_t offset, size, entries;
};
int zip_find_end(const unsigned char *tail, size_t tail_len, uint64_t size,
		 struct zip_end *out, struct error *err) MUST_CHECK;
/* Its entries; limit: bytes in front of the directory. Pure. */
int zip_parse_directory(const unsigned char *dir, size_t len, uint64_t entries,
			uint64_t limit, struct weights *out, struct error *err)
	MUST_CHECK;
/* A .pth, .pt or .bin: zip, or the pickle that torch wrote before 1.6. */
int torch_read(int fd, uint64_t size, struct weights *out,
	       char says[WEIGHTS_SAYS_MAX], struct error *err) MUST_CHECK;

#endif
