/*
 * Opening a bundle: the first member has to be its manifest, and all that comes
 * behind follows from that. Its header is only looked at for the size here; like
 * every other byte it is compared with the layout afterwards.
 */
#include "bundle/source.h"

#include "base/fifo.h"
#include "base/file.h"
#include "base/mem.h"
#include "bundle/slot.h"
#include "bundle/sniff.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER	     512u /* of the manifest's member: plain ustar */
#define USTAR_SIZE   124u
#define USTAR_DIGITS 11u
#define USTAR_TYPE   156u
#define PIECE	     ((size_t)64 << 10)

/* Bytes that were read when opening are served from memory again. */
static size_t from_memory(struct bundle_source *s, void *buf, size_t n)
{
	const struct str *const parts[] = { &s->ahead, &s->text, &s->behind };
	uint64_t at = s->offset;

	if (s->volumes)
		return 0; /* the manifest may be from beside the card */
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		size_t left;

		if (at >= parts[i]->len) {
			at -= parts[i]->len;
			continue;
		}
		left = parts[i]->len - (size_t)at;
		if (n > left)
			n = left;
		memcpy(buf, parts[i]->ptr + at, n);
		return n;
	}
	return 0;
}

int bundle_source_pread(const struct bundle_source *s, void *buf, size_t n,
			uint64_t offset, size_t *got, struct error *err)
{
	if (s->volumes)
		return volumes_pread(s->volumes, buf, n, offset, got, err);
	return file_pread_full(s->fd, buf, n, offset, got, s->name, err);
}

bool bundle_source_has(const struct bundle_source *s, const struct segment *seg)
{
	return !s->volumes || volumes_have(s->volumes, seg->offset, seg->size);
}

static int read_file(struct bundle_source *s, void *buf, size_t n, size_t *got,
		     struct error *err)
{
	if (bundle_source_pread(s, buf, n, s->offset, got, err) != 0)
		return err_wrap(err, "reading at byte %" PRIu64, s->offset);
	return 0;
}

static int read_stream(struct bundle_source *s, void *buf, size_t n,
		       size_t *got, struct error *err)
{
	if (tar_reader_read(s->stream, buf, n, got, err) != 0)
		return err_wrap(err, "%s: at byte %" PRIu64, s->name,
				s->offset);
	return 0;
}

/* Fewer than n only at the end. */
static int read_some(struct bundle_source *s, void *buf, size_t n, size_t *got,
		     struct error *err)
{
	size_t have = 0, more;

	if (cancel_check(s->cancel, err) != 0)
		return -1;
	while (have < n &&
	       (more = from_memory(s, (char *)buf + have, n - have)) > 0) {
		have += more;
		s->offset += more;
	}
	*got = have;
	if (have == n)
		return 0;
	if ((s->stream ? read_stream : read_file)(s, (char *)buf + have,
						  n - have, &more, err) != 0)
		return -1;
	*got += more;
	s->offset += more;
	return 0;
}

static int ended(const struct bundle_source *s, const char *member,
		 struct error *err)
{
	err_set(err, ERR_FORMAT, "%s: ends at byte %" PRIu64 "%s%s", s->name,
		s->offset, member ? ", in " : "", member ? member : "");
	return err_hint(err, "the copy is not complete, make it again");
}

int bundle_source_read(struct bundle_source *s, void *buf, size_t n,
		       struct error *err)
{
	size_t got;

	if (read_some(s, buf, n, &got, err) != 0)
		return -1;
	return got == n ? 0 : ended(s, NULL, err);
}

int bundle_source_skip(struct bundle_source *s, uint64_t n, struct error *err)
{
	char *buf CLEANUP(free_ptr) = NULL;

	if (s->seekable) {
		uint64_t left = s->file_size - s->offset;

		s->offset += n < left ? n : left;
		return n <= left ? 0 : ended(s, NULL, err);
	}
	buf = xmalloc(PIECE);
	while (n > 0) {
		size_t part = n < PIECE ? (size_t)n : PIECE;

		if (bundle_source_read(s, buf, part, err) != 0)
			return -1;
		n -= part;
	}
	return 0;
}

