#include "manifest/manifest_model.h"

#include "base/mem.h"
#include "base/path.h"
#include "manifest/check.h"
#include "manifest/field.h"
#include "manifest/glob.h"

#include <stdlib.h>
#include <string.h>

static int get_patterns(const struct json *obj, const char *key,
			struct strlist *out, const char *where,
			struct error *err)
{
	if (json_opt_strings(obj, key, out, where, err) < 0 ||
	    field_count(out->count, MANIFEST_MAX_PATTERNS, where, key, err) < 0)
		return -1;
	for (size_t i = 0; i < out->count; i++)
		if (field_at(where, key, text_check(out->items[i], err), err) <
		    0)
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
	return field_fail(where, key,
			  alg == DIGEST_SHA256
				  ? "must be 64 lower-case hex digits"
				  : "must be 40 lower-case hex digits",
			  err);
}

static int parse_refs(struct manifest_model *m, const struct json *obj,
		      const char *where, struct error *err)
{
	if (!json_member(obj, "refs")) {
		strlist_add(&m->refs,
			    is_commit_id(m->revision) ? "main" : m->revision);
		return 0;
	}
	if (json_opt_strings(obj, "refs", &m->refs, where, err) < 0 ||
	    field_count(m->refs.count, MANIFEST_MAX_REFS, where, "refs", err) <
		    0)
		return -1;
	for (size_t i = 0; i < m->refs.count; i++)
		if (field_at(where, "refs", rev_check(m->refs.items[i], err),
			     err) < 0)
			return -1;
	return 0;
}

static int parse_identity(struct manifest_model *m, const struct json *obj,
			  const char *where, struct error *err)
{
	const char *id, *type = "model", *revision = "main";

	if (json_get_string(obj, "id", &id, where, err) < 0 ||
	    field_at(where, "id", id_check(id, err), err) < 0 ||
	    json_opt_string(obj, "type", &type, where, err) < 0 ||
	    json_opt_string(obj, "revision", &revision, where, err) < 0 ||
	    field_at(where, "revision", rev_check(revision, err), err) < 0)
		return -1;
	if (repo_type_parse(&m->type, type, err) < 0) {
		err->code = ERR_FORMAT;
		return field_at(where, "type", -1, err);
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

	if (field_at(where, "files", text_check(v->files, err), err) < 0)
		return -1;
	if (len && field_at(where, "to", path_check(name, err), err) < 0)
		return -1;
	if (!folder && glob_is_pattern(v->files))
		return field_fail(
			where, "to",
			"several files cannot have one name; end it in '/' "
			"to make it a directory",
			err);
	if (v->strip && !str_ends(v->strip, "/"))
		return field_fail(where, "strip", "must end in '/'", err);
	if (v->strip && !folder)
		return field_fail(where, "strip",
				  "has no use where \"to\" is a file name",
				  err);
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

	if (field_text(obj, "hub_view", &m->hub_view, where, err) < 0 ||
	    (m->hub_view && field_at(where, "hub_view",
				     path_check(m->hub_view, err), err) < 0) ||
	    field_array(obj, "views", MANIFEST_MAX_VIEWS, where, &list, err) <
		    0)
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
	if (field_at(where, "path", path_check(pin->path, err), err) < 0 ||
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

/* Files of no hub: every one needs its URL and its SHA-256. */
static int parse_urls(struct manifest_model *m, const struct json *obj,
		      const char *where, struct error *err)
{
	char *place CLEANUP(free_ptr) = xasprintf("%s.urls", where);
	const struct json *list;

	if (field_object(obj, "urls", MANIFEST_MAX_PINS, where, &list, err) < 0)
		return -1;
	m->has_urls = list != NULL;
	for (const struct json *u = json_first(list); u; u = json_next(u)) {
		const char *path = json_key(u), *url;
		struct manifest_pin *pin =
			(struct manifest_pin *)manifest_find_pin(m, path);

		if (json_get_string(list, path, &url, place, err) < 0 ||
		    field_at(place, path, url_check(url, err), err) < 0)
			return -1;
		if (!pin || pin->sha256.alg == DIGEST_NONE)
			return field_fail(place, path,
					  "needs a sha256 in digests", err);
		pin->url = xstrdup(url);
	}
	return 0;
}

static int parse_archive(struct manifest_model *m, const struct json *obj,
			 const char *where, struct error *err)
{
	char *place CLEANUP(free_ptr) = xasprintf("%s.archive", where);
	const struct json *value = json_member(obj, "archive");

	if (!value)
		return 0;
	if (archive_ref_read(&m->archive, value, place, err) < 0)
		return -1;
	if (m->git || m->has_urls)
		return field_fail(where, "archive",
				  "cannot stand beside urls or git", err);
	return 0;
}

static int parse_git(struct manifest_model *m, const struct json *obj,
		     const char *where, struct error *err)
{
	if (field_text(obj, "git", &m->git, where, err) < 0)
		return -1;
	if (m->git && field_at(where, "git", url_check(m->git, err), err) < 0)
		return -1;
	if (m->git && m->has_urls)
		return field_fail(where, "git", "cannot stand beside urls",
				  err);
	if (parse_archive(m, obj, where, err) < 0)
		return -1;
	if ((m->git || m->has_urls || m->archive.url) && m->mirrors.count)
		return field_fail(where, "mirrors",
				  "are for repositories of the Hub", err);
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

	if (field_object(obj, "digests", MANIFEST_MAX_PINS, where, &list, err) <
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

	if (field_object(obj, "groups", MANIFEST_MAX_GROUPS, where, &list,
			 err) < 0)
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
	char *place CLEANUP(free_ptr) = xasprintf("%s.mirrors", where);
	const struct json *list;

	/* no count: a key too many is one that is not known, and named */
	if (field_object(obj, "mirrors", SIZE_MAX, where, &list, err) < 0)
		return -1;
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		const char *hub = json_key(e), *text;

		if (json_get_string(list, hub, &text, place, err) < 0 ||
		    field_at(place, hub,
			     mirrors_add(&m->mirrors, hub, text, err), err) < 0)
			return -1;
	}
	return 0;
}

int manifest_parse_model(struct manifest_model *m, const struct json *obj,
			 const char *where, struct error *err)
{
	static const char *const keys[] = { "id",	"type",	   "revision",
					    "refs",	"include", "exclude",
					    "license",	"notice",  "views",
					    "hub_view", "digests", "groups",
					    "mirrors",	"git",	   "urls",
					    "archive",	NULL };

	if (!json_is_object(obj))
		return err_set(err, ERR_FORMAT, "%s: must be an object", where);
	if (json_only_keys(obj, keys, where, err) < 0 ||
	    parse_identity(m, obj, where, err) < 0 ||
	    get_patterns(obj, "include", &m->include, where, err) < 0 ||
	    get_patterns(obj, "exclude", &m->exclude, where, err) < 0 ||
	    field_text(obj, "license", &m->license, where, err) < 0 ||
	    field_text(obj, "notice", &m->notice, where, err) < 0 ||
	    parse_views(m, obj, where, err) < 0 ||
	    parse_pins(m, obj, where, err) < 0 ||
	    parse_group_uses(m, obj, where, err) < 0)
		return -1;
	if (parse_mirrors(m, obj, where, err) < 0 ||
	    parse_urls(m, obj, where, err) < 0)
		return -1;
	return parse_git(m, obj, where, err);
}
