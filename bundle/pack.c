#include "bundle/pack.h"

#include "base/digest.h"
#include "base/fifo.h"
#include "base/file.h"
#include "base/human.h"
#include "base/mem.h"
#include "bundle/bmanifest.h"
#include "bundle/clone.h"
#include "bundle/copy.h"
#include "bundle/layout.h"
#include "bundle/pack_extra.h"
#include "bundle/record.h"
#include "bundle/sbom.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Payloads up to this size go through the buffer with the headers; above it a
 * clone or a second thread is worth its start. */
#define SMALL_MAX  65536u
#define BUFFER_MAX ((size_t)1 << 20)

/* A payload that is there as a clone, and not hashed yet. */
struct waiting {
	struct clone clone;
	size_t blob, states_at; /* where its states begin in pack.states */
	char *label;
	bool begun; /* for events */
};

struct pack {
	struct hfcache *store;
	const struct pack_options *o;
	const char *name; /* of the output */
	int fd;
	bool append; /* a pipe or a file of the caller's */
	bool clone;  /* the output can share extents with the store */
	struct bundle_manifest manifest;
	struct str text;
	struct layout *layout;
	uint64_t offset;	 /* of buf in the bundle */
	struct str buf;		 /* bytes that are not written yet */
	struct str states;	 /* of the payloads so far */
	size_t blob;		 /* the one that is copied, for events */
	char *label;		 /* its name, likewise */
	struct waiting *waiting; /* CLONES_MAX of them */
	size_t waiting_count;
	struct pack_stats stats;
};

static void waiting_release(struct waiting *w)
{
	close_fd(&w->clone.src_fd);
	free_ptr(&w->label);
}

static void pack_release(struct pack *p)
{
	bundle_manifest_release(&p->manifest);
	str_release(&p->text);
	layout_close(&p->layout);
	str_release(&p->buf);
	str_release(&p->states);
	free_ptr(&p->label);
	for (size_t i = 0; i < p->waiting_count; i++)
		waiting_release(&p->waiting[i]);
	free_ptr(&p->waiting);
}

/* --- output ------------------------------------------------------------------ */

static int hint_pipe(struct error *err)
{
	if (err->sys == EPIPE)
		err_hint(err, "the program that reads the output has ended");
	return -1;
}

static int write_out(struct pack *p, const void *ptr, size_t n,
		     struct error *err)
{
	int rc = p->o->volumes ? volume_writer_write(p->o->volumes, ptr, n, err)
		 : p->append   ? file_write_all(p->fd, ptr, n, p->name, err)
			       : file_pwrite_all(p->fd, ptr, n, p->offset,
						 p->name, err);

	if (rc)
		return hint_pipe(err);
	p->offset += n;
	return 0;
}

static int flush(struct pack *p, struct error *err)
{
	if (write_out(p, p->buf.ptr, p->buf.len, err))
		return -1;
	str_clear(&p->buf);
	return 0;
}

static int put_bytes(struct pack *p, const void *ptr, size_t n,
		     struct error *err)
{
	if (p->buf.len + n > BUFFER_MAX && flush(p, err))
		return -1;
	if (n > BUFFER_MAX)
		return write_out(p, ptr, n, err);
	str_add(&p->buf, ptr, n);
	return 0;
}

/* --- payloads ----------------------------------------------------------------- */

static void set_label(struct pack *p, const struct bundle_use *use)
{
	free_ptr(&p->label);
	p->label = xasprintf("%s %s", bundle_use_repo(&p->manifest, use)->id,
			     bundle_use_file(&p->manifest, use)->path);
}

/* The blob under the first of its names that the store has. */
static int open_blob(struct pack *p, size_t blob, int *fd, struct error *err)
{
	const struct bundle_blob *b = &p->manifest.blobs[blob];
	struct error first = { 0 };

	for (size_t i = 0; i < b->use_count; i++) {
		struct error one = { 0 };
		int rc = hfcache_blob_open(
			p->store, bundle_use_repo(&p->manifest, &b->uses[i]),
			bundle_use_file(&p->manifest, &b->uses[i]), fd, &one);

		if (rc == 0) {
			set_label(p, &b->uses[i]);
			return 0;
		}
		if (i == 0)
			first = one;
	}
	*err = first;
	/* a disk or a right that fails, no download mends */
	return first.code == ERR_NOT_FOUND || first.code == ERR_INTEGRITY
		       ? err_hint(err, "`itts-pack fetch` completes the store")
		       : -1;
}

static void emit(const struct pack *p, size_t blob, const char *label,
		 enum event_type type, uint64_t done)
{
	struct event ev = { .type = type,
			    .id = (unsigned)blob,
			    .name = label,
			    .done = done,
			    .total = p->manifest.blobs[blob].size };

	event_emit(p->o->sink, &ev);
}

