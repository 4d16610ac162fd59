/*
 * A colleague's archive is read without trust: names are judged before anything
 * is written, bytes are only kept under a digest that they have, links are made
 * anew from what they stand for, and refs come last, for snapshots that have all
 * their files.
 */
#include "bundle/import.h"

#include "base/fifo.h"
#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "bundle/import_run.h"
#include "bundle/install_run.h"
#include "bundle/policy.h"
#include "bundle/sniff.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_PIECE ((size_t)256 << 10)

/* --- the archive ------------------------------------------------------------- */

/* A pipe cannot be read twice: it goes into a file first, one without a name where
 * there are such. */
static int spool(struct import_run *run, int from, struct error *err)
{
	char *buf CLEANUP(free_ptr) = xmalloc(SPOOL_PIECE);
	struct atomic_file spooled CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;
	int fd CLEANUP(close_fd) = -1;
	size_t got;

	if (run->o->dry_run)
		return err_set(err, ERR_USAGE,
			       "%s: a dry run needs a file, not a pipe",
			       run->name);
	if (install_open_store(&run->store, run->o, err))
		return -1;
	if (atomic_open_unnamed(&spooled, hfcache_fd(run->store), "import",
				0600, err))
		return err_wrap(err, "%s: no temporary file for %s",
				hfcache_root(run->store), run->name);
	fd = take_fd(&spooled.fd);
	atomic_abort(&spooled); /* if it had a name, it has none now */
	do {
		if (cancel_check(run->o->cancel, err) ||
		    file_read_full(from, buf, SPOOL_PIECE, &got, run->name,
				   err) ||
		    file_write_all(fd, buf, got, run->name, err))
			return -1;
	} while (got > 0);
	run->fd = take_fd(&fd);
	return 0;
}

static int check_head(const struct import_run *run, struct error *err)
{
	char head[SNIFF_BYTES];
	const char *what;
	enum sniff_kind kind;
	size_t got;

	if (file_pread_full(run->fd, head, sizeof(head), 0, &got, run->name,
			    err))
		return -1;
	kind = sniff(head, got, &what);
	if (kind == SNIFF_BUNDLE) {
		err_set(err, ERR_FORMAT, "%s: a bundle of itts-pack",
			run->name);
		return err_hint(err, "install it without --import");
	}
	if (kind == SNIFF_EMPTY || kind == SNIFF_WRONG)
		return err_set(err, ERR_FORMAT,
			       "%s: not an archive of a Hub cache but %s",
			       run->name, what);
	return 0;
}

static int open_archive(struct import_run *run, const char *path,
			struct error *err)
{
	int fd CLEANUP(close_fd) = -1;
	struct stat st;

	if (!strcmp(path, "-"))
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	else if (fifo_open_input(path, run->o->cancel, &fd, err))
		return -1;
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, errno, "%s", run->name);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_FORMAT,
			       "%s: is a directory, not an archive", run->name);
	if (S_ISREG(st.st_mode))
		run->fd = take_fd(&fd);
	else if (spool(run, fd, err))
		return -1;
	return check_head(run, err);
}

/* --- snapshots, refs -------------------------------------------------------------- */

static void release_entry(struct import_entry *e)
{
	free_ptr(&e->path);
	free_ptr(&e->target);
	free_ptr(&e->own);
}

static void release_proofs(struct import_run *run)
{
	free_ptr(&run->contents);
	free_ptr(&run->uses);
	run->use_count = 0;
	for (size_t i = 0; i < run->listing_count; i++) {
		free_ptr(&run->listings[i].id);
		tree_release(&run->listings[i].tree);
	}
	free_ptr(&run->listings);
	run->listing_count = run->listing_cap = 0;
}

static void release_entries(struct import_run *run)
{
	release_proofs(run);
	for (size_t i = 0; i < run->count; i++)
		release_entry(&run->entries[i]);
	free_ptr(&run->entries);
	run->count = run->cap = 0;
}

static void collect_file(struct import_run *run, const struct import_entry *e,
			 size_t *missing)
{
	struct lock_file *f;

	if (e->name.kind != IMPORT_FILE)
		return;
	if (e->content == IMPORT_NONE) {
		missing[e->repo]++;
		return;
	}
	f = lock_add_file(&run->found.repos[e->repo], import_own_name(e));
	f->size = run->entries[e->content].size;
	f->etag = e->etag;
}

/* Files of the snapshots, in found; *missing: how many have no bytes, a repo. The
 * entries have served then. */
