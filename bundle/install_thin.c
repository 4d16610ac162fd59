/*
 * What a thin bundle leaves out has to be in the store already. It is hashed
 * before the store is locked, so that a target that lacks something is left as it
 * was to the last byte.
 */
#include "bundle/install_run.h"

#include "base/mem.h"

#include <fcntl.h>
#include <unistd.h>

#define NAMED_MAX 5 /* files that the message names */

/* Something is there under the blob's name, if not the right bytes. */
static bool is_there(const struct install_run *run, const struct bundle_blob *b)
{
	const struct bundle_manifest *m = &run->s->manifest;

	for (size_t i = 0; i < b->use_count && run->store; i++) {
		const struct lock_repo *r = bundle_use_repo(m, &b->uses[i]);
		char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);
		char hex[DIGEST_HEX_MAX];
		char *path CLEANUP(free_ptr) = xasprintf(
			"%s/blobs/%s", folder,
			digest_hex(&bundle_use_file(m, &b->uses[i])->etag,
				   hex));

		if (!faccessat(hfcache_fd(run->store), path, F_OK,
			       AT_SYMLINK_NOFOLLOW))
			return true;
	}
	return false;
}

static int lacking(const struct install_run *run, struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;
	struct str names CLEANUP(str_release) = STR_INIT;
	size_t count = 0, damaged = 0;

	for (size_t i = 0; i < m->blob_count; i++) {
		const struct bundle_blob *b = &m->blobs[i];
		bool there;

		if (!b->absent || install_find_right(run, b))
			continue;
		there = is_there(run, b);
		damaged += there;
		if (count++ < NAMED_MAX)
			str_addf(&names, "%s%s %s (%s)", count > 1 ? ", " : "",
				 bundle_use_repo(m, b->uses)->id,
				 bundle_use_file(m, b->uses)->path,
				 there ? "damaged" : "missing");
	}
	if (count == 0)
		return 0;
	if (count > NAMED_MAX)
		str_addf(&names, " and %zu more", count - NAMED_MAX);
	err_set(err, damaged ? ERR_INTEGRITY : ERR_NOT_FOUND,
		"%s: a thin bundle that leaves out what %s has not: %s",
		run->s->name, run->o->cache_root, names.ptr);
	return err_hint(err, "nothing was written; install a bundle that was "
			     "packed for today's `itts-pack inventory`, or a "
			     "full one");
}

int install_check_thin(struct install_run *run, struct error *err)
{
	int rc;

	if (!run->s->manifest.absent_count)
		return 0;
	if (hfcache_open(&run->store, run->o->cache_root, false, err)) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		err_clear(err);
	}
	rc = install_find_places(run, true, err) ? -1 : lacking(run, err);
	hfcache_close(&run->store);
	return rc;
}

int install_recheck_thin(struct install_run *run, struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;

	for (size_t i = 0; i < m->blob_count; i++) {
		const struct bundle_blob *b = &m->blobs[i];

		for (size_t k = 0; k < b->use_count && b->absent; k++) {
			size_t at = install_use_index(run, &b->uses[k]);

			if (run->places[at] == PLACE_RIGHT &&
			    !install_is_candidate(run, &b->uses[k]))
				run->places[at] = PLACE_MISSING;
		}
	}
	return m->absent_count ? lacking(run, err) : 0;
}
