/*
 * torch.save() writes a zip archive: ROOT/data.pkl, ROOT/data/N (raw numbers) and
 * a few small members; TorchScript adds ROOT/code/. Before 1.6 it wrote five
 * pickles one behind the other (magic number, protocol, system, the object, keys
 * of storages), then raw storages; before that, a tar.
 */
#include "bundle/scan.h"

#include "base/attr.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/tar_reader.h"
#include "bundle/npy.h"
#include "bundle/pickle.h"
#include "bundle/zipdir.h"

#include <string.h>
#include <strings.h>

#define HEAD	       512u
#define PROTO	       0x80
#define MAX_PICKLES    1000
#define LEGACY_PICKLES 5

const char *scan_word_name(enum scan_word word)
{
	static const char *const names[] = {
		[SCAN_NO_PICKLE] = "no pickle",
		[SCAN_LISTED] = "allow-listed",
		[SCAN_NEEDS_CODE] = "needs code",
		[SCAN_MALFORMED] = "malformed",
	};

	return names[word];
}

static bool has_end(const char *name, const char *const *ends)
{
	size_t len = strlen(name);

	for (; *ends; ends++)
		if (len > strlen(*ends) &&
		    !strcasecmp(name + len - strlen(*ends), *ends))
			return true;
	return false;
}

static bool is_proto(const unsigned char *p, size_t len)
{
	return len >= 2 && p[0] == PROTO && p[1] <= 5;
}

/* --- pickles one behind the other ------------------------------------------------ */

static int scan_pickles(const struct scan_input *in, uint64_t at, uint64_t end,
			struct scan_result *r, struct error *err)
{
	/* PROTO 2, LONG1 of 10 bytes: the magic number of torch's old files */
	static const unsigned char legacy[] = { 0x80, 2,    0x8a, 10,	0x6c,
						0xfc, 0x9c, 0x46, 0xf9, 0x20,
						0x6a, 0xa8, 0x50, 0x19, '.' };
	unsigned char head[sizeof(legacy)];
	uint64_t begin = at;
	bool old = false;
	size_t got;

	for (unsigned n = 0; n < MAX_PICKLES; n++) {
		if (in->pread(in->ctx, head, sizeof(head), at, &got, err))
			return -1;
		if (n == 0)
			old = got == sizeof(head) &&
			      !memcmp(head, legacy, sizeof(head));
		if (at == end || (old && n == LEGACY_PICKLES))
			return 0;
		if (n > 0 && !is_proto(head, got)) {
			scan_note(r, SCAN_MALFORMED, at,
				  "something follows the pickle");
			return 0;
		}
		if (pickle_scan(in, at, end, &at, r, err))
			return -1;
		if (r->word == SCAN_MALFORMED)
			return 0;
	}
	scan_note(r, SCAN_MALFORMED, begin, "too many pickles");
	return 0;
}

/* Bytes without any mark: protocols 0 and 1 have none. */
static int try_pickle(const struct scan_input *in, uint64_t at, uint64_t end,
		      struct scan_result *r, struct error *err)
{
	struct scan_result t CLEANUP(
		scan_result_release) = { .member = r->member };

	if (scan_pickles(in, at, end, &t, err))
		return -1;
	/* it broke off before anything was called: Python would, too */
	if (t.word == SCAN_MALFORMED && t.notes.count == 1 && !t.limit)
		return 0;
	scan_result_add(r, &t);
	return 0;
}

/* --- numpy's arrays --------------------------------------------------------------- */

/* Magic, version, the length of the header (of 2 bytes with version 1, else of 4). */
#define NPY_HEAD 12u

static bool is_numpy(const unsigned char *p, size_t len)
{
	return len >= NPY_MAGIC_LEN && !memcmp(p, NPY_MAGIC, NPY_MAGIC_LEN);
}

/* Where the text of the header begins; *len: its bytes. */
static size_t text_of(const unsigned char head[NPY_HEAD], size_t *len)
{
	*len = head[8] | (size_t)head[9] << 8;
	if (head[6] == 1)
		return 10;
	*len |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
	return NPY_HEAD;
}

static bool is_readable(const unsigned char head[NPY_HEAD], size_t len)
{
	return head[6] >= 1 && head[6] <= 3 && head[7] == 0 &&
	       len <= NPY_HEADER_MAX;
}

/* What follows the header of an array which only Python can judge. */
static int scan_unknown(const struct scan_input *in, uint64_t begin,
			uint64_t at, uint64_t end, struct scan_result *r,
			struct error *err)
{
	if (at < end && try_pickle(in, at, end, r, err))
		return -1;
	if (r->word < SCAN_NEEDS_CODE)
		scan_note(r, SCAN_MALFORMED, begin,
			  "an array whose header is not as numpy writes it");
	return 0;
}

