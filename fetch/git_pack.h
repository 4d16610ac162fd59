/* A pack from a git server, its objects and their names. libgit2's only door. */
#ifndef ITTS_GIT_PACK_H
#define ITTS_GIT_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/str.h"
#include "manifest/lock.h"

#define GIT_PACK_LIMIT	 (1ull << 30) /* bytes */
#define GIT_OBJECT_LIMIT 500000
#define GIT_BLOB_LIMIT	 (32u << 20) /* bytes of one that is read */

struct git_pack;

/* In a new directory below dir, which git_pack_close() removes. All that is done with
 * it ends with ERR_CANCELLED once cancel is set (NULL: never; borrowed). */
int git_pack_open(struct git_pack **out, const char *dir,
		  const struct cancel *cancel, struct error *err) MUST_CHECK;
void git_pack_close(struct git_pack **p); /* CLEANUP */
/* The bytes as they come; then the end of them. ERR_FORMAT, ERR_IO. */
int git_pack_add(struct git_pack *p, const void *buf, size_t n,
		 struct error *err) MUST_CHECK;
int git_pack_finish(struct git_pack *p, struct error *err) MUST_CHECK;

/* All files of a commit into repo, sorted: what stands in a pointer for LFS files,
 * else the blob's id, and size UINT64_MAX if the pack has not got the blob. Every
 * object on the way hashes to its name, so the commit proves all of it. */
int git_pack_list(struct git_pack *p, const char *commit,
		  struct lock_repo *repo, struct error *err) MUST_CHECK;
/* Content of a blob appended to out. ERR_FORMAT if it is not there or too big. */
int git_pack_blob(struct git_pack *p, const struct digest *id, struct str *out,
		  struct error *err) MUST_CHECK;

#endif
