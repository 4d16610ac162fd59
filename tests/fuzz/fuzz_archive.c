/* Archives from outside: what is listed stays inside, and within the limits. */
#include "base/mem.h"
#include "base/path.h"
#include "fetch/archive.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct lock_repo *repo = lock_add_repo(&l);
	int fd CLEANUP(close_fd) = memfd_create("archive", MFD_CLOEXEC);
	struct error err = { 0 };
	uint64_t total = 0;

	assert(fd >= 0);
	if (write(fd, data, size) != (ssize_t)size)
		return 0;
	if (archive_list(fd, size % 2 ? NULL : "d/", NULL, repo, &err) < 0) {
		assert(err.code == ERR_UNSAFE || err.code == ERR_FORMAT);
		return 0;
	}
	assert(repo->file_count > 0 && repo->file_count <= LOCK_MAX_FILES);
	for (size_t i = 0; i < repo->file_count; i++) {
		const struct lock_file *f = &repo->files[i];

		assert(f->sha256.alg == DIGEST_SHA256);
		assert(i == 0 || strcmp(f[-1].path, f->path) < 0);
		assert(path_check(f->path, &err) == 0);
		total += f->size;
	}
	assert(total <= size * ARCHIVE_MAX_RATIO + ARCHIVE_FREE);
	return 0;
}
