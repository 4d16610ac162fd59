/* The format is described in docs/manifest.md. */
#include "manifest/manifest.h"

#include "base/json.h"
#include "base/mem.h"
#include "manifest/check.h"
#include "manifest/field.h"
#include "manifest/manifest_model.h"

#include <inttypes.h>
#include <string.h>

static int parse_models(struct manifest *m, const struct json *root,
			struct error *err)
{
	const struct json *list;

	if (field_array(root, "models", MANIFEST_MAX_MODELS, "", &list, err) <
	    0)
		return -1;
	if (!json_count(list))
		return field_fail("", "models", "a manifest needs at least one",
				  err);
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		char *place CLEANUP(free_ptr) = xasprintf("models[%zu]",
							  m->model_count);

		m->models = xgrow(m->models, &m->model_cap, m->model_count + 1,
				  sizeof(*m->models));
		if (manifest_parse_model(&m->models[m->model_count++], e, place,
					 err) < 0)
			return -1;
	}
	return 0;
}

/* What kinds there are is known where they are asked. */
static int check_endpoint(const char *text, struct error *err)
{
	size_t kind = strspn(text, "abcdefghijklmnopqrstuvwxyz");

	return url_check(text[kind] == '=' ? text + kind + 1 : text, err);
}

static int parse_endpoints(struct manifest *m, const struct json *root,
			   struct error *err)
{
	if (json_opt_strings(root, "endpoints", &m->endpoints, "", err) < 0 ||
	    field_count(m->endpoints.count, MANIFEST_MAX_ENDPOINTS, "",
			"endpoints", err) < 0)
		return -1;
	for (size_t i = 0; i < m->endpoints.count; i++)
		if (field_at("", "endpoints",
			     check_endpoint(m->endpoints.items[i], err),
			     err) < 0)
			return -1;
	return 0;
}

static int parse_group(struct manifest *m, const struct json *obj,
		       const char *where, struct error *err)
{
	static const char *const keys[] = { "default", "about", NULL };
	struct manifest_group *g;

	if (!json_is_object(obj))
		return err_set(err, ERR_FORMAT, "%s: must be an object", where);
	m->groups = xgrow(m->groups, &m->group_cap, m->group_count + 1,
			  sizeof(*m->groups));
	g = &m->groups[m->group_count++];
	g->name = xstrdup(json_key(obj));
	if (field_at("", where, name_check(g->name, err), err) < 0 ||
	    json_only_keys(obj, keys, where, err) < 0 ||
	    json_opt_bool(obj, "default", &g->on, where, err) < 0)
		return -1;
	return field_text(obj, "about", &g->about, where, err);
}

static int parse_groups(struct manifest *m, const struct json *root,
			struct error *err)
{
	const struct json *list;

	if (field_object(root, "groups", MANIFEST_MAX_GROUPS, "", &list, err) <
	    0)
		return -1;
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		char *place CLEANUP(free_ptr) = xasprintf("groups.%s",
							  json_key(e));

