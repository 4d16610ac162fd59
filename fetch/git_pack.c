/*
 * libgit2 checks the pack, makes its index and reads objects, each of which it
 * hashes again as it is read. It opens no repository, no configuration and no
 * connection here.
 */
#include "fetch/git_pack.h"

#include "base/mem.h"
#include "base/path.h"
#include "fetch/git_memory.h"
#include "fetch/lfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <git2/odb_backend.h>
#include <git2/sys/repository.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFIX	  ".itts-git-"
#define STALE_S	  86400
#define MAX_DEPTH 64
#define CACHE	  (8u << 20)
#define WINDOW	  (16u << 20)

struct git_pack {
	const struct cancel *cancel; /* borrowed, or NULL */
	char *dir;
	git_indexer *indexer;
	git_indexer_progress progress; /* the indexer counts by it */
	git_odb *odb;
	git_repository *repo;
	uint64_t bytes;
	unsigned char head[12]; /* of the pack: says how many objects */
};

static int fail(const struct git_pack *p, struct error *err, const char *what)
{
	const git_error *e = git_error_last();

	if (cancel_check(p->cancel, err) < 0)
		return -1;
	return err_set(err, ERR_FORMAT, "%s: %s", what,
		       e && e->message ? e->message
				       : "libgit2 does not say why");
}

/* Counted by the library: each pack begins and ends it. */
static void start_library(void)
{
	git_libgit2_init();
	git_memory_bound();
	git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)CACHE);
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)WINDOW);
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)WINDOW / 4);
	git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS,
			 (size_t)GIT_OBJECT_LIMIT);
}

/* Nothing but the pack and its index is in there. */
static void remove_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(path);
}

/* What a killed process has left; a pack that still comes is younger. */
static void sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char *name CLEANUP(free_ptr) = NULL;
		struct stat st;

		if (!str_starts(e->d_name, PREFIX) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) !=
			    0 ||
		    !S_ISDIR(st.st_mode) || st.st_mtime > time(NULL) - STALE_S)
			continue;
		name = xasprintf("%s/%s", dir, e->d_name);
		remove_dir(name);
	}
	if (d)
		closedir(d);
}

/* For each object that is taken in, and each that a delta makes. */
static int on_object(const git_indexer_progress *progress, void *pack)
{
	const struct git_pack *p = pack;

	(void)progress;
	return cancel_is_set(p->cancel) ? GIT_EUSER : 0;
}

int git_pack_open(struct git_pack **out, const char *dir,
		  const struct cancel *cancel, struct error *err)
{
	struct git_pack *p CLEANUP(git_pack_close) = xcalloc(1, sizeof(*p));
	char *name CLEANUP(free_ptr) = xasprintf("%s/" PREFIX "XXXXXX", dir);
	git_indexer_options options = { .version = GIT_INDEXER_OPTIONS_VERSION,
					.progress_cb = on_object,
					.progress_cb_payload = p };

	p->cancel = cancel;
	start_library();
	sweep(dir);
	if (!mkdtemp(name))
		return err_sys(err, errno, "%s", name);
	p->dir = take_ptr(name);
	if (git_indexer_new(&p->indexer, p->dir, 0600, NULL, &options) < 0)
		return fail(p, err, p->dir);
	*out = take_ptr(p);
	return 0;
}

void git_pack_close(struct git_pack **p)
{
	int saved = errno;

	if (!*p)
		return;
	git_repository_free((*p)->repo);
	git_odb_free((*p)->odb);
	git_indexer_free((*p)->indexer);
	if ((*p)->dir)
		remove_dir((*p)->dir);
	free_ptr(&(*p)->dir);
	free_ptr(p);
	git_libgit2_shutdown();
	errno = saved;
}

/* Before libgit2 makes room for what the header promises. */
static int check_head(struct git_pack *p, const unsigned char *buf, size_t n,
		      struct error *err)
{
	uint32_t objects = 0;

