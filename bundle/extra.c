/*
 * "extras" in the bundle manifest: a list of objects with the keys path, size,
 * sha256 and, only if it is true, executable; in the order of the members.
 */
#include "bundle/extra.h"

#include "base/mem.h"
#include "base/path.h"
#include "manifest/twins.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "abcdefghijklmnopqrstuvwxyz0123456789._-/";

/* First components that belong to other members. */
static const char *const taken[] = {
	"hub", "checkpoints", "blobs", "SHA256SUMS", "oci-layout", "index.json"
};

static int check_path(const char *path, struct error *err)
{
	static const char own[] = "itts-bundle";
	size_t first = strcspn(path, "/");

	if (path_check(path, err))
		return -1;
	if (strlen(path) > EXTRA_PATH_MAX ||
	    strspn(path, allowed) < strlen(path))
		return err_set(err, ERR_UNSAFE,
			       "not a plain name of at most %d bytes",
			       EXTRA_PATH_MAX);
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (strlen(taken[i]) == first &&
		    !strncasecmp(path, taken[i], first))
			return err_set(err, ERR_UNSAFE,
				       "the name of another member");
	if (!strncasecmp(path, own, strlen(own)))
		return err_set(err, ERR_UNSAFE, "the name of another member");
	return 0;
}

int extra_check(const struct extra_list *l, struct error *err)
{
	struct twins names CLEANUP(twins_release) = TWINS_INIT;

	for (size_t i = 0; i < l->count; i++) {
		if (check_path(l->items[i].path, err))
			return err_wrap(err, "extras[%zu]", i);
		twins_add(&names, l->items[i].path);
	}
	if (!twins_check(&names, err))
		return 0;
	err->code = ERR_UNSAFE;
	return err_wrap(err, "extras");
}

int extra_add(struct extra_list *l, const char *path, uint64_t size,
	      const struct digest *sha256, bool executable, struct error *err)
{
	struct bundle_extra *e = &l->items[l->count];

	if (l->count == EXTRA_MAX)
		return err_set(err, ERR_USAGE, "%s: more than %d extra files",
			       path, EXTRA_MAX);
	if (size == 0 || size > EXTRA_SIZE_MAX)
		return err_set(err, ERR_USAGE,
			       "%s: %" PRIu64 " bytes, from 1 to %" PRIu64
			       " are allowed",
			       path, size, EXTRA_SIZE_MAX);
	if (strlen(path) > EXTRA_PATH_MAX)
		return err_set(err, ERR_USAGE, "%s: the name is too long",
			       path);
	*e = (struct bundle_extra){ .size = size,
				    .sha256 = *sha256,
				    .executable = executable };
	snprintf(e->path, sizeof(e->path), "%s", path);
	l->count++;
	return 0;
}

void extra_format(const struct extra_list *l, struct json_writer *w)
{
	json_begin_array(w);
	for (size_t i = 0; i < l->count; i++) {
		const struct bundle_extra *e = &l->items[i];
		char hex[DIGEST_HEX_MAX];

		json_begin_object(w);
		json_put_kv(w, "path", e->path);
		json_put_kv_u64(w, "size", e->size);
		json_put_kv(w, "sha256", digest_hex(&e->sha256, hex));
		if (e->executable)
			json_put_kv_bool(w, "executable", true);
		json_end_object(w);
	}
	json_end_array(w);
}

static int parse_one(struct extra_list *out, const struct json *item,
		     const char *where, struct error *err)
{
	static const char *const keys[] = { "path", "size", "sha256",
					    "executable", NULL };
	const char *path = "", *hex = "";
	struct digest sha256 = { .alg = DIGEST_NONE };
	bool executable = false;
	uint64_t size = 0;

	if (!json_is_object(item))
		return err_set(err, ERR_FORMAT, "%s: must be an object", where);
	if (json_only_keys(item, keys, where, err) ||
	    json_get_string(item, "path", &path, where, err) ||
	    json_get_u64(item, "size", &size, where, err) ||
	    json_get_string(item, "sha256", &hex, where, err) ||
	    json_opt_bool(item, "executable", &executable, where, err))
		return -1;
	if (!digest_from_hex(&sha256, hex) || sha256.alg != DIGEST_SHA256)
		return err_set(err, ERR_FORMAT,
			       "%s.sha256: must be 64 hex digits", where);
	if (!extra_add(out, path, size, &sha256, executable, err))
		return 0;
	err->code = ERR_FORMAT; /* whoever wrote it is not who runs us */
	return err_wrap(err, "%s", where);
}

int extra_parse(struct extra_list *out, const struct json *doc,
		struct error *err)
{
	const struct json *list = json_member(doc, "extras");
	size_t i = 0;

	if (!json_is_array(list))
		return err_set(err, ERR_FORMAT, "extras: must be a list");
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		char where[32];

		snprintf(where, sizeof(where), "extras[%zu]", i++);
		if (parse_one(out, e, where, err))
			return -1;
	}
	return extra_check(out, err);
}
