/* What ModelScope may say: listings ('f'), commits ('c'), refusals (else). */
#include "base/mem.h"
#include "base/path.h"
#include "fetch/endpoint.h"
#include "fetch/modelscope.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		__builtin_trap();
}

static void listing(const char *text, size_t len)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock_repo *repo = lock_add_repo(&l);
	struct error err = { .code = ERR_NONE };
	size_t rows = 0;

	if (modelscope_parse_files(text, len, repo, &rows, &err) < 0) {
		must(err.code != ERR_NONE);
		return;
	}
	must(rows >= repo->file_count);
	for (size_t i = 0; i < repo->file_count; i++) {
		const struct lock_file *f = &repo->files[i];

		must(path_check(f->path, &err) == 0);
		must(f->sha256.alg == DIGEST_SHA256);
		must(f->etag.alg == DIGEST_NONE ||
		     digest_equal(&f->etag, &f->sha256));
	}
}

static void commit(const char *text, size_t len)
{
	struct error err = { .code = ERR_NONE };
	char id[41];

	if (modelscope_parse_commit(text, len, id, &err) == 0)
		must(is_commit_id(id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hub_endpoint site = { .kind = ENDPOINT_MODELSCOPE };
	const char *text = (const char *)data + 1;
	char *message CLEANUP(free_ptr) = NULL;

	if (size == 0)
		return 0;
	if (data[0] == 'f')
		listing(text, size - 1);
	else if (data[0] == 'c')
		commit(text, size - 1);
	else
		message = endpoint_message(&site, text, size - 1);
	return 0;
}
