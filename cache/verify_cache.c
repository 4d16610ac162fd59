/* A cache that we know nothing of, made by whatever client: every blob against
 * its own name, every link, ref and listing for sense. */
#include "cache/verify.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "cache/probe.h"
#include "cache/store.h"
#include "cache/tree.h"
#include "cache/verify_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX  64 /* directories below snapshots/X or refs/ */
#define TREE_LIMIT ((size_t)64 << 20)

struct survey {
	struct hfcache *cache;
	const char *where; /* repo id */
	char *folder;
	struct probe_set *probes;
	struct verify_report *out;
	struct tree listed; /* by the listing of the snapshot */
	/* Looks at one entry that is no directory; path: below the folder. */
	void (*visit)(struct survey *s, const char *path, const char *name,
		      const struct stat *st);
};

static void note(struct survey *s, enum verify_state state, const char *path,
		 const char *detail)
{
	verify_report_add(s->out, state, s->where, path, 0, detail);
}

static char *below_root(const struct survey *s, const char *path)
{
	return xasprintf("%s/%s", s->folder, path);
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

/* Names in a directory, sorted; -1 if it cannot be read. The caller frees. */
static int list_dir(struct survey *s, const char *path, struct dirent ***names)
{
	char *full CLEANUP(free_ptr) = below_root(s, path);
	int fd CLEANUP(close_fd) = beneath_open_dir(s->cache->fd, full);

	*names = NULL;
	return fd < 0 ? -1 : scandirat(fd, ".", names, not_dots, alphasort);
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

/* NOLINTNEXTLINE(misc-no-recursion): depth is limited */
static void walk(struct survey *s, const char *path, unsigned depth)
{
	struct dirent **names;
	int n = list_dir(s, path, &names);

	if (n < 0)
		note_closed(s, path);
	for (int i = 0; i < n; i++) {
		char *child CLEANUP(free_ptr) = xasprintf("%s/%s", path,
							  names[i]->d_name);
		char *full CLEANUP(free_ptr) = below_root(s, child);
		struct stat st;

		if (fstatat(s->cache->fd, full, &st, AT_SYMLINK_NOFOLLOW))
			note(s, VERIFY_UNREADABLE, child,
			     strerrordesc_np(errno));
		else if (!S_ISDIR(st.st_mode))
			s->visit(s, child, names[i]->d_name, &st);
		else if (depth == DEPTH_MAX)
			note(s, VERIFY_UNREADABLE, child, "nested too deeply");
		else
			walk(s, child, depth + 1);
		free(names[i]);
	}
	free(names);
}

/* --- blobs/ ----------------------------------------------------------------- */

static void visit_blob(struct survey *s, const char *path, const char *name,
		       const struct stat *st)
{
	char *full CLEANUP(free_ptr) = below_root(s, path);
	struct digest want;

	(void)st;
	if (verify_is_leftover(name))
		note(s, VERIFY_LEFTOVER, path, NULL);
	else if (digest_from_hex(&want, name))
		probe_add(s->probes, &(struct probe){ .dirfd = s->cache->fd,
						      .rel = (char *)full,
						      .where = s->where,
						      .path = (char *)path,
						      .size = UINT64_MAX,
						      .want = want });
	else
		note(s, VERIFY_EXTRA, path, "not named by a digest");
}

/* --- snapshots/ --------------------------------------------------------------- */

/* The bytes in a snapshot against its listing. */
static void add_listed(struct survey *s, const char *path,
		       const struct tree_file *f)
{
	char *full CLEANUP(free_ptr) = below_root(s, path);

	probe_add(s->probes, &(struct probe){ .dirfd = s->cache->fd,
					      .rel = full,
					      .where = s->where,
					      .path = (char *)path,
					      .size = f->size,
					      .want = *tree_want(f) });
}

/* Does the link name the blob that the listing has for it? */
static bool leads_to(const struct survey *s, const char *full,
		     const struct tree_file *f)
{
	char hex[DIGEST_HEX_MAX], text[PATH_MAX];
	ssize_t n = readlinkat(s->cache->fd, full, text, sizeof(text) - 1);

	if (n < 0)
		return false;
	text[n] = '\0';
	return !strcmp(path_base(text), digest_hex(tree_want(f), hex));
}

static void visit_snapshot(struct survey *s, const char *path, const char *name,
			   const struct stat *st)
{
	char *full CLEANUP(free_ptr) = below_root(s, path);
	/* "snapshots/" + 40 digits + "/" */
	const struct tree_file *f = tree_find(&s->listed, path + 10 + 41);
	struct stat target;
	enum beneath b = beneath_stat(s->cache->fd, full, &target);

	if (S_ISLNK(st->st_mode) && b != BENEATH_FILE) {
		note(s, VERIFY_BAD_LINK, path,
		     b == BENEATH_FAILED ? strerrordesc_np(errno)
					 : beneath_text(b));
	} else if (S_ISLNK(st->st_mode)) {
		/* a blob by another name, or the blob of another file */
		if (f && !leads_to(s, full, f))
			add_listed(s, path, f);
	} else if (verify_is_leftover(name)) {
		note(s, VERIFY_LEFTOVER, path, NULL);
	} else if (f) {
		/* a file of its own: caches without links (Windows, FAT) */
		add_listed(s, path, f);
	} else {
		note(s, VERIFY_EXTRA, path,
		     "no digest is known for it, cannot be checked");
	}
}

/* Files of the listing that the snapshot lacks. */
static void check_listed(struct survey *s, const char *commit)
{
	for (size_t i = 0; i < s->listed.count; i++) {
		const struct tree_file *f = &s->listed.files[i];
		char *path CLEANUP(free_ptr) = xasprintf("snapshots/%s/%s",
							 commit, f->path);
		char *full CLEANUP(free_ptr) = below_root(s, path);
		struct stat st;

		if (fstatat(s->cache->fd, full, &st, AT_SYMLINK_NOFOLLOW))
			verify_report_add(s->out, VERIFY_MISSING, s->where,
					  path, f->size,
					  "named by the listing in trees/");
	}
}

static void survey_snapshot(struct survey *s, const char *commit)
{
	char *path CLEANUP(free_ptr) = xasprintf("snapshots/%s", commit);
	char *tree CLEANUP(free_ptr) = xasprintf("trees/%s.json", commit);
	char *full CLEANUP(free_ptr) = below_root(s, tree);
	struct str text CLEANUP(str_release) = STR_INIT;
	struct error why = { 0 };

	if (file_read_all(s->cache->fd, full, TREE_LIMIT, &text, &why)) {
		if (why.code != ERR_NOT_FOUND)
			note(s, VERIFY_UNREADABLE, tree, why.msg);
	} else if (tree_parse(&s->listed, text.ptr, text.len, &why)) {
		note(s, VERIFY_EXTRA, tree, "a listing that nobody can read");
	}
	walk(s, path, 0);
	check_listed(s, commit);
	tree_release(&s->listed);
}

static void survey_snapshots(struct survey *s)
{
	struct dirent **names;
	int n = list_dir(s, "snapshots", &names);

	if (n < 0)
		note_closed(s, "snapshots");
	s->visit = visit_snapshot;
	for (int i = 0; i < n; i++) {
		if (is_commit_id(names[i]->d_name)) {
			survey_snapshot(s, names[i]->d_name);
		} else {
			char *path CLEANUP(free_ptr) = xasprintf(
				"snapshots/%s", names[i]->d_name);

			note(s, VERIFY_EXTRA, path, "not named by a commit");
		}
		free(names[i]);
	}
	free(names);
}

/* --- refs/ ---------------------------------------------------------------------- */

static void visit_ref(struct survey *s, const char *path, const char *name,
		      const struct stat *st)
{
	char *full CLEANUP(free_ptr) = below_root(s, path);
	char commit[41];
	char *why CLEANUP(free_ptr) = store_read_ref(s->cache->fd, full,
						     commit);
	char *snap CLEANUP(free_ptr) = xasprintf("%s/snapshots/%s", s->folder,
						 commit);
	struct stat there;

	(void)name;
	(void)st;
	if (!why && fstatat(s->cache->fd, snap, &there, 0))
		why = xasprintf("points to %s, which has no snapshot", commit);
	if (why)
		note(s, VERIFY_BAD_REF, path, why);
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
	s->visit = visit_blob;
	walk(s, "blobs", 0);
	survey_snapshots(s);
	s->visit = visit_ref;
	walk(s, "refs", 0);
}

int verify_cache(struct hfcache *c, const struct strlist *only,
		 const struct verify_options *o, struct verify_report *out,
		 struct error *err)
{
	struct probe_set probes CLEANUP(probe_set_release) = { 0 };
	struct strlist ids CLEANUP(strlist_release) = { 0 };
	struct dirent **names = NULL;
	int n = scandirat(c->fd, ".", &names, not_dots, alphasort);

	if (n < 0)
		return err_sys(err, errno, "%s", c->root);
	for (int i = 0; i < n; i++) {
		struct survey s = { .cache = c,
				    .folder = names[i]->d_name,
				    .probes = &probes,
				    .out = out };
		enum repo_type type;
		char *id = NULL;

		if (!repo_folder_parse(names[i]->d_name, &type, &id) &&
		    (!only->count || strlist_has(only, id))) {
			strlist_add(&ids, id);
			s.where = ids.items[ids.count - 1];
			survey_repo(&s);
		}
		free(id);
		free(names[i]);
	}
	free(names);
	if (probe_run(&probes, o, out, err))
		return -1;
	verify_report_sort(out);
	return 0;
}
