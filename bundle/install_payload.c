/*
 * The walk over the bundle: what is not payload is compared, payloads that lack
 * are copied (or cloned) into parts and hashed on the way, the others skipped.
 */
#include "bundle/install_run.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/copy.h"
#include "bundle/record.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define LOCK_WAIT_MS 60000
#define PIECE	     ((size_t)64 << 10)

/* One payload on its way. */
struct arrival {
	struct install_run *run;
	const struct segment *seg;
	const struct bundle_blob *blob;
	const struct lock_repo *repo;
	const struct lock_file *file;
	char *label;
};

static void arrival_release(struct arrival *a)
{
	free_ptr(&a->label);
}

static void emit(const struct arrival *a, enum event_type type, uint64_t done)
{
	event_emit(
		a->run->o->sink,
		&(struct event){
			.type = type,
			.id = (unsigned)(a->blob - a->run->s->manifest.blobs),
			.name = a->label,
			.done = done,
			.total = a->blob->size,
		});
}

static int wrong_digest(const struct bundle_source *s,
			const struct segment *seg, const char *what,
			const struct digest *got, struct error *err)
{
	const struct digest *want = &s->manifest.blobs[seg->blob].sha256;
	char a[DIGEST_HEX_MAX], b[DIGEST_HEX_MAX];

	err_set(err, ERR_INTEGRITY,
		"%s: %s: sha256 %s, expected %s, at byte %" PRIu64, s->name,
		what, digest_hex(got, a), digest_hex(want, b), seg->offset);
	if (s->volumes)
		return -1; /* walk() names the volume */
	return err_hint(err, "the bundle is damaged; verify says where, then "
			     "copy it again");
}

/* --- copying one payload --------------------------------------------------- */

static void see_progress(void *ctx, uint64_t done)
{
	emit(ctx, EVENT_PROGRESS, done);
}

static int read_source(void *ctx, void *buf, size_t n, struct error *err)
{
	return bundle_source_read(ctx, buf, n, err);
}

/* Bytes into the part. On success *sha256 says what they are. */
static int copy_payload(struct arrival *a, struct hfcache_part *part,
			unsigned char *states, struct digest *sha256,
			struct error *err)
{
	struct bundle_source *s = a->run->s;
	int volume CLEANUP(close_fd) = -1;
	struct copy_job job = {
		.src_fd = s->fd,
		.src_offset = a->seg->offset,
		.read_ctx = s,
		.size = a->blob->size,
		.dst_fd = part->fd,
		.clone = (a->run->can_clone || s->volumes) &&
			 a->seg->offset % BUNDLE_ALIGN == 0,
		.src_name = s->name,
		.dst_name = a->label,
		.cancel = a->run->o->cancel,
		.progress = see_progress,
		.ctx = a,
		.states = states,
	};

	if (s->volumes &&
	    volumes_open_whole(s->volumes, a->seg->offset, job.size, &volume,
			       &job.src_offset, err))
		return -1;
	if (volume >= 0)
		job.src_fd = volume;
	/* a stream, or across volumes: the next bytes of the source */
	if (job.src_fd < 0 || !s->seekable)
		job.read = read_source;
	/* what is shared needs no space of its own */
	if (!job.clone && hfcache_part_reserve(part, err))
		return -1;
	if (copy_run(&job, err))
		return -1;
	if (!job.read && bundle_source_skip(s, job.size, err))
		return -1;
	if (job.cloned)
		a->run->st->cloned_bytes += job.size;
	*sha256 = job.sha256;
	return 0;
}

static int open_part(const struct arrival *a, struct hfcache_part *part,
		     struct error *err)
{
	int lockfd CLEANUP(close_fd) = -1;

	if (hfcache_blob_lock(a->run->store, a->repo, &a->file->etag,
			      LOCK_WAIT_MS, &lockfd, err))
		return -1;
	return hfcache_part_open(part, a->run->store, a->repo, a->file,
				 a->run->held != NULL, take_fd(&lockfd), err);
}

