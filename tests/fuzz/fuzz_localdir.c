/* What hf download notes down beside a file: what is taken can be written again and
 * says the same. */
#include "base/attr.h"
#include "base/mem.h"
#include "cache/localdir.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct localdir_meta m = { 0 }, again = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char hex[DIGEST_HEX_MAX];

	if (localdir_meta_parse(&m, (const char *)data, size, &err) != 0) {
		require(err.code == ERR_FORMAT && err.msg[0] != '\0');
		require(m.commit[0] == '\0' && m.etag.alg == DIGEST_NONE);
		return 0;
	}
	require(is_commit_id(m.commit) && m.etag.alg != DIGEST_NONE);
	str_addf(&text, "%s\n%s\n%" PRIu64 "\n", m.commit,
		 digest_hex(&m.etag, hex), m.when);
	require(localdir_meta_parse(&again, text.ptr, text.len, &err) == 0);
	require(!strcmp(again.commit, m.commit) && again.when == m.when &&
		digest_equal(&again.etag, &m.etag));
	return 0;
}