void bundle_source_describe(const struct bundle_source *s,
			    const struct segment *seg, struct str *out)
{
	const struct bundle_manifest *m = &s->manifest;
	const struct bundle_use *use;

	if (seg->kind != SEGMENT_PAYLOAD || seg->again) {
		str_adds(out, seg->name);
		return;
	}
	use = &m->blobs[seg->blob].uses[0];
	str_addf(out, "%s %s", bundle_use_repo(m, use)->id,
		 bundle_use_file(m, use)->path);
}

/* --- comparing ------------------------------------------------------------- */

static int compare(const struct bundle_source *s, const struct segment *seg,
		   const unsigned char *got, size_t len, struct error *err)
{
	uint64_t at = s->offset - len;
	const unsigned char *want = (const unsigned char *)seg->ptr +
				    (at - seg->offset);
	size_t i = 0;

	if (memcmp(got, want, len) == 0)
		return 0;
	while (got[i] == want[i])
		i++;
	return err_set(err, ERR_INTEGRITY,
		       "%s: %s: byte %" PRIu64 " is 0x%02x, expected 0x%02x",
		       s->name, seg->name, at + i, got[i], want[i]);
}

static int expect_signature(struct bundle_source *s, const struct segment *seg,
			    char *buf, struct error *err)
{
	size_t got;

	if (read_some(s, buf, BUNDLE_SIGNATURE_SIZE, &got, err) != 0)
		return -1;
	if (got != BUNDLE_SIGNATURE_SIZE)
		return ended(s, seg->name, err);
	if (slot_read(buf, got) == SLOT_BROKEN)
		return err_set(err, ERR_INTEGRITY,
			       "%s: %s: neither empty nor a signature, at byte "
			       "%" PRIu64,
			       s->name, seg->name, seg->offset);
	return 0;
}

/* Its bytes may be another program's: the digest is what counts. */
static int expect_extra(struct bundle_source *s, const struct segment *seg,
			int keep, const char *path, struct error *err)
{
	unsigned char *buf CLEANUP(free_ptr) = xmalloc(PIECE);
	const struct digest *want =
		&s->manifest.extras.items[seg->extra].sha256;
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(
		DIGEST_SHA256, seg->size);
	char a[DIGEST_HEX_MAX], b[DIGEST_HEX_MAX];
	uint64_t left = seg->size;
	struct digest sha256;
	size_t got;

	while (left > 0) {
		size_t n = left < PIECE ? (size_t)left : PIECE;

		if (read_some(s, buf, n, &got, err) != 0)
			return -1;
		if (got < n)
			return ended(s, seg->name, err);
		digest_update(ctx, buf, n);
		if (keep >= 0 && file_write_all(keep, buf, n, path, err) != 0)
			return -1;
		left -= n;
	}
	digest_end(&ctx, &sha256);
	if (digest_equal(&sha256, want))
		return 0;
	return err_set(err, ERR_INTEGRITY,
		       "%s: %s: sha256 %s, expected %s, at byte %" PRIu64,
		       s->name, seg->name, digest_hex(&sha256, a),
		       digest_hex(want, b), seg->offset);
}

int bundle_source_copy_extra(struct bundle_source *s, const struct segment *seg,
			     int fd, const char *path, struct error *err)
{
	return expect_extra(s, seg, fd, path, err);
}

int bundle_source_expect(struct bundle_source *s, const struct segment *seg,
			 struct error *err)
{
	unsigned char *buf CLEANUP(free_ptr) = xmalloc(PIECE);
	uint64_t left = seg->size;
	size_t got;

