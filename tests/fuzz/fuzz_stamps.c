/* A list of checked files that is taken is sorted, and is written as it was read. */
#include "base/attr.h"
#include "base/mem.h"
#include "base/xxh64.h"
#include "cache/stamps.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Nobody guesses a checksum: each input is also tried with the right one. */
static void put_sum(struct str *text)
{
	struct xxh64 x;
	uint64_t sum;

	xxh64_begin(&x, 0);
	xxh64_update(&x, text->ptr, text->len);
	sum = xxh64_end(&x);
	for (int i = 0; i < 8; i++)
		str_addc(text, (char)(sum >> (8 * i)));
}

static bool try_text(const char *text, size_t len)
{
	struct stamps s CLEANUP(stamps_release) = { 0 };
	struct str again CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	if (stamps_parse(&s, text, len, &err) != 0) {
		require(err.code == ERR_FORMAT && err.msg[0] != '\0');
		require(s.items == NULL);
		return false;
	}
	require(s.count <= STAMPS_MAX);
	for (size_t i = 0; i < s.count; i++) {
		const struct stamp *one = &s.items[i];
		const struct stamp *found = stamps_find(&s, one);

		require(one->sha256.alg || one->git.alg);
		require(!found || found == one);
	}
	stamps_format(&s, &again);
	require(again.len == len && memcmp(again.ptr, text, len) == 0);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	if (try_text((const char *)data, size) || size < 8)
		return 0;
	str_add(&text, data, size - 8);
	put_sum(&text);
	try_text(text.ptr, text.len);
	return 0;
}
