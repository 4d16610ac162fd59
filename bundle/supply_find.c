/* What the places have: an offer is a guess from names and sizes, and the digest
 * decides. */
#include "bundle/supply_run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/beneath.h"
#include "cache/derive.h"
#include "cache/localdir.h"
#include "cache/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

static void add(struct supply *s, const char *path, uint64_t size)
{
	s->files = xgrow(s->files, &s->cap, s->count + 1, sizeof(*s->files));
	s->files[s->count++] = (struct supply_file){
		.path = arena_strdup(&s->paths, path),
		.size = size,
	};
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

/* Of several it is the first that fails which counts. */
static bool open_offer(const struct supply *s, const char *path,
		       struct supply_offer *out)
{
	struct stat st;
	enum beneath b = beneath_open(s->dirfd, path, &out->fd, &st);

	if (b == BENEATH_FILE || (b == BENEATH_FAILED && !out->failed)) {
		out->failed = b == BENEATH_FAILED ? errno : 0;
		free_ptr(&out->path);
		out->path = xasprintf("%s/%s", s->name, path);
	}
	if (b != BENEATH_FILE)
		return false;
	out->size = (uint64_t)st.st_size;
	return true;
}

static bool fits(const struct lock_file *file, uint64_t size)
{
	return file->size == DERIVE_NO_SIZE || file->size == size;
}

/* --- bundles ------------------------------------------------------------------- */

static bool is_use(const struct bundle_manifest *m, const struct bundle_blob *b,
		   const struct digest *etag)
{
	for (size_t i = 0; i < b->use_count; i++)
		if (digest_equal(&bundle_use_file(m, &b->uses[i])->etag, etag))
			return true;
	return false;
}

static size_t find_blob(const struct bundle_manifest *m,
			const struct lock_file *file)
{
	size_t i;

	if (file->sha256.alg)
		return bundle_find_blob(m, &file->sha256);
	for (i = 0; i < m->blob_count; i++)
		if (is_use(m, &m->blobs[i], &file->etag))
			return i;
	return SIZE_MAX;
}

bool supply_from_bundle(struct supply *s, const struct lock_file *file,
			size_t n, struct supply_offer *out)
{
	const struct bundle_manifest *m = &s->source.manifest;
	size_t i = n ? SIZE_MAX : find_blob(m, file);
	struct segment seg = { .kind = SEGMENT_PAYLOAD };

	if (i == SIZE_MAX || !fits(file, m->blobs[i].size) ||
	    (m->blobs[i].size && s->offsets[i] == UINT64_MAX))
		return false;
	seg.offset = out->offset = m->blobs[i].size ? s->offsets[i] : 0;
	seg.size = out->size = m->blobs[i].size;
	out->source = &s->source;
	return !seg.size || bundle_source_has(&s->source, &seg);
}

/* --- caches -------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct supply_file *x = a, *y = b;

	return strcmp(path_base(x->path), path_base(y->path));
}

/* What is gone meanwhile is nothing to tell. */
static void not_looked_into(const struct supply *s,
			    const struct event_sink *sink, const char *path,
			    int errnum)
{
	if (errnum != ENOENT && errnum != ENOTDIR)
		event_warn(sink, "not looked into: %s%s%s: %s", s->name,
			   *path ? "/" : "", path, strerrordesc_np(errnum));
}

/* Names in a directory of the place: of one that is not there, and (with a warning)
 * of one that cannot be read there are none. */
static int list_dir(const struct supply *s, const struct event_sink *sink,
		    int fd, const char *path, struct dirent ***names)
{
	int n = fd < 0 ? -1 : scandirat(fd, ".", names, not_dots, NULL);

	if (n < 0)
		not_looked_into(s, sink, path, errno);
	return n < 0 ? 0 : n;
}

/* "models--O--N/blobs/<etag>" of every repo. */
static void scan_repo(struct supply *s, const struct event_sink *sink,
		      const char *folder)
{
	char *blobs CLEANUP(free_ptr) = xasprintf("%s/blobs", folder);
	int fd CLEANUP(close_fd) = beneath_open_dir(s->dirfd, blobs);
	struct dirent **names = NULL;
	int n = list_dir(s, sink, fd, blobs, &names);

	for (int i = 0; i < n; i++) {
		char *path CLEANUP(free_ptr) = xasprintf("%s/%s", blobs,
							 names[i]->d_name);
		struct digest d;

		if (s->count < SUPPLY_MAX_FILES &&
		    digest_from_hex(&d, names[i]->d_name))
			add(s, path, 0);
		free(names[i]);
	}
	free(names);
}

int supply_scan_cache(struct supply *s, const struct event_sink *sink,
		      struct error *err)
{
	struct dirent **names = NULL;
	int n = scandirat(s->dirfd, ".", &names, not_dots, NULL);

	if (n < 0)
		return err_sys(err, errno, "%s", s->name);
	s->scanned = true;
	for (int i = 0; i < n; i++) {
		enum repo_type type;
		char *id CLEANUP(free_ptr) = NULL;

		if (!repo_folder_parse(names[i]->d_name, &type, &id))
			scan_repo(s, sink, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	if (s->count)
		qsort(s->files, s->count, sizeof(*s->files), by_name);
	return 0;
}

/* The n-th blob of this name in any repo. */
static const struct supply_file *named(const struct supply *s,
				       const struct digest *d, size_t n)
{
	char hex[DIGEST_HEX_MAX];
	struct supply_file key = { .path = digest_hex(d, hex) };
	const struct supply_file *f;
	size_t i;

	if (!d->alg || !s->count)
		return NULL;
	f = bsearch(&key, s->files, s->count, sizeof(key), by_name);
	if (!f)
		return NULL;
	for (i = (size_t)(f - s->files); i && !by_name(f, &s->files[i - 1]);
	     i--)
		;
	i += n;
	return i < s->count && !by_name(f, &s->files[i]) ? &s->files[i] : NULL;
}

bool supply_from_cache(struct supply *s, const struct lock_repo *repo,
		       const struct lock_file *file, size_t n,
		       struct supply_offer *out)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);
	char hex[DIGEST_HEX_MAX];
	char *mine CLEANUP(free_ptr) = xasprintf("%s/blobs/%s", folder,
						 digest_hex(&file->etag, hex));
	char *snap CLEANUP(free_ptr) = xasprintf("%s/snapshots/%s/%s", folder,
						 repo->commit, file->path);
	const struct supply_file *f = n ? named(s, &file->etag, n - 1) : NULL;
	const char *path = f ? f->path : snap;

	if (n && !f)
		return false;
	/* first the file itself, as in caches without links; what the store has
	 * there is what is wrong */
	if (s->self && (!n || !strcmp(path, mine)))
		return true;
	if (!open_offer(s, path, out) || !fits(file, out->size))
		close_fd(&out->fd);
	return true;
}

/* --- any files ----------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	const struct supply_file *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static void scan_dir(struct supply *s, const struct event_sink *sink,
		     const char *dir, unsigned depth)
{
	int fd CLEANUP(close_fd) = beneath_open_dir(s->dirfd, *dir ? dir : ".");
	struct dirent **names = NULL;
	int n = list_dir(s, sink, fd, dir, &names);

	for (int i = 0; i < n; i++) {
		char *path CLEANUP(free_ptr) = xasprintf(
			"%s%s%s", dir, *dir ? "/" : "", names[i]->d_name);
		struct stat st;

		if (s->count >= SUPPLY_MAX_FILES) {
			/* enough */
		} else if (fstatat(fd, names[i]->d_name, &st,
				   AT_SYMLINK_NOFOLLOW)) {
			not_looked_into(s, sink, path, errno);
		} else if (S_ISREG(st.st_mode) && localdir_is_note(path)) {
			/* one for each file, and none of them is wanted */
		} else if (S_ISREG(st.st_mode)) {
			add(s, path, (uint64_t)st.st_size);
		} else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			scan_dir(s, sink, path, depth + 1);
		}
		free(names[i]);
	}
	free(names);
}