static void collect_files(struct import_run *run, size_t *missing)
{
	release_proofs(run);
	for (size_t i = 0; i < run->count; i++) {
		collect_file(run, &run->entries[i], missing);
		release_entry(&run->entries[i]);
	}
	release_entries(run);
}

static int place_snapshot(struct import_run *run, const struct lock_repo *r,
			  size_t missing, struct error *err)
{
	for (size_t i = 0; i < r->file_count; i++)
		if (cancel_check(run->o->cancel, err) ||
		    hfcache_link(run->store, r, &r->files[i], err))
			return -1;
	if (hfcache_make_refs(run->store, r, err))
		return -1;
	if (missing > 0) {
		event_warn(run->o->sink,
			   "%s: snapshot %s: %zu of %zu %s not in the archive; "
			   "its refs are not set",
			   r->id, r->commit, missing, missing + r->file_count,
			   human_plural(missing + r->file_count, "file is",
					"files are"));
		return 0;
	}
	run->st->snapshots++;
	return hfcache_write_tree(run->store, r, err);
}

static int place_refs(struct import_run *run, const struct lock_repo *r,
		      struct error *err)
{
	if (r->file_count == 0 && r->refs.count > 0)
		event_warn(run->o->sink,
			   "%s: refs/%s leads to %s, which is not in the "
			   "archive; not set",
			   r->id, r->refs.items[0], r->commit);
	if (r->file_count == 0)
		return 0;
	run->st->refs += r->refs.count;
	return install_refs(run->store, r, run->o, err);
}

/* The refs of a lock, last of all: they win over those of the archive. Only where
 * all that the lock lists came along. */
static int place_lock_refs(struct import_run *run, const struct lock_repo *r,
			   const size_t *missing, struct error *err)
{
	const struct lock_repo *own = NULL;

	for (size_t i = 0; i < run->found.repo_count && !own; i++)
		if (missing[i] == 0 && run->found.repos[i].type == r->type &&
		    !strcmp(run->found.repos[i].id, r->id) &&
		    !strcmp(run->found.repos[i].commit, r->commit))
			own = &run->found.repos[i];
	if (!own || r->refs.count == 0)
		return 0;
	for (size_t i = 0; i < r->file_count; i++) {
		if (lock_find_file(own, r->files[i].path))
			continue;
		event_warn(run->o->sink,
			   "%s: %s of the lock is not in the archive; the "
			   "lock's refs are not set",
			   r->id, r->files[i].path);
		return 0;
	}
	for (size_t i = 0; i < r->refs.count; i++)
		run->st->refs += !strlist_has(&own->refs, r->refs.items[i]);
	return install_refs(run->store, r, run->o, err);
}

static int place_all_refs(struct import_run *run, const size_t *missing,
			  struct error *err)
{
	const struct lock *found = &run->found;

	for (size_t i = 0; i < found->repo_count; i++)
		if (found->repos[i].commit[0] != '\0' && missing[i] == 0 &&
		    place_refs(run, &found->repos[i], err))
			return -1;
	for (size_t i = 0; run->lock && i < run->lock->repo_count; i++)
		if (place_lock_refs(run, &run->lock->repos[i], missing, err))
			return -1;
	return 0;
}

static int place_all(struct import_run *run, struct error *err)
{
	const struct lock *found = &run->found;
	size_t *missing CLEANUP(free_ptr) = xcalloc(found->repo_count + 1,
						    sizeof(*missing));

	collect_files(run, missing);
	for (size_t i = 0; i < found->repo_count; i++)
		if (found->repos[i].commit[0] != '\0' &&
		    found->repos[i].file_count + missing[i] > 0 &&
		    place_snapshot(run, &found->repos[i], missing[i], err))
			return -1;
	if (syncfs(hfcache_fd(run->store)))
		return err_sys(err, errno, "%s", hfcache_root(run->store));
	if (run->o->model_dir) {
		struct view_stats views = { 0 };

		if (view_place(run->store, run->lock, run->o->model_dir,
			       run->o->cancel, run->o->sink, &views, err))
			return -1;
	}
	if (place_all_refs(run, missing, err))
		return -1;
	hfcache_remember(run->store);
	return 0;
}

/* --- all of it ------------------------------------------------------------------------ */

