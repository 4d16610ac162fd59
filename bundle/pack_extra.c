/* The bytes of extras, wherever they come from. */
#include "bundle/pack_extra.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/record.h"
#include "bundle/sbom.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int measure(const struct pack_extra *e, uint64_t *size,
		   struct digest *sha256, struct error *err)
{
	int fd CLEANUP(close_fd) = open(e->file,
					O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, errno, "%s", e->file);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "%s: not a regular file",
			       e->file);
	*size = (uint64_t)st.st_size;
	if (*size > EXTRA_SIZE_MAX)
		return 0; /* extra_add() says so */
	return digest_fd(DIGEST_SHA256, fd, 0, *size, sha256, err);
}

int pack_extra_add(struct bundle_manifest *m, const struct pack_extra *list,
		   size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct digest sha256 = { .alg = DIGEST_NONE };
		uint64_t size = 0;

		if (measure(&list[i], &size, &sha256, err) ||
		    extra_add(&m->extras, list[i].path, size, &sha256,
			      list[i].executable, err))
			return err_wrap(err, "%s", list[i].path);
	}
	return extra_check(&m->extras, err);
}

static bool find_own(const struct bundle_extra *e, struct extra_own *own)
{
	struct digest d;

	if (!extra_own_find(e->path, own) || own->len != e->size)
		return false;
	digest_buf(DIGEST_SHA256, own->text, own->len, &d);
	return digest_equal(&d, &e->sha256);
}

/* The bill of materials as this program writes it? */
static bool is_sbom(const struct bundle_extra *e, const struct lock *l)
{
	struct digest d;
	uint64_t size;

	if (strcmp(e->path, SBOM_NAME) != 0)
		return false;
	sbom_measure(l, &size, &d);
	return size == e->size && digest_equal(&d, &e->sha256);
}

static const char *find_file(const struct pack_extra *list, size_t count,
			     const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].path, path))
			return list[i].file;
	return NULL;
}

int pack_extra_open(struct pack_extra_source *out, struct hfcache *store,
		    const struct lock *l, const struct pack_options *o,
		    const struct bundle_extra *e, struct error *err)
{
	const char *file = find_file(o->extras, o->extra_count, e->path);
	struct extra_own own;

	*out = (struct pack_extra_source){ .fd = -1 };
	if (find_own(e, &own)) {
		out->text = own.text;
		return 0;
	}
	out->sbom = is_sbom(e, l);
	if (out->sbom)
		return 0;
	if (!file)
		return record_open_extra(store, l->name, e, &out->fd, err);
	out->fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return out->fd < 0 ? err_sys(err, errno, "%s", file) : 0;
}

void pack_extra_release(struct pack_extra_source *s)
{
	close_fd(&s->fd);
}
