/*
 * A payload that lies across volumes, when some of them are elsewhere. What is
 * here goes to its place in blobs/ETAG.volumes.itts-part, a file that has its full
 * size from the beginning, and the volumes that it came from are noted beside it
 * in blobs/ETAG.volumes.txt.itts-part, in that order and each time on disk first:
 *
 *   SHA-256 of itts-bundle.json
 *   1
 *   3
 *
 * (numbers of volumes, the first is 1). With the last one the file becomes an
 * ordinary part that is complete, and is hashed whole like any other.
 */
#include "bundle/install_run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX	     ".volumes.itts-part"
#define NOTE_SUFFIX  ".volumes.txt.itts-part"
#define WHOLE_SUFFIX ".itts-part" /* of cache/part.c */
#define NOTE_LIMIT   ((size_t)1 << 20)
#define PIECE	     ((size_t)1 << 20)
#define LOCK_WAIT_MS 60000
#define NAMED_MAX    8 /* volumes that the message names */

struct patchwork {
	struct install_run *run;
	const struct segment *seg;
	const struct bundle_blob *blob;
	const struct lock_repo *repo;
	const struct lock_file *file;
	char *name, *note, *whole; /* in blobs/ */
	char *path;		   /* of name, for messages */
	int dir, fd;
	size_t first, end;   /* volumes that it lies in: [first, end) */
	unsigned char *done; /* one a volume from first on */
};

static void patchwork_release(struct patchwork *p)
{
	free_ptr(&p->name);
	free_ptr(&p->note);
	free_ptr(&p->whole);
	free_ptr(&p->path);
	free_ptr(&p->done);
	close_fd(&p->dir);
	close_fd(&p->fd);
}

static int blobs_dir(const struct install_run *run,
		     const struct lock_repo *repo, bool create, int *fd,
		     struct error *err)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);
	char *blobs CLEANUP(free_ptr) = xasprintf("%s/blobs", folder);

	if (file_open_beneath(hfcache_fd(run->store), blobs, create, fd, err))
		return err_inside(err, "%s", hfcache_root(run->store));
	return 0;
}

