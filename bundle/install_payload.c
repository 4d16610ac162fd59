/*
 * The walk over the bundle: what is not payload is compared, payloads that lack
 * are copied into parts and hashed on the way (or cloned, and hashed then), the
 * others skipped.
 */
#include "bundle/install_run.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "bundle/clone.h"
#include "bundle/copy.h"
#include "bundle/record.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define LOCK_WAIT_MS 60000
#define PIECE	     ((size_t)64 << 10)
#define LATE_MS	     250 /* that a copy waits for its name at least */

/* One payload on its way. */
struct arrival {
	struct install_run *run;
	uint64_t offset; /* in the bundle */
	const struct bundle_blob *blob;
	const struct lock_repo *repo;
	const struct lock_file *file;
	char *label;
	struct hfcache_part part;
	unsigned char *states; /* of the blob; NULL: it has none */
	int volume;	       /* the one that has all of it, or -1 */
	struct clone clone;
	bool begun; /* for events */
};

static void arrival_release(struct arrival *a)
{
	free_ptr(&a->label);
	free_ptr(&a->states);
	hfcache_part_close(&a->part);
	close_fd(&a->volume);
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
			const struct bundle_blob *blob, uint64_t offset,
			const char *what, const struct digest *got,
			struct error *err)
{
	char a[DIGEST_HEX_MAX], b[DIGEST_HEX_MAX];

	return err_set(err, ERR_INTEGRITY,
		       "%s: %s: sha256 %s, expected %s, at byte %" PRIu64,
		       s->name, what, digest_hex(got, a),
		       digest_hex(&blob->sha256, b), offset);
}

/* The bytes have come: are they right, may they stay? */
static int check_payload(struct arrival *a, const struct digest *sha256,
			 struct error *err)
{
	struct install_run *run = a->run;
	size_t index = (size_t)(a->blob - run->s->manifest.blobs);

	if (!digest_equal(sha256, &a->blob->sha256))
		return wrong_digest(run->s, a->blob, a->offset, a->label,
				    sha256, err);
	if (install_judge_part(run, a->blob, a->part.fd, err)) {
		hfcache_part_drop(&a->part);
		return -1;
	}
	if (hfcache_part_adopt(&a->part, sha256, a->blob->size, err))
		return -1;
	run->states[index] = take_ptr(a->states);
	return 0;
}

/* Then they get their name. */
static int name_payload(struct arrival *a, struct error *err)
{
	struct install_run *run = a->run;

	if (run->held) { /* closing keeps it */
		run->held[a->blob - run->s->manifest.blobs] = 1;
	} else {
		if (install_finish_part(run, &a->part, a->blob->size, err))
			return -1;
		install_forget_part(run, a->blob);
		run->places[install_use_index(run, a->blob->uses)] =
			PLACE_RIGHT;
	}
	emit(a, EVENT_DONE, a->blob->size);
	return 0;
}

/* --- clones: made one by one, hashed many at a time ---------------------------- */

static void see_clone(void *ctx, size_t index, uint64_t done)
{
	const struct install_run *run = ctx;
	struct arrival *a = &run->waiting[index];

	if (!a->begun)
		emit(a, EVENT_START, 0);
	a->begun = true;
	emit(a, EVENT_PROGRESS, done);
}

/* All that is right gets its name; the first error is the one that is told. */
static int settle_clones(struct install_run *run, struct error *err)
{
	struct clone *clones[CLONES_MAX];
	const struct clone_job job = { .clones = clones,
				       .count = run->waiting_count,
				       .cancel = run->o->cancel,
				       .progress = see_clone,
				       .ctx = run };

	if (!run->waiting_count)
		return 0;
	for (size_t i = 0; i < run->waiting_count; i++)
		clones[i] = &run->waiting[i].clone;
	clone_hash(&job);
	for (size_t i = 0; i < run->waiting_count; i++) {
		struct arrival *a = &run->waiting[i];
		struct error one = a->clone.err;

		if (!one.code && !run->refused &&
		    !check_payload(a, &a->clone.sha256, &one) &&
		    !name_payload(a, &one))
			run->st->cloned_bytes += a->blob->size;
		if (one.code && !err->code)
			*err = one;
		arrival_release(a);
	}
	run->waiting_count = 0;
	return err->code ? -1 : 0;
}

void install_drop_waiting(struct install_run *run)
{
	if (run->late)
		arrival_release(run->late);
	free_ptr(&run->late);
	for (size_t i = 0; i < run->waiting_count; i++)
		arrival_release(&run->waiting[i]);
	run->waiting_count = 0;
	free_ptr(&run->waiting);
}

