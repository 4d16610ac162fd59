/*
 * Names, order and small texts of the members. docs/bundle-format.md lists them.
 * Each stage is a function that gives its members one by one: i counts blobs or
 * repos, use the uses of a blob, step what one of them gives.
 */
#include "bundle/layout_members.h"

#include "base/mem.h"
#include "bundle/layout.h"
#include "cache/hfcache.h"
#include "cache/view.h"

#include <string.h>

#define MODE_BLOB 0444
#define MODE_FILE 0644
#define MODE_LINK 0777
#define MODE_EXEC 0755
#define MODE_DIR  0755

static void set_path(struct members *it, const char *path)
{
	str_clear(&it->path);
	str_adds(&it->path, path);
}

/* "hub/FOLDER/" or, in a model directory, "checkpoints/VIEW/FOLDER/". */
static void set_repo_path(struct members *it, const struct lock_repo *r,
			  bool view)
{
	char *folder CLEANUP(free_ptr) = repo_folder(r->type, r->id);

	set_path(it, view ? "checkpoints/" : "hub/");
	if (view)
		str_addf(&it->path, "%s/", r->hub_view);
	str_addf(&it->path, "%s/", folder);
}

static void set_blob_path(struct str *s, const struct digest *sha256)
{
	char hex[DIGEST_HEX_MAX];

	str_clear(s);
	str_addf(s, "blobs/sha256/%s", digest_hex(sha256, hex));
}

/* A member made of it->path and it->text. */
static bool give_text(struct members *it, struct member *out, unsigned mode)
{
	out->data = MEMBER_TEXT;
	out->text = it->text.ptr;
	out->tar.size = it->text.len;
	out->tar.mode = mode;
	return true;
}

static bool give_link(struct member *out, enum tar_type type)
{
	out->data = MEMBER_NONE;
	out->tar.type = type;
	out->tar.mode = type == TAR_SYMLINK ? MODE_LINK : MODE_BLOB;
	return true;
}

static bool give_special(struct members *it, struct member *out,
			 enum member_data data, const char *path, uint64_t size)
{
	set_path(it, path);
	out->data = data;
	out->tar.size = size;
	return true;
}

static bool stage_manifest(struct members *it, struct member *out)
{
	return it->i++ == 0 &&
	       give_special(it, out, MEMBER_MANIFEST, BUNDLE_MANIFEST_NAME, 0);
}

static bool stage_signature(struct members *it, struct member *out)
{
	return it->i++ == 0 &&
	       give_special(it, out, MEMBER_SIGNATURE,
			    BUNDLE_MANIFEST_NAME ".sig", BUNDLE_SIGNATURE_SIZE);
}

static bool stage_sums(struct members *it, struct member *out)
{
	return it->i++ == 0 &&
	       give_special(it, out, MEMBER_SUMS, "SHA256SUMS", 0);
}

static bool stage_extras(struct members *it, struct member *out)
{
	const struct bundle_extra *e = &it->m->extras.items[it->i];

	if (it->i == it->m->extras.count)
		return false;
	out->extra = it->i++;
	out->tar.mode = e->executable ? MODE_EXEC : MODE_FILE;
	return give_special(it, out, MEMBER_EXTRA, e->path, e->size);
}

/* --- OCI --------------------------------------------------------------------- */

static bool stage_oci_layout(struct members *it, struct member *out)
{
	if (it->i++)
		return false;
	set_path(it, "oci-layout");
	oci_layout_file(&it->text);
	return give_text(it, out, MODE_FILE);
}

static bool stage_oci_index(struct members *it, struct member *out)
{
	if (it->i++)
		return false;
	set_path(it, "index.json");
	if (!it->names_only)
		oci_index(it->m, &it->bundle, &it->text);
	return give_text(it, out, MODE_FILE);
}

/* it->text as a blob. false: a payload has the same bytes. */
static bool give_oci_blob(struct members *it, struct member *out)
{
	struct digest d;

	digest_buf(DIGEST_SHA256, it->text.ptr, it->text.len, &d);
	if (bundle_find_blob(it->m, &d) != SIZE_MAX)
		return false;
	set_blob_path(&it->path, &d);
	return give_text(it, out, MODE_BLOB);
}

static bool stage_oci_config(struct members *it, struct member *out)
{
	if (it->i++)
		return false;
	oci_config(&it->text);
	return give_oci_blob(it, out);
}

/* The manifest once more, under its digest. */
static bool stage_oci_bundle(struct members *it, struct member *out)
{
	const struct digest *d = &it->bundle.sha256;

	if (it->i++ || d->alg == DIGEST_NONE ||
	    bundle_find_blob(it->m, d) != SIZE_MAX)
		return false;
	set_blob_path(&it->path, d);
	out->data = MEMBER_MANIFEST;
	out->tar.mode = MODE_BLOB;
	return true;
}

static bool stage_oci_manifests(struct members *it, struct member *out)
{
	while (it->i < it->m->lock.repo_count) {
		const struct lock_repo *r = &it->m->lock.repos[it->i++];

		if (!oci_has_manifest(r))
			continue;
		str_clear(&it->text);
		oci_manifest(r, &it->bundle, &it->text);
		if (give_oci_blob(it, out))
			return true;
	}
	return false;
}

