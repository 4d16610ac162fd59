/*
 * Every endpoint that answers must tell the same story: a mirror that lags
 * behind, or lies, is found before a byte is fetched.
 */
#include "fetch/resolve.h"

#include "base/mem.h"
#include "cache/gitname.h"
#include "fetch/archive_source.h"
#include "fetch/download.h"
#include "fetch/endpoint.h"
#include "fetch/git_source.h"
#include "fetch/learn.h"
#include "fetch/plain.h"
#include "manifest/glob.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

struct resolver {
	struct hub *hub;
	struct hfcache *store;
	const struct strlist *groups;
	const struct lock *old;
	unsigned jobs;
	bool survey;
	const struct cancel *cancel;
	const struct event_sink *sink;
	struct lock *out;
	/* of each repo of out */
	const struct manifest_model **models;
};

/* --- agreement -------------------------------------------------------------- */

struct story {
	const struct hub_endpoint *from;
	const struct lock_repo *repo;
};

static void describe_file(struct str *out, const struct story *s,
			  const struct lock_file *file)
{
	char hex[DIGEST_HEX_MAX];

	if (file)
		str_addf(out, "%s has %llu bytes named %s", s->from->name,
			 (unsigned long long)file->size,
			 digest_hex(&file->etag, hex));
	else
		str_addf(out, "%s does not have it", s->from->name);
}

static int differ(const struct story *a, const struct lock_file *x,
		  const struct story *b, const struct lock_file *y,
		  struct error *err)
{
	struct str first CLEANUP(str_release) = STR_INIT;
	struct str second CLEANUP(str_release) = STR_INIT;

	assert(x || y);
	describe_file(&first, a, x);
	describe_file(&second, b, y);
	err_set(err, ERR_INTEGRITY, "endpoints disagree on %s %s: %s, %s",
		a->repo->id, x ? x->path : y->path, first.ptr, second.ptr);
	return err_hint(err, "lock from one of them alone (--only-mirror) with "
			     "--prove to see which is right");
}

/* Both listings are sorted: walks them side by side. */
static int compare_files(const struct story *a, const struct story *b,
			 struct error *err)
{
	size_t i = 0, k = 0;

	while (i < a->repo->file_count || k < b->repo->file_count) {
		const struct lock_file *x = NULL, *y = NULL;
		int c;

		if (i < a->repo->file_count)
			x = &a->repo->files[i];
		if (k < b->repo->file_count)
			y = &b->repo->files[k];
		c = x && y ? strcmp(x->path, y->path) : x ? -1 : 1;
		if (c < 0)
			return differ(a, x, b, NULL, err);
		if (c > 0)
			return differ(a, NULL, b, y, err);
		if (x->size != y->size || !digest_equal(&x->etag, &y->etag))
			return differ(a, x, b, y, err);
		i++;
		k++;
	}
	return 0;
}

static int compare_stories(const struct story *a, const struct story *b,
			   const char *revision, struct error *err)
{
	if (strcmp(a->repo->commit, b->repo->commit) == 0)
		return compare_files(a, b, err);
	err_set(err, ERR_INTEGRITY,
		"endpoints disagree on %s@%s: %s says commit %s, %s says %s",
		a->repo->id, revision, a->from->name, a->repo->commit,
		b->from->name, b->repo->commit);
	return err_hint(err, "name the commit that you want as its revision");
}

/* --- asking all ------------------------------------------------------------- */

/* Silence and refusals are no lies. */
static bool is_silence(const struct error *err)
{
	return err->code == ERR_NET || err->code == ERR_HTTP ||
	       err->code == ERR_AUTH || err->code == ERR_NOT_FOUND;
}

static int ask_one(struct resolver *r, const struct manifest_model *m,
		   struct hub_endpoint *e, struct lock *answer,
		   struct error *err)
{
	struct lock_repo *repo = lock_add_repo(answer);

	repo->type = m->type;
	repo->id = xstrdup(m->id);
	mirrors_copy(&repo->mirrors, &m->mirrors);
	if (endpoint_list(r->hub, e, m->revision, repo, err) == 0)
		return 0;
	lock_release(answer);
	return -1;
}

/* Others answered: what is not reachable is not tried again for the next model. */
static void leave_out(struct resolver *r, struct hub_endpoint *e,
		      const struct error *why)
{
	e->dropped = why->code == ERR_NET;
	event_warn(r->sink, "%s; going on without %s", why->msg, e->name);
}

struct round {
	const struct manifest_model *model;
	enum endpoint_kind kind;
	struct error *silence; /* of each endpoint that did not answer */
	struct story told;
	struct lock *listing;
};