static int take_payload(struct arrival *a, struct error *err)
{
	struct install_run *run = a->run;
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	uint64_t states = bundle_blob_states(a->blob);
	unsigned char *mem CLEANUP(free_ptr) = NULL;
	struct digest sha256;

	if (open_part(a, &part, err) ||
	    (part.offset > 0 && hfcache_part_restart(&part, err)))
		return -1;
	if (states > 0)
		mem = xcalloc(states, DIGEST_STATE_LEN);
	emit(a, EVENT_START, 0);
	if (copy_payload(a, &part, mem, &sha256, err))
		return -1;
	if (!digest_equal(&sha256, &a->blob->sha256))
		return wrong_digest(run->s, a->seg, a->label, &sha256, err);
	if (install_judge_part(run, a->blob, part.fd, err)) {
		hfcache_part_drop(&part);
		return -1;
	}
	if (hfcache_part_adopt(&part, &sha256, a->blob->size, err))
		return -1;
	run->states[a->blob - run->s->manifest.blobs] = take_ptr(mem);
	if (run->held) { /* closing keeps it */
		run->held[a->blob - run->s->manifest.blobs] = 1;
	} else {
		if (install_finish_part(run, &part, a->blob->size, err))
			return -1;
		install_forget_part(run, a->blob);
		run->places[install_use_index(run, a->blob->uses)] =
			PLACE_RIGHT;
	}
	emit(a, EVENT_DONE, a->blob->size);
	return 0;
}

static int arrive(struct install_run *run, const struct segment *seg,
		  struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;
	const struct bundle_blob *b = &m->blobs[seg->blob];
	struct str label CLEANUP(str_release) = STR_INIT;
	struct arrival a CLEANUP(arrival_release) = {
		.run = run,
		.seg = seg,
		.blob = b,
		.repo = bundle_use_repo(m, &b->uses[0]),
		.file = bundle_use_file(m, &b->uses[0]),
	};

	if (install_find_right(run, b))
		return bundle_source_skip(run->s, seg->size, err);
	bundle_source_describe(run->s, seg, &label);
	a.label = str_detach(&label);
	return take_payload(&a, err);
}

/* --- the rest of the stream ------------------------------------------------ */

/* A second copy of a small payload: not stored, but it has to be right. */
static int check_copy(struct install_run *run, const struct segment *seg,
		      struct error *err)
{
	const struct bundle_blob *b = &run->s->manifest.blobs[seg->blob];
	unsigned char *buf CLEANUP(free_ptr) = NULL;
	struct digest got;

	assert(seg->size <= LOCK_EDITABLE_MAX);
	buf = xmalloc((size_t)seg->size);
	if (bundle_source_read(run->s, buf, (size_t)seg->size, err))
		return -1;
	digest_buf(DIGEST_SHA256, buf, (size_t)seg->size, &got);
	if (!digest_equal(&got, &b->sha256))
		return wrong_digest(run->s, seg, seg->name, &got, err);
	return 0;
}

static int compare_states(struct install_run *run, const struct segment *seg,
			  size_t blob, struct error *err)
{
	struct bundle_source *s = run->s;
	const unsigned char *mine = run->states[blob];
	uint64_t left = bundle_blob_states(&s->manifest.blobs[blob]) *
			DIGEST_STATE_LEN;
	unsigned char buf[PIECE / 16];

	if (!mine)
		return bundle_source_skip(s, left, err);
	while (left > 0) {
		size_t n = left < sizeof(buf) ? (size_t)left : sizeof(buf);

		if (bundle_source_read(s, buf, n, err))
			return -1;
		if (memcmp(buf, mine, n) != 0)
			return err_set(err, ERR_INTEGRITY,
				       "%s: %s: wrong, at byte %" PRIu64
				       " or behind it",
				       s->name, seg->name, s->offset - n);
		mine += n;
		left -= n;
	}
	return 0;
}

static int check_states(struct install_run *run, const struct segment *seg,
			struct error *err)
{
	for (size_t i = 0; i < run->s->manifest.blob_count; i++)
		if (bundle_blob_states(&run->s->manifest.blobs[i]) > 0 &&
		    compare_states(run, seg, i, err))
			return -1;
	return 0;
}

static int take_segment(struct install_run *run, const struct segment *seg,
			struct error *err)
{
	assert(run->s->offset == seg->offset);
	if (!bundle_source_has(run->s, seg))
		return install_part_of_volumes(run, seg, err);
	if (seg->kind == SEGMENT_PAYLOAD)
		return (seg->again ? check_copy : arrive)(run, seg, err);
	if (seg->kind == SEGMENT_STATES)
		return check_states(run, seg, err);
	if (seg->kind == SEGMENT_EXTRA)
		return record_take_extra(run->store, run->s, seg, err);
	return bundle_source_expect(run->s, seg, err);
}

