/* Pass 2 over an archive: the bytes, each held against what has to prove it. */
#include "bundle/import_run.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/copy.h"
#include "bundle/policy.h"
#include "bundle/scan.h"

#include <stdio.h>
#include <string.h>

#define LOCK_WAIT_MS 60000
#define PIECE	     ((size_t)256 << 10)

/* One file on its way. */
struct arrival {
	struct import_run *run;
	struct tar_reader *reader;
	const struct import_entry *e;
	struct import_content *content;
	const struct import_entry *first; /* use */
	size_t first_use, use_count;
	struct lock_repo repo; /* of the first use, without a commit */
	struct lock_file file;
	struct digest_ctx *git;
};

static void arrival_release(struct arrival *a)
{
	digest_free(&a->git);
}

static void emit(const struct arrival *a, enum event_type type, uint64_t done)
{
	event_emit(a->run->o->sink,
		   &(struct event){ .type = type,
				    .id = (unsigned)a->first->content,
				    .name = a->e->path,
				    .done = done,
				    .total = a->e->size });
}

static int read_exactly(void *ctx, void *buf, size_t n, struct error *err)
{
	struct arrival *a = ctx;
	size_t got;

	if (tar_reader_read(a->reader, buf, n, &got, err))
		return err_wrap(err, "%s: %s", a->run->name, a->e->path);
	if (got < n) {
		err_set(err, ERR_FORMAT, "%s: %s: ends early", a->run->name,
			a->e->path);
		return err_hint(err, "the copy is not complete, make it again");
	}
	return 0;
}

static int compare(const struct arrival *a, const struct digest *got,
		   const struct digest *want, struct error *err)
{
	char x[DIGEST_HEX_MAX], y[DIGEST_HEX_MAX];

	if (want->alg == DIGEST_NONE || digest_equal(got, want))
		return 0;
	return err_set(err, ERR_INTEGRITY, "%s: %s: %s %s, expected %s",
		       a->run->name, a->e->path,
		       want->alg == DIGEST_SHA256 ? "sha256" : "git sha1",
		       digest_hex(got, x), digest_hex(want, y));
}

/* --- copies of blobs ---------------------------------------------------------- */

static bool has_blob(const struct import_run *run, const struct import_entry *e,
		     const struct digest *d)
{
	char hex[DIGEST_HEX_MAX];
	char *path CLEANUP(free_ptr) = xasprintf(
		"%.*s/blobs/%s", (int)(e->name.folder + e->name.folder_len),
		e->path, digest_hex(d, hex));
	const struct import_entry *blob = import_find(run, path);

	return blob && blob->content != IMPORT_NONE;
}

/* Each use gets the name of the blob that it is a copy of. */
static int match_copy(struct arrival *a, const struct digest *sha256,
		      const struct digest *git, struct error *err)
{
	struct import_run *run = a->run;

	if (compare(a, sha256, &a->content->sha256, err) ||
	    compare(a, git, &a->content->git, err))
		return -1;
	for (size_t i = a->first_use; i < a->first_use + a->use_count; i++) {
		struct import_entry *e = &run->entries[run->uses[i]];

		if (e->etag.alg != DIGEST_NONE)
			continue;
		if (has_blob(run, e, sha256))
			e->etag = *sha256;
		else if (has_blob(run, e, git))
			e->etag = *git;
		else if (e->is_file && import_name_is_macos(e->path)) {
			e->name.kind = IMPORT_OTHER;
			run->st->macos++;
		} else {
			err_set(err, ERR_INTEGRITY,
				"%s: %s: nothing proves what it is", run->name,
				e->path);
			return err_hint(err, "give the lock that lists it with "
					     "--lock");
		}
	}
	a->content->stored = true;
	return 0;
}

static int hash_copy(struct arrival *a, struct error *err)
{
	struct digest_ctx *sha CLEANUP(digest_free) = digest_begin(
		DIGEST_SHA256, a->e->size);
	struct digest_ctx *git CLEANUP(digest_free) = digest_begin(
		DIGEST_GIT_SHA1, a->e->size);
	char *buf CLEANUP(free_ptr) = xmalloc(PIECE);
	uint64_t left = a->e->size;
	struct digest sha256, sha1;

	while (left > 0) {
		size_t n = left < PIECE ? (size_t)left : PIECE;

		if (cancel_check(a->run->o->cancel, err) ||
		    read_exactly(a, buf, n, err))
			return -1;
		digest_update(sha, buf, n);
		digest_update(git, buf, n);
		left -= n;
	}
	digest_end(&sha, &sha256);
	digest_end(&git, &sha1);
	return match_copy(a, &sha256, &sha1, err);
}

