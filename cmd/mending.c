#include "cmd/mending.h"

#include "base/human.h"
#include "base/mem.h"
#include "cmd/report.h"

#include <stdlib.h>
#include <string.h>

static const char *const results[MENDING_RESULTS] = {
	[MENDING_GOT] = "mended",
	[MENDING_LINKED] = "linked",
	[MENDING_WOULD] = "would be mended",
	[MENDING_LISTED] = "listed anew",
	[MENDING_UNLISTED] = "listing removed",
	[MENDING_NOWHERE] = "not to be had",
};

void mending_release(struct mending *m)
{
	free_ptr(&m->rows);
	arena_release(&m->strings);
	supplies_release(&m->places);
	/* now that there is room for it again */
	if (m->store)
		hfcache_remember(m->store);
	hfcache_close(&m->store);
}

#define ROWS_SHOWN 100

/* Thousands that went well are for --verbose and programs; nor are they kept. */
static bool is_shown(const struct mending *m, enum mending_result result)
{
	return result == MENDING_NOWHERE || m->row_count <= ROWS_SHOWN ||
	       m->app->options->verbose;
}

void mending_add_row(struct mending *m, const char *repo, const char *path,
		     const char *state, enum mending_result result,
		     const char *from)
{
	m->counts[result]++;
	if (!is_shown(m, result) && !m->app->options->json)
		return;
	m->rows = xgrow(m->rows, &m->row_cap, m->row_count + 1,
			sizeof(*m->rows));
	m->rows[m->row_count++] = (struct mending_row){
		.repo = repo,
		.path = path,
		.state = state,
		.from = from,
		.result = result,
	};
}

static void add_row(struct mending *m, const struct audit_file *f,
		    enum mending_result result, const char *from)
{
	mending_add_row(m, f->repo->id, f->file->path,
			f->state == BLOB_OK ? "no link"
					    : blob_state_name(f->state),
			result, from);
}

/* --- bytes ---------------------------------------------------------------------- */

static int by_place(const void *x, const void *y, void *ctx)
{
	const struct audit *a = ctx;
	size_t i = *(const size_t *)x, k = *(const size_t *)y;
	int order = audit_place_cmp(&a->files[i], &a->files[k]);

	return order ? order : i < k ? -1 : 1;
}

/* Files with the same blob need it once: the first file of each. Caller frees. */
static size_t *find_twins(const struct audit *a)
{
	size_t *order CLEANUP(free_ptr) = xcalloc(a->count + 1, sizeof(*order));
	size_t *first = xcalloc(a->count + 1, sizeof(*first));
	size_t n = 0;

	for (size_t i = 0; i < a->count; i++)
		if (a->files[i].state != BLOB_OK)
			order[n++] = i;
	if (n)
		qsort_r(order, n, sizeof(*order), by_place, (struct audit *)a);
	for (size_t i = 0; i < n; i++) {
		bool twin = i && audit_place_cmp(&a->files[order[i]],
						 &a->files[order[i - 1]]) == 0;

		first[order[i]] = twin ? first[order[i - 1]] : order[i];
	}
	return first;
}

/* lacks: one a file; in: its bytes are not right; out: still not. whys: one a file. */
static int get_all(struct mending *m, const struct audit *a, bool *lacks,
		   const char **whys, struct error *err)
{
	size_t *first CLEANUP(free_ptr) = find_twins(a);

	event_emit(&m->app->sink, &(struct event){ .type = EVENT_PLAN,
						   .name = "getting",
						   .items = a->bad });
	for (size_t i = 0; i < a->count; i++) {
		const struct audit_file *f = &a->files[i];
		int rc;

		if (!lacks[i])
			continue;
		if (first[i] != i) {
			lacks[i] = lacks[first[i]];
			f->file->size = a->files[first[i]].file->size;
			if (!lacks[i])
				add_row(m, f, MENDING_GOT, NULL);
			continue;
		}
		rc = supplies_get(&m->places, &m->job, f->repo, f->file,
				  (unsigned)i, err);
		/* what the store says has the name already */
		if (rc < 0)
			return strstr(err->msg, f->file->path)
				       ? -1
				       : err_wrap(err, "%s %s", f->repo->id,
						  f->file->path);
		if (rc > 0) {
			lacks[i] = false;
			add_row(m, f, MENDING_GOT, m->job.from);
		} else if (m->job.trouble.code) {
			whys[i] = arena_strdup(&m->strings, m->job.trouble.msg);
		}
	}
	return 0;
}