static void on_progress(void *ctx, uint64_t done)
{
	const struct pack *p = ctx;

	emit(p, p->blob, p->label, EVENT_PROGRESS, done);
}

static int check_digest(const struct pack *p, size_t blob, const char *label,
			const struct digest *got, struct error *err)
{
	const struct digest *want = &p->manifest.blobs[blob].sha256;
	char have[DIGEST_HEX_MAX], need[DIGEST_HEX_MAX];

	if (digest_equal(got, want))
		return 0;
	err_set(err, ERR_INTEGRITY, "%s: sha256 %s, expected %s", label,
		digest_hex(got, have), digest_hex(want, need));
	return err_hint(err, "`itts-pack verify` lists what is damaged in the "
			     "store, `itts-pack fetch` replaces it");
}

/* --- clones: made one by one, hashed many at a time ---------------------------- */

static void on_clone(void *ctx, size_t index, uint64_t done)
{
	const struct pack *p = ctx;
	struct waiting *w = &p->waiting[index];

	if (!w->begun)
		emit(p, w->blob, w->label, EVENT_START, 0);
	w->begun = true;
	emit(p, w->blob, w->label,
	     done == w->clone.size ? EVENT_DONE : EVENT_PROGRESS, done);
}

static int hash_waiting(struct pack *p, struct error *err)
{
	struct clone *clones[CLONES_MAX];
	const struct clone_job job = { .clones = clones,
				       .count = p->waiting_count,
				       .cancel = p->o->cancel,
				       .progress = on_clone,
				       .ctx = p };

	if (!p->waiting_count)
		return 0;
	for (size_t i = 0; i < p->waiting_count; i++) {
		struct waiting *w = &p->waiting[i];

		clones[i] = &w->clone;
		w->clone.states = (unsigned char *)p->states.ptr + w->states_at;
	}
	clone_hash(&job);
	for (size_t i = 0; i < p->waiting_count; i++) {
		const struct waiting *w = &p->waiting[i];

		if (w->clone.err.code) {
			*err = w->clone.err;
			return -1;
		}
		if (check_digest(p, w->blob, w->label, &w->clone.sha256, err))
			return -1;
	}
	for (size_t i = 0; i < p->waiting_count; i++)
		waiting_release(&p->waiting[i]);
	p->waiting_count = 0;
	return 0;
}

/* Takes *fd and the label, if it says yes. */
static bool put_clone(struct pack *p, int *fd, uint64_t size, size_t states_at)
{
	struct waiting *w;

	if (!p->waiting)
		p->waiting = xcalloc(CLONES_MAX, sizeof(*p->waiting));
	w = &p->waiting[p->waiting_count];
	w->clone = (struct clone){ .src_fd = *fd,
				   .dst_fd = p->fd,
				   .dst_offset = p->offset,
				   .size = size,
				   .dst_name = p->name };
	if (!clone_make(&w->clone))
		return false;
	take_fd(fd);
	w->label = take_ptr(p->label);
	w->blob = p->blob;
	w->states_at = states_at;
	w->begun = false;
	p->waiting_count++;
	p->offset += size;
	p->stats.cloned_bytes += size;
	return true;
}

/* --- all payloads ---------------------------------------------------------------- */

static int put_small(struct pack *p, int fd, size_t size, struct error *err)
{
	char bytes[SMALL_MAX];
	struct digest d;
	size_t got;

	if (file_pread_full(fd, bytes, size, 0, &got, p->label, err))
		return -1;
	digest_buf(DIGEST_SHA256, bytes, got, &d);
	if (check_digest(p, p->blob, p->label, &d, err))
		return -1;
	return put_bytes(p, bytes, size, err);
}

static int write_volume(void *ctx, const void *buf, size_t n, struct error *err)
{
	return volume_writer_write(ctx, buf, n, err);
}

static int put_copy(struct pack *p, int fd, uint64_t size, size_t states_at,
		    struct error *err)
{
	struct copy_job job = {
		.src_fd = fd,
		.size = size,
		.dst_fd = p->fd,
		.dst_offset = p->offset,
		.append = p->append,
		.write = p->o->volumes ? write_volume : NULL,
		.write_ctx = p->o->volumes,
		.src_name = p->label,
		.dst_name = p->name,
		.cancel = p->o->cancel,
		.progress = on_progress,
		.ctx = p,
		.states = (unsigned char *)p->states.ptr + states_at,
	};

	if (copy_run(&job, err))
		return hint_pipe(err);
	p->offset += size;
	return check_digest(p, p->blob, p->label, &job.sha256, err);
}

static int put_payload(struct pack *p, const struct segment *s,
		       struct error *err)
{
	int fd CLEANUP(close_fd) = -1;
	size_t states_at = p->states.len;
	bool small = s->size <= SMALL_MAX;

