#include "bundle/supply.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/clone.h"
#include "bundle/copy.h"
#include "bundle/supply_run.h"
#include "cache/derive.h"
#include "cache/hashrun.h"
#include "cache/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_WAIT_MS 60000

/* --- places -------------------------------------------------------------------- */

static void supply_close(struct supply **p)
{
	struct supply *s = *p;

	if (!s)
		return;
	bundle_source_close(&s->source);
	free_ptr(&s->offsets);
	hfcache_close(&s->cache);
	close_fd(&s->dirfd);
	free_ptr(&s->files);
	arena_release(&s->paths);
	for (size_t i = 0; i < ARRAY_LEN(s->hashed); i++)
		hashed_release(&s->hashed[i]);
	free_ptr(&s->name);
	free_ptr(p);
}

void supplies_release(struct supplies *s)
{
	for (size_t i = 0; i < s->count; i++)
		supply_close(&s->items[i]);
	free_ptr(&s->items);
	s->count = s->cap = 0;
}

static struct supply *new_supply(enum supply_kind kind, const char *name)
{
	struct supply *s = xcalloc(1, sizeof(*s));

	*s = (struct supply){ .kind = kind,
			      .name = xstrdup(name),
			      .source = BUNDLE_SOURCE_INIT,
			      .dirfd = -1 };
	return s;
}

static void take(struct supplies *all, struct supply **s)
{
	all->items = xgrow(all->items, &all->cap, all->count + 1,
			   sizeof(struct supply *));
	all->items[all->count++] = take_ptr(*s);
}

/* Does this directory look like a Hub cache? */
static int is_cache(const char *dir, bool *out, struct error *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int failed = 0;

	*out = false;
	if (!d)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_sys(err, errno, "%s", dir);
	while (!*out && (e = file_dir_next(d, &failed))) {
		enum repo_type type;
		char *id CLEANUP(free_ptr) = NULL;

		*out = !repo_folder_parse(e->d_name, &type, &id);
	}
	closedir(d);
	return failed ? err_sys(err, failed, "%s", dir) : 0;
}

/* The directory itself, or hub/ in it. *out NULL: neither. Caller frees. */
static int cache_in(const char *path, char **out, struct error *err)
{
	char *hub CLEANUP(free_ptr) = xasprintf("%s/hub", path);
	bool found = false;

	if (is_cache(path, &found, err))
		return -1;
	if (found) {
		*out = xstrdup(path);
		return 0;
	}
	if (is_cache(hub, &found, err))
		return -1;
	*out = found ? take_ptr(hub) : NULL;
	return 0;
}

/* Of what is no cache. */
static enum supply_kind other_kind(const char *path)
{
	struct stat st;

	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return SUPPLY_BUNDLE;
	/* what is wrong with a card is found when it is opened */
	return volumes_in(path) ? SUPPLY_BUNDLE : SUPPLY_FILES;
}

int supply_kind_of(const char *path, enum supply_kind *out, struct error *err)
{
	char *cache CLEANUP(free_ptr) = NULL;

	if (cache_in(path, &cache, err))
		return -1;
	*out = cache ? SUPPLY_CACHE : other_kind(path);
	return 0;
}

static int add_cache(struct supplies *all, const char *dir, bool self,
		     struct error *err)
{
	struct supply *s CLEANUP(supply_close) = new_supply(SUPPLY_CACHE, dir);

	s->self = self;
	if (hfcache_open(&s->cache, dir, false, err))
		return -1;
	s->dirfd = fcntl(hfcache_fd(s->cache), F_DUPFD_CLOEXEC, 0);
	if (s->dirfd < 0)
		return err_sys(err, errno, "%s", dir);
	/* the store is only looked through when something is asked of it */
	if (!self && supply_scan_cache(s, all->sink, err))
		return -1;
	take(all, &s);
	return 0;
}

/* Where each payload begins. */
static int find_offsets(struct supply *s, struct error *err)
{
	size_t n = s->source.manifest.blob_count;
	struct segment seg;

	s->offsets = xcalloc(n + 1, sizeof(*s->offsets));
	for (size_t i = 0; i < n; i++)
		s->offsets[i] = UINT64_MAX;
	layout_rewind(s->source.layout);
	do {
		if (layout_next(s->source.layout, &seg, err))
			return -1;
		if (seg.kind == SEGMENT_PAYLOAD && !seg.again)
			s->offsets[seg.blob] = seg.offset;
	} while (seg.kind != SEGMENT_END);
	layout_rewind(s->source.layout);
	return 0;
}