	if (seg->kind == SEGMENT_SIGNATURE)
		return expect_signature(s, seg, (char *)buf, err);
	if (seg->kind == SEGMENT_EXTRA)
		return expect_extra(s, seg, -1, NULL, err);
	while (left > 0) {
		size_t n = left < PIECE ? (size_t)left : PIECE;

		if (read_some(s, buf, n, &got, err) != 0)
			return -1;
		if (compare(s, seg, buf, got, err) != 0)
			return -1;
		if (got < n)
			return ended(s, seg->name, err);
		left -= n;
	}
	return 0;
}

int bundle_source_end(struct bundle_source *s, struct error *err)
{
	char c;
	size_t got;

	if (read_some(s, &c, 1, &got, err) != 0)
		return -1;
	if (got != 0) {
		err_set(err, ERR_FORMAT,
			"%s: something follows the end of the bundle, at byte "
			"%" PRIu64,
			s->name, s->offset - 1);
		return err_hint(err, "the copy is not right, make it again");
	}
	return 0;
}

int bundle_source_check_size(struct bundle_source *s, struct error *err)
{
	struct str what CLEANUP(str_release) = STR_INIT;
	struct segment seg;

	if (!s->seekable)
		return 0;
	layout_rewind(s->layout);
	do {
		if (layout_next(s->layout, &seg, err) != 0)
			return -1;
		if (seg.kind != SEGMENT_END &&
		    seg.offset + seg.size > s->file_size) {
			bundle_source_describe(s, &seg, &what);
			s->offset = s->file_size;
			return ended(s, what.ptr, err);
		}
	} while (seg.kind != SEGMENT_END);
	layout_rewind(s->layout);
	if (seg.offset != s->file_size) {
		s->offset = seg.offset;
		return bundle_source_end(s, err);
	}
	return 0;
}

/* --- opening --------------------------------------------------------------- */

static int not_a_bundle(const struct bundle_source *s, enum sniff_kind kind,
			const char *what, struct error *err)
{
	err_set(err, ERR_FORMAT, "%s: not a bundle of itts-pack but %s%s",
		s->name, what,
		s->stream && tar_is_compressed(s->stream) ? ", compressed"
							  : "");
	if (kind == SNIFF_ARCHIVE)
		err_hint(err, "an archive of a Hub cache is installed with "
			      "--import");
	return -1;
}

/* Size of the manifest from the ustar header that stands in ahead. */
static int manifest_size(const struct bundle_source *s, size_t *out,
			 struct error *err)
{
	const char *h = s->ahead.ptr;
	uint64_t size = 0;

	for (size_t i = USTAR_SIZE; i < USTAR_SIZE + USTAR_DIGITS; i++) {
		if (h[i] < '0' || h[i] > '7')
			return err_set(err, ERR_FORMAT,
				       "%s: %s: damaged header at byte %zu",
				       s->name, BUNDLE_MANIFEST_NAME, i);
		size = size * 8 + (uint64_t)(h[i] - '0');
	}
	if (size == 0 || size > BUNDLE_MANIFEST_LIMIT || h[USTAR_TYPE] != '0')
		return err_set(err, ERR_FORMAT,
			       "%s: %s: damaged header, or larger than %u "
			       "bytes",
			       s->name, BUNDLE_MANIFEST_NAME,
			       BUNDLE_MANIFEST_LIMIT);
	*out = (size_t)size;
	return 0;
}

static int read_head(struct bundle_source *s, struct error *err)
{
	char head[HEADER];
	const char *what;
	enum sniff_kind kind;
	size_t got;

	if (read_some(s, head, sizeof(head), &got, err) != 0)
		return -1;
	kind = sniff(head, got, &what);
	if (kind != SNIFF_BUNDLE)
		return not_a_bundle(s, kind, what, err);
	if (got < sizeof(head))
		return ended(s, BUNDLE_MANIFEST_NAME, err);
	str_add(&s->ahead, head, got);
	return 0;
}

