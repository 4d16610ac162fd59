/* The inverse of manifest_parse(); what holds anyway is left out. */
#include "manifest/manifest.h"

#include "base/json.h"

#include <string.h>

static void put_optional(struct json_writer *w, const char *key,
			 const char *text)
{
	if (text)
		json_put_kv(w, key, text);
}

static void put_list(struct json_writer *w, const char *key,
		     const struct strlist *l)
{
	if (!l->count)
		return;
	json_put_key(w, key);
	json_begin_array(w);
	for (size_t i = 0; i < l->count; i++)
		json_put_string(w, l->items[i]);
	json_end_array(w);
}

static void put_digest(struct json_writer *w, const char *key,
		       const struct digest *d)
{
	char hex[DIGEST_HEX_MAX];

	if (d->alg != DIGEST_NONE)
		json_put_kv(w, key, digest_hex(d, hex));
}

static void put_views(struct json_writer *w, const struct manifest_model *m)
{
	if (!m->view_count)
		return;
	json_put_key(w, "views");
	json_begin_array(w);
	for (size_t i = 0; i < m->view_count; i++) {
		json_one_line(w);
		json_begin_object(w);
		json_put_kv(w, "files", m->views[i].files);
		put_optional(w, "strip", m->views[i].strip);
		json_put_kv(w, "to", m->views[i].to);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_pins(struct json_writer *w, const struct manifest_model *m)
{
	if (!m->pin_count)
		return;
	json_put_key(w, "digests");
	json_begin_object(w);
	for (size_t i = 0; i < m->pin_count; i++) {
		const struct manifest_pin *pin = &m->pins[i];

		json_put_key(w, pin->path);
		json_one_line(w);
		json_begin_object(w);
		if (pin->size != UINT64_MAX)
			json_put_kv_u64(w, "size", pin->size);
		put_digest(w, "sha256", &pin->sha256);
		put_digest(w, "git", &pin->git);
		json_end_object(w);
	}
	json_end_object(w);
}

static void put_urls(struct json_writer *w, const struct manifest_model *m)
{
	if (!m->has_urls)
		return;
	json_put_key(w, "urls");
	json_begin_object(w);
	for (size_t i = 0; i < m->pin_count; i++)
		if (m->pins[i].url)
			json_put_kv(w, m->pins[i].path, m->pins[i].url);
	json_end_object(w);
}

static void put_group_uses(struct json_writer *w,
			   const struct manifest_model *m)
{
	if (!m->group_count)
		return;
	json_put_key(w, "groups");
	json_begin_object(w);
	for (size_t i = 0; i < m->group_count; i++)
		json_put_kv_strings(w, m->groups[i].group, &m->groups[i].files);
	json_end_object(w);
}

static void put_model(struct json_writer *w, const struct manifest_model *m)
{
	json_begin_object(w);
	json_put_kv(w, "id", m->id);
	json_put_kv(w, "type", repo_type_name(m->type));
	json_put_kv(w, "revision", m->revision);
	json_put_kv_strings(w, "refs", &m->refs);
	put_list(w, "include", &m->include);
	put_list(w, "exclude", &m->exclude);
	put_optional(w, "license", m->license);
	put_optional(w, "notice", m->notice);
	put_optional(w, "hub_view", m->hub_view);
	put_views(w, m);
	put_pins(w, m);
	put_group_uses(w, m);
	mirrors_put(&m->mirrors, w);
	put_optional(w, "git", m->git);
	archive_ref_put(&m->archive, w);
	put_urls(w, m);
	json_end_object(w);
}

static void put_groups(struct json_writer *w, const struct manifest *m)
{
	if (!m->group_count)
		return;
	json_put_key(w, "groups");
	json_begin_object(w);
	for (size_t i = 0; i < m->group_count; i++) {
		json_put_key(w, m->groups[i].name);
		json_one_line(w);
		json_begin_object(w);
		json_put_kv_bool(w, "default", m->groups[i].on);
		put_optional(w, "about", m->groups[i].about);
		json_end_object(w);
	}
	json_end_object(w);
}

static void put_memory(struct json_writer *w, const struct manifest *m)
{
	if (!m->memory_count)
		return;
	json_put_key(w, "memory");
	json_begin_array(w);
	for (size_t i = 0; i < m->memory_count; i++) {
		const struct manifest_memory *mem = &m->memory[i];

		json_one_line(w);
		json_begin_object(w);
		json_put_kv(w, "profile", mem->profile);
		if (mem->gpu_mib)
			json_put_kv_u64(w, "gpu_mib", mem->gpu_mib);
		if (mem->ram_mib)
			json_put_kv_u64(w, "ram_mib", mem->ram_mib);
		json_end_object(w);
	}
	json_end_array(w);
}

static void put_requires(struct json_writer *w, const struct manifest *m)
{
	if (!m->python && !m->package_count && !m->memory_count)
		return;
	json_put_key(w, "requires");
	json_begin_object(w);
	put_optional(w, "python", m->python);
	if (m->package_count) {
		json_put_key(w, "packages");
		json_begin_object(w);
		for (size_t i = 0; i < m->package_count; i++)
			json_put_kv(w, m->packages[i].name,
				    m->packages[i].version);
		json_end_object(w);
	}
	put_memory(w, m);
	json_end_object(w);
}

void manifest_format(const struct manifest *m, struct str *out)
{
	struct json_writer w;

	json_writer_init(&w, out, JSON_PRETTY);
	json_begin_object(&w);
	json_put_kv(&w, "format", "itts-manifest");
	json_put_kv_u64(&w, "version", MANIFEST_VERSION);
	json_put_kv(&w, "name", m->name);
	put_optional(&w, "about", m->about);
	put_list(&w, "endpoints", &m->endpoints);
	put_groups(&w, m);
	json_put_key(&w, "models");
	json_begin_array(&w);
	for (size_t i = 0; i < m->model_count; i++)
		put_model(&w, &m->models[i]);
	json_end_array(&w);
	put_requires(&w, m);
	json_end_object(&w);
	str_addc(out, '\n');
}