static int ask_endpoint(struct resolver *r, struct round *now, size_t i,
			struct error *err)
{
	struct hub_endpoint *e = &r->hub->endpoints[i];
	struct lock answer CLEANUP(lock_release) = { 0 };
	struct story also = { .from = e };

	if (ask_one(r, now->model, e, &answer, &now->silence[i]) < 0) {
		if (is_silence(&now->silence[i]))
			return 0;
		*err = now->silence[i];
		return -1;
	}
	if (now->told.from) {
		also.repo = &answer.repos[0];
		return compare_stories(&now->told, &also, now->model->revision,
				       err);
	}
	*now->listing = answer;
	answer = (struct lock){ 0 };
	now->told.from = e;
	now->told.repo = &now->listing->repos[0];
	return 0;
}

/* Hubs of different kinds have commits of their own and need not agree: those of
 * one kind are asked, and others only where they are all silent. */
static int ask_kind(struct resolver *r, struct round *now, struct error *err)
{
	for (size_t i = 0; i < r->hub->count; i++)
		if (r->hub->endpoints[i].kind == now->kind &&
		    !r->hub->endpoints[i].dropped &&
		    ask_endpoint(r, now, i, err) < 0)
			return -1;
	return 0;
}

/* The error of the first that was silent. */
static int nobody(const struct resolver *r, const struct round *now,
		  struct error *err)
{
	for (size_t i = 0; i < r->hub->count; i++)
		if (now->silence[i].code != ERR_NONE) {
			*err = now->silence[i];
			return -1;
		}
	return err_set(err, ERR_NET, "%s: no endpoint is left to ask",
		       now->model->id);
}

static int ask_hubs(struct resolver *r, const struct manifest_model *m,
		    struct lock *listing, struct error *err)
{
	struct error *silence CLEANUP(free_ptr) = xcalloc(r->hub->count + 1,
							  sizeof(*silence));
	struct round now = { .model = m,
			     .silence = silence,
			     .listing = listing };
	bool asked[ENDPOINT_KINDS] = { false };

	for (size_t i = 0; i < r->hub->count && !now.told.from; i++) {
		now.kind = r->hub->endpoints[i].kind;
		if (now.kind == ENDPOINT_DIRECT || asked[now.kind])
			continue;
		asked[now.kind] = true;
		if (ask_kind(r, &now, err) < 0)
			return -1;
	}
	if (!now.told.from)
		return nobody(r, &now, err);
	for (size_t i = 0; i < r->hub->count; i++)
		if (silence[i].code != ERR_NONE)
			leave_out(r, &r->hub->endpoints[i], &silence[i]);
	return 0;
}

static int ask_archive(struct resolver *r, const struct manifest_model *m,
		       struct lock *listing, struct error *err)
{
	const struct download_options o = { .jobs = r->jobs,
					    .cancel = r->cancel,
					    .sink = r->sink };

	if (archive_source_remember(r->old, m, lock_add_repo(listing)))
		return 0;
	lock_release(listing);
	if (r->survey)
		return archive_source_unopened(r->hub, m,
					       lock_add_repo(listing), err);
	return archive_source_list(r->hub, r->store, m, &o,
				   lock_add_repo(listing), err);
}

static int ask_all(struct resolver *r, const struct manifest_model *m,
		   struct lock *listing, struct error *err)
{
	if (m->git)
		return git_source_list(r->hub, r->store, m,
				       lock_add_repo(listing), err);
	if (m->archive.url)
		return ask_archive(r, m, listing, err);
	if (!m->has_urls)
		return ask_hubs(r, m, listing, err);
	return plain_list(r->hub, m, lock_add_repo(listing), err);
}

/* --- one model -------------------------------------------------------------- */

static char *copy_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static struct lock_file *copy_file(struct lock_repo *repo,
				   const struct lock_file *listed)
{
	struct lock_file *file = lock_add_file(repo, listed->path);

	file->size = listed->size;
	file->etag = listed->etag;
	file->sha256 = listed->sha256;
	if (listed->url)
		lock_file_set_url(repo, file, listed->url);
	return file;
}

static void add_views(struct lock_repo *repo, struct lock_file *file,
		      const struct manifest_model *m)
{
	struct strlist views CLEANUP(strlist_release) = { 0 };

	manifest_place(m, file->path, &views);
	for (size_t i = 0; i < views.count; i++)
		lock_file_add_view(repo, file, views.items[i]);
}

/* The selected files of the listing, which is used up: as they are, without a second
 * copy, unless most of it would be kept in memory for nothing. */