/* What was not had at last. */
static void add_lacking(struct mending *m, const struct audit *a,
			const bool *lacks, const char *const *whys)
{
	for (size_t i = 0; i < a->count; i++) {
		if (!lacks[i])
			continue;
		add_row(m, &a->files[i], MENDING_NOWHERE, NULL);
		m->rows[m->row_count - 1].why = whys[i];
	}
}

/* What the endpoints have brought is in the store by now. */
static int fetch_rest(struct mending *m, const struct audit *a, bool *lacks,
		      struct error *err)
{
	size_t left = 0;

	for (size_t i = 0; i < a->count; i++)
		left += lacks[i];
	if (!left || !m->network)
		return 0;
	if (mending_fetch(m, a, lacks, err) != 0)
		return -1;
	for (size_t i = 0; i < a->count; i++) {
		const struct audit_file *f = &a->files[i];
		enum blob_state state = BLOB_MISSING;

		if (!lacks[i] || f->file->size == UINT64_MAX)
			continue;
		if (hfcache_blob_check(m->store, f->repo, f->file,
				       &m->app->cancel, &state, err) != 0)
			return -1;
		if (state != BLOB_OK)
			continue;
		lacks[i] = false;
		add_row(m, f, MENDING_GOT, "the network");
	}
	return 0;
}

static int get_lacking(struct mending *m, const struct audit *a, bool *lacks,
		       struct error *err)
{
	const char **whys CLEANUP(free_ptr) = xcalloc(a->count + 1,
						      sizeof(*whys));
	int rc = get_all(m, a, lacks, whys, err);

	if (rc == 0)
		rc = fetch_rest(m, a, lacks, err);
	if (rc == 0)
		add_lacking(m, a, lacks, whys);
	return rc;
}

/* --- names ---------------------------------------------------------------------- */

/* Snapshot links of all that is right now and was not linked, or came anew. */
static int link_all(struct mending *m, const struct audit *a, const bool *lacks,
		    struct error *err)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct audit_file *f = &a->files[i];
		bool came = f->state != BLOB_OK && !lacks[i];

		if (!came && (f->state != BLOB_OK || !f->unlinked))
			continue;
		if (hfcache_link(m->store, f->repo, f->file, err) != 0)
			return -1;
		if (!came)
			add_row(m, f, MENDING_LINKED, NULL);
	}
	return 0;
}

/* Where nothing was wrong nothing is written. */
static bool has_changed(const struct audit *a, const struct lock_repo *r)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->files[i].repo == r &&
		    (a->files[i].state != BLOB_OK || a->files[i].unlinked))
			return true;
	return false;
}

static bool is_complete(const struct audit *a, const bool *lacks,
			const struct lock_repo *r)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->files[i].repo == r && lacks[i])
			return false;
	return true;
}

/* Refs that the lock names and that are missing or malformed; with whole also the
 * listing. A ref that points elsewhere is left alone but with move_refs. */
static int name_repo(struct mending *m, const struct lock_repo *r, bool changed,
		     struct error *err)
{
	if ((changed && hfcache_make_refs(m->store, r, err) != 0) ||
	    (m->whole && r->complete &&
	     hfcache_write_tree(m->store, r, err) != 0))
		return -1;
	for (size_t i = 0; i < r->refs.count; i++) {
		enum ref_change change = REF_SAME;
		char old[41] = "";

		if (hfcache_set_ref(m->store, r, r->refs.items[i],
				    !m->move_refs, &change, old, err) != 0)
			return -1;
		if (change == REF_MOVED)
			event_info(&m->app->sink, "refs/%s of %s: %s -> %s",
				   r->refs.items[i], r->id, old, r->commit);
		if (change == REF_KEPT)
			event_info(&m->app->sink,
				   "%s: %s points to %s and is left alone",
				   r->id, r->refs.items[i], old);
	}
	return 0;
}

static int name_all(struct mending *m, const struct lock *l, struct audit *a,
		    const bool *lacks, struct error *err)
{
	if (link_all(m, a, lacks, err) != 0)
		return -1;
	for (size_t i = 0; i < l->repo_count; i++) {
		bool right = is_complete(a, lacks, &l->repos[i]);

		if (m->listings &&
		    mending_listing(m, a, &l->repos[i], right, err) != 0)
			return -1;
		if (!right)
			continue;
		if (name_repo(m, &l->repos[i],
			      m->whole || has_changed(a, &l->repos[i]),
			      err) != 0)
			return -1;
		m->named++;
	}
	return 0;
}

/* -------------------------------------------------------------------------------- */

static void foresee(struct mending *m, const struct audit *a)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct audit_file *f = &a->files[i];
		const char *from = NULL;

		if (f->state == BLOB_OK) {
			if (f->unlinked)
				add_row(m, f, MENDING_WOULD, NULL);
			continue;
		}
		from = supplies_have(&m->places, f->repo, f->file);
		if (!from && m->network)
			from = "the network";
		add_row(m, f, from ? MENDING_WOULD : MENDING_NOWHERE, from);
	}
}