/* --- payloads ------------------------------------------------------------------ */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Has an earlier use of this blob put it under the same name in blobs/? */
static bool seen_before(const struct bundle_manifest *m,
			const struct bundle_use *uses, size_t at, bool view)
{
	const struct lock_repo *r = bundle_use_repo(m, &uses[at]);
	const struct digest *etag = &bundle_use_file(m, &uses[at])->etag;

	for (size_t i = at; i-- > 0;) {
		const struct lock_repo *q = bundle_use_repo(m, &uses[i]);

		if (!digest_equal(etag, &bundle_use_file(m, &uses[i])->etag))
			continue;
		if (q == r || (q->type == r->type && !strcmp(q->id, r->id) &&
			       (!view || same_text(q->hub_view, r->hub_view))))
			return true;
	}
	return false;
}

static bool give_payload(struct members *it, struct member *out, unsigned mode)
{
	out->data = MEMBER_PAYLOAD;
	out->blob = it->i;
	out->again = it->step > 0;
	out->tar.size = it->m->blobs[it->i].size;
	out->tar.mode = mode;
	return true;
}

/* blobs/<etag> of the store or of a Hub view. */
static bool give_hub_blob(struct members *it, struct member *out, bool view)
{
	const struct bundle_use *uses = it->m->blobs[it->i].uses;
	const struct lock_file *f = bundle_use_file(it->m, &uses[it->use]);
	char hex[DIGEST_HEX_MAX];

	if (seen_before(it->m, uses, it->use, view))
		return false;
	set_repo_path(it, bundle_use_repo(it->m, &uses[it->use]), view);
	str_addf(&it->path, "blobs/%s", digest_hex(&f->etag, hex));
	set_blob_path(&it->target, &it->m->blobs[it->i].sha256);
	return give_link(out, TAR_HARDLINK);
}

/* snapshots/<commit>/<path> of the store or of a Hub view. */
static bool give_snapshot(struct members *it, struct member *out, bool view)
{
	const struct bundle_use *use = &it->m->blobs[it->i].uses[it->use];
	const struct lock_file *f = bundle_use_file(it->m, use);
	const struct lock_repo *r = bundle_use_repo(it->m, use);
	char hex[DIGEST_HEX_MAX];

	set_repo_path(it, r, view);
	str_addf(&it->path, "snapshots/%s/%s", r->commit, f->path);
	str_clear(&it->target);
	str_adds(&it->target, "../../");
	for (const char *p = f->path; *p; p++)
		if (*p == '/')
			str_adds(&it->target, "../");
	str_addf(&it->target, "blobs/%s", digest_hex(&f->etag, hex));
	return give_link(out, TAR_SYMLINK);
}

static bool give_view(struct members *it, struct member *out,
		      const struct lock_file *f, const char *view)
{
	set_path(it, "checkpoints/");
	str_adds(&it->path, view);
	if (lock_file_is_editable(f))
		return give_payload(it, out, MODE_FILE);
	set_blob_path(&it->target, &it->m->blobs[it->i].sha256);
	return give_link(out, TAR_HARDLINK);
}

/* Whatever step it->step of the current use is. *end: it has no more steps. */
static bool give_use(struct members *it, struct member *out, bool *end)
{
	const struct bundle_use *use = &it->m->blobs[it->i].uses[it->use];
	const struct lock_file *f = bundle_use_file(it->m, use);
	size_t step = it->step, views = 0;

	*end = false;
	while (f->views && f->views[views])
		views++;
	if (step == 1)
		return give_hub_blob(it, out, false);
	if (step == 2)
		return give_snapshot(it, out, false);
	if (step < 3 + views)
		return give_view(it, out, f, f->views[step - 3]);
	*end = step > 4 + views || !bundle_use_repo(it->m, use)->hub_view;
	if (*end)
		return false;
	if (step == 3 + views)
		return give_hub_blob(it, out, true);
	return give_snapshot(it, out, true);
}

static bool stage_payloads(struct members *it, struct member *out)
{
	while (it->i < it->m->blob_count) {
		const struct bundle_blob *b = &it->m->blobs[it->i];
		bool end;

		if (it->step == 0 && b->absent && !it->absent)
			it->step = 1;
		if (it->step == 0) {
			set_blob_path(&it->path, &b->sha256);
			give_payload(it, out, MODE_BLOB);
			it->step = 1;
			return true;
		}
		if (it->use == b->use_count) {
			it->i++;
			it->use = 0;
			it->step = 0;
			continue;
		}
		if (give_use(it, out, &end)) {
			it->step++;
			return true;
		}
		it->step++;
		if (end) {
			it->use++;
			it->step = 1;
		}
	}
	return false;
}

/* --- behind the payloads -------------------------------------------------------- */

