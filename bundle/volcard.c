/*
 * A card is JSON, one volume a line:
 *
 *   {
 *     "format": "itts-volumes",
 *     "version": 1,
 *     "tool": "itts-pack",
 *     "name": "indextts-2",
 *     "set": "SHA-256 of itts-bundle.json",
 *     "bytes": 5876543488,
 *     "volumes": [
 *       {"file": "x.tar.001", "offset": 0, "size": 4294963200, "sha256": "..."},
 *       ...
 *     ]
 *   }
 *
 * Volumes follow one another without a gap; all but the last have a size that is
 * a multiple of BUNDLE_ALIGN. Other keys are ignored. A card is not signed and
 * need not be: what it says wrongly makes digests of the bundle wrong.
 */
#include "bundle/volcard.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/bmanifest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT	"itts-volumes"
#define VERSION 1
#define SHORT	8192u /* bytes of any value but the list */

void volcard_release(struct volcard *c)
{
	for (size_t i = 0; i < c->count; i++)
		free_ptr(&c->volumes[i].file);
	free_ptr(&c->volumes);
	free_ptr(&c->name);
	*c = (struct volcard){ 0 };
}

void volcard_add(struct volcard *c, const char *file, uint64_t size,
		 const struct digest *sha256)
{
	const struct volume *last;
	uint64_t offset = 0;

	if (c->count) {
		last = &c->volumes[c->count - 1];
		offset = last->offset + last->size;
	}
	c->volumes = xgrow(c->volumes, &c->cap, c->count + 1,
			   sizeof(*c->volumes));
	c->volumes[c->count++] = (struct volume){ .file = xstrdup(file),
						  .offset = offset,
						  .size = size,
						  .sha256 = *sha256 };
}

size_t volcard_find(const struct volcard *c, uint64_t offset)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct volume *v = &c->volumes[mid];

		if (offset < v->offset)
			high = mid;
		else if (offset - v->offset < v->size)
			return mid;
		else
			low = mid + 1;
	}
	return c->count;
}

