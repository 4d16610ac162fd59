#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "bundle/sbom.h"
#include "bundle/source.h"
#include "cmd/app.h"
#include "cmd/groups.h"
#include "cmd/kind.h"
#include "cmd/select.h"
#include "cmd/work.h"

#include <fcntl.h>
#include <string.h>

static const struct option options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, output),
	  .value = "FILE",
	  .help = "write here (default: standard output)" },
	{ .name = "lock",
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, lock),
	  .value = "FILE",
	  .help = "of this lock (default: itts-pack.lock.json)" },
	{ .name = "manifest",
	  .letter = 'm',
	  .kind = OPTION_STRING,
	  .field = offsetof(struct options, manifest),
	  .value = "FILE",
	  .help = "fail unless the lock was made from this manifest" },
};

static const struct option_group group = { "Options", options,
					   ARRAY_LEN(options) };

static const struct option_group *const groups[] = { &group, &group_common,
						     NULL };

static const char *const examples[] = {
	"Of a bundle, from its first bytes:",
	"itts-pack sbom indextts-2.tar -o indextts-2.cdx.json",
	"Before anything is downloaded, from the lock:",
	"itts-pack sbom --lock itts-pack.lock.json",
	"Which licences are in it?",
	"itts-pack sbom indextts-2.tar | jq '.components[].licenses'",
	NULL
};

/* --- where it goes -------------------------------------------------------------- */

static int put_stdout(void *ctx, const void *p, size_t n, struct error *err)
{
	const struct str text = { .ptr = (char *)p, .len = n };

	(void)err;
	app_write(ctx, &text);
	return 0;
}

static int put_file(void *ctx, const void *p, size_t n, struct error *err)
{
	const struct atomic_file *f = ctx;

	return file_write_all(f->fd, p, n, f->name, err);
}

static int to_file(struct app *app, const struct lock *l, struct error *err)
{
	const struct options *o = app->options;
	const char *const inputs[] = {
		o->args.count ? o->args.items[0] : NULL,
		o->lock ? o->lock : LOCK_NAME,
		o->manifest,
	};
	struct atomic_file f CLEANUP(atomic_abort) = ATOMIC_FILE_INIT;
	struct str text CLEANUP(str_release) = STR_INIT;
	const char *file = app->options->output;
	struct json_writer j;
	char hex[DIGEST_HEX_MAX];
	struct digest d;
	uint64_t size;

	if (app_spare(file, inputs, ARRAY_LEN(inputs), err) != 0 ||
	    app_check_replace(file, err) != 0 ||
	    atomic_open_unnamed(&f, AT_FDCWD, file, 0644, err) != 0 ||
	    sbom_write(l, put_file, &f, err) != 0 ||
	    atomic_commit(&f, err) != 0)
		return -1;
	if (!app->options->json) {
		app_note(app, "wrote %s", file);
		return 0;
	}
	sbom_measure(l, &size, &d);
	app_json_begin(app, &j, &text);
	json_put_kv(&j, "file", file);
	json_put_kv_u64(&j, "bytes", size);
	json_put_kv(&j, "sha256", digest_hex(&d, hex));
	app_json_end(app, &j);
	return 0;
}

static int put_sbom(struct app *app, const struct lock *l, struct error *err)
{
	const char *file = app->options->output;

	if (file && !app_is_stdout(file))
		return to_file(app, l, err);
	return sbom_write(l, put_stdout, app, err);
}

/* --- of what --------------------------------------------------------------------- */

static int of_bundle(struct app *app, const char *path, struct error *err)
{
	struct bundle_source s CLEANUP(
		bundle_source_close) = BUNDLE_SOURCE_INIT;

	if (app->options->lock || app->options->manifest)
		return err_set(
			err, ERR_USAGE,
			"a bundle carries its own lock; leave out --lock "
			"and --manifest");
	s.cancel = &app->cancel;
	if (bundle_source_open(&s, path, err) != 0)
		return kind_hint(path, "itts-bundle", err);
	return put_sbom(app, &s.manifest.lock, err);
}

static int check_manifest(struct app *app, const struct lock *l,
			  const char *path, struct error *err)
{
	struct manifest m CLEANUP(manifest_release) = { 0 };

	if (!app->options->manifest)
		return 0;
	if (select_manifest(app->options, &m, err) != 0)
		return -1;
	if (digest_equal(&l->manifest, &m.digest))
		return 0;
	err_set(err, ERR_USAGE, "%s was made from another manifest than %s",
		path, app->options->manifest);
	return work_hint_lock(app, err);
}

static int of_lock(struct app *app, struct error *err)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	const char *path = app->options->lock ? app->options->lock : LOCK_NAME;

	if (lock_load(path, &l, err) != 0) {
		if (err->code == ERR_NOT_FOUND && !app->options->lock)
			err_hint(err, "give a bundle, or --lock FILE");
		return -1;
	}
	if (check_manifest(app, &l, path, err) != 0)
		return -1;
	return put_sbom(app, &l, err);
}

static int run(struct app *app, struct error *err)
{
	if (app->options->args.count > 0)
		return of_bundle(app, app->options->args.items[0], err);
	return of_lock(app, err);
}

const struct command cmd_sbom = {
	.name = "sbom",
	.part = PART_TRUST,
	.args = "[BUNDLE | -]",
	.summary = "the bill of materials of a bundle or a lock (CycloneDX)",
	.about =
		"Writes a CycloneDX 1.6 document in JSON: each repository with "
		"its commit, licence, package URL and sources, and all its "
		"files with their SHA-256. It follows from the lock alone, "
		"without a clock, so that the same lock gives the same bytes; "
		"pack puts that very document into each bundle, as "
		"sbom.cdx.json. Of a bundle it says what the bundle claims; "
		"itts-pack verify checks whether that is true.",
	.examples = examples,
	.groups = groups,
	.words = WORDS_FILES,
	.max_args = 1,
	.run = run,
};
