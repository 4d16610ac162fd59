/* The format is described in docs/manifest.md. */
#include "manifest/manifest.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "manifest/check.h"
#include "manifest/glob.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Puts the place in front of what is wrong with a value. */
static int at(const char *where, const char *key, int status, struct error *err)
{
	if (status < 0)
		return err_wrap(err, "%s%s%s", where, *where ? "." : "", key);
	return 0;
}

static int fail(const char *where, const char *key, const char *why,
		struct error *err)
{
	return at(where, key, err_set(err, ERR_FORMAT, "%s", why), err);
}

static int check_count(size_t count, size_t limit, const char *where,
		       const char *key, struct error *err)
{
	if (count <= limit)
		return 0;
	return at(where, key,
		  err_set(err, ERR_FORMAT, "has %zu entries, at most %zu",
			  count, limit),
		  err);
}

/* Optional members; *out is NULL where there is none. */
static int get_object(const struct json *obj, const char *key, size_t limit,
		      const char *where, const struct json **out,
		      struct error *err)
{
	*out = json_member(obj, key);
	if (*out && !json_is_object(*out))
		return fail(where, key, "must be an object", err);
	return check_count(json_count(*out), limit, where, key, err);
}

static int get_array(const struct json *obj, const char *key, size_t limit,
		     const char *where, const struct json **out,
		     struct error *err)
{
	*out = json_member(obj, key);
	if (*out && !json_is_array(*out))
		return fail(where, key, "must be a list", err);
	return check_count(json_count(*out), limit, where, key, err);
}

static int get_text(const struct json *obj, const char *key, char **out,
		    const char *where, struct error *err)
{
	const char *text = NULL;

	if (json_opt_string(obj, key, &text, where, err) < 0)
		return -1;
	if (!text)
		return 0;
	if (at(where, key, text_check(text, err), err) < 0)
		return -1;
	*out = xstrdup(text);
	return 0;
}

static int get_patterns(const struct json *obj, const char *key,
			struct strlist *out, const char *where,
			struct error *err)
{
	if (json_opt_strings(obj, key, out, where, err) < 0 ||
	    check_count(out->count, MANIFEST_MAX_PATTERNS, where, key, err) < 0)
		return -1;
	for (size_t i = 0; i < out->count; i++)
		if (at(where, key, text_check(out->items[i], err), err) < 0)
			return -1;
	return 0;
}

static int get_digest(const struct json *obj, const char *key,
		      enum digest_alg alg, struct digest *out,
		      const char *where, struct error *err)
{
	const char *hex = NULL;

	if (json_opt_string(obj, key, &hex, where, err) < 0)
		return -1;
	if (!hex || (digest_from_hex(out, hex) && out->alg == alg))
		return 0;
	return fail(where, key,
		    alg == DIGEST_SHA256 ? "must be 64 lower-case hex digits"
					 : "must be 40 lower-case hex digits",
		    err);
}

/* --- one model ------------------------------------------------------------ */

static int parse_refs(struct manifest_model *m, const struct json *obj,
		      const char *where, struct error *err)
{
	if (!json_member(obj, "refs")) {
		strlist_add(&m->refs,
			    is_commit_id(m->revision) ? "main" : m->revision);
		return 0;
	}
	if (json_opt_strings(obj, "refs", &m->refs, where, err) < 0 ||
	    check_count(m->refs.count, MANIFEST_MAX_REFS, where, "refs", err) <
		    0)
		return -1;
	for (size_t i = 0; i < m->refs.count; i++)
		if (at(where, "refs", rev_check(m->refs.items[i], err), err) <
		    0)
			return -1;
	return 0;
}

static int parse_identity(struct manifest_model *m, const struct json *obj,
			  const char *where, struct error *err)
{
	const char *id, *type = "model", *revision = "main";

	if (json_get_string(obj, "id", &id, where, err) < 0 ||
	    at(where, "id", id_check(id, err), err) < 0 ||
	    json_opt_string(obj, "type", &type, where, err) < 0 ||
	    json_opt_string(obj, "revision", &revision, where, err) < 0 ||
	    at(where, "revision", rev_check(revision, err), err) < 0)
		return -1;
	if (repo_type_parse(&m->type, type, err) < 0) {
		err->code = ERR_FORMAT;
		return at(where, "type", -1, err);
	}
	m->id = xstrdup(id);
	m->revision = xstrdup(revision);
	return parse_refs(m, obj, where, err);
}

static int check_view(const struct manifest_view *v, const char *where,
		      struct error *err)
{
	size_t len = strlen(v->to);
	bool folder = !len || v->to[len - 1] == '/';
	char *name CLEANUP(free_ptr) = xstrndup(v->to,
						folder && len ? len - 1 : len);

	if (at(where, "files", text_check(v->files, err), err) < 0)
		return -1;
	if (len && at(where, "to", path_check(name, err), err) < 0)
		return -1;
	if (!folder && glob_is_pattern(v->files))
		return fail(where, "to",
			    "several files cannot have one name; end it in '/' "
			    "to make it a directory",
			    err);
	if (v->strip && !str_ends(v->strip, "/"))
		return fail(where, "strip", "must end in '/'", err);
	if (v->strip && !folder)
		return fail(where, "strip",
			    "has no use where \"to\" is a file name", err);
	return 0;
}

