/*
 * Reads itts-bundle.json (described in bmanifest.c). It may come from anywhere:
 * sizes are limited before anything is kept.
 */
#include "bundle/bmanifest.h"

#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

static const char *const known_keys[] = { "format",   "version",     "name",
					  "serial",   "epoch",	     "align",
					  "tool",     "lock_digest", "groups",
					  "manifest", "extras",	     NULL };

/* bytes of everything but "repos" and "requires" */
#define HEAD_LIMIT 65536u

struct reading {
	struct str head; /* the members but "repos", as a document */
	struct str rest; /* the text without members that are not known */
	struct digest *required;
	size_t required_count, required_cap;
	bool repos, requires, strangers;
};

static void reading_release(struct reading *r)
{
	str_release(&r->head);
	str_release(&r->rest);
	free_ptr(&r->required);
}

static bool is_known(const char *key)
{
	for (const char *const *k = known_keys; *k; k++)
		if (!strcmp(key, *k))
			return true;
	return false;
}

/* A small member: its text (begin: in front of its comma and key) to the head. */
static int read_small(struct reading *in, struct json_reader *r,
		      const char *begin, const char *key, struct error *err)
{
	struct json *value CLEANUP(json_free) = NULL;

	if (json_read_short(r, HEAD_LIMIT, &value, err))
		return err_wrap(err, "%s", key);
	if (in->head.len + (size_t)(r->p - begin) > HEAD_LIMIT)
		return err_set(err, ERR_FORMAT, "%s: too long", key);
	str_add(&in->head, begin, (size_t)(r->p - begin));
	return 0;
}

static int read_requires(struct reading *in, struct json_reader *r,
			 struct error *err)
{
	int more;

	if (json_enter_array(r, err))
		return -1;
	while ((more = json_next_item(r, err)) > 0) {
		struct json *value CLEANUP(json_free) = NULL;
		struct digest d = { .alg = DIGEST_NONE };

		if (in->required_count == BUNDLE_MAX_FILES)
			return err_set(err, ERR_FORMAT, "more than %d",
				       BUNDLE_MAX_FILES);
		if (json_read_short(r, HEAD_LIMIT, &value, err))
			return -1;
		if (!digest_from_hex(&d, json_string_or(value, "")) ||
		    d.alg != DIGEST_SHA256)
			return err_set(err, ERR_FORMAT,
				       "must be a list of 64 hex digits");
		in->required = xgrow(in->required, &in->required_cap,
				     in->required_count + 1, sizeof(d));
		in->required[in->required_count++] = d;
	}
	return more;
}

/* Order and twice the same are seen by check_canonical(). */
static int leave_out(struct bundle_manifest *m, const struct reading *in,
		     struct error *err)
{
	char hex[DIGEST_HEX_MAX];

	for (size_t i = 0; i < in->required_count; i++) {
		size_t blob = bundle_find_blob(m, &in->required[i]);

		if (blob == SIZE_MAX || !bundle_leave_out(m, blob))
			return err_set(err, ERR_FORMAT,
				       "requires: %s is not a file of this "
				       "bundle, stands there twice or is too "
				       "small to be left out",
				       digest_hex(&in->required[i], hex));
	}
	return 0;
}

/* The two large members: begun is set once. 1: it was one of them. */
static int read_large(struct reading *in, struct lock *l, struct json_reader *r,
		      const char *key, struct error *err)
{
	bool repos = !strcmp(key, "repos");
	bool *begun = repos ? &in->repos : &in->requires;

	if (!repos && strcmp(key, "requires") != 0)
		return 0;
	if (*begun)
		return err_set(err, ERR_FORMAT, "key \"%s\" appears twice",
			       key);
	*begun = true;
	if (repos)
		return lock_read_repos(l, r, err) ? -1 : 1;
	if (read_requires(in, r, err))
		return err_wrap(err, "requires");
	return 1;
}

static int read_members(struct reading *in, struct lock *l, const char *text,
			size_t len, struct error *err)
{
	const char *copied = text, *begin;
	struct json_reader r;
	int more;

	json_reader_init(&r, text, len);
	if (json_enter_object(&r, err))
		return -1;
	str_addc(&in->head, '{');
	for (;;) {
		char *key CLEANUP(free_ptr) = NULL;
		int large;

		begin = r.p;
		more = json_next_key(&r, &key, err);
		if (more <= 0)
			break;
		large = read_large(in, l, &r, key, err);
		if (large < 0)
			return -1;
		if (large)
			continue;
		if (read_small(in, &r, begin, key, err))
			return -1;
		if (!is_known(key)) {
			str_add(&in->rest, copied, (size_t)(begin - copied));
			copied = r.p;
			in->strangers = true;
		}
	}
	str_addc(&in->head, '}');
	if (in->strangers)
		str_add(&in->rest, copied, (size_t)(text + len - copied));
	return more ? -1 : json_reader_end(&r, err);
}