const struct bundle_source *supplies_add_bundle(
	struct supplies *all, const char *path,
	void (*prepare)(void *ctx, struct bundle_source *source), void *ctx,
	struct error *err)
{
	struct supply *s CLEANUP(supply_close) = new_supply(SUPPLY_BUNDLE,
							    path);

	prepare(ctx, &s->source);
	if (bundle_source_open(&s->source, path, err))
		return NULL;
	if (!s->source.seekable && !s->source.volumes) {
		err_set(err, ERR_USAGE,
			"%s: compressed, or no file: single payloads cannot be "
			"taken out of it",
			path);
		err_hint(err, "unpack it first, or install it whole");
		return NULL;
	}
	if (find_offsets(s, err))
		return NULL;
	take(all, &s);
	return &all->items[all->count - 1]->source;
}

static void set_cancel(void *ctx, struct bundle_source *source)
{
	source->cancel = *(const struct cancel **)ctx;
}

int supplies_add(struct supplies *all, const char *path,
		 const struct cancel *cancel, struct error *err)
{
	char *cache CLEANUP(free_ptr) = NULL;

	if (cache_in(path, &cache, err))
		return -1;
	if (cache)
		return add_cache(all, cache, false, err);
	if (other_kind(path) == SUPPLY_FILES)
		return err_set(err, ERR_FORMAT,
			       "%s: neither a Hub cache nor a bundle in "
			       "volumes",
			       path);
	return supplies_add_bundle(all, path, set_cancel, &cancel, err) ? 0
									: -1;
}

int supplies_add_store(struct supplies *all, const char *root,
		       struct error *err)
{
	return add_cache(all, root, true, err);
}

int supplies_add_files(struct supplies *all, const char *dir, struct error *err)
{
	struct supply *s CLEANUP(supply_close) = new_supply(SUPPLY_FILES, dir);

	if (file_open(AT_FDCWD, dir, O_DIRECTORY, &s->dirfd, err))
		return -1;
	if (supply_scan_files(s, all->sink, err))
		return -1;
	take(all, &s);
	return 0;
}

/* --- one offer ------------------------------------------------------------------- */

struct transfer {
	struct supply_job *job;
	const struct lock_repo *repo;
	struct lock_file *file; /* a copy, with the offer's size */
	struct supply_offer *offer;
	unsigned id;
	uint64_t read_at;
	bool store_fails;
};

static void emit(const struct transfer *t, enum event_type type, uint64_t done)
{
	event_emit(t->job->sink, &(struct event){ .type = type,
						  .id = t->id,
						  .name = t->file->path,
						  .done = done,
						  .total = t->offer->size });
}

static void see_progress(void *ctx, uint64_t done)
{
	emit(ctx, EVENT_PROGRESS, done);
}

static int read_source(void *ctx, void *buf, size_t n, struct error *err)
{
	struct transfer *t = ctx;
	size_t got;

	if (bundle_source_pread(t->offer->source, buf, n,
				t->offer->offset + t->read_at, &got, err))
		return -1;
	if (got < n)
		return err_set(err, ERR_INTEGRITY, "ends early");
	t->read_at += n;
	return 0;
}

/* What the policy says of bytes that have no name in the store yet. */
static int judge(const struct transfer *t, int fd, struct error *err)
{
	if (!policy_wants_bytes(t->job->policy))
		return 0;
	return policy_scan_fd(t->job->policy, fd, t->offer->size, t->file->path,
			      t->file->path, err);
}

/* Returns rc: what a call of the store has returned. */
static int of_store(struct transfer *t, int rc, const struct error *err)
{
	t->store_fails |= rc && err->sys;
	return rc;
}

static void see_clone(void *ctx, size_t index, uint64_t done)
{
	(void)index;
	see_progress(ctx, done);
}

/* 1: what is to be copied is there, and hashed; 0: it cannot be shared. */
static int clone_offer(struct transfer *t, struct copy_job *copy,
		       struct error *err)
{
	struct clone clone = { .src_fd = copy->src_fd,
			       .src_offset = copy->src_offset,
			       .dst_fd = copy->dst_fd,
			       .size = copy->size,
			       .dst_name = copy->dst_name };
	struct clone *const clones[] = { &clone };
	const struct clone_job job = { .clones = clones,
				       .count = 1,
				       .cancel = copy->cancel,
				       .progress = see_clone,
				       .ctx = t };

	if (t->job->mode == SUPPLY_COPY || copy->read ||
	    copy->src_offset % BUNDLE_ALIGN != 0 || !clone_make(&clone))
		return 0;
	clone_hash(&job);
	copy->sha256 = clone.sha256;
	*err = clone.err;
	return err->code ? -1 : 1;
}

