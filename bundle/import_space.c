/* What an archive will need, known before the first write. */
#include "bundle/import_run.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/install_run.h"

static void count_repos(const struct import_run *run, struct space_need *need)
{
	for (size_t i = 0; i < run->found.repo_count; i++) {
		const struct lock_repo *r = &run->found.repos[i];
		char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
		char *tree CLEANUP(free_ptr) = xasprintf("%s/trees/%s.json",
							 folder, r->commit);

		if (!install_has(run->store, tree))
			space_add_repo(need);
	}
}

/* Files of snapshots, which are sorted by their paths. */
static void count_links(const struct import_run *run, struct space_need *need)
{
	const char *before = "";

	for (size_t i = 0; i < run->count; i++) {
		const struct import_entry *e = &run->entries[i];
		const char *path = e->path + e->name.folder;

		if (e->name.kind != IMPORT_FILE || e->content == IMPORT_NONE ||
		    install_has(run->store, path))
			continue;
		space_add_link(need, path, before);
		before = path;
	}
}

/* A content that is stored: its names in blobs/, and its lock file. */
static void count_blob(struct import_run *run, uint32_t content,
		       struct space_need *need)
{
	struct error missing = { 0 };
	int fd CLEANUP(close_fd) = -1;
	struct lock_repo repo;
	struct lock_file file;
	size_t first, count = import_uses(run, content, &first), names = 0;

	if (count == 0 || run->contents[content].copy)
		return;
	import_blob_of(run, &run->entries[run->uses[first]], &repo, &file);
	if (run->store &&
	    !hfcache_blob_open(run->store, &repo, &file, &fd, &missing)) {
		run->st->had_blobs += run->o->dry_run;
		return;
	}
	for (size_t i = first; i < first + count; i++)
		names += run->entries[run->uses[i]].name.kind == IMPORT_BLOB;
	need->bytes += space_on_disk(file.size);
	need->inodes += 1 + (names ? names : 1);
	if (run->o->dry_run) {
		run->st->blobs++;
		run->st->bytes += file.size;
	}
}

static int count_views(const struct import_run *run, struct space_need *need,
		       struct error *err)
{
	if (!run->lock) {
		err_set(err, ERR_USAGE,
			"%s: a model directory needs a lock that says what "
			"belongs into it",
			run->o->model_dir);
		return err_hint(err, "give it with --lock");
	}
	return install_view_needs(run->store, run->o, run->lock, need, err);
}

int import_check_space(struct import_run *run, struct error *err)
{
	struct space_need needs[2] = {
		{ .dir = run->o->cache_root, .option = "--cache" },
		{ .dir = run->o->model_dir, .option = "--model-dir" },
	};
	size_t count = run->o->model_dir ? 2 : 1;

	if (!run->store)
		space_add_store(&needs[0]);
	count_repos(run, &needs[0]);
	count_links(run, &needs[0]);
	for (size_t i = 0; i < run->count; i++)
		if (run->entries[i].is_file)
			count_blob(run, (uint32_t)i, &needs[0]);
	if (run->o->model_dir && count_views(run, &needs[1], err))
		return -1;
	return space_check(needs, count, err);
}