/* --- blobs ------------------------------------------------------------------------ */

static void see_piece(void *ctx, const void *buf, size_t n)
{
	struct arrival *a = ctx;

	if (a->git)
		digest_update(a->git, buf, n);
}

static void see_progress(void *ctx, uint64_t done)
{
	emit(ctx, EVENT_PROGRESS, done);
}

static int open_part(struct arrival *a, struct hfcache_part *part,
		     struct error *err)
{
	int lockfd CLEANUP(close_fd) = -1;

	if (hfcache_blob_lock(a->run->store, &a->repo, &a->file.etag,
			      LOCK_WAIT_MS, &lockfd, err))
		return -1;
	return hfcache_part_open(part, a->run->store, &a->repo, &a->file,
				 policy_wants_bytes(a->run->o->policy),
				 take_fd(&lockfd), err);
}

/* By the name that says most about what would be done with the bytes. */
static int judge(struct arrival *a, int fd, struct error *err)
{
	const struct import_run *run = a->run;
	const char *name = a->first->path;

	for (size_t i = 0; i < a->use_count; i++) {
		const char *path =
			run->entries[run->uses[a->first_use + i]].path;

		if (scan_is_suspect(path))
			name = path;
	}
	if (policy_scan_fd(run->o->policy, fd, a->e->size, name, name, err))
		return err_wrap(err, "%s", run->name);
	return 0;
}

static int store_part(struct arrival *a, struct hfcache_part *part,
		      const struct digest *sha256, struct error *err)
{
	struct digest git;

	if (a->git) {
		digest_end(&a->git, &git);
		if (compare(a, &git, &a->content->git, err))
			return -1;
	}
	if (compare(a, sha256, &a->content->sha256, err) ||
	    hfcache_part_adopt(part, sha256, a->e->size, err))
		return -1;
	if (policy_wants_bytes(a->run->o->policy)) {
		if (judge(a, part->fd, err)) {
			hfcache_part_drop(part);
			return -1;
		}
		a->content->held = true; /* closing keeps it */
		return 0;
	}
	if (a->e->size <= COPY_BUFFER)
		return hfcache_batch_add(a->run->batch, part, err);
	return hfcache_part_commit(part, NULL, err);
}

static int store_blob(struct arrival *a, struct error *err)
{
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	struct copy_job job = {
		.src_fd = -1,
		.read = read_exactly,
		.read_ctx = a,
		.size = a->e->size,
		.src_name = a->run->name,
		.dst_name = a->e->path,
		.cancel = a->run->o->cancel,
		.seen = see_piece,
		.progress = see_progress,
		.ctx = a,
	};

	if (open_part(a, &part, err) ||
	    (part.offset > 0 && hfcache_part_restart(&part, err)) ||
	    hfcache_part_reserve(&part, err))
		return -1;
	job.dst_fd = part.fd;
	if (a->content->git.alg != DIGEST_NONE)
		a->git = digest_begin(DIGEST_GIT_SHA1, a->e->size);
	emit(a, EVENT_START, 0);
	if (copy_run(&job, err) || store_part(a, &part, &job.sha256, err))
		return -1;
	a->content->stored = true;
	a->run->st->blobs++;
	a->run->st->bytes += a->e->size;
	emit(a, EVENT_DONE, a->e->size);
	return 0;
}

static int take_blob(struct arrival *a, struct error *err)
{
	enum blob_state state = BLOB_MISSING;
	int fd CLEANUP(close_fd) = -1;

	if (hfcache_blob_check(a->run->store, &a->repo, &a->file,
			       a->run->o->cancel, &state, err))
		return -1;
	if (state != BLOB_OK)
		return store_blob(a, err);
	if (policy_wants_bytes(a->run->o->policy) &&
	    (hfcache_blob_open(a->run->store, &a->repo, &a->file, &fd, err) ||
	     judge(a, fd, err)))
		return -1;
	a->content->stored = true;
	a->run->st->had_blobs++;
	return 0;
}