/* A message that begins with the part is the store's, and not the place's. */
static int copy_bytes(struct transfer *t, struct copy_job *copy,
		      struct error *err)
{
	if (!copy_run(copy, err))
		return 0;
	if (str_starts(err->msg, copy->dst_name))
		of_store(t, store_hint_space(t->job->store, err), err);
	return -1;
}

/* Bytes into a part that gets its name when they are right. 0 or -1. */
static int copy_offer(struct transfer *t, struct error *err)
{
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	int lockfd CLEANUP(close_fd) = -1;
	bool whole = !t->offer->source || !t->offer->source->volumes;
	char *to CLEANUP(free_ptr) = NULL;
	int cloned;
	struct copy_job copy = {
		.src_fd = t->offer->source ? t->offer->source->fd
					   : t->offer->fd,
		.src_offset = t->offer->offset,
		.read = whole ? NULL : read_source,
		.read_ctx = t,
		.size = t->offer->size,
		.src_name = t->offer->path ? t->offer->path : t->job->from,
		.cancel = t->job->cancel,
		.progress = see_progress,
		.ctx = t,
	};

	if (of_store(t,
		     hfcache_blob_lock(t->job->store, t->repo, &t->file->etag,
				       LOCK_WAIT_MS, &lockfd, err) ||
			     hfcache_part_open(&part, t->job->store, t->repo,
					       t->file, false, take_fd(&lockfd),
					       err),
		     err))
		return -1;
	copy.dst_fd = part.fd;
	copy.dst_name = to = xasprintf("%s/%s" PART_SUFFIX,
				       hfcache_root(t->job->store), part.path);
	cloned = clone_offer(t, &copy, err);
	if (of_store(t, cloned < 0 ? -1 : 0, err) ||
	    (!cloned && (of_store(t, hfcache_part_reserve(&part, err), err) ||
			 copy_bytes(t, &copy, err))) ||
	    hfcache_part_adopt(&part, &copy.sha256, copy.size, err) ||
	    judge(t, part.fd, err) ||
	    of_store(t, hfcache_part_commit(&part, NULL, err), err))
		return -1;
	*(cloned ? &t->job->shared : &t->job->copied) += 1;
	return 0;
}

/* Nobody writes into it, or the user has said so; small texts are edited all the
 * same, and whoever edits a link edits the store. */
static bool may_link(const struct transfer *t)
{
	if (t->offer->fd < 0 || t->job->mode == SUPPLY_COPY)
		return false;
	if (t->offer->edited && lock_file_is_editable(t->file))
		return false;
	return t->offer->immutable || t->job->mode == SUPPLY_LINK;
}

/* 1: linked; 0: cannot be, or is not right. */
static int link_offer(struct transfer *t, struct error *err)
{
	const struct hash_span span = { .fd = t->offer->fd,
					.size = t->offer->size,
					.cancel = t->job->cancel };
	const struct digest *want = store_want(t->file);
	struct digest got;
	bool linked = false;

	if (!may_link(t))
		return 0;
	if (hash_span(&span, want->alg, &got, err))
		return err_wrap(err, "%s", t->offer->path);
	if (!digest_equal(&got, want))
		return 0;
	if (judge(t, t->offer->fd, err) ||
	    of_store(t,
		     hfcache_blob_link(t->job->store, t->repo, t->file,
				       t->offer->fd, &linked, err),
		     err))
		return -1;
	t->job->linked += linked;
	return linked;
}

/* The place may be damaged; then another may have it. What the store cannot take
 * ends it all. */
static bool is_final(const struct transfer *t, const struct error *err)
{
	return t->store_fails || err->code == ERR_CANCELLED ||
	       err->code == ERR_BUSY || err->code == ERR_UNSAFE ||
	       err->sys == ENOSPC || err->sys == EDQUOT || err->sys == EROFS ||
	       err->sys == EACCES || err->sys == EPERM || err->sys == EFBIG;
}

/* A file that is of the right size: each is hashed once, whatever many files lack
 * that have this size. 1: it is the one, 0: it is not. */
static int try_guess(const struct transfer *t, struct supply *place,
		     struct error *err)
{
	const struct hash_span span = { .fd = t->offer->fd,
					.size = t->offer->size,
					.cancel = t->job->cancel };
	const struct digest *want = store_want(t->file);
	struct error unread = { 0 };
	struct digest got;

