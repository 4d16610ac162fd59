/* A cache that we know nothing of, made by whatever client: every blob against
 * its own name, every link, ref and listing for sense. */
#include "cache/verify.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "cache/probe.h"
#include "cache/store.h"
#include "cache/tree.h"
#include "cache/verify_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64 /* directories below snapshots/X or refs/ */

/* One entry that is no directory, of the directory dirfd. */
struct entry {
	int dirfd;
	const char *path; /* below the folder */
	const char *name;
	unsigned depth; /* directories below blobs/, snapshots/X, refs/ */
	bool is_link;	/* else st says what it is */
	struct stat st;
};

struct survey {
	struct hfcache *cache;
	const char *folder;
	char *where; /* repo id; NULL: not asked for */
	struct probe_set probes;
	struct verify_report out;
	struct strlist blobs; /* regular files in blobs/ */
	struct tree listed;   /* by the listing of the snapshot */
	bool has_listing;     /* one that counts */
	size_t met;	      /* of its files, in the snapshot */
	size_t unlisted;      /* links of the snapshot that it lacks */
	void (*visit)(struct survey *s, const struct entry *e);
};

static void survey_release(struct survey *s)
{
	free_ptr(&s->where);
	probe_set_release(&s->probes);
	verify_report_release(&s->out);
	strlist_release(&s->blobs);
	tree_release(&s->listed);
}

static void note(struct survey *s, enum verify_state state, const char *path,
		 const char *detail)
{
	verify_report_add(&s->out, state, s->where, path, 0, detail);
}

