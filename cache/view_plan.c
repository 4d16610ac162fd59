/* What view_place() will need, known before anything is written. */
#include "cache/view.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/place.h"
#include "cache/sharing.h"
#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK_BLOCK ((uint64_t)4096)
/* Directories of a Hub view, from the model directory down, and its listing. */
#define HUB_INODES 8
#define HUB_BYTES  (HUB_INODES * DISK_BLOCK)
/* Of a file in that listing, but for its name. */
#define TREE_ENTRY 256
/* The record, what quick checks remember, their directory, temporary names. */
#define OWN_INODES 6

struct need {
	const struct lock *lock;
	struct hfcache *store; /* where the blobs are */
	const char *dir;       /* the model directory */
	int dirfd;	       /* borrowed, of it; -1: there is none yet */
	struct sharing sharing;
	uint64_t bytes, inodes;
	struct placement *items;
	size_t count, cap;
};

static void need_release(struct need *n)
{
	free_ptr(&n->items);
}

/* The nearest directory that exists; *exact: it is dir itself. */
static int open_nearest(const char *dir, bool *exact, struct error *err)
{
	char *path CLEANUP(free_ptr) = xstrdup(dir);

	for (*exact = true;; *exact = false) {
		int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		char *slash = strrchr(path, '/');

		if (fd >= 0)
			return fd;
		if (errno != ENOENT || !*path || !strcmp(path, "."))
			return err_sys(err, errno, "%s", dir);
		if (!slash)
			memcpy(path, ".", 2);
		else
			slash[slash == path] = '\0';
	}
}

