/*
 * The policy's say in an installation. Its rules about bytes are applied to what is
 * about to get a name, and to what the store has already under one: the bundle would
 * give it more. Bundles that can be read twice are looked through before anything
 * is written; of a stream each payload stays a part until all of them have come.
 */
#include "bundle/install_run.h"

#include "base/mem.h"
#include "bundle/scan.h"

/* The name that says most about what would be done with the bytes. */
static const char *judged_name(const struct bundle_manifest *m,
			       const struct bundle_blob *b)
{
	for (size_t i = 0; i < b->use_count; i++) {
		const char *path = bundle_use_file(m, &b->uses[i])->path;

		if (scan_is_suspect(path))
			return path;
	}
	return bundle_use_file(m, b->uses)->path;
}

static char *label_of(const struct bundle_manifest *m,
		      const struct bundle_blob *b)
{
	return xasprintf("%s %s", bundle_use_repo(m, b->uses)->id,
			 judged_name(m, b));
}

/* A refusal names the bundle; what else goes wrong does so already. */
static int name_bundle(struct install_run *run, struct error *err)
{
	if (err->code != ERR_UNSAFE)
		return -1;
	run->refused = true;
	return err_wrap(err, "%s", run->s->name);
}

/* --- where the bytes are in the bundle -------------------------------------------- */

static int judge_segment(struct install_run *run, const struct segment *seg,
			 struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;
	const struct bundle_blob *b = &m->blobs[seg->blob];
	char *label CLEANUP(free_ptr) = label_of(m, b);
	struct bundle_payload p = { run->s, seg };
	struct scan_input in = { bundle_payload_read, &p, seg->size };

	if (cancel_check(run->o->cancel, err))
		return -1;
	return policy_scan(run->o->policy, &in, judged_name(m, b), label, err);
}

static int judge_bundle(struct install_run *run, struct error *err)
{
	struct segment seg = { .kind = SEGMENT_BYTES };

	layout_rewind(run->s->layout);
	while (seg.kind != SEGMENT_END) {
		if (layout_next(run->s->layout, &seg, err))
			return -1;
		if (seg.kind == SEGMENT_PAYLOAD && !seg.again &&
		    bundle_source_has(run->s, &seg) &&
		    judge_segment(run, &seg, err))
			return -1;
	}
	layout_rewind(run->s->layout);
	return 0;
}

int install_ask_policy(struct install_run *run, struct error *err)
{
	const struct bundle_source *s = run->s;

	if (policy_check_bundle(run->o->policy, &s->manifest, err))
		return name_bundle(run, err);
	if (!policy_wants_bytes(run->o->policy))
		return 0;
	if (s->seekable)
		return judge_bundle(run, err) ? name_bundle(run, err) : 0;
	run->held = xcalloc(s->manifest.blob_count + 1, 1);
	return 0;
}

/* --- where they are in the store ---------------------------------------------------- */

int install_judge_store(struct install_run *run, struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;

	if (!policy_wants_bytes(run->o->policy) || !run->store)
		return 0;
	for (size_t i = 0; i < m->blob_count; i++) {
		const struct bundle_blob *b = &m->blobs[i];
		const struct bundle_use *use = install_find_right(run, b);
		int fd CLEANUP(close_fd) = -1;

		if (!use)
			continue;
		if (cancel_check(run->o->cancel, err) ||
		    hfcache_blob_open(run->store, bundle_use_repo(m, use),
				      bundle_use_file(m, use), &fd, err))
			return -1;
		if (install_judge_part(run, b, fd, err))
			return -1;
	}
	return 0;
}

int install_judge_part(struct install_run *run, const struct bundle_blob *b,
		       int fd, struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;
	char *label CLEANUP(free_ptr) = label_of(m, b);

	if (policy_scan_fd(run->o->policy, fd, b->size, judged_name(m, b),
			   label, err))
		return name_bundle(run, err);
	return 0;
}
