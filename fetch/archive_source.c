#include "fetch/archive_source.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "fetch/archive.h"
#include "fetch/plain.h"

#include <errno.h>
#include <string.h>

#define LOCK_WAIT_MS 60000
#define SMALL	     (1u << 20) /* these get their names together */
#define TELL_MS	     100
/* Another process that is done with the archive may take it away. */
#define TRIES 3

/* "x.tar.gz" of https://host/a/x.tar.gz?b; caller frees. */
static char *archive_name(const struct archive_ref *a)
{
	size_t len = strcspn(a->url, "?");
	char *url CLEANUP(free_ptr) = xstrndup(a->url, len);
	const char *base = path_base(url);

	return xstrdup(*base ? base : "archive");
}

static struct lock_file *add_archive(struct lock_repo *r,
				     const struct archive_ref *a)
{
	char *name CLEANUP(free_ptr) = archive_name(a);
	struct lock_file *f = lock_add_file(r, name);

	lock_file_set_url(r, f, a->url);
	f->size = a->size;
	f->sha256 = f->etag = a->sha256;
	return f;
}

/* A lock of the archive alone. */
static struct lock_file *as_file(struct lock *l, const struct lock_repo *repo)
{
	struct lock_repo *r = lock_add_repo(l);

	r->type = repo->type;
	r->id = xstrdup(repo->id);
	return add_archive(r, &repo->archive);
}

/* Whole and right; *fd is the caller's. stats: of its download. */
static int bring(struct hub *h, struct hfcache *store,
		 const struct lock_repo *repo, const struct download_options *o,
		 struct download_stats *stats, int *fd, struct error *err)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	const struct lock_file *file = as_file(&l, repo);

	for (unsigned try = 1;; try++) {
		if (download_lock(h, store, &l, o, stats, err) < 0)
			return -1;
		if (hfcache_blob_open(store, &l.repos[0], file, fd, err) == 0)
			return 0;
		if (err->code != ERR_NOT_FOUND || try == TRIES)
			return -1;
		err_clear(err);
	}
}

/* --- listing -------------------------------------------------------------------- */

/* Asks for it, where the manifest does not say it. */
static int find_size(struct hub *h, const struct manifest_model *m,
		     uint64_t *size, struct error *err)
{
	char *name CLEANUP(free_ptr) = archive_name(&m->archive);

	*size = m->archive.size;
	if (*size == UINT64_MAX &&
	    plain_size(h, m->archive.url, name, size, err) < 0)
		return err_wrap(err, "%s", m->id);
	return 0;
}

int archive_source_list(struct hub *h, struct hfcache *store,
			const struct manifest_model *m,
			const struct download_options *o,
			struct lock_repo *repo, struct error *err)
{
	char *name CLEANUP(free_ptr) = archive_name(&m->archive);
	struct download_options own = *o;
	struct download_stats stats;
	struct cancel in_time;
	int fd CLEANUP(close_fd) = -1;

	own.nameless = true;
	repo->type = m->type;
	repo->id = xstrdup(m->id);
	archive_ref_copy(&repo->archive, &m->archive);
	if (find_size(h, m, &repo->archive.size, err) < 0 ||
	    bring(h, store, repo, &own, &stats, &fd, err) < 0)
		return -1;
	in_time = http_in_time(h->http);
	if (archive_list(fd, m->archive.strip, &in_time, repo, err) < 0) {
		http_say_late(h->http, err);
		return err_wrap(err, "%s %s", m->id, name);
	}
	plain_commit(repo);
	return 0;
}

int archive_source_unopened(struct hub *h, const struct manifest_model *m,
			    struct lock_repo *repo, struct error *err)
{
	struct lock_file *f = add_archive(repo, &m->archive);

	repo->type = m->type;
	repo->id = xstrdup(m->id);
	if (find_size(h, m, &f->size, err) < 0)
		return -1;
	plain_commit(repo);
	return 0;
}

static bool is_same_archive(const struct archive_ref *old,
			    const struct archive_ref *now)
{
	return old->url && strcmp(old->url, now->url) == 0 &&
	       digest_equal(&old->sha256, &now->sha256) &&
	       strcmp(old->strip ? old->strip : "",
		      now->strip ? now->strip : "") == 0 &&
	       (now->size == UINT64_MAX || now->size == old->size);
}

static const struct lock_repo *find_listing(const struct lock *old,
					    const struct manifest_model *m)
{
	for (size_t i = 0; old && i < old->repo_count; i++) {
		const struct lock_repo *r = &old->repos[i];

		if (r->complete && r->type == m->type &&
		    strcmp(r->id, m->id) == 0 &&
		    is_same_archive(&r->archive, &m->archive))
			return r;
	}
	return NULL;
}