static uint64_t on_disk(uint64_t size)
{
	return (size + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
}

static bool exists(const struct need *n, const char *path, struct stat *st)
{
	return n->dirfd >= 0 &&
	       !fstatat(n->dirfd, path, st, AT_SYMLINK_NOFOLLOW);
}

static void add(struct need *n, const struct lock_repo *repo,
		const struct lock_file *file, const char *view)
{
	n->items = xgrow(n->items, &n->cap, n->count + 1, sizeof(*n->items));
	n->items[n->count++] =
		(struct placement){ .repo = repo, .file = file, .view = view };
}

/* Is the Hub view of this repo the store itself? */
static bool is_store(const struct need *n, const struct lock_repo *repo)
{
	struct stat a, b;

	return exists(n, repo->hub_view, &a) &&
	       !fstat(hfcache_fd(n->store), &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Directories that a view stands in and the one before it does not. */
static void need_dirs(struct need *n, const char *view, const char *before)
{
	size_t dirs = path_new_dirs(view, before);

	n->inodes += dirs;
	n->bytes += dirs * DISK_BLOCK;
}

/* Directories, links, listing, refs of a Hub view that is not there yet. */
static void need_hub(struct need *n, const struct lock_repo *r)
{
	char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
	char *tree CLEANUP(free_ptr) = xasprintf(
		"%s/%s/trees/%s.json", r->hub_view, folder, r->commit);
	const char *before = "";
	struct stat st;

	if (exists(n, tree, &st))
		return;
	n->inodes += HUB_INODES + r->refs.count + r->file_count;
	n->bytes += HUB_BYTES + DISK_BLOCK * (r->refs.count + r->file_count);
	for (size_t k = 0; k < r->file_count; k++) {
		n->bytes += TREE_ENTRY + strlen(r->files[k].path);
		need_dirs(n, r->files[k].path, before);
		before = r->files[k].path;
	}
}

static void list_placements(struct need *n)
{
	const char *before = "";
	struct stat st;

	for (size_t i = 0; i < n->lock->repo_count; i++) {
		const struct lock_repo *r = &n->lock->repos[i];
		bool hub = r->hub_view && !is_store(n, r);

		if (hub)
			need_hub(n, r);
		for (size_t k = 0; k < r->file_count; k++) {
			const struct lock_file *f = &r->files[k];

			if (hub)
				add(n, r, f, NULL);
			for (char **v = f->views; v && *v; v++) {
				add(n, r, f, *v);
				if (!exists(n, *v, &st))
					need_dirs(n, *v, before);
				before = *v;
			}
		}
	}
}

/* Equal bytes side by side. */
static int by_bytes(const void *a, const void *b)
{
	const struct placement *x = a, *y = b;

	return digest_cmp(store_want(x->file), store_want(y->file));
}

/* Files of the right size count as there: if one is damaged, its space will do. */
static bool is_there(const struct need *n, const struct placement *at)
{
	char *path CLEANUP(free_ptr) = placement_path(at);
	struct stat st;

	return exists(n, path, &st) && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == at->file->size;
}

/* Placements of the same bytes, from items[i] on: one copy is enough for those
 * that nobody edits, and none where they can share the bytes of the store. A name
 * counts as an inode: tmpfs takes one for each hard link. */
static size_t need_group(struct need *n, size_t i)
{
	const struct placement *first = &n->items[i];
	uint64_t files = 0;
	bool shared = false; /* it is there, or its bytes are counted */

	for (; i < n->count && !by_bytes(&n->items[i], first); i++) {
		bool there = is_there(n, &n->items[i]);

		n->inodes += !there;
		if (placement_is_editable(&n->items[i])) {
			files += !there;
			continue;
		}
		if (!there && !shared)
			files += !sharing_of(&n->sharing, first->repo,
					     first->file);
		shared = true;
	}
	n->bytes += files * on_disk(first->file->size);
	return i;
}

/* --- what no file can take the place of --------------------------------------- */

static int in_the_way(const struct need *n, const char *path,
		      const struct stat *st, bool last, struct error *err)
{
	if (S_ISLNK(st->st_mode))
		err_set(err, ERR_UNSAFE,
			"%s/%s: is a symbolic link, and none is followed below "
			"a model directory",
			n->dir, path);
	else
		err_set(err, ERR_IO, "%s/%s: is %s, where a %s belongs", n->dir,
			path, last ? "a directory" : "no directory",
			last ? "file" : "directory");
	return err_hint(err, "move it away, or choose another model directory");
}

/* dirs: look at the directories above it, too. */
static int check_way(const struct need *n, const char *path, bool dirs,
		     bool may_be_dir, struct error *err)
{
	char *part CLEANUP(free_ptr) = xstrdup(path);
	struct stat st;

	for (char *p = strchr(part, '/'); dirs && p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (!exists(n, part, &st))
			return 0;
		if (!S_ISDIR(st.st_mode))
			return in_the_way(n, part, &st, false, err);
		*p = '/';
	}
	if (!may_be_dir && exists(n, path, &st) && S_ISDIR(st.st_mode))
		return in_the_way(n, path, &st, true, err);
	return 0;
}

static char *record_path(const struct need *n)
{
	return xasprintf(VIEW_RECORD_DIR "/%s.lock.json", n->lock->name);
}

/* Else it would be seen when all of a bundle has come. */
static int check_ways(const struct need *n, struct error *err)
{
	char *record CLEANUP(free_ptr) = record_path(n);
	char *before CLEANUP(free_ptr) = xstrdup("");

	if (n->dirfd < 0)
		return 0;
	for (size_t i = 0; i < n->count; i++) {
		const struct placement *at = &n->items[i];
		char *path CLEANUP(free_ptr) = placement_path(at);
		bool dirs = path_new_dirs(path, before);

		/* what stands in the place of a text is kept as NAME.orig */
		if (check_way(n, path, dirs, placement_is_editable(at), err))
			return -1;
		free_ptr(&before);
		before = take_ptr(path);
	}
	return check_way(n, record, true, false, err);
}

/* --- all of it ------------------------------------------------------------------ */

static void need_record(struct need *n, const char *model_dir)
{
	char *path CLEANUP(free_ptr) = record_path(n);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct stat st;

	lock_format(n->lock, &text);
	if (exists(n, path, &st) && (uint64_t)st.st_size == text.len)
		return;
	n->bytes += on_disk(text.len) + OWN_INODES * DISK_BLOCK;
	n->inodes += OWN_INODES;
	need_dirs(n, model_dir, "");
}

int view_plan(struct hfcache *c, const struct lock *l, const char *model_dir,
	      uint64_t *bytes, uint64_t *inodes, struct error *err)
{
	struct need n CLEANUP(need_release) = {
		.lock = l, .store = c, .dir = model_dir, .dirfd = -1
	};
	bool exact;
	int fd CLEANUP(close_fd) = open_nearest(model_dir, &exact, err);

	if (fd < 0 || sharing_begin(&n.sharing, c, fd, err))
		return -1;
	if (exact)
		n.dirfd = fd;
	need_record(&n, model_dir);
	list_placements(&n);
	if (check_ways(&n, err))
		return -1;
	if (n.count)
		qsort(n.items, n.count, sizeof(*n.items), by_bytes);
	for (size_t i = 0; i < n.count;)
		i = need_group(&n, i);
	*bytes = n.bytes;
	*inodes = n.inodes;
	return 0;
}