/* Of a bundle in volumes: the patchwork. */
static uint64_t patchwork_on_disk(const struct install_run *run,
				  const struct bundle_blob *b)
{
	const struct bundle_manifest *m = &run->s->manifest;
	char hex[DIGEST_HEX_MAX];
	char *name CLEANUP(free_ptr) = xasprintf(
		"%s" SUFFIX,
		digest_hex(&bundle_use_file(m, b->uses)->etag, hex));
	int dir CLEANUP(close_fd) = -1;
	struct error ignored = { 0 };
	struct stat st;

	if (blobs_dir(run, bundle_use_repo(m, b->uses), false, &dir,
		      &ignored) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

uint64_t install_part_on_disk(const struct install_run *run,
			      const struct bundle_blob *b)
{
	const struct bundle_manifest *m = &run->s->manifest;
	uint64_t bytes;

	if (!run->store)
		return 0;
	bytes = run->s->volumes
			? patchwork_on_disk(run, b)
			: hfcache_part_on_disk(run->store,
					       bundle_use_repo(m, b->uses),
					       bundle_use_file(m, b->uses));
	return bytes < b->size ? bytes : b->size;
}

/* --- what earlier visits have left ------------------------------------------- */

/* The message begins with the name of a file in blobs/. */
static int inside(const struct patchwork *p, struct error *err)
{
	return err_inside(err, "%.*s", (int)(path_base(p->path) - p->path) - 1,
			  p->path);
}

/* No note, or one that is of no use: nothing was done. But what cannot be read now
 * is not overwritten. */
static int read_note(struct patchwork *p, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	char hex[DIGEST_HEX_MAX];
	const char *at;

	if (file_read_all(p->dir, p->note, NOTE_LIMIT, &text, err)) {
		if (err->code == ERR_IO)
			return inside(p, err);
		err_clear(err);
		return 0;
	}
	digest_hex(&p->run->s->volumes->card.set, hex);
	if (!str_starts(text.ptr, hex))
		return 0; /* of another bundle with the same file */
	for (at = strchr(text.ptr, '\n'); at && at[1];
	     at = strchr(at + 1, '\n')) {
		size_t number = 0;

		for (at++; *at >= '0' && *at <= '9' && number < p->end + 1;
		     at++)
			number = number * 10 + (size_t)(*at - '0');
		if (*at != '\n')
			return 0;
		if (number > p->first && number <= p->end)
			p->done[number - 1 - p->first] = 1;
		at--;
	}
	return 0;
}

static int write_note(const struct patchwork *p, struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	char hex[DIGEST_HEX_MAX];

	str_addf(&text, "%s\n", digest_hex(&p->run->s->volumes->card.set, hex));
	for (size_t i = p->first; i < p->end; i++)
		if (p->done[i - p->first])
			str_addf(&text, "%zu\n", i + 1);
	if (file_replace(p->dir, p->note, text.ptr, text.len, err))
		return inside(p, err);
	return 0;
}

/* What was noted counts only if the file is what it was. */
static int recall(struct patchwork *p, struct error *err)
{
	struct stat st;

	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : err_sys(err, errno, "%s", p->path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != p->blob->size)
		return 0;
	return read_note(p, err);
}

/* Its bytes may be another's: they stay as they are. */
static int not_its_own(const struct patchwork *p, struct error *err)
{
	err_set(err, ERR_UNSAFE,
		"%s: not a file of its own, but a link, or something else",
		p->path);
	return err_hint(err, "remove it, and run install again; volumes that "
			     "were read already are needed once more");
}

static int open_file(struct patchwork *p, struct error *err)
{
	struct stat st;

	p->fd = openat(p->dir, p->name,
		       O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
		       0600);
	if (p->fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
		return not_its_own(p, err);
	if (p->fd < 0 || fstat(p->fd, &st))
		return err_sys(err, errno, "%s", p->path);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return not_its_own(p, err);
	if ((uint64_t)st.st_size == p->blob->size)
		return 0;
	if (unlinkat(p->dir, p->note, 0) && errno != ENOENT)
		return err_sys(err, errno, "%s", p->path);
	if (ftruncate(p->fd, (off_t)p->blob->size))
		return err_sys(err, errno, "%s", p->path);
	if (fallocate(p->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)p->blob->size) &&
	    (errno == ENOSPC || errno == EDQUOT))
		return err_sys(err, errno, "%s", p->path);
	return 0;
}

static int open_patchwork(struct patchwork *p, struct error *err)
{
	const struct bundle_manifest *m = &p->run->s->manifest;
	const struct volcard *card = &p->run->s->volumes->card;
	const struct bundle_use *use = p->blob->uses;
	const struct lock_repo *repo = bundle_use_repo(m, use);
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);
	char hex[DIGEST_HEX_MAX];

	p->repo = repo;
	p->file = bundle_use_file(m, use);
	digest_hex(&p->file->etag, hex);
	p->name = xasprintf("%s" SUFFIX, hex);
	p->note = xasprintf("%s" NOTE_SUFFIX, hex);
	p->whole = xasprintf("%s" WHOLE_SUFFIX, hex);
	p->path = xasprintf("%s/%s/blobs/%s", hfcache_root(p->run->store),
			    folder, p->name);
	p->first = volcard_find(card, p->seg->offset);
	p->end = volcard_find(card, p->seg->offset + p->seg->size - 1) + 1;
	p->done = xcalloc(p->end - p->first, 1);
	return blobs_dir(p->run, p->repo, true, &p->dir, err);
}

/* --- this visit --------------------------------------------------------------- */

static void emit(const struct patchwork *p, enum event_type type, uint64_t done)
{
	struct str name CLEANUP(str_release) = STR_INIT;

	bundle_source_describe(p->run->s, p->seg, &name);
	event_emit(p->run->o->sink,
		   &(struct event){ .type = type,
				    .id = (unsigned)p->seg->blob,
				    .name = name.ptr,
				    .done = done,
				    .total = p->blob->size });
}

/* The part of the payload that one volume has. */
static int copy_volume(struct patchwork *p, size_t i, struct error *err)
{
	const struct volume *v = &p->run->s->volumes->card.volumes[i];
	uint64_t end = p->seg->offset + p->seg->size;
	uint64_t from = v->offset > p->seg->offset ? v->offset : p->seg->offset;
	uint64_t to = v->offset + v->size < end ? v->offset + v->size : end;
	char *path CLEANUP(free_ptr) = volumes_path(p->run->s->volumes, i);
	unsigned char *buf CLEANUP(free_ptr) = xmalloc(PIECE);
	int fd CLEANUP(close_fd) = -1;
	size_t got;

	if (volumes_open_one(p->run->s->volumes, i, &fd, err))
		return -1;
	while (from < to) {
		size_t n = to - from < PIECE ? (size_t)(to - from) : PIECE;

		if (cancel_check(p->run->o->cancel, err) ||
		    file_pread_full(fd, buf, n, from - v->offset, &got, path,
				    err))
			return -1;
		if (got < n)
			return err_set(err, ERR_INTEGRITY,
				       "%s: became shorter while it was read",
				       path);
		if (file_pwrite_all(p->fd, buf, n, from - p->seg->offset,
				    p->path, err))
			return -1;
		from += n;
		emit(p, EVENT_PROGRESS, from - p->seg->offset);
	}
	if (fsync(p->fd))
		return err_sys(err, errno, "%s", p->path);
	p->done[i - p->first] = 1;
	return write_note(p, err);
}

/* From here on it is as if it had been downloaded up to its last byte. 1: it has its
 * name; 0: what was put together cannot be read, and is gone; -1. */
static int finish(struct patchwork *p, int lockfd, struct error *err)
{
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	struct install_run *run = p->run;

	if (hfcache_part_open(&part, run->store, p->repo, p->file, true, lockfd,
			      err))
		return -1;
	if (part.offset < p->blob->size) {
		hfcache_part_drop(&part);
		return 0;
	}
	if (install_judge_part(run, p->blob, part.fd, err)) {
		hfcache_part_drop(&part);
		return -1;
	}
	if (hfcache_part_commit(&part, NULL, err))
		return -1;
	run->places[install_use_index(run, p->blob->uses)] = PLACE_RIGHT;
	emit(p, EVENT_DONE, p->blob->size);
	return 1;
}

static bool all_done(const struct patchwork *p)
{
	return !memchr(p->done, 0, p->end - p->first);
}

/* Volumes that are here and were not read yet. */
static bool any_new(const struct patchwork *p)
{
	for (size_t i = p->first; i < p->end; i++)
		if (p->run->s->volumes->states[i] == VOLUME_HERE &&
		    !p->done[i - p->first])
			return true;
	return false;
}

static int wait_for_others(struct patchwork *p)
{
	struct install_run *run = p->run;

	if (!run->needed)
		run->needed = xcalloc(run->s->volumes->card.count, 1);
	for (size_t i = p->first; i < p->end; i++)
		if (!p->done[i - p->first])
			run->needed[i] = 1;
	return 0;
}

/* All volumes are needed once more. */
static int begin_again(struct patchwork *p)
{
	event_warn(p->run->o->sink,
		   "%s: what was put together of volumes could not be read "
		   "again, and is given up",
		   p->path);
	memset(p->done, 0, p->end - p->first);
	return wait_for_others(p);
}

/* Takes lockfd. */
static int patch(struct patchwork *p, int lockfd, struct error *err)
{
	int lock CLEANUP(close_fd) = lockfd;
	const struct volumes *v = p->run->s->volumes;
	int rc;

	if (open_file(p, err))
		return -1;
	for (size_t i = p->first; i < p->end; i++)
		if (v->states[i] == VOLUME_HERE && !p->done[i - p->first] &&
		    copy_volume(p, i, err))
			return -1;
	if (!all_done(p))
		return wait_for_others(p);
	if (renameat(p->dir, p->name, p->dir, p->whole) ||
	    (unlinkat(p->dir, p->note, 0) && errno != ENOENT))
		return err_sys(err, errno, "%s", p->path);
	rc = finish(p, take_fd(&lock), err);
	return rc ? rc > 0 ? 0 : -1 : begin_again(p);
}

/* A run that was cut between the last volume and the end of the hashing. 1: the blob
 * is there now; 0: its volumes are needed (again: what was put together is wrong);
 * -1. */
static int was_complete(struct patchwork *p, struct error *err)
{
	struct stat st;
	int rc;

	if (fstatat(p->dir, p->whole, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode) || (uint64_t)st.st_size != p->blob->size)
		return 0;
	rc = finish(p, -1, err);
	if (rc >= 0 || err->code != ERR_INTEGRITY)
		return rc;
	err_clear(err);
	return 0;
}

int install_part_of_volumes(struct install_run *run, const struct segment *seg,
			    struct error *err)
{
	struct patchwork p CLEANUP(patchwork_release) = {
		.run = run, .seg = seg, .dir = -1, .fd = -1
	};
	int lockfd CLEANUP(close_fd) = -1;
	int complete;

	if (bundle_source_skip(run->s, seg->size, err))
		return -1;
	if (seg->kind != SEGMENT_PAYLOAD || seg->again)
		return 0;
	p.blob = &run->s->manifest.blobs[seg->blob];
	if (install_find_right(run, p.blob))
		return 0;
	if (open_patchwork(&p, err) || recall(&p, err))
		return -1;
	complete = all_done(&p) ? 0 : was_complete(&p, err);
	if (complete)
		return complete < 0 ? -1 : 0;
	if (!any_new(&p) && !all_done(&p))
		return wait_for_others(&p);
	if (hfcache_blob_lock(run->store, p.repo, &p.file->etag, LOCK_WAIT_MS,
			      &lockfd, err))
		return -1;
	emit(&p, EVENT_START, 0);
	return patch(&p, take_fd(&lockfd), err);
}

void install_forget_part(const struct install_run *run,
			 const struct bundle_blob *b)
{
	struct patchwork p CLEANUP(patchwork_release) = { .dir = -1, .fd = -1 };
	const struct bundle_manifest *m = &run->s->manifest;
	struct error ignored = { 0 };
	char hex[DIGEST_HEX_MAX];

	if (!run->s->volumes || blobs_dir(run, bundle_use_repo(m, b->uses),
					  false, &p.dir, &ignored))
		return;
	digest_hex(&bundle_use_file(m, b->uses)->etag, hex);
	p.name = xasprintf("%s" SUFFIX, hex);
	p.note = xasprintf("%s" NOTE_SUFFIX, hex);
	unlinkat(p.dir, p.name, 0);
	unlinkat(p.dir, p.note, 0);
}

int install_waiting(struct install_run *run, struct error *err)
{
	const struct volumes *v = run->s->volumes;
	struct str names CLEANUP(str_release) = STR_INIT;
	size_t count = 0;

	for (size_t i = 0; i < v->card.count; i++)
		if (run->needed[i] && count++ < NAMED_MAX)
			str_addf(&names, "%s%s", count > 1 ? ", " : "",
				 v->card.volumes[i].file);
	if (count > NAMED_MAX)
		str_addf(&names, " and %zu more", count - NAMED_MAX);
	err_set(err, ERR_NOT_FOUND,
		"%s: %zu of %zu volumes are here and were read; still needed: "
		"%s",
		run->s->name, v->here, v->card.count, names.ptr);
	return err_hint(err, "run install again where they are; nothing is "
			     "visible to programs before the last one");
}