int supply_scan_files(struct supply *s, const struct event_sink *sink,
		      struct error *err)
{
	scan_dir(s, sink, "", 0);
	if (s->count == SUPPLY_MAX_FILES)
		return err_set(err, ERR_FORMAT, "%s: more than %u files",
			       s->name, SUPPLY_MAX_FILES);
	if (s->count)
		qsort(s->files, s->count, sizeof(*s->files), by_size);
	return 0;
}

/* Where Git LFS keeps an object, in a work tree or in a bare repository. */
static bool open_object(const struct supply *s, const struct lock_file *file,
			struct supply_offer *out)
{
	static const char *const tops[] = { ".git/lfs", "lfs" };
	char hex[DIGEST_HEX_MAX];

	if (!file->sha256.alg)
		return false;
	digest_hex(&file->sha256, hex);
	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		char *path CLEANUP(free_ptr) = xasprintf(
			"%s/objects/%.2s/%.2s/%s", tops[i], hex, hex + 2, hex);

		if (open_offer(s, path, out)) {
			out->immutable = true;
			return true;
		}
	}
	return false;
}

/* The first file of this size. */
static size_t first_of_size(const struct supply *s, uint64_t size)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->files[mid].size < size)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct hashed *hashed_with(struct supply *s, enum digest_alg alg)
{
	return &s->hashed[alg - 1];
}

