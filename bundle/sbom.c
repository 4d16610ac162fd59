/*
 * CycloneDX 1.6 (ECMA-424; schema bom-1.6.schema.json): the set of models is what
 * the document is about (metadata.component), each repository is a component of
 * type machine-learning-model (datasets: data, spaces: application), its files are
 * components of type file inside it.
 *
 *   purl      pkg:huggingface/ORG/NAME@COMMIT (package-url's type definition), for
 *             models at a commit of the Hub; pkg:generic with vcs_url for git
 *   licenses  an id of the SPDX list, an expression of such, else what the lock
 *             says as a name
 *   hashes    SHA-256. A git blob's SHA-1 is no SHA-1 of the file: it goes into
 *             swhid, whose content identifiers are that very number
 *
 * The serial number follows from the lock (RFC 9562, version 8), and there is no
 * timestamp: the same lock gives the same bytes.
 */
#include "bundle/sbom.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "bundle/license.h"
#include "bundle/spdx.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PIECE	    ((size_t)64 << 10)
#define HUB	    "https://huggingface.co/"
#define MODELSCOPE  "https://modelscope.cn/"
#define SERIAL_MAX  64
#define DECIMAL_MAX 24

struct sbom {
	struct json_writer j;
	struct str text; /* what was not handed on yet */
	int (*put)(void *ctx, const void *p, size_t n, struct error *err);
	void *ctx;
};

static int hand_on(struct sbom *s, struct error *err)
{
	if (s->put(s->ctx, s->text.ptr, s->text.len, err))
		return -1;
	str_clear(&s->text);
	return 0;
}

static void put_ref(struct sbom *s, const char *key, const struct lock_repo *r)
{
	char *ref CLEANUP(free_ptr) = xasprintf(
		"%s%s@%s", repo_type_prefix(r->type), r->id, r->commit);

	if (key)
		json_put_kv(&s->j, key, ref);
	else
		json_put_string(&s->j, ref);
}

static void put_property(struct sbom *s, const char *name, const char *value)
{
	json_begin_object(&s->j);
	json_put_kv(&s->j, "name", name);
	json_put_kv(&s->j, "value", value);
	json_end_object(&s->j);
}

static void put_link(struct sbom *s, const char *type, const char *url)
{
	json_one_line(&s->j);
	json_begin_object(&s->j);
	json_put_kv(&s->j, "type", type);
	json_put_kv(&s->j, "url", url);
	json_end_object(&s->j);
}

/* --- repositories ------------------------------------------------------------- */

static bool is_at_urls(const struct lock_repo *r)
{
	for (size_t i = 0; i < r->file_count; i++)
		if (r->files[i].url)
			return true;
	return false;
}

static bool is_at_hub(const struct lock_repo *r)
{
	return !r->git && !r->archive.url && !r->hub && !is_at_urls(r);
}

static void put_license(struct sbom *s, const struct lock_repo *r)
{
	struct str expression CLEANUP(str_release) = STR_INIT;
	const char *id = r->license ? spdx_id(r->license) : NULL;

	if (!r->license || !*r->license)
		return;
	json_put_key(&s->j, "licenses");
	json_one_line(&s->j);
	json_begin_array(&s->j);
	json_begin_object(&s->j);
	if (license_expression(r->license, &expression)) {
		json_put_kv(&s->j, "expression", expression.ptr);
	} else {
		json_put_key(&s->j, "license");
		json_begin_object(&s->j);
		json_put_kv(&s->j, id ? "id" : "name", id ? id : r->license);
		json_end_object(&s->j);
	}
	json_end_object(&s->j);
	json_end_array(&s->j);
}

static void put_purl(struct sbom *s, const struct lock_repo *r)
{
	struct str purl CLEANUP(str_release) = STR_INIT;

	if (r->git) {
		struct str url CLEANUP(str_release) = STR_INIT;

		str_addf(&url, "git+%s@%s", r->git, r->commit);
		str_adds(&purl, "pkg:generic/");
		url_escape(&purl, path_base(r->id), false);
		str_addf(&purl, "@%s?vcs_url=", r->commit);
		url_escape(&purl, url.ptr, false);
	} else if (is_at_hub(r) && r->type == REPO_MODEL) {
		str_adds(&purl, "pkg:huggingface/");
		url_escape(&purl, r->id, true);
		str_addf(&purl, "@%s", r->commit);
	} else {
		return;
	}
	json_put_kv(&s->j, "purl", purl.ptr);
}