		if (parse_group(m, e, place, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_packages(struct manifest *m, const struct json *obj,
			  struct error *err)
{
	static const char place[] = "requires.packages";
	const struct json *list;

	if (field_object(obj, "packages", MANIFEST_MAX_PATTERNS, "requires",
			 &list, err) < 0)
		return -1;
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		struct manifest_package *p;

		m->packages = xgrow(m->packages, &m->package_cap,
				    m->package_count + 1, sizeof(*m->packages));
		p = &m->packages[m->package_count++];
		p->name = xstrdup(json_key(e));
		if (field_at(place, p->name, text_check(p->name, err), err) <
			    0 ||
		    field_text(list, p->name, &p->version, place, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_memory(struct manifest *m, const struct json *obj,
			struct error *err)
{
	static const char *const keys[] = { "profile", "gpu_mib", "ram_mib",
					    NULL };
	const struct json *list;

	if (field_array(obj, "memory", MANIFEST_MAX_PATTERNS, "requires", &list,
			err) < 0)
		return -1;
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		char *place CLEANUP(free_ptr) = xasprintf(
			"requires.memory[%zu]", m->memory_count);
		struct manifest_memory *mem;

		if (!json_is_object(e))
			return err_set(err, ERR_FORMAT, "%s: must be an object",
				       place);
		m->memory = xgrow(m->memory, &m->memory_cap,
				  m->memory_count + 1, sizeof(*m->memory));
		mem = &m->memory[m->memory_count++];
		if (json_only_keys(e, keys, place, err) < 0 ||
		    field_text(e, "profile", &mem->profile, place, err) < 0 ||
		    json_opt_u64(e, "gpu_mib", &mem->gpu_mib, place, err) < 0 ||
		    json_opt_u64(e, "ram_mib", &mem->ram_mib, place, err) < 0)
			return -1;
		if (!mem->profile)
			return field_fail(place, "profile", "is missing", err);
	}
	return 0;
}

static int parse_requires(struct manifest *m, const struct json *root,
			  struct error *err)
{
	static const char *const keys[] = { "python", "packages", "memory",
					    NULL };
	const struct json *obj;

	if (field_object(root, "requires", SIZE_MAX, "", &obj, err) < 0)
		return -1;
	if (!obj)
		return 0;
	if (json_only_keys(obj, keys, "requires", err) < 0 ||
	    field_text(obj, "python", &m->python, "requires", err) < 0 ||
	    parse_packages(m, obj, err) < 0)
		return -1;
	return parse_memory(m, obj, err);
}

static bool has_group(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->group_count; i++)
		if (strcmp(m->groups[i].name, name) == 0)
			return true;
	return false;
}

/* What can only be said once all of it is there. */
static int check_whole(const struct manifest *m, struct error *err)
{
	for (size_t i = 0; i < m->model_count; i++) {
		const struct manifest_model *a = &m->models[i];

		for (size_t k = 0; k < a->group_count; k++)
			if (!has_group(m, a->groups[k].group))
				return err_set(err, ERR_FORMAT,
					       "models[%zu].groups.%s: no such "
					       "group; add it to \"groups\" at "
					       "the top",
					       i, a->groups[k].group);
		for (size_t k = 0; k < i; k++)
			if (a->type == m->models[k].type &&
			    strcmp(a->id, m->models[k].id) == 0 &&
			    strcmp(a->revision, m->models[k].revision) == 0)
				return err_set(err, ERR_FORMAT,
					       "models[%zu]: the same as "
					       "models[%zu] (%s); join their "
					       "patterns",
					       i, k, a->id);
	}
	return 0;
}

static int check_kind(const struct json *root, struct error *err)
{
	const char *format = NULL;
	uint64_t version = 0;

	if (!json_is_object(root))
		return err_set(err, ERR_FORMAT,
			       "a manifest is a JSON object: {...}");
	if (json_opt_string(root, "format", &format, "", err) < 0)
		return -1;
	if (!format || strcmp(format, "itts-manifest") != 0)
		return err_set(err, ERR_FORMAT,
			       "not a manifest: \"format\" must be "
			       "\"itts-manifest\"%s%.32s%s",
			       format ? ", not \"" : "", format ? format : "",
			       format ? "\"" : "");
	if (json_get_u64(root, "version", &version, "", err) < 0)
		return -1;
	if (version != MANIFEST_VERSION)
		return err_set(err, ERR_FORMAT,
			       "manifest version %" PRIu64
			       ", but this program reads version %d; a newer "
			       "itts-pack may be needed",
			       version, MANIFEST_VERSION);
	return 0;
}

static int parse_root(struct manifest *m, const struct json *root,
		      struct error *err)
{
	static const char *const keys[] = { "format", "version",   "name",
					    "about",  "endpoints", "groups",
					    "models", "requires",  NULL };
	const char *name;

	if (check_kind(root, err) < 0 ||
	    json_only_keys(root, keys, "", err) < 0 ||
	    json_get_string(root, "name", &name, "", err) < 0 ||
	    field_at("", "name", name_check(name, err), err) < 0)
		return -1;
	m->name = xstrdup(name);
	if (field_text(root, "about", &m->about, "", err) < 0 ||
	    parse_endpoints(m, root, err) < 0 ||
	    parse_groups(m, root, err) < 0 || parse_models(m, root, err) < 0 ||
	    parse_requires(m, root, err) < 0)
		return -1;
	return check_whole(m, err);
}

int manifest_parse(struct manifest *out, const char *text, size_t len,
		   struct error *err)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };
	struct json *root CLEANUP(json_free) = NULL;

	if (len > MANIFEST_LIMIT)
		return err_set(err, ERR_FORMAT,
			       "a manifest of %zu bytes, at most %u", len,
			       MANIFEST_LIMIT);
	if (json_parse(&root, text, len, err) < 0 ||
	    parse_root(&m, root, err) < 0)
		return -1;
	digest_buf(DIGEST_SHA256, text, len, &m.digest);
	*out = m;
	m = (struct manifest){ 0 };
	return 0;
}
