/*
 * The order of things, so that an installation can be cut anywhere: blobs get
 * their names only after their digests were checked and their bytes are on disk;
 * links only after the bundle was right to its last byte; refs, which make all of
 * it visible, last.
 */
#include "bundle/install.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/install_run.h"
#include "bundle/record.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_DIR     ".locks"
#define LOCK_POLL_MS 500

int install_lock(struct hfcache *store, const struct cancel *cancel,
		 const struct event_sink *sink, int *fd, struct error *err)
{
	int dir CLEANUP(close_fd) = -1;
	bool told = false;

	if (file_open_beneath(hfcache_fd(store), LOCK_DIR, true, &dir, err))
		return err_inside(err, "%s", hfcache_root(store));
	while (file_lock(dir, HFCACHE_INSTALL_LOCK, told ? LOCK_POLL_MS : 0, fd,
			 err)) {
		if (err->code != ERR_BUSY)
			return err_inside(err, "%s/" LOCK_DIR,
					  hfcache_root(store));
		err_clear(err);
		if (cancel_check(cancel, err))
			return -1;
		if (!told)
			event_info(sink,
				   "%s: waiting for another itts-pack to "
				   "finish installing",
				   hfcache_root(store));
		told = true;
	}
	return 0;
}

static void tell_ref(const struct event_sink *sink,
		     const struct lock_repo *repo, const char *ref,
		     enum ref_change change, const char *old)
{
	if (change == REF_MOVED)
		event_info(sink, "refs/%s of %s: %s -> %s", ref, repo->id, old,
			   repo->commit);
	else if (change == REF_KEPT)
		event_info(sink, "refs/%s of %s: kept at %s, not %s", ref,
			   repo->id, old, repo->commit);
}

int install_refs(struct hfcache *store, const struct lock_repo *repo,
		 const struct install_options *o, struct error *err)
{
	for (size_t i = 0; i < repo->refs.count; i++) {
		const char *ref = repo->refs.items[i];
		enum ref_change change = REF_SAME;
		char old[41] = "";

		if (hfcache_set_ref(store, repo, ref, o->keep_refs, &change,
				    old, err))
			return -1;
		tell_ref(o->sink, repo, ref, change, old);
	}
	return 0;
}

static int place_links(struct install_run *run, struct error *err)
{
	const struct lock *l = &run->s->manifest.lock;

	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];

		for (size_t k = 0; k < r->file_count; k++)
			if (cancel_check(run->o->cancel, err) ||
			    hfcache_link(run->store, r, &r->files[k], err))
				return -1;
		if (hfcache_write_tree(run->store, r, err) ||
		    hfcache_make_refs(run->store, r, err))
			return -1;
	}
	/* thousands of links and directories: once for all of them */
	if (syncfs(hfcache_fd(run->store)))
		return err_sys(err, errno, "%s", hfcache_root(run->store));
	return 0;
}

/* What was found when it began, or came since, may have been deleted by others while a
 * slow stream went on: no link shall lead to it. */
static int check_still_there(struct install_run *run, struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;

	for (size_t i = 0; i < m->blob_count; i++) {
		const struct bundle_blob *b = &m->blobs[i];

		for (size_t k = 0; k < b->use_count; k++) {
			bool found;

			if (install_look(run, &b->uses[k], &found, err))
				return -1;
			if (found)
				continue;
			err_set(err, ERR_NOT_FOUND,
				"%s: %s %s vanished from %s while it was "
				"installed",
				run->s->name,
				bundle_use_repo(m, &b->uses[k])->id,
				bundle_use_file(m, &b->uses[k])->path,
				hfcache_root(run->store));
			return err_hint(err, "run install again while nothing "
					     "is deleted there");
		}
	}
	return 0;
}