static void put_sources(struct sbom *s, const struct lock_repo *r)
{
	const struct mirror *m = mirrors_find(&r->mirrors, MIRROR_MODELSCOPE);
	struct str url CLEANUP(str_release) = STR_INIT;

	json_put_key(&s->j, "externalReferences");
	json_begin_array(&s->j);
	if (r->git) {
		put_link(s, "vcs", r->git);
	} else if (r->archive.url) {
		put_link(s, "distribution", r->archive.url);
	} else if (is_at_hub(r)) {
		str_addf(&url, HUB "%s%s", repo_type_prefix(r->type), r->id);
		put_link(s, "vcs", url.ptr);
		str_addf(&url, "/tree/%s", r->commit);
		put_link(s, "distribution", url.ptr);
	}
	if (m) {
		str_clear(&url);
		str_addf(&url, MODELSCOPE "%s/%s", repo_type_plural(r->type),
			 m->id);
		put_link(s, "distribution", url.ptr);
	}
	json_end_array(&s->j);
}

static void put_file(struct sbom *s, const struct lock_file *f)
{
	char hex[DIGEST_HEX_MAX], size[DECIMAL_MAX];

	assert(f->sha256.alg == DIGEST_SHA256);
	json_one_line(&s->j);
	json_begin_object(&s->j);
	json_put_kv(&s->j, "type", "file");
	json_put_kv(&s->j, "name", f->path);
	json_put_key(&s->j, "hashes");
	json_begin_array(&s->j);
	json_begin_object(&s->j);
	json_put_kv(&s->j, "alg", "SHA-256");
	json_put_kv(&s->j, "content", digest_hex(&f->sha256, hex));
	json_end_object(&s->j);
	json_end_array(&s->j);
	if (f->etag.alg == DIGEST_GIT_SHA1) {
		char *id CLEANUP(free_ptr) = xasprintf(
			"swh:1:cnt:%s", digest_hex(&f->etag, hex));

		json_put_key(&s->j, "swhid");
		json_begin_array(&s->j);
		json_put_string(&s->j, id);
		json_end_array(&s->j);
	}
	if (f->url) {
		json_put_key(&s->j, "externalReferences");
		json_begin_array(&s->j);
		put_link(s, "distribution", f->url);
		json_end_array(&s->j);
	}
	snprintf(size, sizeof(size), "%" PRIu64, f->size);
	json_put_key(&s->j, "properties");
	json_begin_array(&s->j);
	put_property(s, "itts-pack:size", size);
	json_end_array(&s->j);
	json_end_object(&s->j);
}

static int put_repo(struct sbom *s, const struct lock_repo *r,
		    struct error *err)
{
	static const char *const types[] = {
		[REPO_MODEL] = "machine-learning-model",
		[REPO_DATASET] = "data",
		[REPO_SPACE] = "application",
	};
	const char *name = path_base(r->id);

	json_begin_object(&s->j);
	json_put_kv(&s->j, "type", types[r->type]);
	put_ref(s, "bom-ref", r);
	if (name > r->id) {
		char *group CLEANUP(free_ptr) = xstrndup(
			r->id, (size_t)(name - r->id) - 1);

		json_put_kv(&s->j, "group", group);
	}
	json_put_kv(&s->j, "name", name);
	json_put_kv(&s->j, "version", r->commit);
	put_license(s, r);
	put_purl(s, r);
	put_sources(s, r);
	json_put_key(&s->j, "components");
	json_begin_array(&s->j);
	for (size_t i = 0; i < r->file_count; i++) {
		put_file(s, &r->files[i]);
		if (s->text.len > PIECE && hand_on(s, err))
			return -1;
	}
	json_end_array(&s->j);
	json_put_key(&s->j, "properties");
	json_begin_array(&s->j);
	json_one_line(&s->j);
	put_property(s, "itts-pack:revision", r->revision);
	json_end_array(&s->j);
	json_end_object(&s->j);
	return 0;
}

