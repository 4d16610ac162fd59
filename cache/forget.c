#include "cache/hfcache.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/census.h"
#include "cache/lease.h"
#include "cache/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool is_used(struct hfcache *c, const char *folder, const char *name)
{
	struct census census CLEANUP(census_release) = { 0 };

	if (!census_repo(c, folder, CENSUS_FILES, &census) || census.unread)
		return true; /* who knows */
	for (size_t i = 0; i < census.blob_count; i++)
		if (strcmp(census.blobs[i].name, name) == 0)
			return census.blobs[i].uses > 0;
	return true;
}

void hfcache_blob_forget(struct hfcache *c, const struct lock_repo *repo,
			 const struct lock_file *file)
{
	char *folder CLEANUP(free_ptr) = store_path(repo, NULL);
	char *path CLEANUP(free_ptr) = store_blob_path(repo, &file->etag);
	int lockfd CLEANUP(close_fd) = -1;
	struct error busy = { 0 };
	char hex[DIGEST_HEX_MAX];

	if (faccessat(c->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) ||
	    hfcache_blob_lock(c, repo, &file->etag, 0, &lockfd, &busy))
		return;
	/* as gc: nobody else may be about to use it */
	if (!lease_take(c, folder, &busy) &&
	    !is_used(c, folder, digest_hex(&file->etag, hex)) &&
	    unlinkat(c->fd, path, 0))
		errno = 0;
	err_clear(&busy);
	if (lease_share(c, folder, &busy))
		errno = 0;
}
