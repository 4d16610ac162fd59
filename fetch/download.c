#include "fetch/download.h"

#include "base/human.h"
#include "base/mem.h"
#include "fetch/archive_source.h"
#include "fetch/download_fetch.h"
#include "fetch/endpoint.h"
#include "fetch/git_source.h"
#include "fetch/download_plan.h"

#include <string.h>

/* came: what stands there since a moment ago, or NULL. */
static void count_had(const struct plan *p, const struct git_filled *came,
		      struct download_stats *out)
{
	for (size_t i = 0; i < p->blob_count; i++) {
		const struct plan_blob *b = &p->blobs[i];

		out->files++;
		out->bytes += b->file->size;
		if (b->state != BLOB_OK)
			continue;
		if (came && git_filled_has(came, b->file)) {
			out->got_files++;
			out->got_bytes += b->file->size;
		} else {
			out->had_files++;
			out->had_bytes += b->file->size;
		}
	}
}

/* --- what is there ---------------------------------------------------------- */

/* Hashing takes long where much is there: the deadline ends it, too. */
static int check_in_time(struct plan *p, const struct hub *h,
			 struct hfcache *store,
			 const struct download_options *o, struct error *err)
{
	struct download_options mine = *o;
	struct cancel in_time;

	if (!h || !h->http) /* offline */
		return plan_check(p, store, o, err);
	in_time = http_in_time(h->http);
	mine.cancel = &in_time;
	if (plan_check(p, store, &mine, err) == 0)
		return 0;
	return http_say_late(h->http, err);
}

/* --- offline ---------------------------------------------------------------- */

static const char *const state_words[] = {
	[BLOB_MISSING] = "missing",
	[BLOB_OK] = "right",
	[BLOB_WRONG_SIZE] = "of the wrong size",
	[BLOB_WRONG_DIGEST] = "damaged",
	[BLOB_UNREADABLE] = "unreadable",
	[BLOB_NOT_FILE] = "not a file",
};

static int must_be_there(const struct plan *p, const struct hfcache *store,
			 struct error *err)
{
	const struct plan_blob *first = NULL;
	char *name CLEANUP(free_ptr) = NULL;
	uint64_t files = 0, bytes = 0;
	char size[HUMAN_MAX];

	for (size_t i = 0; i < p->blob_count; i++) {
		if (p->blobs[i].state == BLOB_OK)
			continue;
		if (!first)
			first = &p->blobs[i];
		files++;
		bytes += p->blobs[i].file->size;
	}
	if (!first)
		return 0;
	name = plan_blob_name(first);
	err_set(err, ERR_NOT_FOUND,
		"offline, and %llu of %zu %s (%s) %s not in %s: first %s, "
		"which is %s",
		(unsigned long long)files, p->blob_count,
		human_plural(p->blob_count, "file", "files"),
		human_size(bytes, size), human_plural(files, "is", "are"),
		hfcache_root(store), name, state_words[first->state]);
	return err_hint(err, "run itts-pack fetch with a network first");
}

/* --- bytes ------------------------------------------------------------------ */

/* Blobs whose bytes were fetched under another name. */
static int share_fetched(struct plan *p, struct hfcache *store,
			 struct download_stats *out, struct error *err)
{
	for (size_t i = 0; i < p->blob_count; i++) {
		struct plan_blob *b = &p->blobs[i], *source;

		if (b->state == BLOB_OK || b->same_as == PLAN_NONE)
			continue;
		source = &p->blobs[b->same_as];
		if (source->state != BLOB_OK) {
			out->failed_files++;
			continue;
		}
		if (hfcache_blob_share(store, source->repo, source->file,
				       b->repo, b->file, err) < 0)
			return -1;
		b->state = BLOB_OK;
		out->had_files++;
		out->had_bytes += b->file->size;
	}
	return 0;
}

static int bring(const struct archive_fill *all, const struct git_filled *came,
		 struct error *err)
{
	struct plan *p = all->plan;
	struct hfcache *store = all->store;
	struct download_stats *out = all->stats;

	if (plan_share(p, store, err) < 0)
		return -1;
	count_had(p, came, out);
	for (size_t i = 0; i < p->blob_count; i++)
		if (p->blobs[i].state == BLOB_OK)
			hfcache_part_sweep(store, p->blobs[i].repo,
					   p->blobs[i].file);
	if (plan_space(p, store, err) < 0 ||
	    download_fetch(p, all->hub, store, all->options, out, all->failed,
			   err) < 0 ||
	    archive_source_fill(all, err) < 0)
		return -1;
	return share_fetched(p, store, out, err);
}

/* --- names ------------------------------------------------------------------ */

