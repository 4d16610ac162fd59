/*
 * Between the passes: where links lead, and what proves the bytes of each file:
 * its own name as a blob, a lock, a listing that came along, or (found out while
 * reading) that it is a copy of a blob that came along.
 */
#include "bundle/import_run.h"

#include "base/mem.h"
#include "base/path.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HOPS 8

static int find_content(struct import_run *run, struct import_entry *e,
			struct error *err)
{
	struct import_entry *at = e;

	for (int hops = 0; at && !at->is_file; hops++) {
		if (hops == MAX_HOPS)
			return err_set(err, ERR_UNSAFE,
				       "%s: %s: links lead to links", run->name,
				       e->path);
		at = at->target ? import_find(run, at->target) : NULL;
	}
	if (at)
		e->content = (uint32_t)(at - run->entries);
	return 0;
}

static int add_proof(struct import_run *run, const struct import_entry *e,
		     const struct digest *d, struct error *err)
{
	struct import_content *c;
	struct digest *slot;
	char a[DIGEST_HEX_MAX], b[DIGEST_HEX_MAX];

	if (e->content == IMPORT_NONE || d->alg == DIGEST_NONE)
		return 0;
	c = &run->contents[e->content];
	slot = d->alg == DIGEST_SHA256 ? &c->sha256 : &c->git;
	if (slot->alg != DIGEST_NONE && !digest_equal(slot, d))
		return err_set(err, ERR_INTEGRITY,
			       "%s: %s: has to be %s and %s at once", run->name,
			       e->path, digest_hex(slot, a), digest_hex(d, b));
	*slot = *d;
	return 0;
}

static bool is_commit_of(const struct lock_repo *own, enum repo_type type,
			 const char *id, const char *commit)
{
	return own->type == type && !strcmp(own->id, id) &&
	       !strcmp(own->commit, commit);
}

/* What the lock or else a listing says of a file in a snapshot. */
static bool find_known(const struct import_run *run,
		       const struct import_entry *e, const char *path,
		       struct lock_file *out)
{
	const struct lock_repo *own = &run->found.repos[e->repo];

	for (size_t i = 0; run->lock && i < run->lock->repo_count; i++) {
		const struct lock_repo *r = &run->lock->repos[i];
		const struct lock_file *f = is_commit_of(own, r->type, r->id,
							 r->commit)
						    ? lock_find_file(r, path)
						    : NULL;

		if (f) {
			*out = *f;
			return true;
		}
	}
	for (size_t i = 0; i < run->listing_count; i++) {
		const struct import_listing *l = &run->listings[i];
		const struct tree_file *f = is_commit_of(own, l->type, l->id,
							 l->commit)
						    ? tree_find(&l->tree, path)
						    : NULL;

		if (f) {
			*out = (struct lock_file){ .size = f->size,
						   .etag = *tree_want(f) };
			return true;
		}
	}
	return false;
}

/* The blob of that name in the same repo of the archive. */
static struct import_entry *find_blob(const struct import_run *run,
				      const struct import_entry *e,
				      const struct digest *etag)
{
	char hex[DIGEST_HEX_MAX];
	char *path CLEANUP(free_ptr) = xasprintf(
		"%.*s/blobs/%s", (int)(e->name.folder + e->name.folder_len),
		e->path, digest_hex(etag, hex));
	struct import_entry *blob = import_find(run, path);

	return blob && blob->content != IMPORT_NONE ? blob : NULL;
}

static int plan_blob(struct import_run *run, struct import_entry *e,
		     struct error *err)
{
	bool ok = digest_from_hex(&e->etag, e->path + e->name.rest);

	assert(ok);
	if (import_repo(run, e->path + e->name.folder, e->name.folder_len, "",
			&e->repo, err))
		return -1;
	return add_proof(run, e, &e->etag, err);
}

static int take_known(struct import_run *run, struct import_entry *e,
		      const struct lock_file *f, struct error *err)
{
	uint64_t size;

	e->etag = f->etag;
	if (e->content == IMPORT_NONE)
		return 0;
	size = run->entries[e->content].size;
	if (size != f->size)
		return err_set(err, ERR_INTEGRITY,
			       "%s: %s: %" PRIu64 " bytes, expected %" PRIu64,
			       run->name, e->path, size, f->size);
	return add_proof(run, e, &f->etag, err) ||
			       add_proof(run, e, &f->sha256, err)
		       ? -1
		       : 0;
}

static void take_name(const struct import_run *run, struct import_entry *e)
{
	const struct import_content *c = &run->contents[e->content];
	const struct digest *names[] = { &c->sha256, &c->git };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct import_entry *blob =
			names[i]->alg ? find_blob(run, e, names[i]) : NULL;

		if (blob && blob->content == e->content) {
			e->etag = *names[i];
			return;
		}
	}
}

