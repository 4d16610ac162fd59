#include "manifest/archive_ref.h"

#include "base/mem.h"
#include "base/path.h"
#include "manifest/check.h"
#include "manifest/field.h"

#include <string.h>

void archive_ref_release(struct archive_ref *a)
{
	free_ptr(&a->url);
	free_ptr(&a->strip);
}

void archive_ref_copy(struct archive_ref *to, const struct archive_ref *from)
{
	*to = *from;
	to->url = from->url ? xstrdup(from->url) : NULL;
	to->strip = from->strip ? xstrdup(from->strip) : NULL;
}

static int check_strip(const char *strip, struct error *err)
{
	size_t len = strlen(strip);
	char *dir CLEANUP(free_ptr) = xstrndup(strip, len ? len - 1 : 0);

	if (!str_ends(strip, "/"))
		return err_set(err, ERR_FORMAT, "must end in '/'");
	return path_check(dir, err);
}

int archive_ref_check(const struct archive_ref *a, struct error *err)
{
	if (!a->url)
		return 0;
	if (url_check(a->url, err) < 0)
		return err_wrap(err, "url");
	if (a->sha256.alg != DIGEST_SHA256)
		return err_set(err, ERR_FORMAT,
			       "sha256: must be 64 lower-case hex digits");
	if (a->size != UINT64_MAX && a->size > JSON_MAX_INT)
		return err_set(err, ERR_FORMAT, "size: out of range");
	if (a->strip && check_strip(a->strip, err) < 0)
		return err_wrap(err, "strip");
	return 0;
}

int archive_ref_read(struct archive_ref *out, const struct json *value,
		     const char *where, struct error *err)
{
	static const char *const keys[] = { "url", "sha256", "size", "strip",
					    NULL };
	const char *url = NULL, *hex = "", *strip = NULL;

	if (!json_is_object(value)) {
		err_set(err, ERR_FORMAT, "must be an object");
		return *where ? err_wrap(err, "%s", where) : -1;
	}
	out->size = UINT64_MAX;
	if (json_only_keys(value, keys, where, err) < 0 ||
	    json_get_string(value, "url", &url, where, err) < 0 ||
	    json_get_string(value, "sha256", &hex, where, err) < 0 ||
	    json_opt_u64(value, "size", &out->size, where, err) < 0 ||
	    json_opt_string(value, "strip", &strip, where, err) < 0)
		return -1;
	out->url = xstrdup(url);
	out->strip = strip ? xstrdup(strip) : NULL;
	if (!digest_from_hex(&out->sha256, hex))
		out->sha256.alg = DIGEST_NONE;
	if (archive_ref_check(out, err) < 0)
		return *where ? err_wrap(err, "%s", where) : -1;
	return 0;
}

void archive_ref_put(const struct archive_ref *a, struct json_writer *w)
{
	char hex[DIGEST_HEX_MAX];

	if (!a->url)
		return;
	json_put_key(w, "archive");
	json_one_line(w);
	json_begin_object(w);
	json_put_kv(w, "url", a->url);
	json_put_kv(w, "sha256", digest_hex(&a->sha256, hex));
	if (a->size != UINT64_MAX)
		json_put_kv_u64(w, "size", a->size);
	if (a->strip)
		json_put_kv(w, "strip", a->strip);
	json_end_object(w);
}

char *archive_ref_text(const struct archive_ref *a)
{
	char hex[DIGEST_HEX_MAX];

	if (!a->url)
		return NULL;
	return xasprintf("%s%s%s (%s)", a->url, a->strip ? " below " : "",
			 a->strip ? a->strip : "", digest_hex(&a->sha256, hex));
}