void supply_learn(struct supply *s, const struct supply_file *f,
		  const struct digest *got)
{
	hashed_add(hashed_with(s, got->alg), s->count, (size_t)(f - s->files),
		   got);
}

/* One that hashes to what is wanted, else one of its size that was not hashed yet.
 * Thousands may have it: those that are something else are not gone through again
 * for each file that lacks. NULL: no more. */
static const struct supply_file *guess(struct supply *s,
				       const struct lock_file *file,
				       struct supply_cursor *c, bool *known)
{
	const struct digest *want = store_want(file);
	struct hashed *h = hashed_with(s, want->alg);
	const struct supply_file *f;

	while (c->same != HASHED_NONE) {
		f = &s->files[c->same];
		c->same = hashed_next(h, c->same, want);
		*known = true;
		if (f->size == file->size && strcmp(f->path, file->path))
			return f;
	}
	*known = false;
	while ((c->other = hashed_skip(h, c->other)) < s->count) {
		f = &s->files[c->other++];
		if (f->size != file->size)
			return NULL;
		/* that was the second offer */
		if (strcmp(f->path, file->path))
			return f;
	}
	return NULL;
}

bool supply_from_files(struct supply *s, const struct lock_file *file,
		       struct supply_cursor *c, struct supply_offer *out)
{
	size_t n = c->n++;

	out->edited = n > 0;
	if (n == 0) {
		if (!open_object(s, file, out) || !fits(file, out->size)) {
			close_fd(&out->fd);
			out->immutable = false;
		}
		return true;
	}
	if (n == 1) {
		if (!open_offer(s, file->path, out) || !fits(file, out->size))
			close_fd(&out->fd);
		return true;
	}
	/* nothing to go by but the digest: all would have to be read */
	if (file->size == DERIVE_NO_SIZE)
		return false;
	if (n == 2) {
		c->other = first_of_size(s, file->size);
		c->same = hashed_first(hashed_with(s, store_want(file)->alg),
				       store_want(file));
	}
	out->guess = guess(s, file, c, &out->known);
	if (!out->guess)
		return false;
	if (!open_offer(s, out->guess->path, out) || !fits(file, out->size))
		close_fd(&out->fd);
	return true;
}