const char *import_own_name(const struct import_entry *e)
{
	return e->own ? e->own : e->path + e->name.rest;
}

/* Reading has composed the letters of some names; the lock or a listing knows
 * which of the two spellings it was. */
static bool find_spelled(struct import_run *run, struct import_entry *e,
			 struct lock_file *out)
{
	const char *path = e->path + e->name.rest;
	char *apart CLEANUP(free_ptr) = NULL;

	if (find_known(run, e, path, out))
		return true;
	if (!e->composed)
		return false;
	apart = path_decompose(path);
	if (!strcmp(apart, path))
		return false;
	if (find_known(run, e, apart, out)) {
		e->own = take_ptr(apart);
		return true;
	}
	if (!run->guessed)
		event_warn(run->o->sink,
			   "%s: its name may have had accents as characters of "
			   "their own in the archive; only a lock (--lock) "
			   "could tell",
			   path);
	run->guessed = true;
	return false;
}

static int plan_file(struct import_run *run, struct import_entry *e,
		     struct error *err)
{
	struct lock_file known;
	char commit[41] = "";

	memcpy(commit, e->path + e->name.commit, 40);
	if (import_repo(run, e->path + e->name.folder, e->name.folder_len,
			commit, &e->repo, err))
		return -1;
	if (find_spelled(run, e, &known))
		return take_known(run, e, &known, err);
	if (e->content != IMPORT_NONE)
		take_name(run, e);
	return 0;
}

static int plan_kind(struct import_run *run, enum import_kind kind,
		     int (*plan)(struct import_run *, struct import_entry *,
				 struct error *),
		     struct error *err)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->entries[i].name.kind == kind &&
		    plan(run, &run->entries[i], err))
			return -1;
	return 0;
}

static int by_content(const void *a, const void *b, void *ctx)
{
	const struct import_entry *entries = ctx;
	const struct import_entry *x = &entries[*(const uint32_t *)a];
	const struct import_entry *y = &entries[*(const uint32_t *)b];

	if (x->content != y->content)
		return x->content < y->content ? -1 : 1;
	if (x->name.kind != y->name.kind)
		return x->name.kind < y->name.kind ? -1 : 1;
	return x < y ? -1 : 1;
}

static void list_uses(struct import_run *run)
{
	run->uses = xcalloc(run->count + 1, sizeof(*run->uses));
	for (size_t i = 0; i < run->count; i++) {
		const struct import_entry *e = &run->entries[i];

		if (e->content != IMPORT_NONE && (e->name.kind == IMPORT_BLOB ||
						  e->name.kind == IMPORT_FILE))
			run->uses[run->use_count++] = (uint32_t)i;
	}
	qsort_r(run->uses, run->use_count, sizeof(*run->uses), by_content,
		run->entries);
}

size_t import_uses(const struct import_run *run, uint32_t content,
		   size_t *first)
{
	size_t low = 0, high = run->use_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (run->entries[run->uses[mid]].content < content)
			low = mid + 1;
		else
			high = mid;
	}
	*first = low;
	while (high < run->use_count &&
	       run->entries[run->uses[high]].content == content)
		high++;
	return high - low;
}

/* Is it nothing but copies of blobs that came along too? */
static bool is_copy(const struct import_run *run, uint32_t content)
{
	size_t first, count = import_uses(run, content, &first);

	for (size_t i = first; i < first + count; i++) {
		const struct import_entry *e = &run->entries[run->uses[i]];

		if (e->name.kind == IMPORT_BLOB)
			return false;
		if (e->etag.alg != DIGEST_NONE && !find_blob(run, e, &e->etag))
			return false;
	}
	return count > 0;
}

/* A hard link that only its other names tell something about. */
static void name_rest(struct import_run *run)
{
	for (size_t i = 0; i < run->use_count; i++) {
		struct import_entry *e = &run->entries[run->uses[i]];
		const struct import_content *c = &run->contents[e->content];

		if (e->etag.alg == DIGEST_NONE && !c->copy)
			e->etag = c->sha256.alg ? c->sha256 : c->git;
	}
}

int import_plan(struct import_run *run, struct error *err)
{
	run->contents = xcalloc(run->count + 1, sizeof(*run->contents));
	for (size_t i = 0; i < run->count; i++)
		if (find_content(run, &run->entries[i], err))
			return -1;
	for (size_t i = 0; i < run->count; i++)
		free_ptr(&run->entries[i].target);
	if (import_pick(run, err) ||
	    plan_kind(run, IMPORT_BLOB, plan_blob, err) ||
	    plan_kind(run, IMPORT_FILE, plan_file, err))
		return -1;
	list_uses(run);
	for (size_t i = 0; i < run->count; i++)
		if (run->entries[i].is_file)
			run->contents[i].copy = is_copy(run, (uint32_t)i);
	name_rest(run);
	return 0;
}
