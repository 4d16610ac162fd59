/*
 * An inventory is JSON, one blob a line so that two of them can be compared:
 *
 *   {
 *     "format": "itts-inventory",
 *     "version": 1,
 *     "tool": "itts-pack",
 *     "blobs": [
 *       {"sha256": "64 hex digits", "size": 1234},
 *       ...
 *     ]
 *   }
 *
 * Other keys are ignored, the order is free. It is a wish list and no proof: what
 * a thin bundle leaves out is hashed again on the target before anything is
 * written there.
 */
#include "bundle/inventory.h"

#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT	"itts-inventory"
#define VERSION 1
#define SHORT	4096u /* bytes of any value but the list */

void inventory_release(struct inventory *inv)
{
	free_ptr(&inv->items);
	inv->count = inv->cap = 0;
}

static int compare(const void *a, const void *b)
{
	const struct inventory_item *x = a, *y = b;

	return digest_cmp(&x->sha256, &y->sha256);
}

void inventory_add(struct inventory *inv, const struct digest *sha256,
		   uint64_t size)
{
	inv->items = xgrow(inv->items, &inv->cap, inv->count + 1,
			   sizeof(*inv->items));
	inv->items[inv->count++] = (struct inventory_item){ .sha256 = *sha256,
							    .size = size };
}

int inventory_settle(struct inventory *inv, struct error *err)
{
	size_t kept = 0;

	if (inv->count == 0)
		return 0;
	qsort(inv->items, inv->count, sizeof(*inv->items), compare);
	for (size_t i = 1; i < inv->count; i++) {
		if (compare(&inv->items[kept], &inv->items[i]) != 0)
			inv->items[++kept] = inv->items[i];
		else if (inv->items[kept].size != inv->items[i].size)
			return err_set(err, ERR_FORMAT,
				       "one digest has two sizes");
	}
	inv->count = kept + 1;
	return 0;
}

bool inventory_has(const struct inventory *inv, const struct digest *sha256,
		   uint64_t size)
{
	struct inventory_item key = { .sha256 = *sha256 };
	const struct inventory_item *found;

	if (inv->count == 0)
		return false;
	found = bsearch(&key, inv->items, inv->count, sizeof(key), compare);
	return found && found->size == size;
}

int inventory_of_bundle(struct inventory *out, const struct bundle_manifest *m,
			struct error *err)
{
	for (size_t i = 0; i < m->blob_count; i++)
		inventory_add(out, &m->blobs[i].sha256, m->blobs[i].size);
	return inventory_settle(out, err);
}

void inventory_format(const struct inventory *inv, struct str *out)
{
	struct json_writer w;
	char hex[DIGEST_HEX_MAX];

	json_writer_init(&w, out, JSON_PRETTY);
	json_begin_object(&w);
	json_put_kv(&w, "format", FORMAT);
	json_put_kv_u64(&w, "version", VERSION);
	json_put_kv(&w, "tool", "itts-pack");
	json_put_key(&w, "blobs");
	json_begin_array(&w);
	for (size_t i = 0; i < inv->count; i++) {
		json_one_line(&w);
		json_begin_object(&w);
		json_put_kv(&w, "sha256",
			    digest_hex(&inv->items[i].sha256, hex));
		json_put_kv_u64(&w, "size", inv->items[i].size);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	str_addc(out, '\n');
}

/* --- reading ----------------------------------------------------------------- */

static int read_blob(void *ctx, const struct json *item, struct error *err)
{
	struct inventory *inv = ctx;
	struct digest sha256 = { .alg = DIGEST_NONE };
	const char *hex = "";
	uint64_t size = 0;

	if (inv->count == INVENTORY_MAX_BLOBS)
		return err_set(err, ERR_FORMAT, "more than %u blobs",
			       INVENTORY_MAX_BLOBS);
	if (!json_is_object(item))
		return err_set(err, ERR_FORMAT, "must be an object");
	if (json_get_string(item, "sha256", &hex, "", err) ||
	    json_get_u64(item, "size", &size, "", err))
		return -1;
	if (!digest_from_hex(&sha256, hex) || sha256.alg != DIGEST_SHA256)
		return err_set(err, ERR_FORMAT,
			       "sha256: must be 64 hex digits");
	inventory_add(inv, &sha256, size);
	return 0;
}

static int read_head(void *ctx, const struct json *doc, struct error *err)
{
	const char *format = json_string_or(json_member(doc, "format"), "");
	uint64_t version = 0;

	(void)ctx;
	if (strcmp(format, FORMAT) != 0 ||
	    !json_u64(json_member(doc, "version"), &version) ||
	    version != VERSION)
		return err_set(err, ERR_FORMAT,
			       "not an inventory of version %d", VERSION);
	return 0;
}

int inventory_parse(struct inventory *out, const char *text, size_t len,
		    struct error *err)
{
	struct inventory inv CLEANUP(inventory_release) = { 0 };
	const struct json_listing listing = { .list = "blobs",
					      .limit = SHORT,
					      .head = read_head,
					      .item = read_blob,
					      .ctx = &inv };

	if (len > INVENTORY_LIMIT)
		return err_set(err, ERR_FORMAT, "%zu bytes, limit %u", len,
			       INVENTORY_LIMIT);
	if (json_read_listing(text, len, &listing, err) ||
	    inventory_settle(&inv, err))
		return -1;
	*out = inv;
	inv = (struct inventory){ 0 };
	return 0;
}