void import_blob_of(const struct import_run *run,
		    const struct import_entry *use, struct lock_repo *repo,
		    struct lock_file *file)
{
	*repo = run->found.repos[use->repo];
	/* a file in a snapshot does not stand for its blob */
	repo->commit[0] = '\0';
	*file = (struct lock_file){
		.path = use->path + use->name.rest,
		.size = run->entries[use->content].size,
		.etag = use->etag,
		.sha256 = run->contents[use->content].sha256,
	};
}

static int take_entry(struct import_run *run, struct tar_reader *r,
		      const struct import_entry *e, struct error *err)
{
	uint32_t index = (uint32_t)(e - run->entries);
	struct arrival a CLEANUP(arrival_release) = {
		.run = run,
		.reader = r,
		.e = e,
		.content = &run->contents[index],
	};

	a.use_count = import_uses(run, index, &a.first_use);
	if (a.use_count == 0)
		return 0; /* of a shared store, for nobody here */
	a.first = &run->entries[run->uses[a.first_use]];
	if (a.content->copy)
		return hash_copy(&a, err);
	import_blob_of(run, a.first, &a.repo, &a.file);
	return take_blob(&a, err);
}

static int read_all(struct import_run *run, struct error *err)
{
	struct tar_reader *r CLEANUP(tar_reader_close) = NULL;
	struct tar_member m;
	int more;

	if (import_reader(run, &r, err))
		return -1;
	while ((more = tar_reader_next(r, &m, err)) > 0) {
		char *path CLEANUP(free_ptr) = NULL;
		const struct import_entry *e;

		if (cancel_check(run->o->cancel, err) ||
		    path_of_entry(&path, m.path, err))
			return -1;
		e = path && m.type == TAR_FILE ? import_find(run, path) : NULL;
		if (!e || !e->is_file)
			continue;
		if (e->size != m.size)
			return err_set(err, ERR_FORMAT,
				       "%s: has changed meanwhile", run->name);
		if (take_entry(run, r, e, err))
			return -1;
	}
	return more < 0 ? err_wrap(err, "%s", run->name) : 0;
}

/* The other names of what is stored now. */
static int share_all(struct import_run *run, struct error *err)
{
	struct lock_repo from, to;
	struct lock_file from_file, to_file;

	for (size_t i = 0; i < run->use_count; i++) {
		const struct import_entry *use = &run->entries[run->uses[i]];
		size_t first;

		if (!run->contents[use->content].stored)
			return err_set(err, ERR_FORMAT,
				       "%s: has changed meanwhile", run->name);
		import_uses(run, use->content, &first);
		import_blob_of(run, &run->entries[run->uses[first]], &from,
			       &from_file);
		import_blob_of(run, use, &to, &to_file);
		if (run->contents[use->content].copy || first == i ||
		    (digest_equal(&from_file.etag, &to_file.etag) &&
		     from.type == to.type && !strcmp(from.id, to.id)))
			continue;
		if (cancel_check(run->o->cancel, err) ||
		    hfcache_blob_share(run->store, &from, &from_file, &to,
				       &to_file, err))
			return -1;
	}
	return 0;
}

/* What was held back: named now, or dropped. */
static int end_held(struct import_run *run, bool name, struct error *err)
{
	for (size_t i = 0; i < run->count; i++) {
		struct hfcache_part part CLEANUP(
			hfcache_part_close) = HFCACHE_PART_INIT;
		struct lock_repo repo;
		struct lock_file file;
		size_t first;

		if (!run->contents[i].held)
			continue;
		import_uses(run, (uint32_t)i, &first);
		import_blob_of(run, &run->entries[run->uses[first]], &repo,
			       &file);
		if (!name)
			hfcache_part_sweep(run->store, &repo, &file);
		else if (cancel_check(run->o->cancel, err) ||
			 hfcache_part_open(&part, run->store, &repo, &file,
					   true, -1, err) ||
			 hfcache_part_commit(&part, NULL, err))
			return -1;
	}
	return 0;
}

int import_load(struct import_run *run, struct error *err)
{
	struct error other = { 0 };

	if (read_all(run, err)) {
		if (end_held(run, false, &other))
			err_clear(&other);
		/* what has come and is right need not come again */
		if (hfcache_batch_flush(run->batch, &other))
			err_clear(&other);
		return -1;
	}
	if (end_held(run, true, err) || hfcache_batch_flush(run->batch, err))
		return -1;
	return share_all(run, err);
}
