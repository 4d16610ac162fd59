/* What the store has already, and whether there is room for the rest. */
#include "bundle/install_run.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/hashrun.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK_BLOCK 4096u
/* Directories and small files of one repo: blobs/, refs/, trees/ and so on. */
#define REPO_INODES  16
#define STORE_INODES 8
/* Of a file in a listing, but for its name. */
#define TREE_ENTRY 256

size_t install_use_index(const struct install_run *run,
			 const struct bundle_use *use)
{
	return (size_t)(use - run->s->manifest.uses);
}

const struct bundle_use *install_find_right(const struct install_run *run,
					    const struct bundle_blob *b)
{
	for (size_t i = 0; i < b->use_count; i++)
		if (run->places[install_use_index(run, &b->uses[i])] ==
		    PLACE_RIGHT)
			return &b->uses[i];
	return NULL;
}

static bool same_place(const struct bundle_manifest *m,
		       const struct bundle_use *a, const struct bundle_use *b)
{
	return a->repo == b->repo && digest_equal(&bundle_use_file(m, a)->etag,
						  &bundle_use_file(m, b)->etag);
}

static int open_task(void *ctx, const struct hash_task *task, int *fd,
		     uint64_t *offset, struct error *err)
{
	struct install_run *run = ctx;
	const struct bundle_use *use = task->item;

	*offset = 0;
	return hfcache_blob_open(
		run->store, bundle_use_repo(&run->s->manifest, use),
		bundle_use_file(&run->s->manifest, use), fd, err);
}

/* A file in a snapshot without a blob (caches made without links) does not do:
 * links have to lead somewhere. */
bool install_is_candidate(struct install_run *run, const struct bundle_use *use)
{
	const struct lock_repo *r = bundle_use_repo(&run->s->manifest, use);
	const struct lock_file *f = bundle_use_file(&run->s->manifest, use);
	char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
	char hex[DIGEST_HEX_MAX];
	char *blob CLEANUP(free_ptr) = xasprintf("%s/blobs/%s", folder,
						 digest_hex(&f->etag, hex));
	struct error ignored = { 0 };
	int fd CLEANUP(close_fd) = -1;
	uint64_t offset;
	struct hash_task task = { .item = use };

	return !faccessat(hfcache_fd(run->store), blob, F_OK,
			  AT_SYMLINK_NOFOLLOW) &&
	       !open_task(run, &task, &fd, &offset, &ignored);
}

static int hash_tasks(struct install_run *run, struct hash_task *tasks,
		      size_t count, struct error *err)
{
	struct hash_run job = {
		.tasks = tasks,
		.count = count,
		.open = open_task,
		.ctx = run,
		.cancel = run->o->cancel,
		.sink = run->o->sink,
		.phase = "checking what is there",
	};

	if (count == 0)
		return 0;
	if (hash_run(&job, err))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (digest_equal(&tasks[i].got, &tasks[i].want))
			run->places[install_use_index(run, tasks[i].item)] =
				PLACE_RIGHT;
	return 0;
}

int install_find_places(struct install_run *run, bool absent, struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;
	struct hash_task *tasks CLEANUP(free_ptr) = NULL;
	size_t count = 0, cap = 0;

	for (size_t i = 0; i < m->blob_count; i++) {
		const struct bundle_blob *b = &m->blobs[i];

		for (size_t k = 0; k < b->use_count && b->absent == absent;
		     k++) {
			const struct bundle_use *use = &b->uses[k];

			if (k > 0 && same_place(m, use - 1, use))
				continue;
			run->places[install_use_index(run, use)] =
				PLACE_MISSING;
			if (!run->store || !install_is_candidate(run, use))
				continue;
			tasks = xgrow(tasks, &cap, count + 1, sizeof(*tasks));
			tasks[count++] = (struct hash_task){
				.item = use,
				.name = bundle_use_file(m, use)->path,
				.size = b->size,
				.want = b->sha256,
			};
		}
	}
	return hash_tasks(run, tasks, count, err);
}

/* Can the store's file system share extents with the bundle? */
static bool probe_clone(const struct install_run *run)
{
	int fd CLEANUP(close_fd) = -1;

	/* what lies across volumes cannot be shared: then count all as new */
	if (!run->store || !run->s->seekable || run->s->volumes)
		return false;
	fd = openat(hfcache_fd(run->store), ".", O_TMPFILE | O_RDWR | O_CLOEXEC,
		    0600);
	return fd >= 0 && run->s->file_size >= DISK_BLOCK &&
	       file_clone_range(run->s->fd, 0, fd, 0, DISK_BLOCK);
}

static uint64_t on_disk(uint64_t size)
{
	return (size + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
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
		need->inodes += 2; /* and its lock file */
		if (!run->can_clone || b->size < m->align)
			need->bytes += on_disk(b->size) -
				       install_part_on_disk(run, b);
	}
}

static bool is_there(const struct install_run *run, const char *path)
{
	struct stat st;

	return run->store &&
	       !fstatat(hfcache_fd(run->store), path, &st, AT_SYMLINK_NOFOLLOW);
}

/* Snapshot links that lack, and the directories they stand in. */
static void count_links(const struct install_run *run,
			const struct lock_repo *r, struct space_need *need)
{
	char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
	struct str path CLEANUP(str_release) = STR_INIT;
	const char *dir = "";

	str_addf(&path, "%s/trees/%s.json", folder, r->commit);
	if (!is_there(run, path.ptr)) {
		need->inodes += REPO_INODES;
		need->bytes += REPO_INODES * DISK_BLOCK;
	}
	for (size_t i = 0; i < r->file_count; i++) {
		const char *p = r->files[i].path;
		const char *slash = strrchr(p, '/');
		size_t len = slash ? (size_t)(slash - p) + 1 : 0;

		str_clear(&path);
		str_addf(&path, "%s/snapshots/%s/%s", folder, r->commit, p);
		if (is_there(run, path.ptr))
			continue;
		need->inodes++;
		/* ext4 gives a link that names a SHA-256 a block of its own */
		need->bytes += DISK_BLOCK + TREE_ENTRY + strlen(p);
		if (len > 0 && strncmp(dir, p, len) != 0)
			need->inodes++;
		dir = p;
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

int install_plan(struct install_run *run, struct error *err)
{
	const struct lock *l = &run->s->manifest.lock;
	struct space_need needs[2] = {
		{ .dir = run->o->cache_root, .option = "--cache" },
		{ .dir = run->o->model_dir, .option = "--model-dir" },
	};
	size_t count = run->o->model_dir ? 2 : 1;

	if (install_recheck_thin(run, err) ||
	    install_find_places(run, false, err))
		return -1;
	run->can_clone = probe_clone(run);
	if (!run->store) { /* the directory itself, its tag, the lock file */
		needs[0].bytes += STORE_INODES * DISK_BLOCK;
		needs[0].inodes += STORE_INODES;
	}
	count_blobs(run, &needs[0]);
	for (size_t i = 0; i < l->repo_count; i++)
		count_links(run, &l->repos[i], &needs[0]);
	if (run->o->model_dir &&
	    install_view_needs(run->store, run->o, l, &needs[1], err))
		return -1;
	for (size_t i = 0; i < run->s->manifest.extras.count; i++) {
		needs[0].bytes += on_disk(
			run->s->manifest.extras.items[i].size);
		needs[0].inodes++;
	}
	run->st->need_bytes = needs[0].bytes + needs[1].bytes;
	run->st->need_inodes = needs[0].inodes + needs[1].inodes;
	return space_check(needs, count, err);
}