static int place_all(struct install_run *run, struct error *err)
{
	const struct install_options *o = run->o;
	const struct lock *l = &run->s->manifest.lock;

	if (check_still_there(run, err) || place_links(run, err))
		return -1;
	if (o->model_dir && view_place(run->store, l, o->model_dir, o->cancel,
				       o->sink, &run->st->views, err))
		return -1;
	if (record_write(run->store, run->s, err))
		return -1;
	for (size_t i = 0; i < l->repo_count; i++)
		if (install_refs(run->store, &l->repos[i], o, err))
			return -1;
	/* also of blobs that came by another way between two visits */
	for (size_t i = 0; i < run->s->manifest.blob_count; i++)
		install_forget_part(run, &run->s->manifest.blobs[i]);
	hfcache_remember(run->store);
	return 0;
}

/* Nobody else installs meanwhile. */
static int run_locked(struct install_run *run, struct error *err)
{
	const struct install_turn *turn = run->o->dry_run ? NULL : run->o->turn;

	if ((turn && turn->begin(turn->ctx, err)) || install_plan(run, err) ||
	    install_judge_store(run, err))
		return -1;
	if (run->o->dry_run)
		return 0;
	if (install_payloads(run, err) || place_all(run, err))
		return -1;
	if (turn)
		turn->end(turn->ctx);
	return 0;
}

static int run_install(struct install_run *run, struct error *err)
{
	int lockfd CLEANUP(close_fd) = -1;

	if (!run->o->dry_run && install_lock(run->store, run->o->cancel,
					     run->o->sink, &lockfd, err))
		return -1;
	if (!run_locked(run, err))
		return 0;
	/* a later visit may not have the volume that they are in */
	if (!run->s->volumes)
		record_drop_extras(run->store, run->s->manifest.lock.name,
				   &run->extras);
	return -1;
}

bool install_makes_store(const struct install_options *o)
{
	struct stat st;

	return !o->dry_run && stat(o->cache_root, &st) && errno == ENOENT;
}

int install_open_store(struct hfcache **out, const struct install_options *o,
		       struct error *err)
{
	if (!hfcache_open(out, o->cache_root, !o->dry_run, err))
		return 0;
	if (!o->dry_run || err->code != ERR_NOT_FOUND)
		return -1;
	err_clear(err); /* it would be made */
	return 0;
}

static void run_release(struct install_run *run)
{
	for (size_t i = 0; i < run->s->manifest.blob_count; i++)
		free_ptr(&run->states[i]);
	free_ptr(&run->states);
	install_drop_waiting(run);
	free_ptr(&run->places);
	free_ptr(&run->needed);
	free_ptr(&run->held);
	if (run->batch)
		hfcache_batch_release(run->batch);
	free_ptr(&run->batch);
	strlist_release(&run->extras);
	hfcache_close(&run->store);
}

static size_t count_files(const struct lock *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->repo_count; i++)
		n += l->repos[i].file_count;
	return n;
}

int install_bundle(struct bundle_source *s, const struct install_options *o,
		   struct install_stats *out, struct error *err)
{
	struct install_run run CLEANUP(run_release) = {
		.s = s,
		.o = o,
		.st = out,
		.places = xcalloc(count_files(&s->manifest.lock) + 1, 1),
		.states = xcalloc(s->manifest.blob_count + 1,
				  sizeof(*run.states)),
		.batch = xcalloc(1, sizeof(*run.batch)),
	};

	*out = (struct install_stats){ 0 };
	s->cancel = o->cancel;
	if (s->stream)
		tar_reader_cancel(s->stream, o->cancel);
	if ((s->volumes && volumes_check_sizes(s->volumes, err)) ||
	    bundle_source_check_front(s, err) ||
	    bundle_source_check_size(s, err) || install_ask_policy(&run, err) ||
	    install_check_thin(&run, err))
		return -1;
	if (install_makes_store(o)) {
		if (install_plan(&run, err))
			return -1;
		*out = (struct install_stats){ 0 }; /* it is planned again */
	}
	if (install_open_store(&run.store, o, err))
		return -1;
	return run_install(&run, err);
}
