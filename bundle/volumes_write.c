#include "bundle/volumes_write.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/bmanifest.h"
#include "bundle/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB	   ((uint64_t)1 << 20)
#define DIGITS_MIN 3
#define WRITE_MAX  MIB

/* Room is left for what a file system itself takes, and for the card. */
static const struct {
	const char *name;
	uint64_t size;
} presets[] = {
	{ "fat32", 4096 * MIB - BUNDLE_ALIGN }, /* no larger file there */
	{ "dvd", 4480 * MIB },
	{ "bd25", 23000 * MIB }, /* also with spare areas */
};

int volume_size_parse(const char *text, uint64_t *out, struct error *err)
{
	uint64_t size;

	for (size_t i = 0; i < ARRAY_LEN(presets); i++)
		if (!strcmp(text, presets[i].name)) {
			*out = presets[i].size;
			return 0;
		}
	if (human_parse_size(text, &size, err))
		return err_hint(err, "or one of fat32, dvd, bd25");
	if (size < BUNDLE_ALIGN || size > JSON_MAX_INT)
		return err_set(err, ERR_USAGE,
			       "a volume of %" PRIu64 " bytes: at least %u",
			       size, BUNDLE_ALIGN);
	*out = size - size % BUNDLE_ALIGN;
	return 0;
}

void volume_writer_init(struct volume_writer *w, const char *path,
			uint64_t size)
{
	size_t len = strlen(path);

	*w = (struct volume_writer){ .path = xstrdup(path),
				     .size = size,
				     .digits = DIGITS_MIN,
				     .manifest = STR_INIT };
	if (str_ends(path, ".tar") && *path_base(path) != '.')
		len -= 4;
	w->base = xstrndup(path, len);
}

void volume_writer_release(struct volume_writer *w)
{
	for (size_t i = 0; i < w->count; i++)
		atomic_abort(&w->files[i]);
	free_ptr(&w->files);
	w->count = 0;
	digest_free(&w->ctx);
	volcard_release(&w->card);
	str_release(&w->manifest);
	free_ptr(&w->path);
	free_ptr(&w->base);
}

static char *volume_name(const struct volume_writer *w, uint64_t i)
{
	return xasprintf("%s.%0*" PRIu64, w->path, w->digits, i + 1);
}

