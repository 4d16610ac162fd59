/* The part of mending that needs a network. */
#include "cmd/mending.h"

#include "base/mem.h"
#include "cache/derive.h"
#include "cmd/net.h"
#include "fetch/download.h"
#include "fetch/endpoint.h"

#include <stdlib.h>
#include <string.h>

/* Files of one repo that lack; strings are borrowed from the audit. */
struct need {
	struct lock lock;
	struct lock_repo repo;
};

static void need_release(struct need *n)
{
	free_ptr(&n->repo.files);
}

static void add(struct need *n, const struct lock_file *f)
{
	n->repo.files = xgrow(n->repo.files, &n->repo.file_cap,
			      n->repo.file_count + 1, sizeof(*n->repo.files));
	n->repo.files[n->repo.file_count++] = *f;
}

/* sha256: files that have one, else those that have none. */
static void collect(struct need *n, const struct audit *a, const bool *lacks,
		    const struct lock_repo *r, bool sha256)
{
	n->repo = *r;
	n->repo.refs = (struct strlist){ 0 };
	n->repo.complete = false;
	n->repo.files = NULL;
	n->repo.file_count = n->repo.file_cap = 0;
	for (size_t i = 0; i < a->count; i++)
		if (a->files[i].repo == r && lacks[i] &&
		    a->files[i].file->size != DERIVE_NO_SIZE &&
		    (a->files[i].file->sha256.alg != DIGEST_NONE) == sha256)
			add(n, a->files[i].file);
	n->lock = (struct lock){ .name = (char *)"repair",
				 .repos = &n->repo,
				 .repo_count = 1 };
}

/* A cache does not know how large a file is that it lacks; the hub does. */
static void learn_sizes(const struct audit *a, const bool *lacks,
			const struct lock_repo *r,
			const struct lock_repo *listing)
{
	for (size_t i = 0; i < a->count; i++) {
		struct lock_file *f = a->files[i].file;
		const struct lock_file *told;

		if (a->files[i].repo != r || !lacks[i] ||
		    f->size != DERIVE_NO_SIZE)
			continue;
		told = lock_find_file(listing, f->path);
		if (told && (digest_equal(&told->etag, &f->etag) ||
			     digest_equal(&told->sha256, &f->etag)))
			f->size = told->size;
	}
}

static bool has_unsized(const struct audit *a, const bool *lacks,
			const struct lock_repo *r)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->files[i].repo == r && lacks[i] &&
		    a->files[i].file->size == DERIVE_NO_SIZE)
			return true;
	return false;
}

static int ask_sizes(struct mending *m, struct hub *h, const struct audit *a,
		     const bool *lacks, const struct lock_repo *r,
		     struct error *err)
{
	for (size_t i = 0; i < h->count && has_unsized(a, lacks, r); i++) {
		struct lock asked CLEANUP(lock_release) = { 0 };
		struct lock_repo *listing = lock_add_repo(&asked);

		listing->type = r->type;
		listing->id = xstrdup(r->id);
		if (endpoint_list(h, &h->endpoints[i], r->commit, listing,
				  err) == 0) {
			learn_sizes(a, lacks, r, listing);
			continue;
		}
		if (err->code == ERR_CANCELLED)
			return -1;
		event_warn(&m->app->sink, "%s: %s", r->id, err->msg);
		err_clear(err);
	}
	return 0;
}

static int fetch(struct mending *m, struct hub *h, const struct audit *a,
		 const bool *lacks, const struct lock_repo *r, bool sha256,
		 struct error *err)
{
	struct need n CLEANUP(need_release) = { 0 };
	const struct download_options o = {
		.jobs = (unsigned)m->app->options->jobs,
		.learn = !sha256,
		.cancel = &m->app->cancel,
		.sink = &m->app->sink,
	};
	struct download_stats stats = { 0 };

	collect(&n, a, lacks, r, sha256);
	if (n.repo.file_count == 0 ||
	    download_lock(h, m->store, &n.lock, &o, &stats, err) == 0)
		return 0;
	if (err->code == ERR_CANCELLED || err->code == ERR_IO)
		return -1;
	event_warn(&m->app->sink, "%s", err->msg);
	err_clear(err);
	return 0;
}

int mending_check_network(struct mending *m, struct error *err)
{
	struct net net CLEANUP(net_close) = NET_INIT;

	return net_open(&net, m->app, NULL, err);
}

int mending_fetch(struct mending *m, const struct audit *a, const bool *lacks,
		  struct error *err)
{
	struct net net CLEANUP(net_close) = NET_INIT;
	const struct lock_repo *r = NULL;

	if (net_open(&net, m->app, NULL, err) != 0)
		return -1;
	/* files of one repo follow one another */
	for (size_t i = 0; i < a->count; i++) {
		if (a->files[i].repo == r || !lacks[i])
			continue;
		r = a->files[i].repo;
		if (ask_sizes(m, &net.hub, a, lacks, r, err) != 0 ||
		    fetch(m, &net.hub, a, lacks, r, true, err) != 0 ||
		    fetch(m, &net.hub, a, lacks, r, false, err) != 0)
			return -1;
	}
	return 0;
}

int mending_ask(struct mending *m, const char *commit,
		struct lock_repo *listing, struct error *err)
{
	struct net net CLEANUP(net_close) = NET_INIT;

	if (net_open(&net, m->app, NULL, err) != 0)
		return -1;
	for (size_t i = 0; i < net.hub.count; i++) {
		if (endpoint_list(&net.hub, &net.hub.endpoints[i], commit,
				  listing, err) == 0)
			return 0;
		if (err->code == ERR_CANCELLED)
			return -1;
		event_warn(&m->app->sink, "%s: %s", listing->id, err->msg);
		err_clear(err);
	}
	return 1;
}