/* --- the document ---------------------------------------------------------------- */

static void put_head(struct sbom *s, const struct lock *l)
{
	char hex[DIGEST_HEX_MAX], serial[SERIAL_MAX];
	struct digest d;

	lock_digest(l, &d);
	digest_hex(&d, hex);
	/* version 8: ours to fill; variant 10 */
	snprintf(serial, sizeof(serial),
		 "urn:uuid:%.8s-%.4s-8%.3s-%x%.3s-%.12s", hex, hex + 8,
		 hex + 12, 8u | (d.bytes[8] & 3u), hex + 17, hex + 20);
	json_begin_object(&s->j);
	json_put_kv(&s->j, "$schema",
		    "http://cyclonedx.org/schema/bom-1.6.schema.json");
	json_put_kv(&s->j, "bomFormat", "CycloneDX");
	json_put_kv(&s->j, "specVersion", "1.6");
	json_put_kv(&s->j, "serialNumber", serial);
	json_put_kv_u64(&s->j, "version", 1);
	json_put_key(&s->j, "metadata");
	json_begin_object(&s->j);
	json_put_key(&s->j, "tools");
	json_begin_object(&s->j);
	json_put_key(&s->j, "components");
	json_one_line(&s->j);
	json_begin_array(&s->j);
	json_begin_object(&s->j);
	json_put_kv(&s->j, "type", "application");
	json_put_kv(&s->j, "name", "itts-pack");
	json_end_object(&s->j);
	json_end_array(&s->j);
	json_end_object(&s->j);
	json_put_key(&s->j, "component");
	json_begin_object(&s->j);
	json_put_kv(&s->j, "type", "data");
	json_put_kv(&s->j, "bom-ref", "bundle");
	json_put_kv(&s->j, "name", l->name);
	json_put_key(&s->j, "properties");
	json_begin_array(&s->j);
	json_one_line(&s->j);
	put_property(s, "itts-pack:lock-sha256", hex);
	json_end_array(&s->j);
	json_end_object(&s->j);
	json_end_object(&s->j);
}

static void put_dependencies(struct sbom *s, const struct lock *l)
{
	json_put_key(&s->j, "dependencies");
	json_begin_array(&s->j);
	json_begin_object(&s->j);
	json_put_kv(&s->j, "ref", "bundle");
	json_put_key(&s->j, "dependsOn");
	json_begin_array(&s->j);
	for (size_t i = 0; i < l->repo_count; i++)
		put_ref(s, NULL, &l->repos[i]);
	json_end_array(&s->j);
	json_end_object(&s->j);
	json_end_array(&s->j);
}

int sbom_write(const struct lock *l,
	       int (*put)(void *ctx, const void *p, size_t n,
			  struct error *err),
	       void *ctx, struct error *err)
{
	struct sbom s = { .text = STR_INIT, .put = put, .ctx = ctx };
	int rc = 0;

	json_writer_init(&s.j, &s.text, JSON_PRETTY);
	put_head(&s, l);
	json_put_key(&s.j, "components");
	json_begin_array(&s.j);
	for (size_t i = 0; i < l->repo_count && rc == 0; i++)
		rc = put_repo(&s, &l->repos[i], err);
	if (rc == 0) {
		json_end_array(&s.j);
		put_dependencies(&s, l);
		json_end_object(&s.j);
		str_addc(&s.text, '\n');
		rc = hand_on(&s, err);
	}
	str_release(&s.text);
	return rc;
}

struct measure {
	struct digest_ctx *ctx;
	uint64_t size;
};

static int count(void *ctx, const void *p, size_t n, struct error *err)
{
	struct measure *m = ctx;

	(void)err;
	digest_update(m->ctx, p, n);
	m->size += n;
	return 0;
}

void sbom_measure(const struct lock *l, uint64_t *size, struct digest *sha256)
{
	struct measure m = { .ctx = digest_begin(DIGEST_SHA256, 0) };
	struct error never = { 0 };
	int rc = sbom_write(l, count, &m, &never);

	assert(rc == 0);
	(void)rc;
	digest_end(&m.ctx, sha256);
	*size = m.size;
}