/* One array: its header, then numbers or, for objects, a pickle. *at: behind it. */
static int scan_array(const struct scan_input *in, uint64_t *at, uint64_t end,
		      struct scan_result *r, struct error *err)
{
	unsigned char head[NPY_HEAD];
	char *text CLEANUP(free_ptr) = NULL;
	uint64_t begin = *at, body, size;
	size_t got = 0, len, from;
	enum npy_kind kind;

	if (in->pread(in->ctx, head, sizeof(head), begin, &got, err))
		return -1;
	*at = end;
	if (got < sizeof(head) || end - begin < sizeof(head))
		return 0; /* cut off: nothing can follow */
	from = text_of(head, &len);
	body = begin + from + len;
	if (body > end)
		return 0;
	if (!is_readable(head, len))
		return scan_unknown(in, begin, body, end, r, err);
	text = xmalloc(len + 1);
	if (in->pread(in->ctx, text, len, begin + from, &got, err))
		return -1;
	kind = got == len ? npy_judge(text, len, &size) : NPY_UNKNOWN;
	if (kind == NPY_UNKNOWN)
		return scan_unknown(in, begin, body, end, r, err);
	if (kind == NPY_OBJECTS)
		return scan_pickles(in, body, end, r, err);
	if (size < end - body)
		*at = body + size;
	return 0;
}

/* numpy.load() reads one array after the other from an open file. */
static int scan_numpy(const struct scan_input *in, uint64_t at, uint64_t end,
		      struct scan_result *r, struct error *err)
{
	unsigned char head[NPY_MAGIC_LEN];
	size_t got = 0;

	for (unsigned n = 0; n < MAX_PICKLES && at < end; n++) {
		if (in->pread(in->ctx, head, sizeof(head), at, &got, err))
			return -1;
		if (!is_numpy(head, got)) {
			scan_note(r, SCAN_MALFORMED, at,
				  "something follows the array");
			return 0;
		}
		if (scan_array(in, &at, end, r, err))
			return -1;
	}
	if (at < end)
		scan_note(r, SCAN_MALFORMED, at, "too many arrays");
	return 0;
}

/* --- zip ------------------------------------------------------------------------- */

struct zip_scan {
	const struct scan_input *in;
	struct scan_result *r;
	bool npz; /* a file that numpy opens */
};

/* ROOT/NAME/..., as torch writes them: what holds no pickle. */
static bool is_plain(const char *name)
{
	static const char *const known[] = {
		"data/",     ".data/",		"version",
		"byteorder", ".format_version", ".storage_alignment",
		NULL
	};
	const char *slash = strchr(name, '/');

	for (const char *const *k = known; slash && *k; k++)
		if (!strncmp(slash + 1, *k, strlen(*k)) &&
		    ((*k)[strlen(*k) - 1] == '/' || !slash[1 + strlen(*k)]))
			return true;
	return false;
}

/* What is wrong with the compressed array that begins so; NULL: nothing, it is
 * numbers to its end. */
static const char *packed_fault(const unsigned char *p, size_t got,
				uint64_t plain)
{
	enum npy_kind kind = NPY_UNKNOWN;
	uint64_t size = 0;
	size_t len, from;

	if (!is_numpy(p, got) || got < NPY_HEAD)
		return "a compressed member that is no array";
	from = text_of(p, &len);
	if (is_readable(p, len) && got >= from + len)
		kind = npy_judge(p + from, len, &size);
	if (kind == NPY_OBJECTS)
		return "a compressed array of objects, which is not looked "
		       "into";
	if (kind == NPY_UNKNOWN)
		return "a compressed array whose header is not as numpy "
		       "writes it";
	return plain - from - len == size
		       ? NULL
		       : "a compressed array of another size than its header "
			 "says";
}

/* As numpy.savez_compressed() writes them: of numbers the header tells all. */
static int scan_packed(struct zip_scan *z, const struct zip_member *m,
		       struct error *err)
{
	const size_t room = NPY_HEAD + NPY_HEADER_MAX;
	unsigned char *buf CLEANUP(free_ptr) = xmalloc(room);
	const struct zip_input in = { z->in->pread, z->in->ctx };
	const char *fault;
	size_t got = 0;

	/* of which zip_walk() has seen that the directory says the same */
	if (zip_read_front(&in, m->header, buf, room, &got, err))
		return -1;
	fault = packed_fault(buf, got, m->plain);
	if (fault)
		scan_note(z->r, SCAN_MALFORMED, m->data, "%s", fault);
	return 0;
}

