/* A journal that is taken stays within its blob, and says the same once more. */
#include "base/attr.h"
#include "base/mem.h"
#include "cache/journal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void init(struct journal *j)
{
	struct digest sha256;

	digest_buf(DIGEST_SHA256, "x", 1, &sha256);
	journal_init(j, &sha256, &sha256, (5u << 20) + 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal first CLEANUP(journal_release) = { 0 };
	struct journal second CLEANUP(journal_release) = { 0 };
	struct str a CLEANUP(str_release) = STR_INIT;
	struct str b CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	init(&first);
	init(&second);
	if (journal_parse(&first, (const char *)data, size, &err) < 0) {
		require(err.code == ERR_FORMAT && err.msg[0] != '\0');
		require(first.sources.count == 0);
		for (uint32_t i = 0; i < first.count; i++)
			require(!first.blocks[i].have);
		return 0;
	}
	for (uint32_t i = 0; i < first.count; i++)
		require(!first.blocks[i].have ||
			first.blocks[i].source < first.sources.count);
	journal_format(&first, &a);
	require(journal_parse(&second, a.ptr, a.len, &err) == 0);
	journal_format(&second, &b);
	require(a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0);
	return 0;
}