	for (size_t i = 0; i < n && p->bytes + i < sizeof(p->head); i++)
		p->head[p->bytes + i] = buf[i];
	if (p->bytes >= sizeof(p->head) || p->bytes + n < sizeof(p->head))
		return 0;
	for (size_t i = 8; i < sizeof(p->head); i++)
		objects = objects << 8 | p->head[i];
	if (memcmp(p->head, "PACK", 4) != 0)
		return err_set(err, ERR_FORMAT, "this is not a pack");
	if (objects > GIT_OBJECT_LIMIT)
		return err_set(err, ERR_FORMAT,
			       "a pack of %u objects, at most %d", objects,
			       GIT_OBJECT_LIMIT);
	return 0;
}

int git_pack_add(struct git_pack *p, const void *buf, size_t n,
		 struct error *err)
{
	if (check_head(p, buf, n, err) < 0)
		return -1;
	p->bytes += n;
	if (p->bytes > GIT_PACK_LIMIT)
		return err_set(err, ERR_FORMAT,
			       "the pack has more than %llu bytes",
			       (unsigned long long)GIT_PACK_LIMIT);
	if (git_indexer_append(p->indexer, buf, n, &p->progress) < 0)
		return fail(p, err, "pack");
	return 0;
}

int git_pack_finish(struct git_pack *p, struct error *err)
{
	char *index CLEANUP(free_ptr) = NULL;
	git_odb_backend *backend = NULL;

	if (p->bytes < sizeof(p->head))
		return err_set(err, ERR_FORMAT, "the pack is empty");
	if (git_indexer_commit(p->indexer, &p->progress) < 0)
		return fail(p, err, "pack");
	index = xasprintf("%s/pack-%s.idx", p->dir,
			  git_indexer_name(p->indexer));
	if (git_odb_new(&p->odb) < 0 ||
	    git_odb_backend_one_pack(&backend, index) < 0 ||
	    git_odb_add_backend(p->odb, backend, 1) < 0 ||
	    git_repository_wrap_odb(&p->repo, p->odb) < 0)
		return fail(p, err, "index of the pack");
	return 0;
}

/* --- reading ------------------------------------------------------------------------ */

/* 1: there; 0: not in the pack. */
static int blob_size(struct git_pack *p, const git_oid *id, uint64_t *out,
		     struct error *err)
{
	git_object_t type;
	size_t size;

	if (cancel_check(p->cancel, err) < 0)
		return -1;
	if (!git_odb_exists(p->odb, id))
		return 0;
	if (git_odb_read_header(&size, &type, p->odb, id) < 0)
		return fail(p, err, "blob");
	if (type != GIT_OBJECT_BLOB)
		return err_set(err, ERR_FORMAT, "a file that is no blob");
	*out = size;
	return 1;
}

static int read_blob(struct git_pack *p, const git_oid *id, struct str *out,
		     struct error *err)
{
	git_odb_object *object = NULL;

	if (git_odb_read(&object, p->odb, id) < 0)
		return fail(p, err, "blob");
	str_add(out, git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return 0;
}

int git_pack_blob(struct git_pack *p, const struct digest *id, struct str *out,
		  struct error *err)
{
	char hex[DIGEST_HEX_MAX];
	uint64_t size = 0;
	git_oid oid;
	int there;