/* Grows with what is there, not with what the header says. */
static int read_text(struct bundle_source *s, size_t size, struct error *err)
{
	char *buf CLEANUP(free_ptr) = xmalloc(PIECE);
	struct str text CLEANUP(str_release) = STR_INIT;
	size_t got;

	while (text.len < size) {
		size_t left = size - text.len;

		if (read_some(s, buf, left < PIECE ? left : PIECE, &got, err) !=
		    0)
			return -1;
		if (got == 0)
			return ended(s, BUNDLE_MANIFEST_NAME, err);
		str_add(&text, buf, got);
	}
	s->text = text;
	text = (struct str)STR_INIT;
	return 0;
}

/* On to the end of the signature's slot, or of the file. */
static int read_behind(struct bundle_source *s, struct error *err)
{
	char *buf CLEANUP(free_ptr) = NULL;
	size_t want = (size_t)(-s->text.len % HEADER) + HEADER +
		      BUNDLE_SIGNATURE_SIZE;
	size_t got;

	buf = xmalloc(want);
	if (read_some(s, buf, want, &got, err) != 0)
		return -1;
	str_add(&s->behind, buf, got);
	return 0;
}

const char *bundle_source_slot(const struct bundle_source *s, uint64_t *offset)
{
	size_t before = (size_t)(-s->text.len % HEADER) + HEADER;

	if (s->behind.len != before + BUNDLE_SIGNATURE_SIZE)
		return NULL;
	*offset = s->ahead.len + s->text.len + before;
	return s->behind.ptr + before;
}

/* Is it a plain file with a bundle in it, or something for libarchive? */
static int choose_reader(struct bundle_source *s, struct error *err)
{
	char head[SNIFF_BYTES];
	const char *what;
	struct stat st;
	size_t got;

	if (fstat(s->fd, &st) != 0)
		return err_sys(err, errno, "%s", s->name);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_FORMAT,
			       "%s: is a directory, not a bundle", s->name);
	if (S_ISREG(st.st_mode) && lseek(s->fd, 0, SEEK_CUR) == 0) {
		if (file_pread_full(s->fd, head, sizeof(head), 0, &got, s->name,
				    err) != 0)
			return -1;
		s->seekable = sniff(head, got, &what) != SNIFF_COMPRESSED;
		s->file_size = (uint64_t)st.st_size;
	}
	if (s->seekable)
		return 0;
	if (tar_open_stream(&s->stream, s->fd, err) != 0)
		return err_wrap(err, "%s", s->name);
	tar_reader_cancel(s->stream, s->cancel);
	return 0;
}

static int take_manifest(struct bundle_source *s, struct error *err)
{
	if (s->gate && s->gate(s->gate_ctx, s, err) != 0)
		return err_wrap(err, "%s", s->name);
	if (bundle_manifest_parse(&s->manifest, s->text.ptr, s->text.len,
				  err) != 0)
		return err_wrap(err, "%s", s->name);
	s->offset = 0;
	return layout_open(&s->layout, &s->manifest, s->text.ptr, s->text.len,
			   err);
}

/* bundle_source_check_front() has the words for it. */
static int check_set(const struct bundle_source *s, struct error *err)
{
	uint64_t at;
	const char *slot = bundle_source_slot(s, &at);
	struct digest d;

	digest_buf(DIGEST_SHA256, s->text.ptr, s->text.len, &d);
	if (digest_equal(&d, &s->volumes->card.set) && slot &&
	    slot_read(slot, BUNDLE_SIGNATURE_SIZE) != SLOT_BROKEN)
		return 0;
	return err_set(err, ERR_INTEGRITY, "%s: of another set", s->name);
}

static int read_front(struct bundle_source *s, struct error *err)
{
	size_t size = 0;

	if (read_head(s, err) != 0 || manifest_size(s, &size, err) != 0 ||
	    read_text(s, size, err) != 0 || read_behind(s, err) != 0)
		return -1;
	return s->volumes ? check_set(s, err) : 0;
}

/* The front is elsewhere, or damaged (why): its manifest lies beside the card. */
static int read_copy(struct bundle_source *s, const struct error *why,
		     struct error *err)
{
	const struct volumes *v = s->volumes;

