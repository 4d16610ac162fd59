#include "manifest/field.h"

#include "base/mem.h"
#include "manifest/check.h"

int field_at(const char *where, const char *key, int status, struct error *err)
{
	if (status < 0)
		return err_wrap(err, "%s%s%s", where, *where ? "." : "", key);
	return 0;
}

int field_fail(const char *where, const char *key, const char *why,
	       struct error *err)
{
	return field_at(where, key, err_set(err, ERR_FORMAT, "%s", why), err);
}

int field_count(size_t count, size_t limit, const char *where, const char *key,
		struct error *err)
{
	if (count <= limit)
		return 0;
	return field_at(where, key,
			err_set(err, ERR_FORMAT, "has %zu entries, at most %zu",
				count, limit),
			err);
}

int field_object(const struct json *obj, const char *key, size_t limit,
		 const char *where, const struct json **out, struct error *err)
{
	*out = json_member(obj, key);
	if (*out && !json_is_object(*out))
		return field_fail(where, key, "must be an object", err);
	return field_count(json_count(*out), limit, where, key, err);
}

int field_array(const struct json *obj, const char *key, size_t limit,
		const char *where, const struct json **out, struct error *err)
{
	*out = json_member(obj, key);
	if (*out && !json_is_array(*out))
		return field_fail(where, key, "must be a list", err);
	return field_count(json_count(*out), limit, where, key, err);
}

int field_text(const struct json *obj, const char *key, char **out,
	       const char *where, struct error *err)
{
	const char *text = NULL;

	if (json_opt_string(obj, key, &text, where, err) < 0)
		return -1;
	if (!text)
		return 0;
	if (field_at(where, key, text_check(text, err), err) < 0)
		return -1;
	*out = xstrdup(text);
	return 0;
}
