/* What a registry says: image manifests, and challenges (RFC 9110, 11.6.1). */
#include "fetch/registry.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SHORT  16384u /* bytes of any value but the list of layers */
#define SOURCE "https://huggingface.co/"

static const char layer_type[] = "application/vnd.cncf.model.";
static const char artifact_type[] =
	"application/vnd.cncf.model.manifest.v1+json";

static int get_layer_digest(const struct json *layer, struct digest *out,
			    struct error *err)
{
	static const char prefix[] = "sha256:";
	const char *text = "";

	if (json_get_string(layer, "digest", &text, "", err))
		return -1;
	if (!str_starts(text, prefix) ||
	    !digest_from_hex(out, text + strlen(prefix)) ||
	    out->alg != DIGEST_SHA256)
		return err_set(err, ERR_FORMAT,
			       "digest: must be \"%s\" and 64 hex digits",
			       prefix);
	return 0;
}

/* The layer that is no file of the repository. */
static int read_bundle(struct registry_image *image,
		       const struct digest *sha256, uint64_t size,
		       struct error *err)
{
	if (image->bundle.alg != DIGEST_NONE)
		return err_set(err, ERR_FORMAT, "a second bundle");
	image->bundle = *sha256;
	image->bundle_size = size;
	return 0;
}

static int read_layer(void *ctx, const struct json *layer, struct error *err)
{
	struct registry_image *image = ctx;
	struct lock_repo *repo = &image->lock.repos[0];
	const struct json *notes;
	const char *type = "", *path = "", *etag = NULL;
	struct digest sha256 = { .alg = DIGEST_NONE };
	struct lock_file *f;
	uint64_t size = 0;

	if (!json_is_object(layer))
		return err_set(err, ERR_FORMAT, "must be an object");
	if (json_get_string(layer, "mediaType", &type, "", err) ||
	    json_get_u64(layer, "size", &size, "", err) ||
	    get_layer_digest(layer, &sha256, err))
		return -1;
	notes = json_member(layer, "annotations");
	if (!str_starts(type, layer_type) || !str_ends(type, ".raw") ||
	    !json_is_object(notes))
		return err_set(err, ERR_FORMAT, "not a file of a model");
	if (json_member(notes, "vnd.itts-pack.bundle"))
		return read_bundle(image, &sha256, size, err);
	if (json_get_string(notes, "org.cncf.model.filepath", &path, "", err) ||
	    json_opt_string(notes, "vnd.itts-pack.etag", &etag, "", err))
		return -1;
	if (repo->file_count == LOCK_MAX_FILES)
		return err_set(err, ERR_FORMAT, "more than %d files",
			       LOCK_MAX_FILES);
	f = lock_add_file(repo, path);
	f->size = size;
	f->sha256 = f->etag = sha256;
	if (etag && (!digest_from_hex(&f->etag, etag) ||
		     f->etag.alg != DIGEST_GIT_SHA1))
		return err_set(err, ERR_FORMAT,
			       "vnd.itts-pack.etag: must be 40 hex digits");
	return 0;
}

static void read_refs(struct lock_repo *repo, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, " ");

		if (n)
			strlist_take(&repo->refs, xstrndup(text, n));
		text += n + (text[n] == ' ');
	}
}

/* https://huggingface.co/[datasets/ | spaces/]ID */
static int read_source(struct lock_repo *repo, const char *source,
		       struct error *err)
{
	static const enum repo_type types[] = { REPO_DATASET, REPO_SPACE,
						REPO_MODEL };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		char *want CLEANUP(free_ptr) = xasprintf(
			SOURCE "%s%s", repo_type_prefix(types[i]), repo->id);

		if (!strcmp(source, want)) {
			repo->type = types[i];
			return 0;
		}
	}
	return err_set(err, ERR_FORMAT,
		       "org.opencontainers.image.source: is not the page of %s",
		       repo->id);
}

static int read_notes(struct lock_repo *repo, const struct json *doc,
		      struct error *err)
{
	static const char where[] = "annotations";
	const struct json *notes = json_member(doc, where);
	const char *id = "", *commit = "", *source = "", *refs = "";
	const char *license = NULL;

