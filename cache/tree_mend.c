/* Listings that say too little, or nothing that clients understand. */
#include "cache/tree.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/hfcache.h"
#include "cache/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 64 /* directories in a snapshot */

struct search {
	struct hfcache *cache;
	const struct lock_repo *repo;
	const struct tree *listed;
};

/* NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static bool has_unnamed(const struct search *s, const char *dir, unsigned depth)
{
	char *full CLEANUP(free_ptr) = store_snapshot_path(s->repo, dir);
	DIR *d = file_dir_take(beneath_open_dir(s->cache->fd, full));
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d))) {
		char *path CLEANUP(free_ptr) = xasprintf(
			"%s%s%s", dir, *dir ? "/" : "", e->d_name);
		char text[PATH_MAX] = "";

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (readlinkat(dirfd(d), e->d_name, text, sizeof(text) - 1) > 0)
			found = store_plain_target(text, depth) &&
				!lock_find_file(s->repo, path) &&
				!tree_find(s->listed, path);
		else if (depth < DEPTH_MAX)
			found = has_unnamed(s, path, depth + 1);
	}
	if (d)
		closedir(d);
	return found;
}

bool tree_has_unnamed(struct hfcache *c, const struct lock_repo *repo,
		      const struct tree *listed)
{
	const struct search s = { c, repo, listed };

	return has_unnamed(&s, "", 0);
}

static char *path_of(const struct lock_repo *repo)
{
	char *name CLEANUP(free_ptr) = xasprintf("trees/%s.json", repo->commit);

	return store_path(repo, name);
}

/* false: not to be read, or none. */
static bool read_text(struct hfcache *c, const struct lock_repo *repo,
		      struct str *out)
{
	char *path CLEANUP(free_ptr) = path_of(repo);
	struct error ignored = { 0 };
	struct stat st;

	return beneath_stat(c->fd, path, &st) == BENEATH_FILE &&
	       !file_read_all(c->fd, path, TREE_LIMIT, out, &ignored);
}

enum tree_state tree_look(struct hfcache *c, const struct lock_repo *repo)
{
	char *path CLEANUP(free_ptr) = path_of(repo);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct tree t CLEANUP(tree_release) = { 0 };
	struct lock_repo nothing = *repo;
	struct error why = { 0 };
	struct stat st;

	if (fstatat(c->fd, path, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? TREE_NONE : TREE_GOOD;
	if (!read_text(c, repo, &text))
		return TREE_GOOD;
	if (tree_parse(&t, text.ptr, text.len, &why))
		return TREE_MALFORMED;
	nothing.file_count = 0;
	return !t.foreign && tree_has_unnamed(c, &nothing, &t) ? TREE_SHORT
							       : TREE_GOOD;
}

bool tree_is(struct hfcache *c, const struct lock_repo *repo)
{
	struct str is CLEANUP(str_release) = STR_INIT;
	struct str wanted CLEANUP(str_release) = STR_INIT;

	hfcache_tree_format(repo, &wanted);
	return read_text(c, repo, &is) && is.len == wanted.len &&
	       !memcmp(is.ptr, wanted.ptr, is.len);
}

int tree_replace(struct hfcache *c, const struct lock_repo *repo,
		 struct error *err)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s.json", repo->commit);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;
	int dirfd CLEANUP(close_fd) = -1;

	hfcache_tree_format(repo, &text);
	if (store_open_dir(c, repo, "trees", &dirfd, err))
		return -1;
	if (atomic_open_unnamed(&f, dirfd, name, 0644, err) ||
	    file_write_all(f.fd, text.ptr, text.len, name, err) ||
	    atomic_commit(&f, err))
		return store_inside(c, repo, "trees", err);
	return 0;
}

int tree_remove(struct hfcache *c, const struct lock_repo *repo,
		struct error *err)
{
	char *name CLEANUP(free_ptr) = xasprintf("%s.json", repo->commit);
	int dirfd CLEANUP(close_fd) = -1;

	if (store_open_dir(c, repo, "trees", &dirfd, err))
		return -1;
	if (!unlinkat(dirfd, name, 0) || errno == ENOENT)
		return 0;
	err_sys(err, errno, "%s", name);
	return store_inside(c, repo, "trees", err);
}
