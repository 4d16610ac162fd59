/* A lock that is taken has one canonical form, and no path in it leads out. */
#include "base/attr.h"
#include "base/path.h"
#include "manifest/lock.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_file(const struct lock_repo *r, const struct lock_file *f)
{
	struct error err = { 0 };

	require(path_check(f->path, &err) == 0);
	require(lock_find_file(r, f->path) == f);
	require(f->sha256.alg == DIGEST_SHA256 && f->etag.alg != DIGEST_NONE);
	for (char **v = f->views; v && *v; v++)
		require(path_check(*v, &err) == 0 &&
			!str_starts(*v, LOCK_RECORD_DIR "/"));
}

/* A difference to itself. */
static void no_line(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lock first CLEANUP(lock_release) = { 0 };
	struct lock second CLEANUP(lock_release) = { 0 };
	struct str a CLEANUP(str_release) = STR_INIT;
	struct str b CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };

	if (lock_parse(&first, (const char *)data, size, &err) < 0) {
		require(err.code == ERR_FORMAT || err.code == ERR_UNSAFE);
		require(err.msg[0] != '\0' && !first.repos);
		return 0;
	}
	for (size_t i = 0; i < first.repo_count; i++)
		for (size_t k = 0; k < first.repos[i].file_count; k++)
			check_file(&first.repos[i], &first.repos[i].files[k]);
	require(lock_total(&first) <= JSON_MAX_INT);
	lock_format(&first, &a);
	require(lock_parse(&second, a.ptr, a.len, &err) == 0);
	lock_format(&second, &b);
	require(strcmp(a.ptr, b.ptr) == 0);
	require(lock_diff_each(&first, &second, no_line, NULL) == 0);
	return 0;
}