	if (!json_is_object(notes))
		return err_set(err, ERR_FORMAT, "annotations: are missing");
	if (json_get_string(notes, "org.opencontainers.image.title", &id, where,
			    err) ||
	    json_get_string(notes, "org.opencontainers.image.revision", &commit,
			    where, err) ||
	    json_get_string(notes, "org.opencontainers.image.source", &source,
			    where, err) ||
	    json_opt_string(notes, "org.opencontainers.image.licenses",
			    &license, where, err) ||
	    json_opt_string(notes, "vnd.itts-pack.refs", &refs, where, err))
		return -1;
	if (!is_commit_id(commit))
		return err_set(err, ERR_FORMAT,
			       "annotations: the revision is no commit");
	repo->id = xstrdup(id);
	repo->revision = xstrdup(commit);
	memcpy(repo->commit, commit, sizeof(repo->commit));
	repo->license = license ? xstrdup(license) : NULL;
	read_refs(repo, refs);
	return read_source(repo, source, err);
}

static int read_head(void *ctx, const struct json *doc, struct error *err)
{
	struct registry_image *image = ctx;
	const char *type = "", *media = "";

	if (json_opt_string(doc, "artifactType", &type, "", err) ||
	    json_opt_string(doc, "mediaType", &media, "", err))
		return -1;
	if (strstr(media, ".image.index.") || strstr(media, ".manifest.list."))
		return err_set(err, ERR_FORMAT,
			       "not a model but an index of several images");
	if (strcmp(type, artifact_type) != 0)
		return err_set(err, ERR_FORMAT,
			       "not a model but something else (artifact type "
			       "\"%s\")",
			       type);
	return read_notes(&image->lock.repos[0], doc, err);
}

void registry_image_release(struct registry_image *i)
{
	lock_release(&i->lock);
	str_release(&i->text);
}

int registry_parse_manifest(const char *text, size_t len,
			    struct registry_image *out, struct error *err)
{
	struct registry_image image CLEANUP(
		registry_image_release) = REGISTRY_IMAGE_INIT;
	struct lock_repo *repo = lock_add_repo(&image.lock);
	const struct json_listing listing = { .list = "layers",
					      .limit = SHORT,
					      .head = read_head,
					      .item = read_layer,
					      .ctx = &image };

	image.lock.name = xstrdup("registry");
	if (len > REGISTRY_MANIFEST_LIMIT)
		return err_set(err, ERR_FORMAT, "%zu bytes, limit %u", len,
			       REGISTRY_MANIFEST_LIMIT);
	if (json_read_listing(text, len, &listing, err))
		return -1;
	if (repo->file_count == 0)
		return err_set(err, ERR_FORMAT, "has no files");
	if (lock_finish(&image.lock, err))
		return -1;
	*out = image;
	image = (struct registry_image)REGISTRY_IMAGE_INIT;
	return 0;
}

/* --- challenges ---------------------------------------------------------------- */

void registry_challenge_release(struct registry_challenge *c)
{
	free_ptr(&c->realm);
	free_ptr(&c->service);
	free_ptr(&c->scope);
}

/* token or "quoted string"; returns what follows. */
static const char *read_param(const char *p, struct str *value)
{
	if (*p != '"') {
		size_t n = strcspn(p, ", \t");

		str_add(value, p, n);
		return p + n;
	}
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		str_addc(value, *p);
	}
	return p + (*p == '"');
}

/* Where a parameter of a Bearer challenge belongs, or NULL. */
static char **param_of(struct registry_challenge *c, const char *key, size_t n)
{
	if (n == 5 && !strncasecmp(key, "realm", n))
		return &c->realm;
	if (n == 7 && !strncasecmp(key, "service", n))
		return &c->service;
	return n == 5 && !strncasecmp(key, "scope", n) ? &c->scope : NULL;
}

static bool is_word(const char *text, size_t n, const char *word)
{
	return n == strlen(word) && !strncasecmp(text, word, n);
}

bool registry_parse_challenge(const char *text, struct registry_challenge *out)
{
	bool bearer = false, basic = false;

	*out = (struct registry_challenge){ 0 };
	for (text += strspn(text, " \t,"); *text;
	     text += strspn(text, " \t,")) {
		struct str value CLEANUP(str_release) = STR_INIT;
		size_t n = strcspn(text, "= \t,");
		char **to = bearer ? param_of(out, text, n) : NULL;

		if (text[n] != '=') { /* another scheme */
			bearer = !out->realm && is_word(text, n, "Bearer");
			basic |= is_word(text, n, "Basic");
			text += n;
			continue;
		}
		text = read_param(text + n + 1, &value);
		if (to && !*to)
			*to = str_detach(&value);
	}
	out->basic = basic && !out->realm;
	return out->realm || basic;
}
