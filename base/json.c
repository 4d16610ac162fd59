#include "base/json.h"

#include "base/json_value.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* struct json is never defined: a node is cJSON's, seen through the door. */
static const cJSON *node(const struct json *n)
{
	return (const cJSON *)n;
}

void json_pass(struct json_place *place, const char *to)
{
	for (; place->p < to; place->p++) {
		place->column++;
		if (*place->p == '\n') {
			place->line++;
			place->column = 0;
		}
	}
}

int json_fail(const struct json_place *place, const char *at, const char *why,
	      struct error *err)
{
	struct json_place there = *place;

	json_pass(&there, at);
	return err_set(err, ERR_FORMAT, "line %zu, column %zu: %s",
		       there.line + 1, there.column + 1, why);
}

static int cmp_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A key that stands twice in this object, or NULL. */
static const char *repeated_key(const cJSON *object)
{
	size_t count = (size_t)cJSON_GetArraySize(object), n = 0;
	const char **keys CLEANUP(free_ptr) = NULL;

	if (count < 2)
		return NULL;
	keys = xcalloc(count, sizeof(*keys));
	for (const cJSON *c = object->child; c; c = c->next)
		keys[n++] = c->string;
	qsort(keys, count, sizeof(*keys), cmp_keys);
	for (size_t i = 1; i < count; i++)
		if (!strcmp(keys[i - 1], keys[i]))
			return keys[i];
	return NULL;
}

/* json_guard() has limited the depth. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static const char *repeated_key_below(const cJSON *value)
{
	const char *key = cJSON_IsObject(value) ? repeated_key(value) : NULL;

	for (const cJSON *c = value->child; c && !key; c = c->next)
		key = repeated_key_below(c);
	return key;
}

int json_parse_value(struct json **out, const struct json_place *place,
		     const char **p, const char *end, unsigned depth,
		     struct error *err)
{
	const char *begin = json_skip_space(*p, end), *stop;
	const char *parsed = begin, *key;
	const char *why = json_guard(begin, end, depth, &stop);
	struct json *doc CLEANUP(json_free) = NULL;

	if (why)
		return json_fail(place, stop, why, err);
	doc = (struct json *)cJSON_ParseWithLengthOpts(
		begin, (size_t)(stop - begin), &parsed, false);
	if (!doc || parsed != stop)
		return json_fail(place, parsed, "malformed JSON", err);
	key = repeated_key_below(node(doc));
	if (key)
		return err_set(err, ERR_FORMAT, "key \"%.200s\" appears twice",
			       key);
	*p = stop;
	*out = take_ptr(doc);
	return 0;
}

int json_parse(struct json **out, const char *text, size_t len,
	       struct error *err)
{
	const struct json_place place = { .p = text };
	const char *p = text, *end = text + len;
	struct json *doc CLEANUP(json_free) = NULL;

	if (json_parse_value(&doc, &place, &p, end, 0, err))
		return -1;
	p = json_skip_space(p, end);
	if (p < end)
		return json_fail(&place, p, "something behind the end", err);
	*out = take_ptr(doc);
	return 0;
}

void json_free(struct json **doc)
{
	cJSON_Delete((cJSON *)*doc);
	*doc = NULL;
}

bool json_is_object(const struct json *n)
{
	return cJSON_IsObject(node(n));
}

bool json_is_array(const struct json *n)
{
	return cJSON_IsArray(node(n));
}

bool json_is_string(const struct json *n)
{
	return cJSON_IsString(node(n));
}

const struct json *json_member(const struct json *obj, const char *key)
{
	if (!json_is_object(obj))
		return NULL;
	return (const struct json *)cJSON_GetObjectItemCaseSensitive(node(obj),
								     key);
}

const struct json *json_first(const struct json *parent)
{
	return parent ? (const struct json *)node(parent)->child : NULL;
}

const struct json *json_next(const struct json *child)
{
	return child ? (const struct json *)node(child)->next : NULL;
}

const char *json_key(const struct json *member)
{
	return node(member)->string;
}

size_t json_count(const struct json *parent)
{
	return parent ? (size_t)cJSON_GetArraySize(node(parent)) : 0;
}

const char *json_string_or(const struct json *n, const char *fallback)
{
	return json_is_string(n) ? node(n)->valuestring : fallback;
}

static int fail_member(const char *where, const char *key, const char *why,
		       struct error *err)
{
	bool inside = where && *where;

	return err_set(err, ERR_FORMAT, "%s%s%.200s: %s", inside ? where : "",
		       inside ? "." : "", key, why);
}

int json_opt_string(const struct json *obj, const char *key, const char **out,
		    const char *where, struct error *err)
{
	const struct json *n = json_member(obj, key);

	if (!n)
		return 0;
	if (!json_is_string(n))
		return fail_member(where, key, "must be a string", err);
	*out = node(n)->valuestring;
	return 0;
}

int json_get_string(const struct json *obj, const char *key, const char **out,
		    const char *where, struct error *err)
{
	if (!json_member(obj, key))
		return fail_member(where, key, "is missing", err);
	return json_opt_string(obj, key, out, where, err);
}

bool json_u64(const struct json *n, uint64_t *out)
{
	double v = n && cJSON_IsNumber(node(n)) ? node(n)->valuedouble : -1;

	if (!(v >= 0 && v <= (double)JSON_MAX_INT) || v != (double)(uint64_t)v)
		return false;
	*out = (uint64_t)v;
	return true;
}

int json_opt_u64(const struct json *obj, const char *key, uint64_t *out,
		 const char *where, struct error *err)
{
	const struct json *n = json_member(obj, key);

	if (n && !json_u64(n, out))
		return fail_member(where, key,
				   "must be a whole number from 0 to 2^53 - 1",
				   err);
	return 0;
}

int json_get_u64(const struct json *obj, const char *key, uint64_t *out,
		 const char *where, struct error *err)
{
	if (!json_member(obj, key))
		return fail_member(where, key, "is missing", err);
	return json_opt_u64(obj, key, out, where, err);
}

int json_opt_bool(const struct json *obj, const char *key, bool *out,
		  const char *where, struct error *err)
{
	const struct json *n = json_member(obj, key);

	if (!n)
		return 0;
	if (!cJSON_IsBool(node(n)))
		return fail_member(where, key, "must be true or false", err);
	*out = cJSON_IsTrue(node(n));
	return 0;
}

int json_opt_strings(const struct json *obj, const char *key,
		     struct strlist *out, const char *where, struct error *err)
{
	const struct json *n = json_member(obj, key);

	if (!n)
		return 0;
	if (!json_is_array(n))
		return fail_member(where, key, "must be a list of strings",
				   err);
	for (const struct json *c = json_first(n); c; c = json_next(c)) {
		if (!json_is_string(c))
			return fail_member(where, key,
					   "must be a list of strings", err);
		strlist_add(out, node(c)->valuestring);
	}
	return 0;
}

static bool in_list(const char *const *list, const char *key)
{
	for (; *list; list++)
		if (!strcmp(*list, key))
			return true;
	return false;
}

int json_only_keys(const struct json *obj, const char *const *keys,
		   const char *where, struct error *err)
{
	struct str known CLEANUP(str_release) = STR_INIT;
	const struct json *c = json_first(obj);

	while (c && in_list(keys, json_key(c)))
		c = json_next(c);
	if (!c)
		return 0;
	for (; *keys; keys++)
		str_addf(&known, "%s%s", known.len ? ", " : "", *keys);
	fail_member(where, json_key(c), "unknown key", err);
	return err_hint(err, "known here: %s", known.ptr);
}