static void add_files(const struct resolver *r, struct lock_repo *repo,
		      const struct manifest_model *m, struct lock_repo *listing,
		      size_t selected)
{
	struct lock_file *from = listing->files;
	size_t count = listing->file_count;

	if (selected >= count / 2) {
		repo->files = take_ptr(listing->files);
		repo->file_cap = listing->file_cap;
		repo->strings = listing->strings;
		listing->strings = (struct arena){ 0 };
		listing->file_count = listing->file_cap = 0;
	}
	for (size_t i = 0; i < count; i++) {
		struct lock_file *f;

		if (!manifest_selects(m, r->groups, from[i].path))
			continue;
		if (repo->files == from) {
			f = &from[repo->file_count++];
			*f = from[i];
		} else {
			f = copy_file(repo, &from[i]);
		}
		add_views(repo, f, m);
	}
	lock_trim(repo);
}

/* Without files. */
static struct lock_repo *begin_repo(struct resolver *r,
				    const struct manifest_model *m,
				    const struct lock_repo *listing)
{
	struct lock_repo *repo = lock_add_repo(r->out);

	r->models[r->out->repo_count - 1] = m;
	repo->type = m->type;
	repo->id = xstrdup(m->id);
	repo->revision = xstrdup(m->revision);
	memcpy(repo->commit, listing->commit, sizeof(repo->commit));
	repo->hub = copy_or_null(listing->hub);
	repo->git = copy_or_null(m->git);
	archive_ref_copy(&repo->archive, &listing->archive);
	strlist_copy(&repo->refs, &m->refs);
	repo->license = copy_or_null(m->license);
	repo->notice = copy_or_null(m->notice);
	repo->hub_view = copy_or_null(m->hub_view);
	mirrors_copy(&repo->mirrors, &m->mirrors);
	return repo;
}

static const struct lock_repo *add_repo(struct resolver *r,
					const struct manifest_model *m,
					struct lock_repo *listing,
					size_t selected)
{
	struct lock_repo *repo = begin_repo(r, m, listing);

	repo->complete = selected == listing->file_count;
	add_files(r, repo, m, listing, selected);
	return repo;
}

/* without_groups: as if all groups were on */
static size_t count_selected(const struct resolver *r,
			     const struct manifest_model *m,
			     const struct lock_repo *listing,
			     bool without_groups)
{
	size_t n = 0;

	for (size_t i = 0; i < listing->file_count; i++) {
		const char *path = listing->files[i].path;

		n += without_groups
			     ? glob_select(&m->include, &m->exclude, path)
			     : manifest_selects(m, r->groups, path);
	}
	return n;
}

/* Papers that a repository may lack without harm. */
static bool is_paper(const char *path)
{
	static const char *const papers[] = { "README", "LICENSE", "LICENCE",
					      "NOTICE", "COPYING" };
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_LEN(papers); i++)
		if (strncasecmp(name, papers[i], strlen(papers[i])) == 0)
			return true;
	return false;
}

static int check_includes(const struct resolver *r,
			  const struct manifest_model *m,
			  const struct lock_repo *listing, struct error *err)
{
	struct strlist absent CLEANUP(strlist_release) = { 0 };

	lock_unmatched(listing, m, r->groups, &absent);
	for (size_t i = 0; i < absent.count; i++) {
		if (!is_paper(absent.items[i]))
			return err_set(err, ERR_NOT_FOUND,
				       "%s has no file %s at commit %s", m->id,
				       absent.items[i], listing->commit);
		event_warn(r->sink, "%s has no file %s at commit %s", m->id,
			   absent.items[i], listing->commit);
	}
	return 0;
}

static int check_digest(const struct lock_repo *repo,
			const struct lock_file *file,
			const struct digest *pinned, const struct digest *found,
			struct error *err)
{
	char want[DIGEST_HEX_MAX], got[DIGEST_HEX_MAX];

	if (pinned->alg == DIGEST_NONE || found->alg != pinned->alg ||
	    digest_equal(pinned, found))
		return 0;
	return err_set(err, ERR_INTEGRITY,
		       "%s %s: the manifest pins %s, commit %s has %s",
		       repo->id, file->path, digest_hex(pinned, want),
		       repo->commit, digest_hex(found, got));
}

static int check_pin(const struct lock_repo *repo,
		     const struct manifest_pin *pin, struct error *err)
{
	const struct lock_file *file = lock_find_file(repo, pin->path);

	if (!file)
		return err_set(err, ERR_INTEGRITY,
			       "%s %s: the manifest pins it, commit %s does "
			       "not have it",
			       repo->id, pin->path, repo->commit);
	if (pin->size != UINT64_MAX && pin->size != file->size)
		return err_set(err, ERR_INTEGRITY,
			       "%s %s: the manifest pins %llu bytes, commit %s "
			       "has %llu",
			       repo->id, pin->path,
			       (unsigned long long)pin->size, repo->commit,
			       (unsigned long long)file->size);
	if (check_digest(repo, file, &pin->git, &file->etag, err) < 0)
		return -1;
	return check_digest(repo, file, &pin->sha256, &file->sha256, err);
}

