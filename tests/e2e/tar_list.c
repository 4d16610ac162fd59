/* tar_list FILE...: what base/tar_reader sees in archives, for 0231-tar-twins.sh. For
 * each a line "= FILE", one a member (type, size, digest of the bytes, name in hex),
 * and "end" with the digest of all bytes, or "refused". */
#include "base/digest.h"
#include "base/mem.h"
#include "base/tar_reader.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

static int show(struct tar_reader *r, const struct tar_member *m,
		struct digest_ctx *all, struct error *err)
{
	struct digest_ctx *sum = digest_begin(DIGEST_SHA256, m->size);
	char hex[DIGEST_HEX_MAX], buf[4096];
	struct digest d;
	uint64_t seen = 0;
	size_t got = 1;

	while (got > 0) {
		if (tar_reader_read(r, buf, sizeof(buf), &got, err) != 0) {
			digest_free(&sum);
			return -1;
		}
		digest_update(sum, buf, got);
		if (m->type == TAR_FILE)
			digest_update(all, buf, got);
		seen += got;
	}
	digest_end(&sum, &d);
	if (m->type == TAR_FILE && seen != m->size)
		return err_set(err, ERR_FORMAT, "has another size");
	printf("%c %" PRIu64 " %s ", "flhdo"[m->type], m->size,
	       digest_hex(&d, hex));
	for (const char *p = m->path; *p; p++)
		printf("%02x", (unsigned char)*p);
	printf("\n");
	return 0;
}

static void list(const char *file)
{
	struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
	int fd CLEANUP(close_fd) = open(file, O_RDONLY | O_CLOEXEC);
	struct error err = { .code = ERR_NONE };
	struct digest_ctx *all CLEANUP(digest_free) =
		digest_begin(DIGEST_SHA256, 0);
	char hex[DIGEST_HEX_MAX];
	struct tar_member m;
	struct digest d;
	int more;

	printf("= %s\n", file);
	if (fd < 0 || tar_open_archive(&r, fd, &err) != 0) {
		puts("refused -");
		return;
	}
	while ((more = tar_reader_next(r, &m, &err)) > 0) {
		if (show(r, &m, all, &err) != 0) {
			more = -1;
			break;
		}
	}
	digest_end(&all, &d);
	printf("%s %s\n", more == 0 ? "end" : "refused", digest_hex(&d, hex));
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		list(argv[i]);
	return 0;
}
