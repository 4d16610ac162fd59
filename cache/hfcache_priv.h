/* What the files of cache/ share and nobody else needs. */
#ifndef ITTS_HFCACHE_PRIV_H
#define ITTS_HFCACHE_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

#include "cache/hfcache.h"

struct hfcache {
	char *root; /* absolute */
	int fd;
	bool writable;
};

/* A cache that begins at a directory which is open already (taken) and gets no
 * CACHEDIR.TAG: the Hub view of a model directory. */
struct hfcache *hfcache_at(int fd, const char *name, bool writable);
/* Opens a path below dirfd for reading, following links only as long as they
 * stay below it. -1 with errno. */
int hfcache_open_inside(int dirfd, const char *path, int flags);
/* ROOT/<folder of repo>/<sub>, made where missing if create. */
int hfcache_repo_dir(struct hfcache *c, const struct lock_repo *repo,
		     const char *sub, bool create, int *out, struct error *err)
	MUST_CHECK;
int hfcache_need_writable(const struct hfcache *c, struct error *err)
	MUST_CHECK;
/* "ID PATH" for messages; caller frees. */
char *hfcache_label(const struct lock_repo *repo, const struct lock_file *file);

#endif