	p->blob = s->blob;
	if (open_blob(p, s->blob, &fd, err) || (!small && flush(p, err)))
		return -1;
	if (!small)
		str_fill(&p->states, '\0',
			 (size_t)bundle_state_count(s->size) *
				 DIGEST_STATE_LEN);
	if (!small && p->clone && put_clone(p, &fd, s->size, states_at))
		return p->waiting_count == CLONES_MAX ? hash_waiting(p, err)
						      : 0;
	if (!s->again)
		emit(p, p->blob, p->label, EVENT_START, 0);
	if (small ? put_small(p, fd, (size_t)s->size, err)
		  : put_copy(p, fd, s->size, states_at, err))
		return -1;
	if (!s->again)
		emit(p, p->blob, p->label, EVENT_DONE, s->size);
	return 0;
}

/* --- the whole ------------------------------------------------------------------ */

static int put_piece(void *ctx, const void *ptr, size_t n, struct error *err)
{
	return put_bytes(ctx, ptr, n, err);
}

static int put_extra(struct pack *p, const struct segment *s, struct error *err)
{
	const struct bundle_extra *e = &p->manifest.extras.items[s->extra];
	struct pack_extra_source from CLEANUP(
		pack_extra_release) = { .fd = -1 };
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(
		DIGEST_SHA256, e->size);
	char piece[SMALL_MAX];
	struct digest got;

	if (pack_extra_open(&from, p->store, &p->manifest.lock, p->o, e, err))
		return -1;
	if (from.sbom)
		return sbom_write(&p->manifest.lock, put_piece, p, err);
	if (from.text)
		return put_bytes(p, from.text, (size_t)e->size, err);
	for (uint64_t at = 0, n; at < e->size; at += n) {
		size_t have;

		n = e->size - at < sizeof(piece) ? e->size - at : sizeof(piece);
		if (file_pread_full(from.fd, piece, (size_t)n, at, &have,
				    e->path, err))
			return -1;
		digest_update(ctx, piece, have);
		if (put_bytes(p, piece, (size_t)n, err))
			return -1;
	}
	digest_end(&ctx, &got);
	if (digest_equal(&got, &e->sha256))
		return 0;
	err_set(err, ERR_INTEGRITY, "%s: has changed meanwhile", e->path);
	return err_hint(err, "run the same command again");
}

/* Empty, unless this is a bundle again that was signed. */
static int put_slot(struct pack *p, struct error *err)
{
	char slot[BUNDLE_SIGNATURE_SIZE];

	memset(slot, '\n', sizeof(slot));
	if (p->o->again &&
	    record_read_signature(p->store, p->manifest.lock.name, &p->text,
				  slot, err))
		return -1;
	return put_bytes(p, slot, sizeof(slot), err);
}

static int put_segment(struct pack *p, const struct segment *s,
		       struct error *err)
{
	assert(s->offset == p->offset + p->buf.len);
	switch (s->kind) {
	case SEGMENT_BYTES:
		return put_bytes(p, s->ptr, (size_t)s->size, err);
	case SEGMENT_SIGNATURE:
		return put_slot(p, err);
	case SEGMENT_EXTRA:
		return put_extra(p, s, err);
	case SEGMENT_PAYLOAD:
		return put_payload(p, s, err);
	case SEGMENT_STATES:
		assert(s->size == p->states.len);
		if (hash_waiting(p, err))
			return -1;
		return put_bytes(p, p->states.ptr, p->states.len, err);
	case SEGMENT_END:
		break;
	}
	return hash_waiting(p, err) || flush(p, err) ? -1 : 0;
}

static int put_all(struct pack *p, struct error *err)
{
	struct event plan = { .type = EVENT_PLAN,
			      .name = "packing",
			      .total = p->stats.payload_bytes,
			      .items = p->stats.payloads };
	struct segment s = { .kind = SEGMENT_BYTES };

	event_emit(p->o->sink, &plan);
	while (s.kind != SEGMENT_END)
		if (cancel_check(p->o->cancel, err) ||
		    layout_next(p->layout, &s, err) || put_segment(p, &s, err))
			return -1;
	return 0;
}

