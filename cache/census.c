#include "cache/census.h"
#include "cache/census_priv.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "cache/store.h"
#include "cache/tree.h"
#include "cache/verify_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 64 /* directories below snapshots/X or refs/ */

static void revision_drop_files(struct census_revision *r)
{
	for (size_t i = 0; r->files && i < r->file_count; i++) {
		free_ptr(&r->files[i].path);
		free_ptr(&r->files[i].wants);
	}
	free_ptr(&r->files);
}

static void drop_blobs(struct census *c)
{
	for (size_t i = 0; i < c->blob_count; i++)
		free_ptr(&c->blobs[i].name);
	free_ptr(&c->blobs);
}

void census_release(struct census *c)
{
	drop_blobs(c);
	for (size_t i = 0; i < c->revision_count; i++) {
		revision_drop_files(&c->revisions[i]);
		free_ptr(&c->revisions[i].commit);
		free_ptr(&c->revisions[i].failed);
		strlist_release(&c->revisions[i].refs);
	}
	free_ptr(&c->revisions);
	for (size_t i = 0; i < c->ref_count; i++) {
		free_ptr(&c->refs[i].name);
		free_ptr(&c->refs[i].problem);
	}
	free_ptr(&c->refs);
	strlist_release(&c->lacking);
	strlist_release(&c->problems);
	free_ptr(&c->names);
	free_ptr(&c->unread);
	free_ptr(&c->failed);
	free_ptr(&c->folder);
	free_ptr(&c->id);
	*c = (struct census){ 0 };
}

static int64_t ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void census_read_stat(const struct stat *from, struct census_stat *to)
{
	*to = (struct census_stat){
		.size = (uint64_t)from->st_size,
		.disk = (uint64_t)from->st_blocks * 512,
		.dev = from->st_dev,
		.ino = from->st_ino,
		.mtime = ns_of(from->st_mtim),
		.ctime = ns_of(from->st_ctim),
		.atime = ns_of(from->st_atim),
		.single = from->st_nlink == 1,
	};
}

/* --- directories --------------------------------------------------------------- */

struct census_walk {
	struct hfcache *cache;
	struct census *out;
	struct census_revision *rev; /* NULL: not in a snapshot */
	const char *base; /* "blobs", "snapshots/X", "refs", or NULL */
	struct str rel;	  /* below it */
	/* One entry that is no directory. */
	void (*visit)(struct census_walk *w, int dirfd, const char *name,
		      const char *rel, unsigned depth);
};

static void census_walk_release(struct census_walk *w)
{
	str_release(&w->rel);
}

static void problem(struct census_walk *w, const char *where, const char *what)
{
	strlist_take(&w->out->problems,
		     w->base ? xasprintf("%s%s%s: %s", w->base,
					 *where ? "/" : "", where, what)
			     : xasprintf("%s: %s", where, what));
}

/* Links may stand there that nobody has seen. */
static void unread(struct census_walk *w, const char *where, const char *what)
{
	const struct strlist *all = &w->out->problems;

	problem(w, where, what);
	if (!w->out->unread)
		w->out->unread = xstrdup(all->items[all->count - 1]);
}

/* There is something, and the kernel does not give it. */
static void refused(struct census_walk *w, const char *where, const char *what)
{
	const struct strlist *all = &w->out->problems;
	char **failed = w->rev ? &w->rev->failed : &w->out->failed;

	unread(w, where, what);
	if (!*failed)
		*failed = xasprintf("%s/%s", w->out->folder,
				    all->items[all->count - 1]);
}