/* The i-th repo's listing for the store (step 0) and for its Hub view (1). */
static bool stage_trees(struct members *it, struct member *out)
{
	for (; it->i < it->m->lock.repo_count; it->i++, it->step = 0) {
		const struct lock_repo *r = &it->m->lock.repos[it->i];
		bool view = it->step++ > 0;

		if (it->step > 2 || (view && !r->hub_view))
			continue;
		set_repo_path(it, r, view);
		str_addf(&it->path, "trees/%s.json", r->commit);
		if (!it->names_only)
			hfcache_tree_format(r, &it->text);
		return give_text(it, out, MODE_FILE);
	}
	return false;
}

static bool stage_record(struct members *it, struct member *out)
{
	if (it->i++)
		return false;
	set_path(it, "checkpoints/" VIEW_RECORD_DIR "/");
	str_addf(&it->path, "%s.lock.json", it->m->lock.name);
	if (!it->names_only)
		lock_format(&it->m->lock, &it->text);
	return give_text(it, out, MODE_FILE);
}

static bool stage_states(struct members *it, struct member *out)
{
	uint64_t count = 0;

	if (it->i++)
		return false;
	for (size_t i = 0; i < it->m->blob_count; i++)
		count += bundle_blob_states(&it->m->blobs[i]);
	return give_special(it, out, MEMBER_STATES, "itts-bundle.states",
			    count * DIGEST_STATE_LEN);
}

static bool stage_tag(struct members *it, struct member *out)
{
	if (it->i++)
		return false;
	set_path(it, "hub/CACHEDIR.TAG");
	str_adds(&it->text, hfcache_tag_text());
	return give_text(it, out, MODE_FILE);
}

/* A refs/ that would stay empty: the first such repo of its folder. npm's
 * scanner fails where there is none. */
static bool is_without_refs(const struct members *it, bool view)
{
	const struct lock_repo *r = &it->m->lock.repos[it->i];

	for (size_t i = 0; i < it->m->lock.repo_count; i++) {
		const struct lock_repo *q = &it->m->lock.repos[i];

		if (q->type == r->type && !strcmp(q->id, r->id) &&
		    (!view || same_text(q->hub_view, r->hub_view)) &&
		    (q->refs.count > 0 || i < it->i))
			return false;
	}
	return true;
}

static bool give_refs_dir(struct members *it, struct member *out, bool view)
{
	set_repo_path(it, &it->m->lock.repos[it->i], view);
	str_adds(&it->path, "refs/");
	out->data = MEMBER_NONE;
	out->tar.type = TAR_DIR;
	out->tar.mode = MODE_DIR;
	return true;
}

/* refs/<ref> of all repos: i the repo, step the ref. */
static bool give_refs(struct members *it, struct member *out, bool view)
{
	for (; it->i < it->m->lock.repo_count; it->i++, it->step = 0) {
		const struct lock_repo *r = &it->m->lock.repos[it->i];

		if (view && !r->hub_view)
			continue;
		if (r->refs.count == 0 && it->step++ == 0 &&
		    is_without_refs(it, view))
			return give_refs_dir(it, out, view);
		if (it->step >= r->refs.count)
			continue;
		set_repo_path(it, r, view);
		str_addf(&it->path, "refs/%s", r->refs.items[it->step++]);
		str_adds(&it->text, r->commit);
		return give_text(it, out, MODE_FILE);
	}
	return false;
}

static bool stage_view_refs(struct members *it, struct member *out)
{
	return give_refs(it, out, true);
}

static bool stage_refs(struct members *it, struct member *out)
{
	return give_refs(it, out, false);
}

static bool (*const stages[])(struct members *it, struct member *out) = {
	stage_manifest,	  stage_signature,  stage_sums,
	stage_extras,	  stage_oci_layout, stage_oci_index,
	stage_oci_config, stage_oci_bundle, stage_oci_manifests,
	stage_payloads,	  stage_trees,	    stage_record,
	stage_states,	  stage_tag,	    stage_view_refs,
	stage_refs,
};

void members_init(struct members *it, const struct bundle_manifest *m,
		  const struct oci_bundle *bundle, bool names_only)
{
	*it = (struct members){ .m = m,
				.bundle = *bundle,
				.names_only = names_only,
				.path = STR_INIT,
				.target = STR_INIT,
				.text = STR_INIT };
}

void members_release(struct members *it)
{
	str_release(&it->path);
	str_release(&it->target);
	str_release(&it->text);
}

bool members_next(struct members *it, struct member *out)
{
	while (it->stage < ARRAY_LEN(stages)) {
		*out = (struct member){ .tar = { .type = TAR_FILE,
						 .mode = MODE_FILE,
						 .mtime = it->m->epoch } };
		/* large texts are rare: their memory is not kept */
		str_release(&it->text);
		if (stages[it->stage](it, out)) {
			out->tar.path = it->path.ptr;
			if (out->data == MEMBER_NONE &&
			    out->tar.type != TAR_DIR)
				out->tar.target = it->target.ptr;
			return true;
		}
		it->stage++;
		it->i = it->use = it->step = 0;
	}
	return false;
}

bool member_is_listed(const struct member *m)
{
	return m->data == MEMBER_TEXT || m->data == MEMBER_PAYLOAD ||
	       m->data == MEMBER_EXTRA || m->data == MEMBER_MANIFEST;
}
