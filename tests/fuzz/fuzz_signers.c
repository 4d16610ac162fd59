/* Lists of signers and of revoked keys. */
#include "base/attr.h"
#include "base/base64.h"
#include "base/mem.h"
#include "bundle/signers.h"
#include "bundle/sshsig.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key_text[] =
	"AAAAC3NzaC1lZDI1NTE5AAAAIKxQbzpTSfLDYmDWpHTgTW28NwGEpq3j8VLDppaIWId5";

static void find(const char *text, size_t len, const struct wire *key,
		 time_t now)
{
	struct signers_query q = { .key = *key,
				   .name_space = SSHSIG_NAMESPACE,
				   .now = now };
	char *who CLEANUP(free_ptr) = NULL;
	struct error err = { 0 };

	if (signers_find(text, len, "list", &q, &who, &err) == 0) {
		assert(who && *who);
		/* the key stands there */
		assert(memmem(text, len, key_text, strlen(key_text)));
	} else {
		assert(!who);
		assert(err.code == ERR_FORMAT || err.code == ERR_INTEGRITY);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str blob CLEANUP(str_release) = STR_INIT;
	const char *text = (const char *)data;
	struct error err = { 0 };
	struct wire key;
	bool ok = base64_decode(key_text, strlen(key_text), false, &blob);

	assert(ok);
	(void)ok;
	key = (struct wire){ (unsigned char *)blob.ptr, blob.len };
	find(text, size, &key, 1764000000);
	find(text, size, &key, 0);
	if (signers_check_revoked(text, size, "list", &key, &err))
		assert(err.code == ERR_FORMAT || err.code == ERR_INTEGRITY);
	return 0;
}