/* --- blobs that need no bytes of the bundle ---------------------------------- */

static int make_empty(struct install_run *run, const struct bundle_blob *b,
		      struct error *err)
{
	struct hfcache_part part CLEANUP(
		hfcache_part_close) = HFCACHE_PART_INIT;
	const struct bundle_manifest *m = &run->s->manifest;
	struct arrival a = {
		.run = run,
		.repo = bundle_use_repo(m, &b->uses[0]),
		.file = bundle_use_file(m, &b->uses[0]),
	};

	if (open_part(&a, &part, err) || hfcache_part_commit(&part, NULL, err))
		return -1;
	run->places[install_use_index(run, &b->uses[0])] = PLACE_RIGHT;
	return 0;
}

static bool same_name(const struct bundle_manifest *m,
		      const struct bundle_use *a, const struct bundle_use *b)
{
	const struct lock_repo *x = bundle_use_repo(m, a);
	const struct lock_repo *y = bundle_use_repo(m, b);

	return x->type == y->type && !strcmp(x->id, y->id) &&
	       digest_equal(&bundle_use_file(m, a)->etag,
			    &bundle_use_file(m, b)->etag);
}

/* The same bytes under the names that other repos have for them. */
static int share(struct install_run *run, const struct bundle_blob *b,
		 struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;
	const struct bundle_use *from = install_find_right(run, b);

	assert(from);
	for (size_t i = 0; i < b->use_count; i++) {
		const struct bundle_use *to = &b->uses[i];
		size_t index = install_use_index(run, to);

		if (run->places[index] != PLACE_MISSING)
			continue;
		if (!same_name(m, from, to) &&
		    hfcache_blob_share(run->store, bundle_use_repo(m, from),
				       bundle_use_file(m, from),
				       bundle_use_repo(m, to),
				       bundle_use_file(m, to), err))
			return -1;
		run->places[index] = PLACE_RIGHT;
	}
	return 0;
}

static int share_all(struct install_run *run, struct error *err)
{
	for (size_t i = 0; i < run->s->manifest.blob_count; i++) {
		const struct bundle_blob *b = &run->s->manifest.blobs[i];

		if (cancel_check(run->o->cancel, err))
			return -1;
		if (b->size == 0 && !install_find_right(run, b) &&
		    make_empty(run, b, err))
			return -1;
		if (share(run, b, err))
			return -1;
	}
	return 0;
}

static int name_volume(const struct bundle_source *s, const struct segment *seg,
		       struct error *err)
{
	if (!s->volumes || err->code != ERR_INTEGRITY ||
	    volumes_blame(s->volumes, seg->offset, seg->size, err) ||
	    bundle_source_has(s, seg))
		return -1;
	return err_hint(err, "a volume that an earlier visit read was damaged; "
			     "itts-pack verify DIRECTORY says which, where it "
			     "is; then begin this file again");
}

static int walk(struct install_run *run, struct error *err)
{
	struct segment seg;

	layout_rewind(run->s->layout);
	do {
		if (layout_next(run->s->layout, &seg, err))
			return -1;
		if (seg.kind != SEGMENT_END && take_segment(run, &seg, err))
			return name_volume(run->s, &seg, err);
	} while (seg.kind != SEGMENT_END);
	return bundle_source_end(run->s, err);
}

int install_payloads(struct install_run *run, struct error *err)
{
	struct error other = { 0 };

	event_emit(run->o->sink,
		   &(struct event){ .type = EVENT_PLAN,
				    .name = "installing",
				    .total = run->st->new_bytes,
				    .items = run->st->new_files });
	if (walk(run, err)) {
		install_drop_held(run);
		if (run->refused)
			return -1; /* nor does what waits in the batch stay */
		/* what has come and is right need not come again */
		if (hfcache_batch_flush(run->batch, &other))
			err_clear(&other);
		return -1;
	}
	if (install_name_held(run, err))
		return -1;
	if (hfcache_batch_flush(run->batch, err))
		return -1;
	if (run->needed)
		return install_waiting(run, err);
	return share_all(run, err);
}
