/* What a registry says: manifests ('m' in front) and challenges. */
#include "base/mem.h"
#include "base/path.h"
#include "fetch/registry.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_manifest(const char *text, size_t len)
{
	struct registry_image image CLEANUP(
		registry_image_release) = REGISTRY_IMAGE_INIT;
	const struct lock *l = &image.lock;
	struct error err = { 0 };

	if (registry_parse_manifest(text, len, &image, &err)) {
		assert(err.code == ERR_FORMAT || err.code == ERR_UNSAFE ||
		       err.code == ERR_USAGE);
		return;
	}
	assert(l->repo_count == 1 && l->repos[0].file_count > 0);
	assert(is_commit_id(l->repos[0].commit));
	for (size_t i = 0; i < l->repos[0].file_count; i++) {
		const struct lock_file *f = &l->repos[0].files[i];

		assert(f->sha256.alg == DIGEST_SHA256);
		assert(f->etag.alg != DIGEST_NONE);
		assert(!path_check(f->path, &err));
	}
}

static void try_challenge(const char *text)
{
	struct registry_challenge c CLEANUP(registry_challenge_release) = { 0 };

	if (registry_parse_challenge(text, &c))
		assert(c.basic || c.realm);
}

static void try_ref(const char *text)
{
	struct registry_ref r CLEANUP(registry_ref_release) = { 0 };
	struct error err = { 0 };

	if (registry_ref_parse(&r, text, &err)) {
		assert(err.code == ERR_USAGE);
		return;
	}
	assert(*r.host && *r.name && *r.reference);
	assert(!strstr(r.name, "..") && !strpbrk(r.host, "/?#@ "));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text CLEANUP(free_ptr) = NULL;

	if (size == 0)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	if (*data == 'm')
		try_manifest((const char *)data + 1, size - 1);
	else if (*data == 'r')
		try_ref(text);
	else
		try_challenge(text);
	return 0;
}
