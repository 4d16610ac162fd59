/* What is to be written, and whether there is room for it. */
#include "bundle/install_run.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/lease.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK_BLOCK 4096u

/* Can the store's file system share extents with the bundle? A store that is yet to be
 * made will stand where the directory above it does. */
static bool probe_clone(const struct install_run *run)
{
	char *above CLEANUP(free_ptr) = NULL;
	int fd CLEANUP(close_fd) = -1;
	struct error ignored = { 0 };

	/* what lies across volumes cannot be shared: then count all as new */
	if (!run->s->seekable || run->s->volumes ||
	    (!run->store &&
	     space_nearest(run->o->cache_root, &above, &ignored)))
		return false;
	fd = open(above ? above : hfcache_root(run->store),
		  O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd >= 0 && run->s->file_size >= DISK_BLOCK &&
	       file_clone_range(run->s->fd, 0, fd, 0, DISK_BLOCK);
}

static void count_blobs(struct install_run *run, struct space_need *need)
{
	const struct bundle_manifest *m = &run->s->manifest;
	struct install_stats *st = run->st;

	for (size_t i = 0; i < m->blob_count; i++) {
		const struct bundle_blob *b = &m->blobs[i];

		st->files++;
		st->bytes += b->size;
		if (install_find_right(run, b)) {
			st->had_files++;
			st->had_bytes += b->size;
			continue;
		}
		st->new_files++;
		st->new_bytes += b->size;
		/* its lock file, and its names: tmpfs counts hard links */
		need->inodes += 1 + b->use_count;
		if (!run->can_clone || b->size < m->align)
			need->bytes += space_on_disk(b->size) -
				       install_part_on_disk(run, b);
	}
}

bool install_has(const struct hfcache *store, const char *path)
{
	struct stat st;

	return store &&
	       !fstatat(hfcache_fd(store), path, &st, AT_SYMLINK_NOFOLLOW);
}

/* Snapshot links that lack, and the directories they stand in. */
static void count_links(const struct install_run *run,
			const struct lock_repo *r, struct space_need *need)
{
	char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
	struct str path CLEANUP(str_release) = STR_INIT;
	const char *before = "";

	str_addf(&path, "%s/trees/%s.json", folder, r->commit);
	if (!install_has(run->store, path.ptr))
		space_add_repo(need);
	for (size_t i = 0; i < r->file_count; i++) {
		const char *p = r->files[i].path;

		str_clear(&path);
		str_addf(&path, "%s/snapshots/%s/%s", folder, r->commit, p);
		if (install_has(run->store, path.ptr))
			continue;
		space_add_link(need, p, before);
		before = p;
	}
}

int install_view_needs(struct hfcache *store, const struct install_options *o,
		       const struct lock *l, struct space_need *need,
		       struct error *err)
{
	struct hfcache *stand_in CLEANUP(hfcache_close) = NULL;
	char *dir CLEANUP(free_ptr) = NULL;

	/* a store that is yet to be made: what counts is its file system */
	if (!store && (space_nearest(o->cache_root, &dir, err) ||
		       hfcache_open(&stand_in, dir, false, err)))
		return -1;
	return view_plan(store ? store : stand_in, l, o->model_dir,
			 &need->bytes, &need->inodes, err);
}

/* What is found right must not be cleaned away before it has a link. */
static int keep_repos(const struct install_run *run, struct error *err)
{
	const struct lock *l = &run->s->manifest.lock;

	for (size_t i = 0; run->store && i < l->repo_count; i++) {
		char *folder CLEANUP(free_ptr) = repo_folder(l->repos[i].type,
							     l->repos[i].id);

		if (lease_share(run->store, folder, err))
			return -1;
	}
	return 0;
}

int install_plan(struct install_run *run, struct error *err)
{
	const struct lock *l = &run->s->manifest.lock;
	struct space_need needs[2] = {
		{ .dir = run->o->cache_root, .option = "--cache" },
		{ .dir = run->o->model_dir, .option = "--model-dir" },
	};
	size_t count = run->o->model_dir ? 2 : 1;

	if (keep_repos(run, err) || install_recheck_thin(run, err) ||
	    install_find_places(run, false, err))
		return -1;
	run->can_clone = probe_clone(run);
	if (!run->store)
		space_add_store(&needs[0]);
	count_blobs(run, &needs[0]);
	for (size_t i = 0; i < l->repo_count; i++)
		count_links(run, &l->repos[i], &needs[0]);
	if (run->o->model_dir &&
	    install_view_needs(run->store, run->o, l, &needs[1], err))
		return -1;
	for (size_t i = 0; i < run->s->manifest.extras.count; i++) {
		needs[0].bytes += space_on_disk(
			run->s->manifest.extras.items[i].size);
		needs[0].inodes++;
	}
	run->st->need_bytes = needs[0].bytes + needs[1].bytes;
	run->st->need_inodes = needs[0].inodes + needs[1].inodes;
	return space_check(needs, count, err);
}
