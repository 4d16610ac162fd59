/* The record of serials: whatever is taken is the same when written and read again,
 * and no bundle below the highest passes. */
#include "base/mem.h"
#include "bundle/serials.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct serials s CLEANUP(serials_release) = { 0 };
	struct serials again CLEANUP(serials_release) = { 0 };
	struct str own CLEANUP(str_release) = STR_INIT;
	struct str twice CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	if (serials_parse(&s, (const char *)data, size, &err)) {
		assert(err.code == ERR_FORMAT);
		return 0;
	}
	for (size_t i = 0; i < s.count; i++) {
		struct serial_claim c = { .name = s.items[i].name,
					  .serial = s.items[i].highest };

		assert(serials_find(&s, c.name) == &s.items[i]);
		assert(!serials_check(&s, &c, &err));
		if (c.serial-- == 0)
			continue;
		assert(serials_check(&s, &c, &err) && err.code == ERR_UNSAFE);
		err_clear(&err);
	}
	serials_format(&s, &own);
	assert(!serials_parse(&again, own.ptr, own.len, &err));
	serials_format(&again, &twice);
	assert(own.len == twice.len && !memcmp(own.ptr, twice.ptr, own.len));
	return 0;
}
