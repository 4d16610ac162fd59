#include "cache/verify.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/probe.h"
#include "cache/store.h"
#include "cache/verify_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool verify_is_leftover(const char *name)
{
	return str_ends(name, ".incomplete") || str_ends(name, ".itts-part");
}

/* --- a repo of a lock ------------------------------------------------------- */

struct checker {
	struct hfcache *cache;
	const struct lock_repo *repo;
	const char *where;
	char *folder;
	struct probe_set *probes;
	struct verify_report *out;
};

/* The link of a file whose blob is looked at already. */
static void check_link(struct checker *k, const struct lock_file *f,
		       const char *snap, const char *blob)
{
	struct stat link, target;
	enum beneath b = beneath_stat(k->cache->fd, snap, &link);
	const char *why = NULL;

	if (beneath_stat(k->cache->fd, blob, &target) != BENEATH_FILE)
		return; /* the blob is the damage, not the link */
	if (b != BENEATH_FILE)
		why = beneath_text(b);
	else if (link.st_dev != target.st_dev || link.st_ino != target.st_ino)
		why = "leads to another blob";
	if (why)
		verify_report_add(k->out, VERIFY_BAD_LINK, k->where, f->path,
				  f->size, why);
}

/* A file is the blob behind a link, or (caches without links) the file itself. */
static void check_file(struct checker *k, const struct lock_file *f)
{
	char *blob CLEANUP(free_ptr) = store_blob_path(k->repo, &f->etag);
	char *snap CLEANUP(free_ptr) = store_snapshot_path(k->repo, f->path);
	const struct digest *want = store_want(f);
	int root = k->cache->fd;
	struct stat st;
	bool there = !fstatat(root, snap, &st, AT_SYMLINK_NOFOLLOW);

	if (there && S_ISREG(st.st_mode)) {
		probe_add(k->probes, &(struct probe){ .dirfd = root,
						      .rel = (char *)snap,
						      .where = k->where,
						      .path = (char *)f->path,
						      .lent = true,
						      .size = f->size,
						      .want = *want });
		return;
	}
	probe_add(k->probes, &(struct probe){ .dirfd = root,
					      .rel = (char *)blob,
					      .where = k->where,
					      .path = (char *)f->path,
					      .lent = true,
					      .size = f->size,
					      .want = *want });
	if (there)
		check_link(k, f, snap, blob);
	else if (!fstatat(root, blob, &st, AT_SYMLINK_NOFOLLOW))
		verify_report_add(k->out, VERIFY_MISSING, k->where, f->path,
				  f->size, "no link in the snapshot");
}

static void check_refs(struct checker *k)
{
	for (size_t i = 0; i < k->repo->refs.count; i++) {
		char *shown CLEANUP(free_ptr) = xasprintf(
			"refs/%s", k->repo->refs.items[i]);
		char *path CLEANUP(free_ptr) = xasprintf("%s/%s", k->folder,
							 shown);
		char commit[41];
		char *why CLEANUP(free_ptr) = store_read_ref(k->cache->fd, path,
							     commit);
		char *other CLEANUP(free_ptr) = xasprintf("points to %s",
							  commit);
		struct stat st;
		bool there = !fstatat(k->cache->fd, path, &st,
				      AT_SYMLINK_NOFOLLOW);

		if (why)
			verify_report_add(
				k->out, there ? VERIFY_BAD_REF : VERIFY_MISSING,
				k->where, shown, 0, why);
		else if (strcmp(commit, k->repo->commit))
			verify_report_add(k->out, VERIFY_EXTRA, k->where, shown,
					  0, other);
	}
}

static void check_leftovers(struct checker *k)
{
	char *blobs CLEANUP(free_ptr) = store_path(k->repo, "blobs");
	DIR *dir = file_dir_take(beneath_open_dir(k->cache->fd, blobs));
	struct dirent *d;

	if (!dir)
		return;
	while ((d = readdir(dir))) {
		char *path CLEANUP(free_ptr) = xasprintf("blobs/%s", d->d_name);

		if (verify_is_leftover(d->d_name))
			verify_report_add(k->out, VERIFY_LEFTOVER, k->where,
					  path, 0, NULL);
	}
	closedir(dir);
}

void verify_collect_repo(struct hfcache *c, const struct lock_repo *repo,
			 const char *where, struct probe_set *probes,
			 struct verify_report *out)
{
	char *folder CLEANUP(free_ptr) = repo_folder(repo->type, repo->id);
	struct checker k = { .cache = c,
			     .repo = repo,
			     .where = where,
			     .folder = folder,
			     .probes = probes,
			     .out = out };

	for (size_t i = 0; i < repo->file_count; i++)
		check_file(&k, &repo->files[i]);
	check_refs(&k);
	check_leftovers(&k);
}

int verify_lock(struct hfcache *c, const struct lock *l,
		const struct verify_options *o, struct verify_report *out,
		struct error *err)
{
	struct probe_set probes CLEANUP(probe_set_release) = {
		.checked = o->checked,
	};

	for (size_t i = 0; i < l->repo_count; i++)
		verify_collect_repo(c, &l->repos[i], l->repos[i].id, &probes,
				    out);
	if (probe_run(&probes, o, out, err))
		return -1;
	verify_report_sort(out);
	return 0;
}