static uint64_t count_repos(const struct lock *found)
{
	uint64_t n = 0;

	for (size_t i = 0; i < found->repo_count; i++) {
		size_t k = 0;

		while (k < i &&
		       (found->repos[k].type != found->repos[i].type ||
			strcmp(found->repos[k].id, found->repos[i].id) != 0))
			k++;
		n += k == i;
	}
	return n;
}

/* The licence that the lock gives for the same repository, or NULL. */
static char *license_of(const struct lock *l, const struct lock_repo *r)
{
	for (size_t i = 0; l && i < l->repo_count; i++)
		if (l->repos[i].type == r->type && l->repos[i].license &&
		    !strcmp(l->repos[i].id, r->id))
			return xstrdup(l->repos[i].license);
	return NULL;
}

/* As if the archive were a bundle of what it has: files with their names, blobs
 * that no snapshot names as files of their repository. */
static int ask_policy(struct import_run *run, struct error *err)
{
	struct lock view CLEANUP(lock_release) = { 0 };

	if (!run->o->policy)
		return 0;
	for (size_t i = 0; i < run->found.repo_count; i++) {
		struct lock_repo *r = lock_add_repo(&view);

		r->type = run->found.repos[i].type;
		r->id = xstrdup(run->found.repos[i].id);
		r->license = license_of(run->lock, r);
	}
	for (size_t i = 0; i < run->use_count; i++) {
		const struct import_entry *e = &run->entries[run->uses[i]];
		struct lock_file *f;

		/* the file that follows has the same bytes, and a name */
		if (e->name.kind == IMPORT_BLOB && i + 1 < run->use_count &&
		    run->entries[run->uses[i + 1]].content == e->content)
			continue;
		f = lock_add_file(&view.repos[e->repo], import_own_name(e));
		f->size = run->entries[e->content].size;
		digest_buf(DIGEST_SHA256, &e->content, sizeof(e->content),
			   &f->sha256); /* only to tell contents apart */
	}
	return policy_check_lock(run->o->policy, &view, err);
}

/* Some of what can be wrong with an entry knows only the entry. */
static int name_archive(const struct import_run *run, struct error *err)
{
	return str_starts(err->msg, run->name) ? -1
					       : err_wrap(err, "%s", run->name);
}

static int no_cache(const struct import_run *run, struct error *err)
{
	err_set(err, ERR_FORMAT,
		"%s: no Hub cache in it (models--*/blobs, "
		"models--*/snapshots)",
		run->name);
	return run->inside
		       ? err_hint(err, "it has what lies inside a repository's "
				       "folder; which one, only the folder's "
				       "name tells: archive the folder itself "
				       "(tar -cf FILE models--OWNER--NAME)")
		       : -1;
}

static int run_import(struct import_run *run, const char *path,
		      struct error *err)
{
	int lockfd CLEANUP(close_fd) = -1;

	if (policy_check_unsigned(run->o->policy, run->name, err) ||
	    open_archive(run, path, err))
		return -1;
	if (import_scan(run, err) || import_plan(run, err))
		return name_archive(run, err);
	if (run->use_count == 0)
		return no_cache(run, err);
	run->st->repos = count_repos(&run->found);
	if (ask_policy(run, err))
		return err_wrap(err, "%s", run->name);
	if (!run->store &&
	    ((install_makes_store(run->o) && import_check_space(run, err)) ||
	     install_open_store(&run->store, run->o, err)))
		return -1;
	if (import_check_space(run, err) || run->o->dry_run)
		return err->code ? -1 : 0;
	if (install_lock(run->store, run->o->cancel, run->o->sink, &lockfd,
			 err))
		return -1;
	event_emit(run->o->sink,
		   &(struct event){ .type = EVENT_PLAN, .name = "importing" });
	if (import_load(run, err))
		return -1;
	return place_all(run, err);
}

static void run_release(struct import_run *run)
{
	release_entries(run);
	lock_release(&run->found);
	hfcache_batch_release(run->batch);
	free_ptr(&run->batch);
	close_fd(&run->fd);
	hfcache_close(&run->store);
}

int import_archive(const char *path, const struct lock *l,
		   const struct install_options *o, struct import_stats *out,
		   struct error *err)
{
	struct import_run run CLEANUP(run_release) = {
		.name = strcmp(path, "-") ? path : "standard input",
		.fd = -1,
		.lock = l,
		.o = o,
		.st = out,
		.batch = xcalloc(1, sizeof(*run.batch)),
	};

	*out = (struct import_stats){ 0 };
	return run_import(&run, path, err);
}