static bool is_dir(int dirfd, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	return !fstatat(dirfd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISDIR(st.st_mode);
}

/* The next entry of a directory; NULL at its end, also where it breaks off. */
static struct dirent *next_of(struct census_walk *w, DIR *dir,
			      const char *where)
{
	int failed;
	struct dirent *d = file_dir_next(dir, &failed);

	if (failed)
		refused(w, where, strerrordesc_np(failed));
	return d;
}

/* w->rel is the directory below blobs/, snapshots/X or refs/, "" for itself.
 * NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static void walk(struct census_walk *w, int parent, const char *name,
		 unsigned depth)
{
	DIR *dir = file_dir_open(parent, name);
	size_t len = w->rel.len;
	struct dirent *d;

	if (!dir || depth > DEPTH_MAX) {
		if (dir || errno != ENOENT)
			refused(w, len ? w->rel.ptr : "",
				dir ? "nested too deeply"
				    : strerrordesc_np(errno));
		if (dir)
			closedir(dir);
		return;
	}
	while ((d = next_of(w, dir, len ? w->rel.ptr : ""))) {
		if (len)
			str_addc(&w->rel, '/');
		str_adds(&w->rel, d->d_name);
		if (is_dir(dirfd(dir), d))
			walk(w, dirfd(dir), d->d_name, depth + 1);
		else
			w->visit(w, dirfd(dir), d->d_name, w->rel.ptr, depth);
		str_truncate(&w->rel, len);
	}
	closedir(dir);
}

/* --- blobs/ -------------------------------------------------------------------- */

static enum census_kind kind_of(const char *name)
{
	struct digest d;

	if (digest_from_hex(&d, name))
		return CENSUS_BLOB;
	if (str_ends(name, TRASH_SUFFIX))
		return CENSUS_TRASH;
	return verify_is_leftover(name) ? CENSUS_PART : CENSUS_OTHER;
}

static void visit_blob(struct census_walk *w, int dirfd, const char *name,
		       const char *rel, unsigned depth)
{
	struct census *c = w->out;
	struct census_blob *b;
	struct stat st;

	if (depth) {
		problem(w, rel, "not named by a digest");
		return;
	}
	c->blobs = xgrow(c->blobs, &c->blob_cap, c->blob_count + 1,
			 sizeof(*c->blobs));
	b = &c->blobs[c->blob_count++];
	b->name = xstrdup(name);
	b->kind = kind_of(name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			refused(w, rel, strerrordesc_np(errno));
		return;
	}
	b->is_link = S_ISLNK(st.st_mode);
	if (b->is_link) {
		char *full CLEANUP(free_ptr) = xasprintf("%s/blobs/%s",
							 c->folder, name);
		enum beneath what = beneath_stat(w->cache->fd, full, &st);

		b->there = what == BENEATH_FILE;
		if (what == BENEATH_FAILED)
			refused(w, rel, strerrordesc_np(errno));
		/* not the cache's, but what is there is needed */
		if (what == BENEATH_OUT && !fstatat(dirfd, name, &st, 0) &&
		    S_ISREG(st.st_mode)) {
			census_read_stat(&st, &b->st);
			b->st.size = b->st.disk = 0;
		}
	} else {
		b->there = S_ISREG(st.st_mode);
	}
	if (b->there)
		census_read_stat(&st, &b->st);
}

static int by_blob_name(const void *a, const void *b)
{
	const struct census_blob *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct census_blob *find_blob(struct census *c, const char *name)
{
	struct census_blob key = { .name = (char *)name };

	return c->blob_count ? bsearch(&key, c->blobs, c->blob_count,
				       sizeof(key), by_blob_name)
			     : NULL;
}

static void read_blobs(struct census_walk *w, int repofd)
{
	struct census *c = w->out;

	w->visit = visit_blob;
	w->base = "blobs";
	walk(w, repofd, "blobs", 0);
	w->base = NULL;
	if (c->blob_count)
		qsort(c->blobs, c->blob_count, sizeof(*c->blobs), by_blob_name);
	for (size_t i = 0; i < c->blob_count; i++) {
		const struct census_blob *b = &c->blobs[i];

		if (b->st.atime > c->used)
			c->used = b->st.atime;
		if (b->st.mtime > c->changed)
			c->changed = b->st.mtime;
	}
}

/* --- snapshots/ ---------------------------------------------------------------- */

/* Found out by the kernel: a blob of this repo, or another file. */
static void take_target(struct census *c, const struct stat *st,
			struct census_file *f)
{
	census_read_stat(st, &f->st);
	for (size_t i = 0; i < c->blob_count; i++)
		if (c->blobs[i].there && c->blobs[i].st.ino == st->st_ino &&
		    c->blobs[i].st.dev == st->st_dev) {
			f->blob = i;
			return;
		}
	f->foreign = true;
}

/* A link of another form. One that leads out of the cache, an absolute one too, is
 * told as broken; what is behind it is needed all the same. */
static void follow_link(struct census_walk *w, const char *rel,
			struct census_file *f)
{
	char *full CLEANUP(free_ptr) = xasprintf(
		"%s/snapshots/%s/%s", w->out->folder, w->rev->commit, rel);
	struct census *c = w->out;
	struct stat st;
	enum beneath b = beneath_stat(w->cache->fd, full, &st);

	if (b == BENEATH_FAILED) {
		f->problem = strerrordesc_np(errno);
		refused(w, rel, f->problem);
		return;
	}
	if (b != BENEATH_FILE)
		f->problem = beneath_text(b);
	if (b == BENEATH_FILE) {
		take_target(c, &st, f);
	} else if (b == BENEATH_OUT && !fstatat(w->cache->fd, full, &st, 0)) {
		take_target(c, &st, f);
		f->st.size = f->st.disk = 0; /* not the cache's */
	}
}

static void resolve_link(struct census_walk *w, const char *text,
			 const char *rel, struct census_file *f)
{
	struct census *c = w->out;
	const char *target;
	struct census_blob *b;
	unsigned depth = 0;

	for (const char *p = rel; *p; p++)
		depth += *p == '/';
	target = store_plain_target(text, depth);
	b = target ? find_blob(c, target) : NULL;
	if (b && b->there)
		f->blob = (size_t)(b - c->blobs);
	else
		follow_link(w, rel, f);
	/* of a link that leads out, by another name of the cache */
	if (!target && (target = strstr(text, "/blobs/")))
		target += strlen("/blobs/");
	if (f->problem && f->blob == CENSUS_NONE && target) {
		f->wants = xstrdup(target);
		strlist_add(&c->lacking, target);
	}
}

static void visit_file(struct census_walk *w, int dirfd, const char *name,
		       const char *rel, unsigned depth)
{
	struct census_revision *r = w->rev;
	struct census_file *f;
	char text[PATH_MAX];
	struct stat st;
	ssize_t n;

	(void)depth;
	r->files = xgrow(r->files, &r->file_cap, r->file_count + 1,
			 sizeof(*r->files));
	f = &r->files[r->file_count++];
	f->path = xstrdup(rel);
	f->blob = CENSUS_NONE;
	/* the usual case first: one call for a link */
	n = readlinkat(dirfd, name, text, sizeof(text) - 1);
	if (n > 0) {
		text[n] = '\0';
		resolve_link(w, text, rel, f);
	} else if ((n < 0 && errno != EINVAL) ||
		   fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		f->problem = strerrordesc_np(errno);
		if (errno != ENOENT)
			refused(w, rel, f->problem);
	} else {
		if (!S_ISREG(st.st_mode))
			f->problem = beneath_text(BENEATH_OTHER);
		census_read_stat(&st, &f->st);
	}
	r->broken += f->problem != NULL;
	if (f->blob != CENSUS_NONE)
		w->out->blobs[f->blob].uses++;
}

static int by_path(const void *a, const void *b)
{
	const struct census_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void sort_files(struct census_revision *r)
{
	if (r->file_count)
		qsort(r->files, r->file_count, sizeof(*r->files), by_path);
}

static bool has_file(const struct census_revision *r, const char *path)
{
	struct census_file key = { .path = (char *)path };

	return r->file_count &&
	       bsearch(&key, r->files, r->file_count, sizeof(key), by_path);
}

static void read_listing(struct census_walk *w, int repofd)
{
	char *name CLEANUP(free_ptr) = xasprintf("trees/%s.json",
						 w->rev->commit);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct tree t CLEANUP(tree_release) = { 0 };
	struct error why = { 0 };

	if (file_read_all(repofd, name, TREE_LIMIT, &text, &why)) {
		if (why.sys)
			refused(w, name, strerrordesc_np(why.sys));
		else if (why.code != ERR_NOT_FOUND)
			problem(w, name, why.msg);
		return;
	}
	if (tree_parse(&t, text.ptr, text.len, &why)) {
		problem(w, name, "a listing that nobody can read");
		return;
	}
	w->rev->listed = !t.foreign;
	if (t.count)
		sort_files(w->rev);
	for (size_t i = 0; i < t.count; i++)
		w->rev->listed_missing += !has_file(w->rev, t.files[i].path);
}

/* Sums of a revision whose files are known. */
static void sum_up(struct census *c, struct census_revision *r,
		   bool *seen /* one a blob, all false */)
{
	for (size_t i = 0; i < r->file_count; i++) {
		const struct census_file *f = &r->files[i];

		if (f->blob == CENSUS_NONE) {
			r->bytes += f->st.size;
			if (f->st.atime > c->used)
				c->used = f->st.atime;
		} else if (!seen[f->blob]) {
			seen[f->blob] = true;
			r->bytes += c->blobs[f->blob].st.size;
		}
	}
	if (r->changed > c->changed)
		c->changed = r->changed;
}

static void read_revision(struct census_walk *w, int repofd, int snapfd,
			  unsigned flags)
{
	struct census *c = w->out;
	struct census_revision *r = w->rev;
	bool *seen CLEANUP(free_ptr) = xcalloc(c->blob_count + 1,
					       sizeof(*seen));
	char *base CLEANUP(free_ptr) = xasprintf("snapshots/%s", r->commit);
	struct stat st;

	w->visit = visit_file;
	w->base = base;
	if (!fstatat(snapfd, r->commit, &st, AT_SYMLINK_NOFOLLOW))
		r->changed = ns_of(st.st_mtim);
	else if (errno != ENOENT) /* it may be too young to go */
		refused(w, "", strerrordesc_np(errno));
	walk(w, snapfd, r->commit, 0);
	w->base = NULL;
	if (flags & CENSUS_FILES)
		sort_files(r);
	if (flags & CENSUS_LISTINGS)
		read_listing(w, repofd);
	sum_up(c, r, seen);
}

static int by_commit(const void *a, const void *b)
{
	const struct census_revision *x = a, *y = b;

	return strcmp(x->commit, y->commit);
}

/* A file (.DS_Store) leads to no blob; a link to a directory may. */
static void stranger(struct census_walk *w, const struct dirent *d)
{
	char *path CLEANUP(free_ptr) = xasprintf("snapshots/%s", d->d_name);
	const char *what = "not a directory named by a commit";

	if (d->d_type == DT_REG)
		problem(w, path, what);
	else if (is_commit_id(d->d_name))
		refused(w, path, what);
	else
		unread(w, path, what);
}

static void read_snapshots(struct census_walk *w, int repofd, unsigned flags)
{
	struct census *c = w->out;
	DIR *dir = file_dir_open(repofd, "snapshots");
	struct dirent *d;

	if (!dir && errno != ENOENT)
		refused(w, "snapshots", strerrordesc_np(errno));
	while (dir && (d = next_of(w, dir, "snapshots"))) {
		if (!is_commit_id(d->d_name) || !is_dir(dirfd(dir), d)) {
			stranger(w, d);
			continue;
		}
		c->revisions = xgrow(c->revisions, &c->revision_cap,
				     c->revision_count + 1,
				     sizeof(*c->revisions));
		w->rev = &c->revisions[c->revision_count++];
		w->rev->commit = xstrdup(d->d_name);
		read_revision(w, repofd, dirfd(dir), flags);
		w->rev = NULL;
	}
	if (dir)
		closedir(dir);
	if (c->revision_count)
		qsort(c->revisions, c->revision_count, sizeof(*c->revisions),
		      by_commit);
}

/* --- refs/ --------------------------------------------------------------------- */

static void visit_ref(struct census_walk *w, int dirfd, const char *name,
		      const char *rel, unsigned depth)
{
	struct census *c = w->out;
	struct census_ref *r;

	(void)depth;
	c->refs = xgrow(c->refs, &c->ref_cap, c->ref_count + 1,
			sizeof(*c->refs));
	r = &c->refs[c->ref_count++];
	r->name = xstrdup(rel);
	r->problem = store_read_ref(dirfd, name, r->commit);
	if (errno)
		refused(w, rel, r->problem);
}

static int by_ref_name(const void *a, const void *b)
{
	const struct census_ref *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct census_revision *revision_of(const struct census *c,
					   const char *commit)
{
	struct census_revision key = { .commit = (char *)commit };

	return c->revision_count
		       ? bsearch(&key, c->revisions, c->revision_count,
				 sizeof(key), by_commit)
		       : NULL;
}

static void read_refs(struct census_walk *w, int repofd)
{
	struct census *c = w->out;

	w->visit = visit_ref;
	w->base = "refs";
	walk(w, repofd, "refs", 0);
	w->base = NULL;
	if (c->ref_count)
		qsort(c->refs, c->ref_count, sizeof(*c->refs), by_ref_name);
	for (size_t i = 0; i < c->ref_count; i++) {
		struct census_ref *ref = &c->refs[i];
		struct census_revision *r = revision_of(c, ref->commit);

		if (r)
			strlist_add(&r->refs, ref->name);
		else if (!ref->problem)
			ref->problem = xasprintf(
				"points to %s, which has no snapshot",
				ref->commit);
	}
}

/* ------------------------------------------------------------------------------- */

bool census_repo(struct hfcache *c, const char *folder, unsigned flags,
		 struct census *out)
{
	struct census_walk w CLEANUP(census_walk_release) = { .cache = c,
							      .out = out,
							      .rel = STR_INIT };
	int repofd CLEANUP(close_fd) = -1;

	*out = (struct census){ 0 };
	if (repo_folder_parse(folder, &out->type, &out->id))
		return false;
	out->folder = xstrdup(folder);
	repofd = beneath_open_dir(c->fd, folder);
	if (repofd < 0 && errno == EXDEV && (flags & CENSUS_OUTSIDE))
		repofd = openat(c->fd, folder,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (repofd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		census_release(out);
		return false;
	}
	if (repofd < 0) {
		unread(&w, folder, strerrordesc_np(errno));
		out->failed = xstrdup(out->unread);
		return true;
	}
	read_blobs(&w, repofd);
	read_snapshots(&w, repofd, flags);
	strlist_sort(&out->lacking);
	read_refs(&w, repofd);
	census_sum_repo(out);
	if (flags & CENSUS_FILES)
		return true;
	drop_blobs(out);
	out->blob_count = out->blob_cap = 0;
	/* the counts of files stay */
	for (size_t i = 0; i < out->revision_count; i++)
		revision_drop_files(&out->revisions[i]);
	return true;
}

const struct census_revision *census_find(const struct census *c,
					  const char *commit)
{
	return revision_of(c, commit);
}

bool census_is_whole(const struct census_revision *r)
{
	return !r->broken && !r->listed_missing && r->file_count;
}

const char *census_failed(const struct census *c)
{
	const char *failed = c->failed;

	for (size_t i = 0; i < c->revision_count && !failed; i++)
		failed = c->revisions[i].failed;
	return failed;
}

/* --- all of it ----------------------------------------------------------------- */

void census_all_release(struct census_all *a)
{
	for (size_t i = 0; i < a->count; i++)
		census_release(&a->repos[i]);
	free_ptr(&a->repos);
	strlist_release(&a->others);
	strlist_release(&a->strangers);
	a->count = 0;
}

struct census_task {
	struct hfcache *cache;
	struct strlist folders;
	struct census *repos;
	unsigned flags;
};

static void census_task_release(struct census_task *t)
{
	strlist_release(&t->folders);
}

static void work(void *ctx, size_t item)
{
	struct census_task *t = ctx;

	if (!census_repo(t->cache, t->folders.items[item], t->flags,
			 &t->repos[item]))
		t->repos[item].folder = xstrdup(t->folders.items[item]);
}

static uint64_t shared_size(int root)
{
	uint64_t bytes = 0;
	DIR *top = file_dir_open(root, "blobs");
	struct dirent *d, *e;
	struct stat st;
	int failed;

	/* only a number to show: what cannot be read is not counted */
	while (top && (d = file_dir_next(top, &failed))) {
		DIR *sub = file_dir_open(dirfd(top), d->d_name);

		while (sub && (e = file_dir_next(sub, &failed)))
			if (!fstatat(dirfd(sub), e->d_name, &st,
				     AT_SYMLINK_NOFOLLOW) &&
			    S_ISREG(st.st_mode))
				bytes += (uint64_t)st.st_size;
		if (sub)
			closedir(sub);
	}
	if (top)
		closedir(top);
	return bytes;
}

static bool is_known(const char *name)
{
	static const char *const known[] = { HFCACHE_TAG, ".locks", "blobs",
					     "version.txt", ".cache" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(name, known[i]))
			return true;
	return false;
}

/* "kernels--ORG--NAME": as those of models, for clients that know that kind. A later
 * one may have more of them. */
static bool is_other_kind(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz");

	for (int t = REPO_MODEL; t <= REPO_SPACE; t++) {
		const char *plural = repo_type_plural((enum repo_type)t);

		if (strlen(plural) == len && !strncmp(plural, name, len))
			return false;
	}
	return len && name[len - 1] == 's' && str_starts(name + len, "--") &&
	       name[len + 2];
}

/* all: gets what is no repo, too; or NULL. */
static int list_folders(struct hfcache *c, struct strlist *out,
			struct census_all *all, struct error *err)
{
	DIR *dir = file_dir_open(c->fd, ".");
	struct dirent *d;
	int failed;

	if (!dir)
		return err_sys(err, errno, "%s", c->root);
	while ((d = file_dir_next(dir, &failed))) {
		enum repo_type type;
		char *id CLEANUP(free_ptr) = NULL;

		if (!repo_folder_parse(d->d_name, &type, &id))
			strlist_add(out, d->d_name);
		else if (all && is_other_kind(d->d_name) && is_dir(c->fd, d))
			strlist_add(&all->others, d->d_name);
		else if (all && !is_known(d->d_name))
			strlist_add(&all->strangers, d->d_name);
	}
	closedir(dir);
	if (failed)
		return err_sys(err, failed, "%s", c->root);
	strlist_sort(out);
	if (all)
		strlist_sort(&all->others);
	return 0;
}

int census_folders(struct hfcache *c, struct strlist *out, struct error *err)
{
	return list_folders(c, out, NULL, err);
}

int census_all(struct hfcache *c, unsigned flags, unsigned threads,
	       struct census_all *out, struct error *err)
{
	struct census_task t CLEANUP(census_task_release) = { .cache = c,
							      .flags = flags };
	struct pool_job job = { .threads = threads, .work = work, .ctx = &t };

	if (list_folders(c, &t.folders, out, err))
		return -1;
	out->repos = t.repos = xcalloc(t.folders.count + 1, sizeof(*t.repos));
	out->count = job.items = t.folders.count;
	out->shared_bytes = shared_size(c->fd);
	pool_run(&job);
	return 0;
}