/* Does it, if that can be; then the arrival is among those that wait. */
static bool clone_payload(struct arrival *a, uint64_t src_offset)
{
	struct install_run *run = a->run;
	struct bundle_source *s = run->s;
	int src_fd = a->volume >= 0 ? a->volume : s->fd;

	if (!(run->can_clone || s->volumes) || src_fd < 0 ||
	    a->offset % BUNDLE_ALIGN != 0)
		return false;
	a->clone = (struct clone){ .src_fd = src_fd,
				   .src_offset = src_offset,
				   .dst_fd = a->part.fd,
				   .size = a->blob->size,
				   .dst_name = a->label,
				   .states = a->states };
	if (!clone_make(&a->clone))
		return false;
	if (!run->waiting)
		run->waiting = xcalloc(CLONES_MAX, sizeof(*run->waiting));
	run->waiting[run->waiting_count++] = *a;
	*a = (struct arrival){ .part = HFCACHE_PART_INIT, .volume = -1 };
	return true;
}

/* --- a copy that is right, and late with its name -------------------------------
 * To wait until it is on the disk would stop everything else: the next one is copied
 * meanwhile, and has begun when the first gets its name. */

static int settle_late(struct install_run *run, struct error *err)
{
	struct arrival *a CLEANUP(free_ptr) = take_ptr(run->late);
	int rc = 0;

	if (a) {
		rc = name_payload(a, err);
		arrival_release(a);
	}
	return rc;
}

static int settle_all(struct install_run *run, struct error *err)
{
	int clones = settle_clones(run, err);
	struct error other = { 0 };

	if (settle_late(run, clones ? &other : err))
		clones = -1;
	err_clear(&other);
	return clones;
}

/* While the next one is copied: after a moment it is on the disk. */
static void settle_meanwhile(struct install_run *run)
{
	/* what goes wrong is told when that one is there, too */
	if (run->late && clock_ms() - run->late_ms >= LATE_MS)
		settle_late(run, &run->late_err);
}

/* Now, or while the next one is copied; takes what a has then. */
static int name_copied(struct arrival *a, struct error *err)
{
	struct install_run *run = a->run;
	bool waits = !run->held && a->blob->size > INSTALL_BATCH_MAX;
	struct error other = { 0 };

	if (waits && !run->late_err.code)
		settle_late(run, &run->late_err);
	if (run->late_err.code) {
		*err = run->late_err;
		/* this one is right all the same, and need not come again */
		if (name_payload(a, &other))
			err_clear(&other);
		return -1;
	}
	if (!waits)
		return name_payload(a, err);
	run->late = xcalloc(1, sizeof(*run->late));
	*run->late = *a;
	run->late_ms = clock_ms();
	*a = (struct arrival){ .part = HFCACHE_PART_INIT, .volume = -1 };
	return 0;
}

/* --- copying one payload --------------------------------------------------- */

static void see_progress(void *ctx, uint64_t done)
{
	const struct arrival *a = ctx;

	emit(a, EVENT_PROGRESS, done);
	settle_meanwhile(a->run);
}

static int read_source(void *ctx, void *buf, size_t n, struct error *err)
{
	return bundle_source_read(ctx, buf, n, err);
}

/* Bytes into the part. On success *sha256 says what they are. */
static int copy_payload(struct arrival *a, uint64_t src_offset,
			struct digest *sha256, struct error *err)
{
	struct bundle_source *s = a->run->s;
	struct copy_job job = {
		.src_fd = a->volume >= 0 ? a->volume : s->fd,
		.src_offset = src_offset,
		.read_ctx = s,
		.once = true,
		.size = a->blob->size,
		.dst_fd = a->part.fd,
		.src_name = s->name,
		.dst_name = a->label,
		.cancel = a->run->o->cancel,
		.progress = see_progress,
		.ctx = a,
		.states = a->states,
	};

	/* a stream, or across volumes: the next bytes of the source */
	if (job.src_fd < 0 || !s->seekable)
		job.read = read_source;
	if (hfcache_part_reserve(&a->part, err) || copy_run(&job, err))
		return -1;
	if (!job.read && bundle_source_skip(s, job.size, err))
		return -1;
	*sha256 = job.sha256;
	return 0;
}

/* Whoever holds the lock of this blob may wait for one that a payload of ours has
 * which waits. */