static int prepare(struct pack *p, const struct lock *l, struct error *err)
{
	const struct bundle_manifest *again = p->o->again;

	if (bundle_manifest_from_lock(&p->manifest, l,
				      again ? again->serial : p->o->serial,
				      again ? again->epoch : p->o->epoch, err))
		return -1;
	if (again)
		p->manifest.extras = again->extras;
	if (pack_extra_add(&p->manifest, p->o->extras, p->o->extra_count, err))
		return -1;
	for (size_t i = 0; p->o->have && i < p->manifest.blob_count; i++)
		if (inventory_has(p->o->have, &p->manifest.blobs[i].sha256,
				  p->manifest.blobs[i].size))
			bundle_leave_out(&p->manifest, i);
	bundle_manifest_format(&p->manifest, &p->text);
	if (p->text.len > BUNDLE_MANIFEST_LIMIT) {
		err_set(err, ERR_FORMAT,
			"%s: the bundle manifest would have %zu bytes, limit "
			"%u",
			p->name, p->text.len, BUNDLE_MANIFEST_LIMIT);
		return err_hint(err, "make several bundles, each of a manifest "
				     "with some of the models");
	}
	if (layout_open(&p->layout, &p->manifest, p->text.ptr, p->text.len,
			err) ||
	    layout_total(p->layout, &p->stats.bytes, err))
		return -1;
	p->stats.payloads = p->manifest.blob_count - p->manifest.absent_count;
	p->stats.absent = p->manifest.absent_count;
	p->stats.absent_bytes = p->manifest.absent_bytes;
	for (size_t i = 0; i < p->manifest.blob_count; i++) {
		int fd CLEANUP(close_fd) = -1;

		if (p->manifest.blobs[i].absent)
			continue;
		p->stats.payload_bytes += p->manifest.blobs[i].size;
		/* better now than after gigabytes */
		if (cancel_check(p->o->cancel, err) ||
		    open_blob(p, i, &fd, err))
			return -1;
	}
	return 0;
}

/* Bytes that a clone would share, and whether the output can do that. */
static uint64_t try_clone(struct pack *p)
{
	uint64_t shared = 0;

	for (size_t i = 0; i < p->manifest.blob_count; i++) {
		int fd CLEANUP(close_fd) = -1;
		struct error ignored = { 0 };

		if (p->manifest.blobs[i].size <= SMALL_MAX ||
		    p->manifest.blobs[i].absent)
			continue;
		shared += p->manifest.blobs[i].size;
		if (p->clone)
			continue;
		p->clone = open_blob(p, i, &fd, &ignored) == 0 &&
			   file_clone_range(fd, 0, p->fd, 0, BUNDLE_ALIGN) &&
			   ftruncate(p->fd, 0) == 0;
		if (!p->clone)
			return 0;
	}
	return shared;
}

static int check_space(struct pack *p, struct error *err)
{
	uint64_t need = p->stats.bytes - try_clone(p), bytes, inodes;
	char want[HUMAN_MAX], have[HUMAN_MAX];

	if (file_space(p->fd, &bytes, &inodes, err))
		return -1;
	if (need <= bytes)
		return 0;
	err_sys(err, ENOSPC, "%s: needs %s, free are %s", p->name,
		human_size(need, want), human_size(bytes, have));
	return err_hint(err, "make room, or choose another place with -o");
}

static int pack_to_path(struct pack *p, struct error *err)
{
	struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;

	if (atomic_open_unnamed(&f, AT_FDCWD, p->name, 0644, err))
		return -1;
	p->fd = f.fd;
	if (check_space(p, err) || put_all(p, err))
		return -1;
	return atomic_commit(&f, err);
}

static int pack_to_fd(struct pack *p, int fd, struct error *err)
{
	struct stat st;

	p->fd = fd;
	p->append = true;
	if (put_all(p, err))
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && fsync(fd))
		return err_sys(err, errno, "%s", p->name);
	return 0;
}

static int pack_to_volumes(struct pack *p, struct error *err)
{
	struct volume_writer *w = p->o->volumes;

	if (volume_writer_begin(w, p->manifest.lock.name, &p->text,
				p->stats.bytes, err) ||
	    put_all(p, err))
		return -1;
	return volume_writer_commit(w, err);
}

/* A pipe or device that has a name must not be replaced by a file. */
static int pack_to_device(struct pack *p, struct error *err)
{
	int fd CLEANUP(close_fd) = -1;

	if (fifo_open_output(p->name, p->o->cancel, &fd, err) ||
	    pack_to_fd(p, fd, err))
		return -1;
	if (close(take_fd(&fd)))
		return err_sys(err, errno, "%s", p->name);
	return 0;
}

int pack_lock(struct hfcache *store, const struct lock *l, const char *path,
	      int out_fd, const struct pack_options *o, struct pack_stats *out,
	      struct error *err)
{
	struct pack p CLEANUP(pack_release) = { .store = store,
						.o = o,
						.name = path,
						.fd = -1,
						.text = STR_INIT,
						.buf = STR_INIT,
						.states = STR_INIT };
	struct stat st;
	bool device = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
	int rc;

	if (prepare(&p, l, err))
		return -1;
	if (o->volumes) {
		rc = pack_to_volumes(&p, err);
	} else if (!strcmp(path, "-")) {
		p.name = "standard output";
		rc = pack_to_fd(&p, out_fd, err);
	} else {
		rc = device ? pack_to_device(&p, err) : pack_to_path(&p, err);
	}
	if (rc == 0)
		*out = p.stats;
	return rc;
}