static int check_pins(const struct resolver *r, const struct lock_repo *repo,
		      const struct manifest_model *m, struct error *err)
{
	for (size_t i = 0; i < m->pin_count; i++)
		if (manifest_selects(m, r->groups, m->pins[i].path) &&
		    check_pin(repo, &m->pins[i], err) < 0)
			return -1;
	return 0;
}

/* What is in it, and what of that is wanted, is not known before it has come. */
static void take_unopened(struct resolver *r, const struct manifest_model *m,
			  const struct lock_repo *listing)
{
	const struct lock_file *archive = &listing->files[0];
	struct lock_repo *repo = begin_repo(r, m, listing);

	copy_file(repo, archive);
	event_info(r->sink,
		   "%s: what is in %s is only known once it is downloaded",
		   m->id, archive->path);
}

static int resolve_model(struct resolver *r, const struct manifest_model *m,
			 struct error *err)
{
	struct lock listing CLEANUP(lock_release) = { 0 };
	struct lock_repo *listed;
	size_t selected;

	if (!manifest_model_is_on(m, r->groups))
		return 0;
	event_info(r->sink, "asking for %s@%s", m->id, m->revision);
	if (ask_all(r, m, &listing, err) < 0)
		return -1;
	assert(listing.repos);
	listed = &listing.repos[0];
	if (m->archive.url && !listed->archive.url) {
		take_unopened(r, m, listed);
		return 0;
	}
	if (check_includes(r, m, listed, err) < 0)
		return -1;
	if (count_selected(r, m, listed, true) == 0) {
		err_set(err, ERR_NOT_FOUND,
			"%s: no file of commit %s matches the patterns", m->id,
			listed->commit);
		return err_hint(err, "check what is included and excluded "
				     "(--include, --exclude, the manifest); "
				     "without any it is all files");
	}
	/* or all of it belongs to groups that are off */
	selected = count_selected(r, m, listed, false);
	if (selected == 0)
		return 0;
	return check_pins(r, add_repo(r, m, listed, selected), m, err);
}

/* --- all models ------------------------------------------------------------- */

/* Git names small files by SHA-1 only, ModelScope by SHA-256 only: the other has
 * to be learned. */
static int learn(struct resolver *r, struct hfcache *store, unsigned jobs,
		 struct error *err)
{
	struct download_options o = { .jobs = jobs,
				      .learn = true,
				      .cancel = r->cancel,
				      .sink = r->sink };
	struct download_stats stats;

	if (learn_names(r->hub, store, r->out, r->cancel, err) < 0 ||
	    download_lock(r->hub, store, r->out, &o, &stats, err) < 0)
		return -1;
	for (size_t i = 0; i < r->out->repo_count; i++)
		if (check_pins(r, &r->out->repos[i], r->models[i], err) < 0)
			return -1;
	return 0;
}

/* Enough to tell what the store lacks. */
static int name_for_survey(struct resolver *r, struct hfcache *store,
			   struct error *err)
{
	for (size_t i = 0; i < r->out->repo_count; i++) {
		struct lock_repo *repo = &r->out->repos[i];

		if (gitname_find(store, repo, r->cancel, err) < 0)
			return -1;
		for (size_t k = 0; k < repo->file_count; k++)
			if (repo->files[k].etag.alg == DIGEST_NONE)
				repo->files[k].etag = repo->files[k].sha256;
	}
	return 0;
}

int resolve_manifest(struct hub *h, struct hfcache *store,
		     const struct manifest *m, const struct resolve_options *o,
		     struct lock *out, struct error *err)
{
	const struct manifest_model **models CLEANUP(free_ptr) = xcalloc(
		m->model_count + 1, sizeof(*models));
	struct lock lock CLEANUP(lock_release) = { 0 };
	struct resolver r = { .hub = h,
			      .store = store,
			      .groups = o->groups,
			      .old = o->old,
			      .jobs = o->jobs,
			      .survey = o->survey,
			      .cancel = o->cancel,
			      .sink = o->sink,
			      .out = &lock,
			      .models = models };

	lock.name = xstrdup(m->name);
	lock.manifest = m->digest;
	strlist_copy(&lock.groups, o->groups);
	for (size_t i = 0; i < m->model_count; i++)
		if (resolve_model(&r, &m->models[i], err) < 0)
			return -1;
	if ((o->survey ? name_for_survey(&r, store, err)
		       : learn(&r, store, o->jobs, err)) < 0 ||
	    lock_finish(&lock, err) < 0)
		return -1;
	*out = lock;
	lock = (struct lock){ 0 };
	return 0;
}
