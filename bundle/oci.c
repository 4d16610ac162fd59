/*
 * OCI image layout (image-spec 1.1, image-layout.md, manifest.md) with the media
 * types of the CNCF model format. Each file of a repo is one raw layer, so that
 * a registry's digest, the SHA-256 of the file and its LFS id are one value. One
 * layer more is itts-bundle.json itself, so that a registry has all that an
 * installation needs: where files go, serial, and what a signature is over.
 */
#include "bundle/oci.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

#define MODEL_TYPE "application/vnd.cncf.model."
#define TAG_MAX	   128 /* bytes; distribution-spec */

static const char manifest_type[] =
	"application/vnd.oci.image.manifest.v1+json";
static const char index_type[] = "application/vnd.oci.image.index.v1+json";
static const char empty_type[] = "application/vnd.oci.empty.v1+json";
static const char artifact_type[] = MODEL_TYPE "manifest.v1+json";
static const char weight_type[] = MODEL_TYPE "weight.v1.raw";
static const char config_type[] = MODEL_TYPE "weight.config.v1.raw";
static const char doc_type[] = MODEL_TYPE "doc.v1.raw";
/* Where a client that unpacks all layers puts itts-bundle.json. */
static const char bundle_path[] = ".itts-pack/" BUNDLE_MANIFEST_NAME;
static const char code_type[] = MODEL_TYPE "code.v1.raw";

/* First match counts; LFS files are weights unless they match. */
static const struct {
	const char *end, *type;
} types[] = {
	{ ".safetensors.index.json", config_type },
	{ ".md", doc_type },
	{ ".pdf", doc_type },
	{ ".rst", doc_type },
	{ "LICENSE", doc_type },
	{ "LICENSE.txt", doc_type },
	{ "NOTICE", doc_type },
	{ "NOTICE.txt", doc_type },
	{ ".py", code_type },
	{ ".sh", code_type },
};

static const char *layer_type(const struct lock_file *f)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_ends(f->path, types[i].end))
			return types[i].type;
	return lock_file_is_lfs(f) ? weight_type : config_type;
}

static void put_digest(struct json_writer *w, const struct digest *d)
{
	char hex[DIGEST_HEX_MAX];
	char *text CLEANUP(free_ptr) = xasprintf("sha256:%s",
						 digest_hex(d, hex));

	json_put_kv(w, "digest", text);
}

/* mediaType, digest, size of a text */
static void put_text_descriptor(struct json_writer *w, const char *type,
				const struct str *text)
{
	struct digest d;

	digest_buf(DIGEST_SHA256, text->ptr, text->len, &d);
	json_put_kv(w, "mediaType", type);
	put_digest(w, &d);
	json_put_kv_u64(w, "size", text->len);
}

static void put_layer(struct json_writer *w, const struct lock_file *f)
{
	char etag[DIGEST_HEX_MAX];

	json_begin_object(w);
	json_put_kv(w, "mediaType", layer_type(f));
	put_digest(w, &f->sha256);
	json_put_kv_u64(w, "size", f->size);
	json_put_key(w, "annotations");
	json_begin_object(w);
	json_put_kv(w, "org.cncf.model.filepath", f->path);
	if (!lock_file_is_lfs(f))
		json_put_kv(w, "vnd.itts-pack.etag",
			    digest_hex(&f->etag, etag));
	json_put_kv(w, "org.opencontainers.image.title", f->path);
	json_end_object(w);
	json_end_object(w);
}

/* The bundle's manifest: a document about the model, as far as others go. */
static void put_bundle_layer(struct json_writer *w, const struct oci_bundle *b)
{
	json_begin_object(w);
	json_put_kv(w, "mediaType", doc_type);
	put_digest(w, &b->sha256);
	json_put_kv_u64(w, "size", b->size);
	json_put_key(w, "annotations");
	json_begin_object(w);
	json_put_kv(w, "org.cncf.model.filepath", bundle_path);
	json_put_kv(w, "org.opencontainers.image.title", bundle_path);
	json_put_kv(w, "vnd.itts-pack.bundle", BUNDLE_FORMAT_NAME);
	json_end_object(w);
	json_end_object(w);
}