	str_release(&s->ahead);
	str_release(&s->text);
	str_release(&s->behind);
	s->offset = 0;
	s->front_damaged = why->code != ERR_NOT_FOUND;
	if (volumes_manifest(v, &s->text, err) == 0)
		return 0;
	if (!s->front_damaged || err->code != ERR_NOT_FOUND)
		return -1;
	err_clear(err);
	return bundle_source_check_front(s, err);
}

int bundle_source_check_front(const struct bundle_source *s, struct error *err)
{
	char *path CLEANUP(free_ptr) = NULL;

	if (!s->front_damaged)
		return 0;
	path = volumes_path(s->volumes, 0);
	err_set(err, ERR_INTEGRITY,
		"%s: does not begin as the bundle of %s does", path,
		s->volumes->card_file);
	if (!volumes_blame(s->volumes, 0, s->volumes->card.bytes, err))
		err_hint(err, "the card is damaged or of another set");
	return -1;
}

static int open_volumes(struct bundle_source *s, const char *path,
			struct error *err)
{
	struct error why = { .code = ERR_NONE };

	s->name = xstrdup(path);
	if (volumes_open(&s->volumes, path, s->more, err) != 0)
		return -1;
	s->seekable = true;
	s->file_size = s->volumes->card.bytes;
	if (read_front(s, &why) != 0) {
		if (why.code != ERR_FORMAT && why.code != ERR_INTEGRITY &&
		    why.code != ERR_NOT_FOUND) {
			*err = why;
			return -1;
		}
		if (read_copy(s, &why, err) != 0)
			return -1;
	}
	return take_manifest(s, err);
}

void bundle_source_beside(const struct bundle_source *s, struct str *path)
{
	if (s->volumes) {
		const char *card = s->volumes->card_file;
		int len = (int)(strlen(card) - strlen(VOLUMES_CARD));

		str_addf(path, "%.*s" VOLUMES_MANIFEST ".sig", len, card);
	} else if (s->owned) {
		str_addf(path, "%s.sig", s->name);
	}
}

static int open_content(struct bundle_source *s, struct error *err)
{
	if (choose_reader(s, err) != 0 || read_front(s, err) != 0)
		return -1;
	return take_manifest(s, err);
}

int bundle_source_open_fd(struct bundle_source *s, int fd, const char *name,
			  struct error *err)
{
	s->fd = fd;
	s->name = xstrdup(name);
	return open_content(s, err);
}

int bundle_source_open(struct bundle_source *s, const char *path,
		       struct error *err)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return bundle_source_open_fd(s, STDIN_FILENO, "standard input",
					     err);
	if (volumes_is(path))
		return open_volumes(s, path, err);
	if (fifo_open_input(path, s->cancel, &fd, err))
		return -1;
	s->owned = true;
	return bundle_source_open_fd(s, fd, path, err);
}

int bundle_source_open_text(struct bundle_source *s, struct str *text,
			    const char *name, struct error *err)
{
	s->name = xstrdup(name);
	s->text = *text;
	*text = (struct str)STR_INIT;
	return take_manifest(s, err);
}

void bundle_source_close(struct bundle_source *s)
{
	layout_close(&s->layout);
	bundle_manifest_release(&s->manifest);
	tar_reader_close(&s->stream);
	str_release(&s->behind);
	str_release(&s->text);
	str_release(&s->ahead);
	free_ptr(&s->name);
	volumes_close(&s->volumes);
	if (s->owned)
		close_fd(&s->fd);
	*s = (struct bundle_source)BUNDLE_SOURCE_INIT;
}

int bundle_payload_read(void *ctx, void *buf, size_t n, uint64_t offset,
			size_t *got, struct error *err)
{
	const struct bundle_payload *p = ctx;

	*got = 0;
	if (offset >= p->seg->size)
		return 0;
	if (n > p->seg->size - offset)
		n = (size_t)(p->seg->size - offset);
	return bundle_source_pread(p->s, buf, n, p->seg->offset + offset, got,
				   err);
}
