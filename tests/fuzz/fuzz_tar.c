/* Archives of strangers through the reader: every header that it passes on is one
 * that the rest can work with, and no entry gives more bytes than it announced. */
#include "base/file.h"
#include "base/mem.h"
#include "base/tar_reader.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decompression may make much of little. */
#define ENTRIES_MAX 1000
#define BYTES_MAX   ((uint64_t)8 << 20)

static void read_entry(struct tar_reader *r, const struct tar_member *m,
		       uint64_t *budget)
{
	uint64_t announced = m->size, total = 0;
	enum tar_type type = m->type;
	struct error err = { 0 };
	char buf[4096];
	size_t got = 1;

	while (got > 0 && *budget > sizeof(buf)) {
		if (tar_reader_read(r, buf, sizeof(buf), &got, &err)) {
			assert(err.code != ERR_NONE && err.msg[0]);
			return;
		}
		assert(got <= sizeof(buf));
		total += got;
		*budget -= got;
	}
	if (type == TAR_FILE && got == 0)
		assert(total <= announced);
}

static void walk(const uint8_t *data, size_t size, bool content)
{
	int fd CLEANUP(close_fd) = memfd_create("tar", MFD_CLOEXEC);
	struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
	uint64_t budget = BYTES_MAX;
	struct error err = { 0 };
	struct tar_member m;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET) != 0)
		return;
	if (tar_open_archive(&r, fd, &err)) {
		assert(err.code != ERR_NONE && err.msg[0]);
		return;
	}
	for (int i = 0; i < ENTRIES_MAX && budget > 4096; i++) {
		int more = tar_reader_next(r, &m, &err);

		if (more < 0)
			assert(err.code != ERR_NONE && err.msg[0]);
		if (more <= 0)
			return;
		assert(m.path && m.path[0]);
		assert(!m.target || m.type == TAR_SYMLINK ||
		       m.type == TAR_HARDLINK);
		if (content)
			read_entry(r, &m, &budget);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	walk(data, size, true);
	walk(data, size, false);
	return 0;
}