void volcard_format(const struct volcard *c, struct str *out)
{
	struct json_writer w;
	char hex[DIGEST_HEX_MAX];

	json_writer_init(&w, out, JSON_PRETTY);
	json_begin_object(&w);
	json_put_kv(&w, "format", FORMAT);
	json_put_kv_u64(&w, "version", VERSION);
	json_put_kv(&w, "tool", "itts-pack");
	json_put_kv(&w, "name", c->name);
	json_put_kv(&w, "set", digest_hex(&c->set, hex));
	json_put_kv_u64(&w, "bytes", c->bytes);
	json_put_key(&w, "volumes");
	json_begin_array(&w);
	for (size_t i = 0; i < c->count; i++) {
		const struct volume *v = &c->volumes[i];

		json_one_line(&w);
		json_begin_object(&w);
		json_put_kv(&w, "file", v->file);
		json_put_kv_u64(&w, "offset", v->offset);
		json_put_kv_u64(&w, "size", v->size);
		json_put_kv(&w, "sha256", digest_hex(&v->sha256, hex));
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	str_addc(out, '\n');
}

/* --- reading ----------------------------------------------------------------- */

static int get_sha256(const struct json *obj, const char *key,
		      struct digest *out, struct error *err)
{
	const char *hex = "";

	if (json_get_string(obj, key, &hex, "", err))
		return -1;
	if (!digest_from_hex(out, hex) || out->alg != DIGEST_SHA256)
		return err_set(err, ERR_FORMAT, "%s: must be 64 hex digits",
			       key);
	return 0;
}

static int check_volume(const struct volcard *c, const char *file,
			uint64_t offset, uint64_t size, struct error *err)
{
	const struct volume *last = c->count ? &c->volumes[c->count - 1] : NULL;
	uint64_t end = last ? last->offset + last->size : 0;

	if (path_check(file, err))
		return err_wrap(err, "file");
	if (strchr(file, '/') || file[0] == '.')
		return err_set(err, ERR_UNSAFE, "file: not a plain name");
	if (last && last->size % BUNDLE_ALIGN)
		return err_set(err, ERR_FORMAT,
			       "the volume before it has a size that is no "
			       "multiple of %u",
			       BUNDLE_ALIGN);
	if (offset != end)
		return err_set(err, ERR_FORMAT,
			       "offset: %" PRIu64 ", expected %" PRIu64, offset,
			       end);
	if (size == 0 || size > JSON_MAX_INT - end)
		return err_set(err, ERR_FORMAT, "size: %" PRIu64 ", not valid",
			       size);
	return 0;
}

static int read_volume(void *ctx, const struct json *item, struct error *err)
{
	struct volcard *c = ctx;
	struct digest sha256 = { .alg = DIGEST_NONE };
	uint64_t offset = 0, size = 0;
	const char *file = "";

	if (c->count == VOLCARD_MAX)
		return err_set(err, ERR_FORMAT, "more than %u volumes",
			       VOLCARD_MAX);
	if (!json_is_object(item))
		return err_set(err, ERR_FORMAT, "must be an object");
	if (json_get_string(item, "file", &file, "", err) ||
	    json_get_u64(item, "offset", &offset, "", err) ||
	    json_get_u64(item, "size", &size, "", err) ||
	    get_sha256(item, "sha256", &sha256, err) ||
	    check_volume(c, file, offset, size, err))
		return -1;
	volcard_add(c, file, size, &sha256);
	return 0;
}

static int read_head(void *ctx, const struct json *doc, struct error *err)
{
	struct volcard *c = ctx;
	const char *format = "", *name = "";
	uint64_t version = 0;

	if (json_get_string(doc, "format", &format, "", err) ||
	    json_get_u64(doc, "version", &version, "", err))
		return -1;
	if (strcmp(format, FORMAT) != 0 || version != VERSION)
		return err_set(err, ERR_FORMAT,
			       "not a card of volumes, version %d", VERSION);
	if (json_get_string(doc, "name", &name, "", err) ||
	    json_get_u64(doc, "bytes", &c->bytes, "", err) ||
	    get_sha256(doc, "set", &c->set, err))
		return -1;
	c->name = xstrdup(name);
	return 0;
}

static int by_file(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_names(const struct volcard *c, struct error *err)
{
	const char **names CLEANUP(free_ptr) = xcalloc(c->count + 1,
						       sizeof(*names));

	for (size_t i = 0; i < c->count; i++)
		names[i] = c->volumes[i].file;
	qsort(names, c->count, sizeof(*names), by_file);
	for (size_t i = 1; i < c->count; i++)
		if (!strcmp(names[i], names[i - 1]))
			return err_set(err, ERR_FORMAT, "%s stands there twice",
				       names[i]);
	return 0;
}

int volcard_parse(struct volcard *out, const char *text, size_t len,
		  struct error *err)
{
	struct volcard c CLEANUP(volcard_release) = { 0 };
	const struct json_listing listing = { .list = "volumes",
					      .limit = SHORT,
					      .head = read_head,
					      .item = read_volume,
					      .ctx = &c };
	const struct volume *last;

	if (len > VOLCARD_LIMIT)
		return err_set(err, ERR_FORMAT, "%zu bytes, limit %u", len,
			       VOLCARD_LIMIT);
	if (json_read_listing(text, len, &listing, err))
		return -1;
	if (c.count == 0)
		return err_set(err, ERR_FORMAT, "volumes: is empty");
	last = &c.volumes[c.count - 1];
	if (last->offset + last->size != c.bytes)
		return err_set(err, ERR_FORMAT,
			       "bytes: %" PRIu64
			       ", but the volumes have %" PRIu64,
			       c.bytes, last->offset + last->size);
	if (check_names(&c, err))
		return -1;
	*out = c;
	c = (struct volcard){ 0 };
	return 0;
}