static int parse_view(struct manifest_model *m, const struct json *obj,
		      const char *where, struct error *err)
{
	static const char *const keys[] = { "files", "strip", "to", NULL };
	const char *files, *to, *strip = NULL;
	struct manifest_view *v;

	if (!json_is_object(obj))
		return err_set(err, ERR_FORMAT, "%s: must be an object", where);
	if (json_only_keys(obj, keys, where, err) < 0 ||
	    json_get_string(obj, "files", &files, where, err) < 0 ||
	    json_opt_string(obj, "strip", &strip, where, err) < 0 ||
	    json_get_string(obj, "to", &to, where, err) < 0)
		return -1;
	m->views = xgrow(m->views, &m->view_cap, m->view_count + 1,
			 sizeof(*m->views));
	v = &m->views[m->view_count++];
	v->files = xstrdup(files);
	v->strip = strip ? xstrdup(strip) : NULL;
	v->to = xstrdup(to);
	return check_view(v, where, err);
}

static int parse_views(struct manifest_model *m, const struct json *obj,
		       const char *where, struct error *err)
{
	const struct json *list;
	size_t i = 0;

	if (get_text(obj, "hub_view", &m->hub_view, where, err) < 0 ||
	    (m->hub_view &&
	     at(where, "hub_view", path_check(m->hub_view, err), err) < 0) ||
	    get_array(obj, "views", MANIFEST_MAX_VIEWS, where, &list, err) < 0)
		return -1;
	for (const struct json *v = json_first(list); v; v = json_next(v)) {
		char *place CLEANUP(free_ptr) = xasprintf("%s.views[%zu]",
							  where, i++);

		if (parse_view(m, v, place, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_pin(struct manifest_model *m, const struct json *obj,
		     const char *where, struct error *err)
{
	static const char *const keys[] = { "size", "sha256", "git", NULL };
	struct manifest_pin *pin;

	if (!json_is_object(obj))
		return err_set(err, ERR_FORMAT, "%s: must be an object", where);
	m->pins = xgrow(m->pins, &m->pin_cap, m->pin_count + 1,
			sizeof(*m->pins));
	pin = &m->pins[m->pin_count++];
	pin->path = xstrdup(json_key(obj));
	pin->size = UINT64_MAX;
	if (at(where, "path", path_check(pin->path, err), err) < 0 ||
	    json_only_keys(obj, keys, where, err) < 0 ||
	    json_opt_u64(obj, "size", &pin->size, where, err) < 0 ||
	    get_digest(obj, "sha256", DIGEST_SHA256, &pin->sha256, where, err) <
		    0 ||
	    get_digest(obj, "git", DIGEST_GIT_SHA1, &pin->git, where, err) < 0)
		return -1;
	if (!json_count(obj))
		return err_set(err, ERR_FORMAT,
			       "%s: expected size, sha256 or git", where);
	return 0;
}

static int compare_pins(const void *a, const void *b)
{
	const struct manifest_pin *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int parse_pins(struct manifest_model *m, const struct json *obj,
		      const char *where, struct error *err)
{
	const struct json *list;

	if (get_object(obj, "digests", MANIFEST_MAX_PINS, where, &list, err) <
	    0)
		return -1;
	for (const struct json *p = json_first(list); p; p = json_next(p)) {
		char *place CLEANUP(free_ptr) = xasprintf("%s.digests[\"%s\"]",
							  where, json_key(p));

		if (parse_pin(m, p, place, err) < 0)
			return -1;
	}
	if (m->pin_count > 1)
		qsort(m->pins, m->pin_count, sizeof(*m->pins), compare_pins);
	return 0;
}

static int parse_group_uses(struct manifest_model *m, const struct json *obj,
			    const char *where, struct error *err)
{
	const struct json *list;
	char *place CLEANUP(free_ptr) = xasprintf("%s.groups", where);

	if (get_object(obj, "groups", MANIFEST_MAX_GROUPS, where, &list, err) <
	    0)
		return -1;
	for (const struct json *g = json_first(list); g; g = json_next(g)) {
		struct manifest_group_use *use;

		m->groups = xgrow(m->groups, &m->group_cap, m->group_count + 1,
				  sizeof(*m->groups));
		use = &m->groups[m->group_count++];
		use->group = xstrdup(json_key(g));
		if (get_patterns(list, json_key(g), &use->files, place, err) <
		    0)
			return -1;
	}
	return 0;
}

static int parse_mirrors(struct manifest_model *m, const struct json *obj,
			 const char *where, struct error *err)
{
	static const char *const hubs[] = { "modelscope", NULL };
	char *place CLEANUP(free_ptr) = xasprintf("%s.mirrors", where);
	const struct json *list;

	if (get_object(obj, "mirrors", ARRAY_LEN(hubs), where, &list, err) <
		    0 ||
	    (list && json_only_keys(list, hubs, place, err) < 0))
		return -1;
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		const char *id;

		if (json_get_string(list, json_key(e), &id, place, err) < 0 ||
		    at(place, json_key(e), id_check(id, err), err) < 0)
			return -1;
		m->mirrors = xgrow(m->mirrors, &m->mirror_cap,
				   m->mirror_count + 1, sizeof(*m->mirrors));
		m->mirrors[m->mirror_count].hub = xstrdup(json_key(e));
		m->mirrors[m->mirror_count++].id = xstrdup(id);
	}
	return 0;
}

static int parse_model(struct manifest_model *m, const struct json *obj,
		       const char *where, struct error *err)
{
	static const char *const keys[] = { "id",	"type",	   "revision",
					    "refs",	"include", "exclude",
					    "license",	"notice",  "views",
					    "hub_view", "digests", "groups",
					    "mirrors",	NULL };

	if (!json_is_object(obj))
		return err_set(err, ERR_FORMAT, "%s: must be an object", where);
	if (json_only_keys(obj, keys, where, err) < 0 ||
	    parse_identity(m, obj, where, err) < 0 ||
	    get_patterns(obj, "include", &m->include, where, err) < 0 ||
	    get_patterns(obj, "exclude", &m->exclude, where, err) < 0 ||
	    get_text(obj, "license", &m->license, where, err) < 0 ||
	    get_text(obj, "notice", &m->notice, where, err) < 0 ||
	    parse_views(m, obj, where, err) < 0 ||
	    parse_pins(m, obj, where, err) < 0 ||
	    parse_group_uses(m, obj, where, err) < 0)
		return -1;
	return parse_mirrors(m, obj, where, err);
}

/* --- the whole ------------------------------------------------------------ */

static int parse_models(struct manifest *m, const struct json *root,
			struct error *err)
{
	const struct json *list;

	if (get_array(root, "models", MANIFEST_MAX_MODELS, "", &list, err) < 0)
		return -1;
	if (!json_count(list))
		return fail("", "models", "a manifest needs at least one", err);
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		char *place CLEANUP(free_ptr) = xasprintf("models[%zu]",
							  m->model_count);

		m->models = xgrow(m->models, &m->model_cap, m->model_count + 1,
				  sizeof(*m->models));
		if (parse_model(&m->models[m->model_count++], e, place, err) <
		    0)
			return -1;
	}
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
	if (at("", where, name_check(g->name, err), err) < 0 ||
	    json_only_keys(obj, keys, where, err) < 0 ||
	    json_opt_bool(obj, "default", &g->on, where, err) < 0)
		return -1;
	return get_text(obj, "about", &g->about, where, err);
}

static int parse_groups(struct manifest *m, const struct json *root,
			struct error *err)
{
	const struct json *list;

	if (get_object(root, "groups", MANIFEST_MAX_GROUPS, "", &list, err) < 0)
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

	if (get_object(obj, "packages", MANIFEST_MAX_PATTERNS, "requires",
		       &list, err) < 0)
		return -1;
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		struct manifest_package *p;

		m->packages = xgrow(m->packages, &m->package_cap,
				    m->package_count + 1, sizeof(*m->packages));
		p = &m->packages[m->package_count++];
		p->name = xstrdup(json_key(e));
		if (at(place, p->name, text_check(p->name, err), err) < 0 ||
		    get_text(list, p->name, &p->version, place, err) < 0)
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

	if (get_array(obj, "memory", MANIFEST_MAX_PATTERNS, "requires", &list,
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
		    get_text(e, "profile", &mem->profile, place, err) < 0 ||
		    json_opt_u64(e, "gpu_mib", &mem->gpu_mib, place, err) < 0 ||
		    json_opt_u64(e, "ram_mib", &mem->ram_mib, place, err) < 0)
			return -1;
		if (!mem->profile)
			return fail(place, "profile", "is missing", err);
	}
	return 0;
}

static int parse_requires(struct manifest *m, const struct json *root,
			  struct error *err)
{
	static const char *const keys[] = { "python", "packages", "memory",
					    NULL };
	const struct json *obj;

	if (get_object(root, "requires", SIZE_MAX, "", &obj, err) < 0)
		return -1;
	if (!obj)
		return 0;
	if (json_only_keys(obj, keys, "requires", err) < 0 ||
	    get_text(obj, "python", &m->python, "requires", err) < 0 ||
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
			       "\"itts-manifest\"");
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
	static const char *const keys[] = { "format",	"version", "name",
					    "about",	"groups",  "models",
					    "requires", NULL };
	const char *name;

	if (check_kind(root, err) < 0 ||
	    json_only_keys(root, keys, "", err) < 0 ||
	    json_get_string(root, "name", &name, "", err) < 0 ||
	    at("", "name", name_check(name, err), err) < 0)
		return -1;
	m->name = xstrdup(name);
	if (get_text(root, "about", &m->about, "", err) < 0 ||
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