/* "sha256:" and 64 digits; absent: DIGEST_NONE. */
static int read_digest(const struct json *doc, const char *key,
		       struct digest *out, struct error *err)
{
	static const char prefix[] = "sha256:";
	const char *text = NULL;

	if (json_opt_string(doc, key, &text, "", err))
		return -1;
	if (!text)
		return 0;
	if (!str_starts(text, prefix) ||
	    !digest_from_hex(out, text + strlen(prefix)) ||
	    out->alg != DIGEST_SHA256)
		return err_set(err, ERR_FORMAT,
			       "%s: must be \"%s\" and 64 "
			       "hex digits",
			       key, prefix);
	return 0;
}

static int read_format(struct bundle_manifest *m, const struct json *doc,
		       struct error *err)
{
	const char *format = "";
	uint64_t version = 0;

	if (json_get_string(doc, "format", &format, "", err))
		return -1;
	if (strcmp(format, BUNDLE_FORMAT_NAME))
		return err_set(err, ERR_FORMAT,
			       "format \"%s\", expected \"%s\"", format,
			       BUNDLE_FORMAT_NAME);
	if (json_get_u64(doc, "version", &version, "", err))
		return -1;
	if (version < 1 || version > BUNDLE_VERSION) {
		err_set(err, ERR_FORMAT,
			"version %" PRIu64 " of the bundle format, this "
			"program reads versions 1 to %d",
			version, BUNDLE_VERSION);
		return err_hint(err, "use an itts-pack as new as the one that "
				     "wrote it");
	}
	m->version = (unsigned)version;
	return 0;
}

static int read_head(struct bundle_manifest *m, const struct str *head,
		     struct error *err)
{
	struct json *doc CLEANUP(json_free) = NULL;
	const char *name = NULL;
	uint64_t align = 0;

	if (json_parse(&doc, head->ptr, head->len, err) ||
	    read_format(m, doc, err) ||
	    json_get_string(doc, "name", &name, "", err) ||
	    json_get_u64(doc, "serial", &m->serial, "", err) ||
	    json_get_u64(doc, "epoch", &m->epoch, "", err) ||
	    json_get_u64(doc, "align", &align, "", err) ||
	    json_opt_strings(doc, "groups", &m->lock.groups, "", err) ||
	    read_digest(doc, "manifest", &m->lock.manifest, err) ||
	    extra_parse(&m->extras, doc, err))
		return -1;
	m->lock.name = xstrdup(name);
	if (align != BUNDLE_ALIGN)
		return err_set(err, ERR_FORMAT,
			       "align: %" PRIu64 ", expected %u", align,
			       BUNDLE_ALIGN);
	m->align = BUNDLE_ALIGN;
	if (m->epoch > BUNDLE_EPOCH_MAX)
		return err_set(err, ERR_FORMAT,
			       "epoch: %" PRIu64 " is too large", m->epoch);
	return 0;
}

static int check_canonical(const struct bundle_manifest *m, const char *text,
			   size_t len, struct error *err)
{
	size_t at;

	if (bundle_manifest_is(m, text, len, &at))
		return 0;
	return err_set(err, ERR_FORMAT,
		       "not in canonical form from byte %zu on", at);
}

static int parse(struct bundle_manifest *m, const char *text, size_t len,
		 struct error *err)
{
	struct reading in CLEANUP(reading_release) = { .head = STR_INIT,
						       .rest = STR_INIT };

	if (len > BUNDLE_MANIFEST_LIMIT)
		return err_set(err, ERR_FORMAT, "%zu bytes, limit %u", len,
			       BUNDLE_MANIFEST_LIMIT);
	if (read_members(&in, &m->lock, text, len, err) ||
	    read_head(m, &in.head, err))
		return -1;
	if (!in.repos)
		return err_set(err, ERR_FORMAT, "repos: is missing");
	if (lock_finish(&m->lock, err) || bundle_manifest_derive(m, err) ||
	    leave_out(m, &in, err))
		return -1;
	if (in.strangers)
		return check_canonical(m, in.rest.ptr, in.rest.len, err);
	return check_canonical(m, text, len, err);
}

int bundle_manifest_parse(struct bundle_manifest *out, const char *text,
			  size_t len, struct error *err)
{
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };

	if (parse(&m, text, len, err))
		return err_wrap(err, "%s", BUNDLE_MANIFEST_NAME);
	*out = m;
	memset(&m, 0, sizeof(m));
	return 0;
}
