/*
 * Parts get their names: small ones many at a time, so that one fsync does for all,
 * and those of a stream that a policy has to see whole only when all have come.
 */
#include "bundle/install_run.h"

int install_finish_part(struct install_run *run, struct hfcache_part *part,
			uint64_t size, struct error *err)
{
	if (size <= INSTALL_BATCH_MAX)
		return hfcache_batch_add(run->batch, part, err);
	return hfcache_part_commit(part, NULL, err);
}

static int name_one(struct install_run *run, const struct bundle_blob *b,
		    struct error *err)
{
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	const struct bundle_manifest *m = &run->s->manifest;
	const struct lock_repo *repo = bundle_use_repo(m, b->uses);
	const struct lock_file *file = bundle_use_file(m, b->uses);

	/* nobody had it open meanwhile: what it is now is hashed, and looked at */
	if (hfcache_part_open(&part, run->store, repo, file, true, -1, err) ||
	    install_judge_part(run, b, part.fd, err) ||
	    install_finish_part(run, &part, b->size, err))
		return -1;
	run->places[install_use_index(run, b->uses)] = PLACE_RIGHT;
	return 0;
}

int install_name_held(struct install_run *run, struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;

	for (size_t i = 0; run->held && i < m->blob_count; i++)
		if (run->held[i] && (cancel_check(run->o->cancel, err) ||
				     name_one(run, &m->blobs[i], err)))
			return -1;
	return 0;
}

void install_drop_held(struct install_run *run)
{
	const struct bundle_manifest *m = &run->s->manifest;

	for (size_t i = 0; run->held && i < m->blob_count; i++)
		if (run->held[i])
			hfcache_part_sweep(
				run->store,
				bundle_use_repo(m, m->blobs[i].uses),
				bundle_use_file(m, m->blobs[i].uses));
}
