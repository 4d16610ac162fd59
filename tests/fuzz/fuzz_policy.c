/* Policies: whatever is taken decides about any lock without harm, and a bundle that
 * is refused is refused for a reason that names the file. */
#include "base/mem.h"
#include "bundle/policy.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_lock(struct lock *l)
{
	struct lock_repo *r = lock_add_repo(l);
	struct lock_file *f;

	l->name = xstrdup("sample");
	r->id = xstrdup("acme/voice");
	r->license = xstrdup("MIT");
	f = lock_add_file(r, "model.pth");
	f->size = 70000;
	digest_buf(DIGEST_SHA256, "x", 1, &f->sha256);
	f->etag = f->sha256;
}

static void decide(const struct policy *p)
{
	struct bundle_manifest m = { .serial = 5 };
	struct error err = { 0 };

	make_lock(&m.lock);
	if (policy_check_bundle(p, &m, &err))
		assert(err.code == ERR_UNSAFE && strstr(err.msg, p->file));
	err_clear(&err);
	if (policy_check_unsigned(p, "an archive", &err))
		assert(err.code == ERR_UNSAFE && strstr(err.msg, p->file));
	lock_release(&m.lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy p CLEANUP(policy_release) = { 0 };
	struct error err = { 0 };

	if (policy_parse(&p, "p.json", (const char *)data, size, &err)) {
		assert(err.code == ERR_FORMAT && strstr(err.msg, "p.json"));
		return 0;
	}
	for (size_t i = 0; i < p.repos.count; i++)
		assert(p.repos.items[i][0]);
	decide(&p);
	return 0;
}
