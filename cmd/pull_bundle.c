#include "cmd/pull_bundle.h"

#include "base/mem.h"
#include "bundle/oci.h"
#include "cache/view.h"
#include "cmd/policy.h"
#include "cmd/serial.h"
#include "manifest/lock_join.h"

#include <stdlib.h>
#include <string.h>

void pull_bundle_release(struct pull_bundle *b)
{
	trusting_release(&b->trusting);
	bundle_source_close(&b->source);
}

/* --- whether it may come in --------------------------------------------------- */

/* Where signatures count: one that was given is checked with the manifest. Else a
 * digest says as much as what is in place by default, but not as much as what was
 * asked for with this very command. */
static int check_unsigned(struct app *app, const struct registry_ref *ref,
			  const char *path, struct error *err)
{
	const struct options *o = app->options;
	bool by_digest = ref->digest.alg != DIGEST_NONE;

	if (by_digest && !o->allowed_signers && !o->require_signature &&
	    o->revoked.count == 0)
		return 0;
	if (trusting_refuse(app, path, err) == 0)
		return 0;
	err_hint(err, "give the signature of the bundle with --signature FILE");
	if (!by_digest && !o->allowed_signers && !o->require_signature)
		err_hint(err, "or name the image by its digest: "
			      "oci:HOST/NAME@sha256:DIGEST");
	return -1;
}

static int check_policy_unsigned(const struct policy *p, const char *path,
				 struct error *err)
{
	if (policy_check_unsigned(p, path, err) == 0)
		return 0;
	return err_hint(err, "give the signature of the bundle with "
			     "--signature FILE");
}

static int no_bundle(const char *path, const char *option, struct error *err)
{
	err_set(err, ERR_USAGE,
		"%s: the image was made by an itts-pack that did not put the "
		"manifest of the bundle into it, and %s needs that",
		path, option);
	return err_hint(err, "pack the bundle again with this itts-pack and "
			     "copy it to the registry, or install the "
			     "bundle's file");
}

/* An image of which no more is known than its files. */
static int judge_bare(struct app *app, const struct registry_ref *ref,
		      const struct registry_image *image,
		      const struct install_options *o, const char *path,
		      struct error *err)
{
	if (o->model_dir)
		return no_bundle(path, "--model-dir", err);
	if (app->options->signature)
		return no_bundle(path, "--signature", err);
	if (check_unsigned(app, ref, path, err) != 0 ||
	    policy_check_unsigned(o->policy, path, err) != 0)
		return -1;
	if (policy_check_lock(o->policy, &image->lock, err) != 0)
		return err_wrap(err, "%s", path);
	return 0;
}

/* Reading is comparing: the image must be what the manifest makes of one of its
 * repositories, byte for byte. */
static int find_repo(struct pull_bundle *b, const struct registry_image *image,
		     const char *path, struct error *err)
{
	const struct bundle_manifest *m = &b->source.manifest;
	const struct lock_repo *is = &image->lock.repos[0];
	struct oci_bundle own;

	oci_bundle_of(m, b->source.text.ptr, b->source.text.len, &own);
	for (size_t i = 0; i < m->lock.repo_count; i++) {
		const struct lock_repo *r = &m->lock.repos[i];
		struct str text CLEANUP(str_release) = STR_INIT;

		if (strcmp(r->id, is->id) != 0 ||
		    strcmp(r->commit, is->commit) != 0)
			continue;
		oci_manifest(r, &own, &text);
		if (text.len != image->text.len ||
		    memcmp(text.ptr, image->text.ptr, text.len) != 0)
			continue;
		b->repo = i;
		return 0;
	}
	return err_set(err, ERR_INTEGRITY,
		       "%s: the image says something else than the bundle that "
		       "it is said to come from",
		       path);
}