	if (git_oid_fromstr(&oid, digest_hex(id, hex)) < 0)
		return fail(p, err, hex);
	there = blob_size(p, &oid, &size, err);
	if (there < 0)
		return -1;
	if (!there)
		return err_set(err, ERR_FORMAT, "blob %s is not in the pack",
			       hex);
	if (size > GIT_BLOB_LIMIT)
		return err_set(err, ERR_FORMAT,
			       "blob %s has %llu bytes; without Git LFS a file "
			       "may have %u",
			       hex, (unsigned long long)size, GIT_BLOB_LIMIT);
	return read_blob(p, &oid, out, err);
}

/* --- walking ------------------------------------------------------------------------ */

struct level {
	git_tree *tree;
	size_t next;  /* entry */
	char *prefix; /* "" or "dir/" */
};

struct walk {
	struct git_pack *pack;
	struct lock_repo *repo;
	struct level levels[MAX_DEPTH];
	size_t depth;
	size_t entries; /* of all trees: one tree may stand in many places */
};

static int add_file(struct walk *w, const char *path, const git_oid *id,
		    struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct lock_file *f;
	char hex[41];
	int there;

	if (path_check(path, err) < 0)
		return -1;
	if (w->repo->file_count >= LOCK_MAX_FILES)
		return err_set(err, ERR_FORMAT, "more than %d files",
			       LOCK_MAX_FILES);
	f = lock_add_file(w->repo, path);
	f->size = UINT64_MAX;
	git_oid_tostr(hex, sizeof(hex), id);
	if (!digest_from_hex(&f->etag, hex))
		return err_set(err, ERR_FORMAT, "%s: no id", path);
	there = blob_size(w->pack, id, &f->size, err);
	if (there < 0)
		return err_wrap(err, "%s", path);
	if (!there || f->size >= LFS_POINTER_MAX)
		return 0;
	if (read_blob(w->pack, id, &text, err) < 0)
		return err_wrap(err, "%s", path);
	if (lfs_parse_pointer(text.ptr, text.len, &f->sha256, &f->size))
		f->etag = f->sha256;
	return 0;
}

static void walk_release(struct walk *w)
{
	for (size_t i = 0; i < w->depth; i++) {
		git_tree_free(w->levels[i].tree);
		free_ptr(&w->levels[i].prefix);
	}
	w->depth = 0;
}

/* Takes prefix. */
static int enter(struct walk *w, const git_oid *id, char *prefix,
		 struct error *err)
{
	char *own CLEANUP(free_ptr) = prefix;
	struct level *l = &w->levels[w->depth];

	if (w->depth == MAX_DEPTH)
		return err_set(err, ERR_FORMAT, "%s: too deep", own);
	*l = (struct level){ .tree = NULL };
	if (git_tree_lookup(&l->tree, w->pack->repo, id) < 0)
		return fail(w->pack, err, "tree");
	l->prefix = take_ptr(own);
	w->depth++;
	return 0;
}

static void leave(struct walk *w)
{
	struct level *l = &w->levels[--w->depth];

	git_tree_free(l->tree);
	free_ptr(&l->prefix);
}

static int walk_entry(struct walk *w, const git_tree_entry *e,
		      const char *prefix, struct error *err)
{
	char *path CLEANUP(free_ptr) = xasprintf("%s%s", prefix,
						 git_tree_entry_name(e));

	if (cancel_check(w->pack->cancel, err) < 0)
		return -1;
	if (++w->entries > 4 * LOCK_MAX_FILES)
		return err_set(err, ERR_FORMAT, "the tree has no end");
	if (git_tree_entry_type(e) == GIT_OBJECT_BLOB)
		return add_file(w, path, git_tree_entry_id(e), err);
	if (git_tree_entry_type(e) != GIT_OBJECT_TREE)
		return 0; /* a submodule is a commit of elsewhere */
	return enter(w, git_tree_entry_id(e), xasprintf("%s/", path), err);
}

static int walk_tree(struct walk *w, const git_oid *root, struct error *err)
{
	if (enter(w, root, xstrdup(""), err) < 0)
		return -1;
	while (w->depth > 0) {
		struct level *l = &w->levels[w->depth - 1];

		if (l->next == git_tree_entrycount(l->tree))
			leave(w);
		else if (walk_entry(w,
				    git_tree_entry_byindex(l->tree, l->next++),
				    l->prefix, err) < 0)
			return -1;
	}
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	const struct lock_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void free_commit(git_commit **c)
{
	git_commit_free(*c);
}

int git_pack_list(struct git_pack *p, const char *commit,
		  struct lock_repo *repo, struct error *err)
{
	git_commit *object CLEANUP(free_commit) = NULL;
	struct walk w CLEANUP(walk_release) = { .pack = p, .repo = repo };
	git_oid id;

	if (git_oid_fromstr(&id, commit) < 0 ||
	    git_commit_lookup(&object, p->repo, &id) < 0)
		return fail(p, err, commit);
	memcpy(repo->commit, commit, sizeof(repo->commit));
	if (walk_tree(&w, git_commit_tree_id(object), err) < 0)
		return -1;
	if (repo->file_count > 1)
		qsort(repo->files, repo->file_count, sizeof(*repo->files),
		      compare_files);
	return 0;
}