	if (t->offer->known)
		return 1;
	if (hash_span(&span, want->alg, &got, &unread)) {
		if (unread.code == ERR_CANCELLED) {
			*err = unread;
			return -1;
		}
		err_wrap(&unread, "%s", t->offer->path);
		event_info(t->job->sink, "%s: not taken from %s: %s",
			   t->file->path, t->job->from, unread.msg);
		if (unread.sys && !t->job->trouble.code)
			t->job->trouble = unread;
		return 0;
	}
	supply_learn(place, t->offer->guess, &got);
	return digest_equal(&got, want);
}

/* 1: done, 0: not right here. */
static int try_offer(struct transfer *t, struct error *err)
{
	int rc;

	emit(t, EVENT_START, 0);
	rc = link_offer(t, err);
	if (!rc)
		rc = copy_offer(t, err) ? -1 : 1;
	if (rc > 0) {
		t->job->bytes += t->offer->size;
		emit(t, EVENT_DONE, t->offer->size);
		return 1;
	}
	if (is_final(t, err))
		return -1;
	event_info(t->job->sink, "%s: not taken from %s: %s", t->file->path,
		   t->job->from, err->msg);
	if (err->sys && !t->job->trouble.code)
		t->job->trouble = *err;
	err_clear(err);
	return 0;
}

/* --- all places -------------------------------------------------------------------- */

static bool next_offer(struct supply *s, const struct lock_repo *repo,
		       const struct lock_file *file, struct supply_cursor *c,
		       struct supply_offer *out)
{
	switch (s->kind) {
	case SUPPLY_BUNDLE:
		return supply_from_bundle(s, file, c->n++, out);
	case SUPPLY_CACHE:
		return supply_from_cache(s, repo, file, c->n++, out);
	case SUPPLY_FILES:
		return supply_from_files(s, file, c, out);
	}
	return false;
}

static int look_through(const struct supplies *all, struct supply *s,
			struct error *err)
{
	return s->kind == SUPPLY_CACHE && !s->scanned
		       ? supply_scan_cache(s, all->sink, err)
		       : 0;
}

static bool is_there(const struct supply_offer *o)
{
	return o->fd >= 0 || o->source;
}

int supplies_get(struct supplies *all, struct supply_job *job,
		 const struct lock_repo *repo, struct lock_file *file,
		 unsigned id, struct error *err)
{
	err_clear(&job->trouble);
	for (size_t i = 0; i < all->count; i++) {
		struct supply *place = all->items[i];
		struct supply_cursor c = { 0 };
		bool more = true;

		if (look_through(all, place, err))
			return -1;
		while (more) {
			struct supply_offer offer = SUPPLY_OFFER_INIT;
			struct lock_file mine = *file;
			struct transfer t = { .job = job,
					      .repo = repo,
					      .file = &mine,
					      .offer = &offer,
					      .id = id };
			int rc = 0;

			more = next_offer(place, repo, file, &c, &offer);
			job->offers += more;
			mine.size = offer.size;
			job->from = place->name;
			if (more && is_there(&offer))
				rc = offer.guess ? try_guess(&t, place, err)
						 : 1;
			if (rc > 0)
				rc = try_offer(&t, err);
			else if (offer.failed && !job->trouble.code)
				err_sys(&job->trouble, offer.failed, "%s",
					offer.path);
			close_fd(&offer.fd);
			free_ptr(&offer.path);
			if (rc > 0)
				file->size = mine.size;
			if (rc)
				return rc;
		}
	}
	return 0;
}

const char *supplies_have(struct supplies *all, const struct lock_repo *repo,
			  const struct lock_file *file)
{
	for (size_t i = 0; i < all->count; i++) {
		struct error unread = { 0 };
		bool more = !look_through(all, all->items[i], &unread);
		struct supply_cursor c = { 0 };
		bool there = false;

		while (more && !there) {
			struct supply_offer offer = SUPPLY_OFFER_INIT;

			more = next_offer(all->items[i], repo, file, &c,
					  &offer);
			there = more && is_there(&offer);
			close_fd(&offer.fd);
			free_ptr(&offer.path);
		}
		if (there)
			return all->items[i]->name;
	}
	return NULL;
}

const struct lock_repo *supplies_listing(const struct supplies *all,
					 const struct lock_repo *repo)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct lock *l = &all->items[i]->source.manifest.lock;

		if (all->items[i]->kind != SUPPLY_BUNDLE)
			continue;
		for (size_t k = 0; k < l->repo_count; k++) {
			const struct lock_repo *r = &l->repos[k];

			if (r->complete && r->type == repo->type &&
			    !strcmp(r->commit, repo->commit) &&
			    !strcmp(r->id, repo->id))
				return r;
		}
	}
	return NULL;
}