static int link_files(struct plan *p, struct hfcache *store,
		      const struct cancel *cancel, struct error *err)
{
	for (size_t i = 0; i < p->blob_count; i++) {
		struct plan_blob *b = &p->blobs[i];

		if (cancel_check(cancel, err) < 0)
			return -1;
		if (b->state == BLOB_OK && plan_link(p, b, store, err) < 0)
			return -1;
	}
	return 0;
}

static int set_refs(const struct lock_repo *repo, struct hfcache *store,
		    const struct event_sink *sink, struct error *err)
{
	if (hfcache_make_refs(store, repo, err) < 0)
		return -1;
	for (size_t i = 0; i < repo->refs.count; i++) {
		const char *ref = repo->refs.items[i];
		enum ref_change change;
		char old[41] = "";

		if (hfcache_set_ref(store, repo, ref, true, &change, old, err) <
		    0)
			return -1;
		if (change == REF_KEPT)
			event_info(sink,
				   "%s: %s points to %s in the cache and is "
				   "left alone",
				   repo->id, ref, old);
	}
	return 0;
}

/* Links first: a listing or ref must not promise what is not there. */
static int name_all(struct plan *p, struct lock *l, struct hfcache *store,
		    const struct download_options *o, struct error *err)
{
	bool *broken CLEANUP(free_ptr) = xcalloc(l->repo_count + 1,
						 sizeof(*broken));

	for (size_t i = 0; i < p->entry_count; i++)
		if (p->blobs[p->entries[i].blob].state != BLOB_OK)
			broken[p->entries[i].repo - l->repos] = true;
	if (link_files(p, store, o->cancel, err) < 0)
		return -1;
	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *repo = &l->repos[i];

		if (broken[i])
			continue;
		if (repo->archive.url)
			archive_source_forget(store, repo);
		if (repo->complete && hfcache_write_tree(store, repo, err) < 0)
			return -1;
		if (set_refs(repo, store, o->sink, err) < 0)
			return -1;
	}
	return 0;
}

static int report_failed(const struct plan *p, const struct download_stats *out,
			 const struct error *failed, struct error *err)
{
	if (out->failed_files == 0)
		return 0;
	*err = *failed;
	if (out->failed_files > 1)
		err_wrap(err, "%llu of %zu files could not be fetched, first",
			 (unsigned long long)out->failed_files, p->blob_count);
	return -1;
}

int download_lock(struct hub *h, struct hfcache *store, struct lock *l,
		  const struct download_options *o, struct download_stats *out,
		  struct error *err)
{
	struct plan p CLEANUP(plan_release) = { 0 };
	struct git_filled came CLEANUP(git_filled_release) = { 0 };
	struct error failed = { .code = ERR_NONE };
	const struct archive_fill all = { .hub = h,
					  .store = store,
					  .plan = &p,
					  .options = o,
					  .stats = out,
					  .failed = &failed };

	*out = (struct download_stats){ 0 };
	if (!o->offline &&
	    (endpoint_add_links(h, l, err) < 0 ||
	     (!o->learn && git_source_fill(h, store, l, &came, err) < 0)))
		return -1;
	plan_make(&p, l, o->learn);
	if (check_in_time(&p, h, store, o, err) < 0)
		return -1;
	if (o->offline) {
		count_had(&p, NULL, out);
		if (must_be_there(&p, store, err) < 0)
			return -1;
	} else if (bring(&all, &came, err) < 0) {
		return -1;
	}
	if (o->learn) {
		if (report_failed(&p, out, &failed, err) < 0)
			return -1;
		return plan_learn(&p, store, o->cancel, err);
	}
	if (!o->offline && !o->nameless && name_all(&p, l, store, o, err) < 0)
		return -1;
	if (!o->offline)
		hfcache_remember(store);
	return report_failed(&p, out, &failed, err);
}

int download_survey(struct hfcache *store, struct lock *l,
		    const struct download_options *o,
		    const struct download_survey *survey,
		    struct download_stats *out, struct error *err)
{
	struct plan p CLEANUP(plan_release) = { 0 };

	*out = (struct download_stats){ 0 };
	plan_make(&p, l, false);
	if (plan_check(&p, store, o, err) < 0 || plan_share(&p, NULL, err) < 0)
		return -1;
	if (plan_space(&p, store, err) < 0)
		return -1;
	count_had(&p, NULL, out);
	for (size_t i = 0; i < p.blob_count; i++) {
		const struct plan_blob *b = &p.blobs[i];

		if (b->state == BLOB_OK || b->same_as != PLAN_NONE)
			continue;
		survey->missing(survey->ctx, b->repo, b->file, b->state);
		out->got_files++;
		out->got_bytes += b->file->size;
	}
	return 0;
}