static int foresee_listings(struct mending *m, const struct lock *l,
			    struct audit *a, struct error *err)
{
	for (size_t i = 0; i < l->repo_count; i++)
		if (mending_listing(m, a, &l->repos[i], true, err) != 0)
			return -1;
	return 0;
}

int mending_run(struct mending *m, struct lock *l, struct error *err)
{
	const struct verify_options o = {
		.threads = (unsigned)m->app->options->jobs,
		.cancel = &m->app->cancel,
		.sink = &m->app->sink,
		.checked = m->checked,
	};
	struct audit a CLEANUP(audit_release) = { 0 };
	bool *lacks CLEANUP(free_ptr) = NULL;

	if (audit_lock(m->store, l, &o, &a, err) != 0)
		return -1;
	m->files += a.count;
	if (m->dry_run) {
		foresee(m, &a);
		return m->listings ? foresee_listings(m, l, &a, err) : 0;
	}
	m->job.store = m->store;
	m->job.mode = m->mode;
	m->job.cancel = &m->app->cancel;
	m->job.sink = &m->app->sink;
	m->job.policy = m->policy;
	lacks = xcalloc(a.count + 1, sizeof(*lacks));
	for (size_t i = 0; i < a.count; i++)
		lacks[i] = a.files[i].state != BLOB_OK;
	if (get_lacking(m, &a, lacks, err) != 0)
		return -1;
	return name_all(m, l, &a, lacks, err);
}

/* --- results -------------------------------------------------------------------- */

void mending_put_json(const struct mending *m, struct json_writer *j)
{
	json_put_kv_bool(j, "dry_run", m->dry_run);
	json_put_kv_u64(j, "files", m->files);
	json_put_kv_u64(j, "mended", m->counts[MENDING_GOT]);
	json_put_kv_u64(j, "linked", m->counts[MENDING_LINKED]);
	json_put_kv_u64(j, "would", m->counts[MENDING_WOULD]);
	json_put_kv_u64(j, "lacking", m->counts[MENDING_NOWHERE]);
	json_put_kv_u64(j, "listings",
			m->counts[MENDING_LISTED] +
				m->counts[MENDING_UNLISTED]);
	json_put_kv_u64(j, "bytes", m->job.bytes);
	json_put_kv_u64(j, "hard_links", m->job.linked);
	json_put_kv_u64(j, "shared", m->job.shared);
	json_put_kv_u64(j, "copied", m->job.copied);
	json_put_key(j, "items");
	json_begin_array(j);
	for (size_t i = 0; i < m->row_count; i++) {
		const struct mending_row *r = &m->rows[i];

		json_begin_object(j);
		json_put_kv(j, "repo", r->repo);
		json_put_kv(j, "path", r->path);
		json_put_kv(j, "state", r->state);
		json_put_kv(j, "result", results[r->result]);
		if (r->from)
			json_put_kv(j, "from", r->from);
		if (r->why)
			json_put_kv(j, "why", r->why);
		json_end_object(j);
	}
	json_end_array(j);
}

void mending_put_text(struct mending *m)
{
	struct table t CLEANUP(table_release) = { .columns = 5 };
	char size[HUMAN_MAX];

	for (size_t i = 0; i < m->row_count; i++) {
		const struct mending_row *r = &m->rows[i];

		if (!is_shown(m, r->result))
			continue;
		table_borrow(&t, results[r->result]);
		table_borrow(&t, r->state);
		table_borrow(&t, r->repo);
		table_borrow(&t, r->path);
		table_borrow(&t, r->from ? r->from : r->why ? r->why : "");
	}
	table_print(&t, m->app);
	if (m->job.bytes)
		app_note(m->app,
			 "%s came: %llu %s linked, %llu shared, %llu copied",
			 human_size(m->job.bytes, size),
			 (unsigned long long)m->job.linked,
			 human_plural(m->job.linked, "file", "files"),
			 (unsigned long long)m->job.shared,
			 (unsigned long long)m->job.copied);
}

int mending_end(const struct mending *m, enum err_code lacking,
		struct error *err)
{
	const struct mending_row *r = m->rows, *end = r + m->row_count;

	if (!m->counts[MENDING_NOWHERE])
		return 0;
	while (r < end && !r->why)
		r++;
	m->app->status = err_exit_status(r < end ? ERR_IO : lacking);
	if (r == end || m->app->options->json)
		return 0;
	return err_set(err, ERR_IO, "%s %s is not to be had: %s", r->repo,
		       r->path, r->why);
}
