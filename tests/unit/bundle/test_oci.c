#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "bundle/bmanifest.h"
#include "bundle/oci.h"

#include <string.h>

static void fixed_texts(void **state)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	(void)state;
	oci_layout_file(&text);
	assert_string_equal(text.ptr, "{\"imageLayoutVersion\":\"1.0.0\"}");
	str_clear(&text);
	oci_config(&text);
	assert_string_equal(text.ptr, "{}");
}

static void tags(void **state)
{
	static const struct {
		enum repo_type type;
		const char *id, *tag;
	} cases[] = {
		{ REPO_MODEL, "acme/tiny-tts", "acme--tiny-tts" },
		{ REPO_MODEL, "gpt2", "gpt2" },
		{ REPO_DATASET, "acme/voices", "datasets--acme--voices" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lock_repo r = { .type = cases[i].type };
		struct str tag CLEANUP(str_release) = STR_INIT;
		char *id CLEANUP(free_ptr) = xstrdup(cases[i].id);

		r.id = id;
		oci_tag(&r, &tag);
		assert_string_equal(tag.ptr, cases[i].tag);
	}
}

static const struct oci_bundle no_bundle;

/* Every file of the repo is a layer of its size and SHA-256. */
static void layers_are_files(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct json *doc CLEANUP(json_free) = NULL;
	struct error err = { 0 };
	const struct json *layer;
	size_t n = 0;

	(void)state;
	sample_lock(&l);
	oci_manifest(&l.repos[0], &no_bundle, &text);
	assert_ok(json_parse(&doc, text.ptr, text.len, &err), &err);
	layer = json_first(json_member(doc, "layers"));
	for (; layer; layer = json_next(layer), n++) {
		const struct lock_file *f = &l.repos[0].files[n];
		const struct json *notes = json_member(layer, "annotations");
		const char *digest = NULL;
		char hex[DIGEST_HEX_MAX];
		uint64_t size = 0;

		assert_ok(json_get_string(layer, "digest", &digest, "", &err),
			  &err);
		assert_ok(json_get_u64(layer, "size", &size, "", &err), &err);
		assert_memory_equal(digest, "sha256:", 7);
		assert_string_equal(digest + 7, digest_hex(&f->sha256, hex));
		assert_int_equal(size, f->size);
		assert_string_equal(
			json_string_or(
				json_member(notes, "org.cncf.model.filepath"),
				""),
			f->path);
	}
	assert_int_equal(n, l.repos[0].file_count);
}

/* Behind the files, unless the bundle is of version 1. */
static void manifest_is_a_layer(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct bundle_manifest m CLEANUP(bundle_manifest_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct str with CLEANUP(str_release) = STR_INIT;
	struct str without CLEANUP(str_release) = STR_INIT;
	char hex[DIGEST_HEX_MAX];
	struct oci_bundle b;
	struct digest d;

	(void)state;
	sample_lock(&l);
	sample_manifest(&l, &m, &text);
	oci_bundle_of(&m, text.ptr, text.len, &b);
	oci_manifest(&l.repos[0], &b, &with);
	digest_buf(DIGEST_SHA256, text.ptr, text.len, &d);
	assert_int_equal(b.size, text.len);
	assert_non_null(strstr(with.ptr, digest_hex(&d, hex)));
	assert_non_null(strstr(with.ptr, "\"vnd.itts-pack.bundle\":"));
	m.version = 1;
	oci_bundle_of(&m, text.ptr, text.len, &b);
	oci_manifest(&l.repos[0], &b, &without);
	assert_null(strstr(without.ptr, "vnd.itts-pack.bundle"));
	assert_true(without.len < with.len);
}

static void kinds_of_layers(void **state)
{
	static const struct {
		const char *path, *type;
		bool lfs;
	} cases[] = {
		{ "README.md", ".doc.v1.raw", false },
		{ "LICENSE", ".doc.v1.raw", false },
		{ "docs/LICENSE.txt", ".doc.v1.raw", true },
		{ "model.safetensors", ".weight.v1.raw", true },
		{ "model.safetensors.index.json", ".weight.config.v1.raw",
		  true },
		{ "config.yaml", ".weight.config.v1.raw", false },
		{ "modeling.py", ".code.v1.raw", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lock l CLEANUP(lock_release) = { 0 };
		struct lock_repo *r = lock_add_repo(&l);
		struct str text CLEANUP(str_release) = STR_INIT;

		r->id = xstrdup("acme/x");
		sample_add(r, cases[i].path, 10, cases[i].lfs);
		oci_manifest(r, &no_bundle, &text);
		if (!strstr(text.ptr, cases[i].type))
			fail_msg("%s: no %s", cases[i].path, cases[i].type);
	}
}

static void repos_that_get_no_manifest(void **state)
{
	struct lock_repo r = { .file_count = 0 };

	(void)state;
	assert_false(oci_has_manifest(&r));
	r.file_count = OCI_MAX_FILES;
	assert_true(oci_has_manifest(&r));
	r.file_count++;
	assert_false(oci_has_manifest(&r));
}

/* Two commits of one repo stand under two tags. */
static void tags_are_unique(void **state)
{
	struct bundle_manifest m = { .epoch = 0 };
	struct str text CLEANUP(str_release) = STR_INIT;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct lock_repo *r = lock_add_repo(&m.lock);

		r->id = xstrdup("acme/x");
		memset(r->commit, 'a' + i, 40);
		sample_add(r, "f", 10, true);
	}
	oci_index(&m, &no_bundle, &text);
	assert_non_null(strstr(text.ptr, "\"acme--x\""));
	assert_non_null(strstr(text.ptr, "\"acme--x--bbbbbbbbbbbb\""));
	lock_release(&m.lock);
}

/* skopeo reads the bundle as an archive of images. */
static void skopeo_reads_it(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str bundle CLEANUP(str_release) = STR_INIT;
	struct str said CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	sample_lock(&l);
	sample_bundle(&l, &bundle);
	assert_ok(file_replace(dir, "b.tar", bundle.ptr, bundle.len, &err),
		  &err);
	if (run_shell(path, "command -v skopeo", &said) == 0)
		run_silent(path,
			   "skopeo copy -q --insecure-policy "
			   "oci-archive:b.tar:acme--tiny-tts dir:out >out.txt "
			   "&& tar -xf b.tar blobs && "
			   "for f in out/*; do n=${f#out/}; case $n in "
			   "version|manifest.json) ;; "
			   "*) cmp $f blobs/sha256/$n ;; esac; done");
	temp_dir_end(dir, path);
}

int run_oci_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_texts),
		cmocka_unit_test(tags),
		cmocka_unit_test(layers_are_files),
		cmocka_unit_test(manifest_is_a_layer),
		cmocka_unit_test(kinds_of_layers),
		cmocka_unit_test(repos_that_get_no_manifest),
		cmocka_unit_test(tags_are_unique),
		cmocka_unit_test(skopeo_reads_it),
	};

	return cmocka_run_group_tests_name("oci", tests, NULL, NULL);
}
