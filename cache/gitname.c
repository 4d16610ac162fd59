#include "cache/gitname.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/hashrun.h"
#include "cache/store.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Files without a name, by size. */
struct nameless {
	struct lock_file **files;
	size_t count;
};

static void nameless_release(struct nameless *n)
{
	free_ptr(&n->files);
}

static int by_size(const void *a, const void *b)
{
	const struct lock_file *x = *(struct lock_file *const *)a;
	const struct lock_file *y = *(struct lock_file *const *)b;

	return (x->size > y->size) - (x->size < y->size);
}

static void collect(struct lock_repo *repo, struct nameless *out)
{
	out->files = xcalloc(repo->file_count + 1, sizeof(*out->files));
	for (size_t i = 0; i < repo->file_count; i++) {
		struct lock_file *f = &repo->files[i];

		if (f->etag.alg == DIGEST_NONE &&
		    f->sha256.alg == DIGEST_SHA256)
			out->files[out->count++] = f;
	}
	if (out->count > 0)
		qsort(out->files, out->count, sizeof(*out->files), by_size);
}

/* The place of the first that is so large, or of one behind it. */
static size_t first_of(const struct nameless *n, uint64_t size)
{
	size_t low = 0, high = n->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (n->files[mid]->size < size)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool is_wanted(const struct nameless *n, uint64_t size)
{
	size_t i = first_of(n, size);

	return i < n->count && n->files[i]->size == size;
}

/* Both digests of the blob, which has the first for a name. */
static void compare(struct hfcache *c, const struct lock_repo *repo,
		    const struct nameless *n, const struct lock_file *blob)
{
	struct error ignored = { .code = ERR_NONE };
	int fd CLEANUP(close_fd) = -1;
	struct hash_span span = { .size = blob->size };
	struct digest git, sha256;

	if (hfcache_blob_open(c, repo, blob, &fd, &ignored) < 0)
		return;
	span.fd = fd;
	if (hash_span(&span, DIGEST_GIT_SHA1, &git, &ignored) < 0 ||
	    hash_span(&span, DIGEST_SHA256, &sha256, &ignored) < 0)
		return;
	if (!digest_equal(&git, &blob->etag))
		return;
	for (size_t i = first_of(n, blob->size);
	     i < n->count && n->files[i]->size == blob->size; i++)
		if (digest_equal(&n->files[i]->sha256, &sha256))
			n->files[i]->etag = git;
}

static int look_through(struct hfcache *c, const struct lock_repo *repo,
			const struct nameless *n, DIR *dir,
			const struct cancel *cancel, struct error *err)
{
	struct dirent *d;
	int failed = 0;

	while ((d = file_dir_next(dir, &failed))) {
		struct lock_file blob = { .path = d->d_name };
		struct stat st;

		if (cancel_check(cancel, err) < 0)
			return -1;
		if (!digest_from_hex(&blob.etag, d->d_name) ||
		    blob.etag.alg != DIGEST_GIT_SHA1 ||
		    fstatat(dirfd(dir), d->d_name, &st, 0) != 0 ||
		    !is_wanted(n, (uint64_t)st.st_size))
			continue;
		blob.size = (uint64_t)st.st_size;
		compare(c, repo, n, &blob);
	}
	return 0;
}

int gitname_find(struct hfcache *c, struct lock_repo *repo,
		 const struct cancel *cancel, struct error *err)
{
	struct nameless n CLEANUP(nameless_release) = { 0 };
	char *path CLEANUP(free_ptr) = store_path(repo, "blobs");
	DIR *dir;
	int rc;

	collect(repo, &n);
	dir = n.count > 0 ? file_dir_open(c->fd, path) : NULL;
	if (!dir)
		return 0;
	rc = look_through(c, repo, &n, dir, cancel, err);
	closedir(dir);
	return rc;
}
