/* Inventories: whatever is taken is sorted, and the same when read again. */
#include "base/mem.h"
#include "bundle/inventory.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct inventory inv CLEANUP(inventory_release) = { 0 };
	struct inventory again CLEANUP(inventory_release) = { 0 };
	struct str own CLEANUP(str_release) = STR_INIT;
	struct str twice CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	if (inventory_parse(&inv, (const char *)data, size, &err)) {
		assert(err.code == ERR_FORMAT);
		return 0;
	}
	for (size_t i = 0; i < inv.count; i++) {
		assert(inventory_has(&inv, &inv.items[i].sha256,
				     inv.items[i].size));
		assert(!inventory_has(&inv, &inv.items[i].sha256,
				      inv.items[i].size + 1));
	}
	inventory_format(&inv, &own);
	assert(!inventory_parse(&again, own.ptr, own.len, &err));
	inventory_format(&again, &twice);
	assert(own.len == twice.len && !memcmp(own.ptr, twice.ptr, own.len));
	return 0;
}