bool archive_source_remember(const struct lock *old,
			     const struct manifest_model *m,
			     struct lock_repo *repo)
{
	const struct lock_repo *known = find_listing(old, m);

	if (!known)
		return false;
	for (size_t i = 0; i < known->file_count; i++) {
		const struct lock_file *from = &known->files[i];
		struct lock_file *f = lock_add_file(repo, from->path);

		f->size = from->size;
		f->etag = from->etag;
		f->sha256 = from->sha256;
	}
	plain_commit(repo);
	/* else somebody has edited it */
	if (strcmp(repo->commit, known->commit) != 0)
		return false;
	repo->type = m->type;
	repo->id = xstrdup(m->id);
	archive_ref_copy(&repo->archive, &known->archive);
	return true;
}

/* --- unpacking ------------------------------------------------------------------ */

/* One archive on its way into the store. */
struct unpack {
	const struct archive_fill *fill;
	struct lock_repo *repo;
	struct plan_blob **need; /* beside repo->files; NULL: not needed */
	uint64_t files, bytes;	 /* that are needed */
	struct hfcache_batch *batch;
	struct plan_blob *waiting[HFCACHE_BATCH_CAP]; /* those in the batch */
	size_t waiting_count;
	struct plan_blob *now;
	struct hfcache_part part;
	unsigned id;
	uint64_t told_ms;
};

static void unpack_release(struct unpack *u)
{
	hfcache_part_drop(&u->part);
	if (u->batch)
		hfcache_batch_release(u->batch);
	free_ptr(&u->batch);
	free_ptr(&u->need);
}

static void tell(struct unpack *u, enum event_type type, uint64_t done)
{
	char *name CLEANUP(free_ptr) = plan_blob_name(u->now);

	event_emit(u->fill->options->sink,
		   &(struct event){ .type = type,
				    .id = u->id,
				    .name = name,
				    .done = done,
				    .total = u->now->file->size });
}

static void stands(struct unpack *u, struct plan_blob *b)
{
	b->state = BLOB_OK;
	u->fill->stats->got_files++;
	u->fill->stats->got_bytes += b->file->size;
}

static int flush(struct unpack *u, struct error *err)
{
	if (hfcache_batch_flush(u->batch, err) < 0)
		return -1;
	for (size_t i = 0; i < u->waiting_count; i++)
		stands(u, u->waiting[i]);
	u->waiting_count = 0;
	return 0;
}

/* Its bytes are there already, or on their way to the disk. */
static bool is_done(const struct unpack *u, const struct plan_blob *b)
{
	for (size_t i = 0; i < u->waiting_count; i++)
		if (u->waiting[i] == b)
			return true;
	return b->state == BLOB_OK;
}

static int unpack_begin(void *ctx, char *path, uint64_t size, struct error *err)
{
	struct unpack *u = ctx;
	struct lock_file *f = lock_find_file(u->repo, path);
	struct plan_blob *b = f ? u->need[f - u->repo->files] : NULL;
	int lockfd CLEANUP(close_fd) = -1;

	if (!b || is_done(u, b))
		return 0;
	if (size != f->size)
		return err_set(err, ERR_INTEGRITY,
			       "%s: has %llu bytes, expected %llu", path,
			       (unsigned long long)size,
			       (unsigned long long)f->size);
	if (hfcache_blob_lock(u->fill->store, b->repo, &b->file->etag,
			      LOCK_WAIT_MS, &lockfd, err) < 0 ||
	    hfcache_part_open(&u->part, u->fill->store, b->repo, b->file, false,
			      take_fd(&lockfd), err) < 0)
		return -1;
	u->now = b;
	u->id++;
	tell(u, EVENT_START, 0);
	return 1;
}

static int unpack_bytes(void *ctx, const void *p, size_t n, struct error *err)
{
	struct unpack *u = ctx;
	uint64_t now = clock_ms();

	if (hfcache_part_write(&u->part, p, n, err) < 0)
		return -1;
	if (now - u->told_ms < TELL_MS)
		return 0;
	u->told_ms = now;
	tell(u, EVENT_PROGRESS, u->part.offset);
	return 0;
}

static int unpack_end(void *ctx, struct error *err)
{
	struct unpack *u = ctx;
	struct plan_blob *b = u->now;

	if (b->file->size >= SMALL) {
		if (hfcache_part_commit(&u->part, NULL, err) < 0)
			return -1;
		hfcache_part_close(&u->part);
		u->part = (struct hfcache_part)HFCACHE_PART_INIT;
		stands(u, b);
	} else {
		if (u->waiting_count == HFCACHE_BATCH_CAP && flush(u, err) < 0)
			return -1;
		if (hfcache_batch_add(u->batch, &u->part, err) < 0)
			return -1;
		u->waiting[u->waiting_count++] = b;
	}
	tell(u, EVENT_DONE, b->file->size);
	return 0;
}