static char *below_root(const struct survey *s, const char *path)
{
	return xasprintf("%s/%s", s->folder, path);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Why can it not be looked into? A folder that is not there has nothing. */
static void note_closed(struct survey *s, const char *path)
{
	char *full CLEANUP(free_ptr) = below_root(s, path);
	int saved = errno;
	struct stat st;
	enum beneath b = beneath_stat(s->cache->fd, full, &st);

	if (b == BENEATH_NOWHERE || b == BENEATH_OUT)
		note(s, VERIFY_BAD_LINK, path, beneath_text(b));
	else if (b != BENEATH_MISSING)
		note(s, VERIFY_UNREADABLE, path, strerrordesc_np(saved));
}

/* NULL: noted. */
static DIR *open_dir(struct survey *s, const char *path)
{
	char *full CLEANUP(free_ptr) = below_root(s, path);
	DIR *dir = file_dir_take(beneath_open_dir(s->cache->fd, full));

	if (!dir)
		note_closed(s, path);
	return dir;
}

/* The next entry; NULL at the end, also (noted) where it breaks off, or without dir. */
static struct dirent *next_of(struct survey *s, DIR *dir, const char *path)
{
	int failed = 0;
	struct dirent *d = dir ? file_dir_next(dir, &failed) : NULL;

	if (failed)
		note(s, VERIFY_UNREADABLE, path, strerrordesc_np(failed));
	return d;
}

static void walk(struct survey *s, const char *path, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static void meet(struct survey *s, const struct dirent *d, struct entry *e)
{
	e->is_link = d->d_type == DT_LNK;
	if (!e->is_link && d->d_type != DT_DIR &&
	    fstatat(e->dirfd, e->name, &e->st, AT_SYMLINK_NOFOLLOW)) {
		note(s, VERIFY_UNREADABLE, e->path, strerrordesc_np(errno));
		return;
	}
	if (d->d_type == DT_UNKNOWN)
		e->is_link = S_ISLNK(e->st.st_mode);
	if (d->d_type != DT_DIR &&
	    (d->d_type != DT_UNKNOWN || !S_ISDIR(e->st.st_mode)))
		s->visit(s, e);
	else if (e->depth == DEPTH_MAX)
		note(s, VERIFY_UNREADABLE, e->path, "nested too deeply");
	else
		walk(s, e->path, e->depth + 1);
}

/* NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static void walk(struct survey *s, const char *path, unsigned depth)
{
	DIR *dir = open_dir(s, path);
	struct dirent *d;

	while ((d = next_of(s, dir, path))) {
		char *child CLEANUP(free_ptr) = xasprintf("%s/%s", path,
							  d->d_name);

		meet(s, d,
		     &(struct entry){ .dirfd = dirfd(dir),
				      .path = child,
				      .name = d->d_name,
				      .depth = depth });
	}
	if (dir)
		closedir(dir);
}

/* The bytes at this path: size UINT64_MAX: as found. */
static void add_probe(struct survey *s, const char *path, uint64_t size,
		      const struct digest *want)
{
	char *full CLEANUP(free_ptr) = below_root(s, path);

	probe_add(&s->probes, &(struct probe){ .dirfd = s->cache->fd,
					       .rel = full,
					       .where = s->where,
					       .path = (char *)path,
					       .size = size,
					       .want = *want });
}

/* --- blobs/ ----------------------------------------------------------------- */

static void visit_blob(struct survey *s, const struct entry *e)
{
	bool is_file = !e->is_link && S_ISREG(e->st.st_mode);
	struct digest want;

	if (is_file && !e->depth)
		strlist_add(&s->blobs, e->name);
	if (verify_is_leftover(e->name))
		note(s, VERIFY_LEFTOVER, e->path, NULL);
	else if (!digest_from_hex(&want, e->name))
		note(s, VERIFY_EXTRA, e->path, "not named by a digest");
	else if (!is_file || !probe_knows(&s->probes, &e->st, &want))
		add_probe(s, e->path, UINT64_MAX, &want);
}

static void survey_blobs(struct survey *s)
{
	s->visit = visit_blob;
	walk(s, "blobs", 0);
	strlist_sort(&s->blobs);
}

/* --- snapshots/ --------------------------------------------------------------- */

/* Does the link's text name the blob that the listing has for it? */
static bool leads_to(const char *text, const struct tree_file *f)
{
	char hex[DIGEST_HEX_MAX];

	return !strcmp(path_base(text), digest_hex(tree_want(f), hex));
}

/* The usual link, to a blob that was met: the kernel need not be asked. */
static bool is_plain(const struct survey *s, const char *text, unsigned depth)
{
	const char *blob = store_plain_target(text, depth);

	return blob && strlist_sorted_has(&s->blobs, blob);
}

static void visit_link(struct survey *s, const struct entry *e,
		       const struct tree_file *f)
{
	char *full CLEANUP(free_ptr) = NULL;
	char text[PATH_MAX] = "";
	ssize_t n = readlinkat(e->dirfd, e->name, text, sizeof(text) - 1);
	enum beneath b = BENEATH_FILE;
	struct stat target;

	text[n < 0 ? 0 : n] = '\0';
	if (!is_plain(s, text, e->depth)) {
		full = below_root(s, e->path);
		b = beneath_stat(s->cache->fd, full, &target);
	}
	if (b != BENEATH_FILE)
		note(s, VERIFY_BAD_LINK, e->path,
		     b == BENEATH_FAILED ? strerrordesc_np(errno)
					 : beneath_text(b));
	else if (!f)
		s->unlisted++;
	/* a blob by another name, or the blob of another file */
	else if (!leads_to(text, f))
		add_probe(s, e->path, f->size, tree_want(f));
}

static void visit_snapshot(struct survey *s, const struct entry *e)
{
	/* "snapshots/" + 40 digits + "/" */
	const struct tree_file *f = tree_find(&s->listed, e->path + 10 + 41);

	s->met += f != NULL;
	if (e->is_link)
		visit_link(s, e, f);
	else if (!f && verify_is_leftover(e->name))
		note(s, VERIFY_LEFTOVER, e->path, NULL);
	else if (!f)
		note(s, VERIFY_EXTRA, e->path,
		     "no digest is known for it, cannot be checked");
	/* a file of its own: caches without links (Windows, FAT) */
	else if (!S_ISREG(e->st.st_mode) ||
		 f->size != (uint64_t)e->st.st_size ||
		 !probe_knows(&s->probes, &e->st, tree_want(f)))
		add_probe(s, e->path, f->size, tree_want(f));
}

/* Files of the listing that the snapshot lacks. */
static void check_listed(struct survey *s, const char *commit)
{
	for (size_t i = 0; s->met < s->listed.count && i < s->listed.count;
	     i++) {
		const struct tree_file *f = &s->listed.files[i];
		char *path CLEANUP(free_ptr) = xasprintf("snapshots/%s/%s",
							 commit, f->path);
		char *full CLEANUP(free_ptr) = below_root(s, path);
		struct stat st;

		if (fstatat(s->cache->fd, full, &st, AT_SYMLINK_NOFOLLOW))
			verify_report_add(&s->out, VERIFY_MISSING, s->where,
					  path, f->size,
					  "named by the listing in trees/");
	}
}

/* Clients take a listing for the whole commit: what it lacks they never get. */
static void note_short(struct survey *s, const char *tree)
{
	char *why CLEANUP(free_ptr) = xasprintf(
		"lacks %zu of the files that the snapshot holds", s->unlisted);

	note(s, VERIFY_BAD_LISTING, tree, why);
}

static void survey_snapshot(struct survey *s, const char *commit)
{
	char *path CLEANUP(free_ptr) = xasprintf("snapshots/%s", commit);
	char *tree CLEANUP(free_ptr) = xasprintf("trees/%s.json", commit);
	char *full CLEANUP(free_ptr) = below_root(s, tree);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error why = { 0 };

	s->has_listing = false;
	s->met = s->unlisted = 0;
	if (file_read_all(s->cache->fd, full, TREE_LIMIT, &text, &why)) {
		if (why.code != ERR_NOT_FOUND)
			note(s, VERIFY_UNREADABLE, tree, why.msg);
	} else if (tree_parse(&s->listed, text.ptr, text.len, &why)) {
		note(s, VERIFY_BAD_LISTING, tree,
		     "malformed, clients pay no heed to it");
	} else {
		s->has_listing = !s->listed.foreign;
	}
	walk(s, path, 0);
	check_listed(s, commit);
	if (s->has_listing && s->unlisted)
		note_short(s, tree);
	tree_release(&s->listed);
}

static void survey_snapshots(struct survey *s)
{
	DIR *dir = open_dir(s, "snapshots");
	struct dirent *d;

	s->visit = visit_snapshot;
	while ((d = next_of(s, dir, "snapshots"))) {
		char *path CLEANUP(free_ptr) = xasprintf("snapshots/%s",
							 d->d_name);

		if (is_commit_id(d->d_name))
			survey_snapshot(s, d->d_name);
		else
			note(s, VERIFY_EXTRA, path, "not named by a commit");
	}
	if (dir)
		closedir(dir);
}

/* --- refs/ ---------------------------------------------------------------------- */

static void visit_ref(struct survey *s, const struct entry *e)
{
	char *full CLEANUP(free_ptr) = below_root(s, e->path);
	char commit[41];
	char *why CLEANUP(free_ptr) = store_read_ref(s->cache->fd, full,
						     commit);
	char *snap CLEANUP(free_ptr) = xasprintf("%s/snapshots/%s", s->folder,
						 commit);
	struct stat there;

	if (!why && fstatat(s->cache->fd, snap, &there, 0))
		why = xasprintf("points to %s, which has no snapshot", commit);
	if (why)
		note(s, VERIFY_BAD_REF, e->path, why);
}

/* -------------------------------------------------------------------------------- */

static void survey_repo(struct survey *s)
{
	struct stat st;
	enum beneath b = beneath_stat(s->cache->fd, s->folder, &st);

	if (b == BENEATH_NOWHERE || b == BENEATH_OUT)
		note(s, VERIFY_BAD_LINK, s->folder, beneath_text(b));
	else if (b != BENEATH_DIR)
		note(s, VERIFY_UNREADABLE, s->folder,
		     b == BENEATH_FAILED ? strerrordesc_np(errno)
					 : "is not a directory");
	if (b != BENEATH_DIR)
		return;
	survey_blobs(s);
	survey_snapshots(s);
	s->visit = visit_ref;
	walk(s, "refs", 0);
	strlist_release(&s->blobs);
}

struct surveys {
	struct survey *items; /* one a folder */
	size_t count;
	struct dirent **names;
	pthread_mutex_t lock; /* of what follows */
	struct probe_set *probes;
	struct verify_report *out;
};

static void surveys_release(struct surveys *all)
{
	for (size_t i = 0; i < all->count; i++) {
		survey_release(&all->items[i]);
		free(all->names[i]);
	}
	free(all->names);
	free_ptr(&all->items);
}

/* What one survey has found, into the whole. */
static void take(struct survey *s, struct probe_set *probes,
		 struct verify_report *out)
{
	probe_set_take(probes, &s->probes);
	for (size_t i = 0; i < s->out.count; i++) {
		const struct verify_item *it = &s->out.items[i];

		verify_report_add(out, it->state, it->where, it->path, it->size,
				  it->detail);
	}
	verify_report_release(&s->out);
}

static void work(void *ctx, size_t item)
{
	struct surveys *all = ctx;
	struct survey *s = &all->items[item];

	if (!s->where)
		return;
	survey_repo(s);
	/* at once: the next one reuses its memory */
	pthread_mutex_lock(&all->lock);
	take(s, all->probes, all->out);
	pthread_mutex_unlock(&all->lock);
}

static int not_dots(const struct dirent *d)
{
	return !is_dots(d->d_name);
}

int verify_cache(struct hfcache *c, const struct strlist *only,
		 const struct verify_options *o, struct verify_report *out,
		 struct error *err)
{
	struct probe_set probes CLEANUP(probe_set_release) = {
		.checked = o->checked,
	};
	struct surveys all CLEANUP(surveys_release) = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.probes = &probes,
		.out = out,
	};
	struct pool_job job = { .threads = o->threads,
				.cancel = o->cancel,
				.work = work,
				.ctx = &all };
	int n = scandirat(c->fd, ".", &all.names, not_dots, alphasort);

	if (n < 0)
		return err_sys(err, errno, "%s", c->root);
	all.count = job.items = (size_t)n;
	all.items = xcalloc(all.count + 1, sizeof(*all.items));
	for (size_t i = 0; i < all.count; i++) {
		struct survey *s = &all.items[i];
		enum repo_type type;

		s->cache = c;
		s->folder = all.names[i]->d_name;
		s->probes.checked = o->checked;
		if (repo_folder_parse(s->folder, &type, &s->where))
			s->where = NULL;
		else if (only->count && !strlist_has(only, s->where))
			free_ptr(&s->where);
	}
	pool_run(&job);
	if (cancel_check(o->cancel, err) || probe_run(&probes, o, out, err))
		return -1;
	verify_report_sort(out);
	return 0;
}