static void put_annotations(struct json_writer *w, const struct lock_repo *r)
{
	struct str refs CLEANUP(str_release) = STR_INIT;
	char *source CLEANUP(free_ptr) = xasprintf(
		"https://huggingface.co/%s%s", repo_type_prefix(r->type),
		r->id);

	json_put_key(w, "annotations");
	json_begin_object(w);
	if (r->license)
		json_put_kv(w, "org.opencontainers.image.licenses", r->license);
	json_put_kv(w, "org.opencontainers.image.revision", r->commit);
	json_put_kv(w, "org.opencontainers.image.source", source);
	json_put_kv(w, "org.opencontainers.image.title", r->id);
	for (size_t i = 0; i < r->refs.count; i++)
		str_addf(&refs, "%s%s", i ? " " : "", r->refs.items[i]);
	if (refs.len)
		json_put_kv(w, "vnd.itts-pack.refs", refs.ptr);
	json_end_object(w);
}

void oci_bundle_of(const struct bundle_manifest *m, const char *text,
		   size_t len, struct oci_bundle *out)
{
	*out = (struct oci_bundle){ .size = len };
	if (m->version > 1)
		digest_buf(DIGEST_SHA256, text, len, &out->sha256);
}

void oci_layout_file(struct str *out)
{
	str_adds(out, "{\"imageLayoutVersion\":\"1.0.0\"}");
}

void oci_config(struct str *out)
{
	str_adds(out, "{}");
}

bool oci_has_manifest(const struct lock_repo *r)
{
	return r->file_count > 0 && r->file_count <= OCI_MAX_FILES;
}

void oci_manifest(const struct lock_repo *r, const struct oci_bundle *b,
		  struct str *out)
{
	struct str config CLEANUP(str_release) = STR_INIT;
	struct json_writer w;

	oci_config(&config);
	json_writer_init(&w, out, JSON_COMPACT);
	json_begin_object(&w);
	json_put_kv_u64(&w, "schemaVersion", 2);
	json_put_kv(&w, "mediaType", manifest_type);
	json_put_kv(&w, "artifactType", artifact_type);
	json_put_key(&w, "config");
	json_begin_object(&w);
	put_text_descriptor(&w, empty_type, &config);
	json_end_object(&w);
	json_put_key(&w, "layers");
	json_begin_array(&w);
	for (size_t i = 0; i < r->file_count; i++)
		put_layer(&w, &r->files[i]);
	if (b->sha256.alg != DIGEST_NONE)
		put_bundle_layer(&w, b);
	json_end_array(&w);
	put_annotations(&w, r);
	json_end_object(&w);
}

/* Two commits of one repo: the later one gets a tag with its commit. */
static bool is_second(const struct lock *l, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (l->repos[i].type == l->repos[at].type &&
		    !strcmp(l->repos[i].id, l->repos[at].id))
			return true;
	return false;
}

static void put_index_entry(struct json_writer *w, const struct lock *l,
			    size_t at, const struct oci_bundle *b)
{
	const struct lock_repo *r = &l->repos[at];
	struct str manifest CLEANUP(str_release) = STR_INIT;
	struct str tag CLEANUP(str_release) = STR_INIT;

	oci_manifest(r, b, &manifest);
	oci_tag(r, &tag);
	if (is_second(l, at))
		str_addf(&tag, "--%.12s", r->commit);
	json_begin_object(w);
	put_text_descriptor(w, manifest_type, &manifest);
	json_put_kv(w, "artifactType", artifact_type);
	json_put_key(w, "annotations");
	json_begin_object(w);
	json_put_kv(w, "org.opencontainers.image.ref.name", tag.ptr);
	json_end_object(w);
	json_end_object(w);
}

void oci_index(const struct bundle_manifest *m, const struct oci_bundle *b,
	       struct str *out)
{
	struct json_writer w;

	json_writer_init(&w, out, JSON_COMPACT);
	json_begin_object(&w);
	json_put_kv_u64(&w, "schemaVersion", 2);
	json_put_kv(&w, "mediaType", index_type);
	json_put_key(&w, "manifests");
	json_begin_array(&w);
	for (size_t i = 0; i < m->lock.repo_count; i++)
		if (oci_has_manifest(&m->lock.repos[i]))
			put_index_entry(&w, &m->lock, i, b);
	json_end_array(&w);
	json_end_object(&w);
}

void oci_tag(const struct lock_repo *r, struct str *out)
{
	size_t from = out->len;

	if (r->type != REPO_MODEL)
		str_addf(out, "%s--", repo_type_plural(r->type));
	for (const char *p = r->id; *p; p++)
		str_adds(out, *p == '/' ? "--" : (char[]){ *p, '\0' });
	if (out->len - from > TAG_MAX)
		str_truncate(out, from + TAG_MAX);
}
