/* Cards of volumes: whatever is taken has no gap, no end that lies, plain names. */
#include "base/mem.h"
#include "bundle/volcard.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct volcard c CLEANUP(volcard_release) = { 0 };
	struct volcard again CLEANUP(volcard_release) = { 0 };
	struct str own CLEANUP(str_release) = STR_INIT;
	struct str twice CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	uint64_t at = 0;

	if (volcard_parse(&c, (const char *)data, size, &err)) {
		assert(err.code == ERR_FORMAT || err.code == ERR_UNSAFE);
		return 0;
	}
	assert(c.count > 0);
	for (size_t i = 0; i < c.count; i++) {
		const struct volume *v = &c.volumes[i];

		assert(v->offset == at && v->size > 0);
		assert(!strchr(v->file, '/') && strcmp(v->file, "..") != 0);
		assert(volcard_find(&c, v->offset) == i);
		assert(volcard_find(&c, v->offset + v->size - 1) == i);
		at += v->size;
	}
	assert(at == c.bytes && volcard_find(&c, at) == c.count);
	volcard_format(&c, &own);
	assert(!volcard_parse(&again, own.ptr, own.len, &err));
	volcard_format(&again, &twice);
	assert(own.len == twice.len && !memcmp(own.ptr, twice.ptr, own.len));
	return 0;
}