static int lock_blob(struct arrival *a, int *fd, struct error *err)
{
	struct error busy = { 0 };

	if (a->run->waiting_count || a->run->late) {
		if (!hfcache_blob_lock(a->run->store, a->repo, &a->file->etag,
				       0, fd, &busy))
			return 0;
		if (settle_all(a->run, err))
			return -1;
	}
	return hfcache_blob_lock(a->run->store, a->repo, &a->file->etag,
				 LOCK_WAIT_MS, fd, err);
}

static int open_part(struct arrival *a, struct error *err)
{
	int lockfd CLEANUP(close_fd) = -1;

	if (lock_blob(a, &lockfd, err))
		return -1;
	return hfcache_part_open(&a->part, a->run->store, a->repo, a->file,
				 a->run->held != NULL, take_fd(&lockfd), err);
}

static int take_payload(struct arrival *a, struct error *err)
{
	struct install_run *run = a->run;
	struct bundle_source *s = run->s;
	uint64_t states = bundle_blob_states(a->blob), src_offset = a->offset;
	uint64_t size = a->blob->size;
	struct digest sha256;

	if (open_part(a, err) ||
	    (a->part.offset > 0 && hfcache_part_restart(&a->part, err)))
		return -1;
	if (s->volumes && volumes_open_whole(s->volumes, a->offset, size,
					     &a->volume, &src_offset, err))
		return -1;
	if (states > 0)
		a->states = xcalloc(states, DIGEST_STATE_LEN);
	if (clone_payload(a, src_offset)) {
		if (bundle_source_skip(s, size, err))
			return -1;
		/* walk() names the volume: that of this one */
		return s->volumes || run->waiting_count == CLONES_MAX
			       ? settle_clones(run, err)
			       : 0;
	}
	emit(a, EVENT_START, 0);
	if (copy_payload(a, src_offset, &sha256, err) ||
	    check_payload(a, &sha256, err))
		return -1;
	return name_copied(a, err);
}

static int arrive(struct install_run *run, const struct segment *seg,
		  struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;
	const struct bundle_blob *b = &m->blobs[seg->blob];
	struct str label CLEANUP(str_release) = STR_INIT;
	struct arrival a CLEANUP(arrival_release) = {
		.run = run,
		.offset = seg->offset,
		.blob = b,
		.repo = bundle_use_repo(m, &b->uses[0]),
		.file = bundle_use_file(m, &b->uses[0]),
		.part = HFCACHE_PART_INIT,
		.volume = -1,
	};

	if (install_find_right(run, b)) {
		/* a stream may take hours for bytes that nobody needs */
		if (!run->s->seekable && settle_late(run, err))
			return -1;
		return bundle_source_skip(run->s, seg->size, err);
	}
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
		return wrong_digest(run->s, b, seg->offset, seg->name, &got,
				    err);
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
	if (!bundle_source_has(run->s, seg)) /* it looks after nothing else */
		return settle_late(run, err) ||
				       install_part_of_volumes(run, seg, err)
			       ? -1
			       : 0;
	if (seg->kind == SEGMENT_PAYLOAD)
		return (seg->again ? check_copy : arrive)(run, seg, err);
	if (seg->kind == SEGMENT_STATES)
		return settle_clones(run, err) || check_states(run, seg, err)
			       ? -1
			       : 0;
	if (seg->kind == SEGMENT_EXTRA)
		return record_take_extra(run->store, run->s, seg, &run->extras,
					 err);
	return bundle_source_expect(run->s, seg, err);
}

/* --- blobs that need no bytes of the bundle ---------------------------------- */

static int make_empty(struct install_run *run, const struct bundle_blob *b,
		      struct error *err)
{
	const struct bundle_manifest *m = &run->s->manifest;
	struct arrival a CLEANUP(arrival_release) = {
		.run = run,
		.repo = bundle_use_repo(m, &b->uses[0]),
		.file = bundle_use_file(m, &b->uses[0]),
		.part = HFCACHE_PART_INIT,
		.volume = -1,
	};

	if (open_part(&a, err) || hfcache_part_commit(&a.part, NULL, err))
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
	return settle_all(run, err) || bundle_source_end(run->s, err) ? -1 : 0;
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
		/* of volumes, walk() has named the one */
		if (err->code == ERR_INTEGRITY && !run->s->volumes)
			err_hint(err, "the bundle is damaged; verify says "
				      "where, then copy it again");
		install_drop_held(run);
		if (run->refused)
			return -1; /* nor does what waits in the batch stay */
		/* what has come and is right need not come again */
		if (settle_all(run, &other) ||
		    hfcache_batch_flush(run->batch, &other))
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