static int check_space(const struct volume_writer *w, struct error *err)
{
	size_t len = (size_t)(path_base(w->path) - w->path);
	char *dir CLEANUP(free_ptr) = len ? xstrndup(w->path, len)
					  : xstrdup(".");
	int fd CLEANUP(close_fd) = open(dir,
					O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* and what stands beside the volumes */
	uint64_t need = w->total + w->manifest.len;
	char want[HUMAN_MAX], have[HUMAN_MAX];
	uint64_t bytes, inodes;

	if (fd < 0)
		return err_sys(err, errno, "%s", dir);
	if (file_space(fd, &bytes, &inodes, err))
		return err_wrap(err, "%s", dir);
	if (need <= bytes)
		return 0;
	err_sys(err, ENOSPC, "%s: needs %s, free are %s", dir,
		human_size(need, want), human_size(bytes, have));
	return err_hint(err, "make room, or choose another place with -o");
}

int volume_writer_begin(struct volume_writer *w, const char *name,
			const struct str *manifest, uint64_t total,
			struct error *err)
{
	uint64_t count = (total + w->size - 1) / w->size;
	char *stale CLEANUP(free_ptr) = NULL;

	if (count > VOLCARD_MAX)
		return err_set(err, ERR_USAGE,
			       "%" PRIu64 " volumes of %" PRIu64
			       " bytes are too many, limit %u",
			       count, w->size, VOLCARD_MAX);
	for (uint64_t n = count; n >= 1000; n /= 10)
		w->digits++;
	w->total = total;
	/* one more than there will be would follow in "cat NAME.tar.[0-9]*" */
	stale = volume_name(w, count);
	if (!access(stale, F_OK))
		return err_set(err, ERR_IO,
			       "%s: belongs to a set with more volumes; remove "
			       "the old set first",
			       stale);
	w->card.name = xstrdup(name);
	w->card.bytes = total;
	digest_buf(DIGEST_SHA256, manifest->ptr, manifest->len, &w->card.set);
	str_add(&w->manifest, manifest->ptr, manifest->len);
	return check_space(w, err);
}

/* --- one volume --------------------------------------------------------------- */

static int open_volume(struct volume_writer *w, struct error *err)
{
	char *name CLEANUP(free_ptr) = volume_name(w, w->count);

	w->files = xgrow(w->files, &w->cap, w->count + 1, sizeof(*w->files));
	w->files[w->count] = (struct atomic_file)ATOMIC_FILE_INIT;
	if (atomic_open(&w->files[w->count], AT_FDCWD, name, 0644, err))
		return -1;
	w->count++;
	w->ctx = digest_begin(DIGEST_SHA256, w->size);
	return 0;
}

/* On disk, closed; its name comes with the commit. */
static int end_volume(struct volume_writer *w, struct error *err)
{
	struct atomic_file *f = &w->files[w->count - 1];
	uint64_t size = w->at - w->size * (w->count - 1);
	struct digest d;

	digest_end(&w->ctx, &d);
	if (fsync(f->fd) || close(take_fd(&f->fd)))
		return err_sys(err, errno, "%s", f->name);
	volcard_add(&w->card, path_base(f->name), size, &d);
	return 0;
}

int volume_writer_write(struct volume_writer *w, const void *buf, size_t n,
			struct error *err)
{
	const char *p = buf;

	while (n > 0) {
		uint64_t room = w->size * w->count - w->at;
		size_t part;

		if (room == 0) {
			if (open_volume(w, err))
				return -1;
			room = w->size;
		}
		part = n < room ? n : (size_t)room;
		part = part < WRITE_MAX ? part : (size_t)WRITE_MAX;
		if (file_write_all(w->files[w->count - 1].fd, p, part,
				   w->files[w->count - 1].name, err))
			return -1;
		digest_update(w->ctx, p, part);
		w->at += part;
		p += part;
		n -= part;
		if ((w->at % w->size == 0 || w->at == w->total) &&
		    end_volume(w, err))
			return -1;
	}
	return 0;
}

/* --- the end ------------------------------------------------------------------- */

static void add_sum(struct str *out, const struct digest *d, const char *name)
{
	char hex[DIGEST_HEX_MAX];

	str_addf(out, "%s  %s\n", digest_hex(d, hex), name);
}

static int put_file(const struct volume_writer *w, const char *end,
		    const struct str *text, struct error *err)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s%s", w->base, end);

	return file_replace(AT_FDCWD, name, text->ptr, text->len, err);
}

static int put_companions(const struct volume_writer *w, struct error *err)
{
	char *manifest CLEANUP(free_ptr) = xasprintf("%s" VOLUMES_MANIFEST,
						     path_base(w->base));
	struct str sums CLEANUP(str_release) = STR_INIT;
	struct str card CLEANUP(str_release) = STR_INIT;

	for (size_t i = 0; i < w->card.count; i++)
		add_sum(&sums, &w->card.volumes[i].sha256,
			w->card.volumes[i].file);
	add_sum(&sums, &w->card.set, manifest);
	volcard_format(&w->card, &card);
	return put_file(w, VOLUMES_MANIFEST, &w->manifest, err) ||
			       put_file(w, VOLUMES_SUMS, &sums, err) ||
			       put_file(w, VOLUMES_CARD, &card, err)
		       ? -1
		       : 0;
}

int volume_writer_commit(struct volume_writer *w, struct error *err)
{
	for (size_t i = 0; i < w->count; i++) {
		struct atomic_file *f = &w->files[i];

		if (renameat(AT_FDCWD, f->tmp, AT_FDCWD, f->name))
			return err_sys(err, errno, "%s", f->name);
		free_ptr(&f->tmp);
	}
	/* file_replace() makes the directory durable with all of them */
	return put_companions(w, err);
}
