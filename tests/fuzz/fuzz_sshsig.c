/* Signatures: what parses keeps its parts inside, and no damaged one counts. */
#include "base/attr.h"
#include "bundle/slot.h"
#include "bundle/sshsig.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const struct sshsig *s, const struct wire *w)
{
	const unsigned char *begin = (const unsigned char *)s->blob.ptr;

	assert(w->p >= begin && w->p + w->left <= begin + s->blob.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char msg[] = "itts test message\n";
	struct sshsig s CLEANUP(sshsig_release) = SSHSIG_INIT;
	struct str type CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	struct error err2 = { 0 };

	(void)slot_read((const char *)data, size);
	if (sshsig_parse(&s, (const char *)data, size, &err)) {
		assert(err.code == ERR_FORMAT);
		return 0;
	}
	inside(&s, &s.key);
	inside(&s, &s.name_space);
	inside(&s, &s.hash);
	inside(&s, &s.signature);
	sign_key_type(&s.key, &type);
	assert(type.len > 0);
	err_clear(&err);
	if (sshsig_check(&s, SSHSIG_NAMESPACE, msg, strlen(msg), &err))
		return 0;
	/* who signed this has signed nothing else */
	assert(sshsig_check(&s, SSHSIG_NAMESPACE, msg, strlen(msg) - 1, &err2));
	assert(err2.code == ERR_INTEGRITY);
	return 0;
}
