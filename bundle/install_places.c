/* What the store has already of a bundle, looked at and hashed. */
#include "bundle/install_run.h"

#include "base/mem.h"
#include "cache/hashrun.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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
int install_look(struct install_run *run, const struct bundle_use *use,
		 bool *out, struct error *err)
{
	const struct lock_repo *r = bundle_use_repo(&run->s->manifest, use);
	const struct lock_file *f = bundle_use_file(&run->s->manifest, use);
	char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
	char hex[DIGEST_HEX_MAX];
	char *blob CLEANUP(free_ptr) = xasprintf("%s/blobs/%s", folder,
						 digest_hex(&f->etag, hex));
	int fd CLEANUP(close_fd) = -1;
	uint64_t offset;
	struct hash_task task = { .item = use };

	*out = false;
	if (faccessat(hfcache_fd(run->store), blob, F_OK, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_sys(err, errno, "%s/%s",
					 hfcache_root(run->store), blob);
	*out = !open_task(run, &task, &fd, &offset, err);
	if (err->code == ERR_IO)
		return -1;
	err_clear(err);
	return 0;
}

bool install_is_candidate(struct install_run *run, const struct bundle_use *use)
{
	struct error ignored = { 0 };
	bool found;

	return !install_look(run, use, &found, &ignored) && found;
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