/* Signature first: nothing of the manifest is understood before it holds. */
static int judge_text(struct pull_bundle *b, struct app *app,
		      const struct registry_ref *ref, struct str *text,
		      const struct install_options *o, const char *path,
		      struct error *err)
{
	if (app->options->signature) {
		trusting_guard(&b->trusting, &b->source);
		if (trusting_init(&b->trusting, app, err) != 0)
			return -1;
		policy_demand(o->policy, &b->trusting.trust);
	} else if (check_unsigned(app, ref, path, err) != 0 ||
		   (o->policy && o->policy->signers.count > 0 &&
		    check_policy_unsigned(o->policy, path, err) != 0)) {
		return -1;
	}
	if (bundle_source_open_text(&b->source, text, path, err) != 0)
		return -1;
	if (app->options->signature)
		trusting_say(&b->trusting, app, path);
	return 0;
}

int pull_bundle_get(struct pull_bundle *b, struct app *app, struct registry *r,
		    const struct registry_image *image,
		    const struct install_options *o, const char *path,
		    struct error *err)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	if (image->bundle.alg == DIGEST_NONE)
		return judge_bare(app, r->ref, image, o, path, err);
	if (image->bundle_size > BUNDLE_MANIFEST_LIMIT)
		return err_set(
			err, ERR_FORMAT,
			"%s: a bundle's manifest of %llu bytes, limit %u", path,
			(unsigned long long)image->bundle_size,
			BUNDLE_MANIFEST_LIMIT);
	if (registry_bundle(r, image, &text, err) != 0 ||
	    judge_text(b, app, r->ref, &text, o, path, err) != 0 ||
	    find_repo(b, image, path, err) != 0)
		return -1;
	if (policy_check_bundle(o->policy, &b->source.manifest, err) != 0)
		return err_wrap(err, "%s", path);
	b->known = true;
	return serial_check(app, &b->source.manifest, path, o->cache_root, err);
}

/* --- what is made of it --------------------------------------------------------- */

struct lock pull_bundle_part(const struct pull_bundle *b)
{
	struct lock part = b->source.manifest.lock;

	part.repos = &part.repos[b->repo];
	part.repo_count = 1;
	return part;
}

/* What is recorded there under this bundle's name; 0: nothing. */
static int find_record(const char *model_dir, const char *name,
		       struct lock *out, struct error *err)
{
	struct lock *locks = NULL;
	size_t count = 0;
	int found = 0;

	if (view_records(model_dir, &locks, &count, err) != 0) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		err_clear(err);
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		if (!found && strcmp(locks[i].name, name) == 0) {
			*out = locks[i];
			found = 1;
		} else {
			lock_release(&locks[i]);
		}
	}
	free(locks);
	return found;
}

int pull_bundle_place(const struct pull_bundle *b, struct hfcache *store,
		      const struct install_options *o, struct view_stats *out,
		      struct error *err)
{
	const struct lock *whole = &b->source.manifest.lock;
	struct lock part = pull_bundle_part(b);
	struct lock had CLEANUP(lock_release) = { 0 };
	struct lock now CLEANUP(lock_release) = { 0 };
	int found = find_record(o->model_dir, whole->name, &had, err);

	if (found < 0)
		return -1;
	if (lock_join(&now, whole, b->repo, found ? &had : NULL, err) != 0) {
		err_wrap(err, "%s", o->model_dir);
		return err_hint(err, "install the repository that has its "
				     "files there first, or the bundle's file");
	}
	if (view_mend(store, &part, o->model_dir, o->cancel, o->sink, out,
		      err) != 0)
		return -1;
	return view_record(o->model_dir, &now, err);
}

int pull_bundle_lacking(const struct pull_bundle *b, struct hfcache *store,
			const struct cancel *cancel, struct strlist *out,
			struct error *err)
{
	const struct lock *l = &b->source.manifest.lock;

	for (size_t i = 0; i < l->repo_count; i++) {
		const struct lock_repo *r = &l->repos[i];
		enum blob_state state = BLOB_OK;

		if (cancel_check(cancel, err) != 0)
			return -1;
		for (size_t k = 0; k < r->file_count && state == BLOB_OK; k++)
			if (hfcache_blob_look(store, r, &r->files[k], &state,
					      err) != 0)
				return -1;
		if (state != BLOB_OK)
			strlist_add(out, r->id);
	}
	return 0;
}