/* Which files does it have to give? */
static void find_needed(struct unpack *u)
{
	const struct plan *p = u->fill->plan;

	u->need = xcalloc(u->repo->file_count + 1, sizeof(*u->need));
	for (size_t i = 0; i < p->entry_count; i++) {
		const struct plan_entry *e = &p->entries[i];
		struct plan_blob *b = &p->blobs[e->blob];

		if (e->repo != u->repo || b->state == BLOB_OK ||
		    b->same_as != PLAN_NONE)
			continue;
		u->need[e->file - u->repo->files] = b;
		/* a blob stands there once, whoever else wants it */
		if (b->file == e->file) {
			u->files++;
			u->bytes += b->file->size;
		}
	}
}

static int check_space(const struct unpack *u, struct error *err)
{
	const struct hfcache *store = u->fill->store;
	uint64_t free_bytes, free_inodes;
	char need[HUMAN_MAX], have[HUMAN_MAX];

	if (file_space(hfcache_fd(store), &free_bytes, &free_inodes, err) < 0)
		return err_wrap(err, "%s", hfcache_root(store));
	if (u->bytes <= free_bytes)
		return 0;
	err_set(err, ERR_IO, "%s: needs %s to be unpacked, %s free on %s",
		u->repo->id, human_size(u->bytes, need),
		human_size(free_bytes, have), hfcache_root(store));
	err->sys = ENOSPC;
	return err_hint(err,
			"make room or choose another directory with --cache");
}

static int all_found(const struct unpack *u, struct error *err)
{
	for (size_t i = 0; i < u->repo->file_count; i++)
		if (u->need[i] && u->need[i]->state != BLOB_OK)
			return err_set(err, ERR_INTEGRITY,
				       "has no %s, which the lock lists",
				       u->repo->files[i].path);
	return 0;
}

static int unpack(struct unpack *u, int fd, struct error *err)
{
	const struct archive_visitor v = { unpack_begin, unpack_bytes,
					   unpack_end, u, NULL };
	const struct http *http = u->fill->hub->http;
	const struct cancel in_time = http_in_time(http);
	struct event plan = { .type = EVENT_PLAN,
			      .name = "unpacking",
			      .items = u->files,
			      .total = u->bytes };

	event_emit(u->fill->options->sink, &plan);
	u->batch = xcalloc(1, sizeof(*u->batch));
	if (archive_walk(fd, u->repo->archive.strip, &v, &in_time, err) < 0)
		return http_say_late(http, err);
	if (flush(u, err) < 0)
		return -1;
	return all_found(u, err);
}

static int fill_repo(struct unpack *u, struct error *err)
{
	const struct archive_fill *f = u->fill;
	struct download_options o = *f->options;
	char *name CLEANUP(free_ptr) = archive_name(&u->repo->archive);
	struct download_stats stats;
	int fd CLEANUP(close_fd) = -1;
	int rc;

	o.nameless = true;
	rc = bring(f->hub, f->store, u->repo, &o, &stats, &fd, err);
	f->stats->wasted_bytes += stats.wasted_bytes;
	f->stats->retries += stats.retries;
	if (rc < 0 || check_space(u, err) < 0)
		return -1;
	if (unpack(u, fd, err) < 0)
		return err_wrap(err, "%s %s", u->repo->id, name);
	return 0;
}

static bool stops_all(const struct error *err)
{
	return err->code == ERR_CANCELLED || err->code == ERR_IO ||
	       err->code == ERR_USAGE || err->code == ERR_OTHER;
}

static int fill_one(const struct archive_fill *f, struct lock_repo *repo,
		    struct error *err)
{
	struct unpack u CLEANUP(unpack_release) = { .fill = f,
						    .repo = repo,
						    .part = HFCACHE_PART_INIT };
	struct error why = { .code = ERR_NONE };

	find_needed(&u);
	if (u.files == 0 || fill_repo(&u, &why) == 0)
		return 0;
	if (stops_all(&why)) {
		*err = why;
		return -1;
	}
	for (size_t i = 0; i < repo->file_count; i++)
		if (u.need[i] && u.need[i]->state != BLOB_OK &&
		    u.need[i]->file == &repo->files[i])
			f->stats->failed_files++;
	if (f->failed->code == ERR_NONE)
		*f->failed = why;
	return 0;
}

int archive_source_fill(const struct archive_fill *f, struct error *err)
{
	for (size_t i = 0; i < f->plan->lock->repo_count; i++) {
		struct lock_repo *repo = &f->plan->lock->repos[i];

		if (repo->archive.url && fill_one(f, repo, err) < 0)
			return -1;
	}
	return 0;
}

void archive_source_forget(struct hfcache *store, const struct lock_repo *repo)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	const struct lock_file *file = as_file(&l, repo);

	hfcache_blob_forget(store, &l.repos[0], file);
}