static int scan_member(void *ctx, const struct zip_member *m, struct error *err)
{
	static const char *const ends[] = { ".pkl", ".pickle", NULL };
	static const char *const arrays[] = { ".npy", NULL };
	struct zip_scan *z = ctx;
	const char *slash = strchr(m->name, '/');
	bool pickle = has_end(m->name, ends);
	unsigned char head[8];
	size_t got = 0;

	z->r->member = m->name;
	if (slash && !strncmp(slash + 1, "code/", 5))
		scan_note(z->r, SCAN_NEEDS_CODE, m->data, "TorchScript");
	if (z->in->pread(z->in->ctx, head, sizeof(head), m->data, &got, err))
		return -1;
	if (got > m->size)
		got = (size_t)m->size;
	if (!pickle && m->method == 0 && !is_plain(m->name))
		pickle = is_proto(head, got);
	if (pickle && m->method != 0)
		scan_note(z->r, SCAN_MALFORMED, m->data,
			  "a compressed pickle, which is not looked into");
	else if (m->method != 0 && (z->npz || has_end(m->name, arrays)) &&
		 scan_packed(z, m, err))
		return -1;
	else if (pickle &&
		 scan_pickles(z->in, m->data, m->data + m->size, z->r, err))
		return -1;
	else if (m->method == 0 && is_numpy(head, got) &&
		 scan_numpy(z->in, m->data, m->data + m->size, z->r, err))
		return -1;
	z->r->member = NULL;
	return 0;
}

/* --- the whole -------------------------------------------------------------------- */

static bool is_zip(const unsigned char *head, size_t got,
		   const unsigned char *tail, size_t tail_got)
{
	return (got >= 4 &&
		(!memcmp(head, "PK\3\4", 4) || !memcmp(head, "PK\5\6", 4))) ||
	       (tail_got == 22 && !memcmp(tail, "PK\5\6", 4));
}

bool scan_is_suspect(const char *name)
{
	static const char *const ends[] = { ".pth", ".pt",     ".bin", ".ckpt",
					    ".pkl", ".pickle", ".th",  ".dat",
					    ".pck", ".joblib", NULL };

	return has_end(name, ends);
}

/* In any of the ways that joblib reads whatever the name of a file. */
static bool is_compressed(const unsigned char *head, size_t got)
{
	static const struct {
		const char *bytes;
		size_t len;
	} marks[] = {
		{ "\x1f\x8b", 2 }, /* gzip */
		{ "BZh", 3 },	   /* bzip2 */
		{ "\xfd"
		  "7zXZ",
		  5 },			   /* xz */
		{ "\x5d\0\0", 3 },	   /* lzma */
		{ "\x28\xb5\x2f\xfd", 4 }, /* zstd */
		{ "\x04\x22\x4d\x18", 4 }, /* lz4 */
		{ "\x78\x01", 2 },	   /* zlib, and its levels */
		{ "\x78\x5e", 2 },
		{ "\x78\x9c", 2 },
		{ "\x78\xda", 2 },
		{ "ZF0x", 4 }, /* zlib, as joblib wrote it long ago */
	};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (got >= marks[i].len &&
		    !memcmp(head, marks[i].bytes, marks[i].len))
			return true;
	return false;
}

int scan_file(const struct scan_input *in, const char *name,
	      struct scan_result *r, struct error *err)
{
	static const char *const npz[] = { ".npz", NULL };
	struct zip_scan z = { in, r, has_end(name, npz) };
	unsigned char head[HEAD], tail[22];
	size_t got = 0, tail_got = 0;

	if (in->pread(in->ctx, head, sizeof(head), 0, &got, err) ||
	    (in->size >= sizeof(tail) &&
	     in->pread(in->ctx, tail, sizeof(tail), in->size - sizeof(tail),
		       &tail_got, err)))
		return -1;
	if (is_zip(head, got, tail, tail_got))
		return zip_walk(in, scan_member, &z, r, err);
	if (is_proto(head, got))
		return scan_pickles(in, 0, in->size, r, err);
	if (is_numpy(head, got))
		return scan_numpy(in, 0, in->size, r, err);
	if (!scan_is_suspect(name))
		return 0;
	if (got == HEAD && !memcmp(head + 257, "ustar", 5)) {
		scan_note(r, SCAN_NEEDS_CODE, 0,
			  "a tar, as torch wrote long ago, which is not looked "
			  "into");
		return 0;
	}
	if (is_compressed(head, got)) {
		scan_note(r, SCAN_MALFORMED, 0,
			  "compressed, which is not looked into");
		return 0;
	}
	return try_pickle(in, 0, in->size, r, err);
}

int scan_window_pread(void *ctx, void *buf, size_t n, uint64_t offset,
		      size_t *got, struct error *err)
{
	const struct scan_window *w = ctx;

	*got = 0;
	if (offset >= w->size)
		return 0;
	if (n > w->size - offset)
		n = (size_t)(w->size - offset);
	return file_pread_full(w->fd, buf, n, w->offset + offset, got, w->name,
			       err);
}

int scan_fd(int fd, uint64_t offset, uint64_t size, const char *name,
	    struct scan_result *r, struct error *err)
{
	struct scan_window w = { fd, offset, size, name };
	struct scan_input in = { scan_window_pread, &w, size };

	return scan_file(&in, path_base(name), r, err);
}
