#include "tests/unit/bundle/unit.h"

#include "base/json.h"
#include "base/mem.h"
#include "bundle/extra.h"
#include "bundle/bmanifest.h"
#include "bundle/sbom.h"
#include "bundle/spdx.h"

#include <string.h>

static void licences(void **state)
{
	static const struct {
		const char *in, *id;
	} rows[] = {
		{ "apache-2.0", "Apache-2.0" },
		{ "MIT", "MIT" },
		{ "mit", "MIT" },
		{ "cc-by-nc-4.0", "CC-BY-NC-4.0" },
		{ "ETALAB-2.0", "etalab-2.0" },
		{ "other", NULL },
		{ "", NULL },
		{ "MIT ", NULL },
		{ "MIT OR Apache-2.0", NULL },
		{ "LicenseRef-bilibili", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *id = spdx_id(rows[i].in);

		if (rows[i].id)
			assert_string_equal(id, rows[i].id);
		else
			assert_null(id);
	}
}

struct taken {
	struct str text;
	size_t pieces, longest;
	size_t fail_at; /* 0: never */
};

static int take(void *ctx, const void *p, size_t n, struct error *err)
{
	struct taken *t = ctx;

	str_add(&t->text, p, n);
	t->longest = n > t->longest ? n : t->longest;
	if (++t->pieces == t->fail_at)
		return err_set(err, ERR_IO, "full");
	return 0;
}

/* A lock that needs many pieces; names as long as they may be. */
static void big_lock(struct lock *l, size_t files)
{
	struct lock_repo *r;

	l->name = xstrdup("big");
	r = lock_add_repo(l);
	r->id = xstrdup("acme/big");
	r->revision = xstrdup("main");
	memset(r->commit, 'c', 40);
	for (size_t i = 0; i < files; i++) {
		struct str path CLEANUP(str_release) = STR_INIT;
		struct lock_file *f;

		str_fill(&path, 'd', 250);
		str_addf(&path, "/%zu", i);
		f = lock_add_file(r, path.ptr);
		f->size = i;
		digest_buf(DIGEST_SHA256, path.ptr, path.len, &f->sha256);
		digest_buf(DIGEST_GIT_SHA1, path.ptr, path.len, &f->etag);
	}
}

static void goes_in_pieces(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct taken t = { .text = STR_INIT };
	struct json *doc CLEANUP(json_free) = NULL;
	struct error err = { 0 };
	struct digest d, got;
	uint64_t size;

	(void)state;
	big_lock(&l, 2000);
	sbom_measure(&l, &size, &d);
	assert_ok(sbom_write(&l, take, &t, &err), &err);
	assert_int_equal(t.text.len, size);
	digest_buf(DIGEST_SHA256, t.text.ptr, t.text.len, &got);
	assert_true(digest_equal(&got, &d));
	assert_true(t.pieces > 5 && t.longest < 80 << 10);
	assert_ok(json_parse(&doc, t.text.ptr, t.text.len, &err), &err);
	str_release(&t.text);
}

/* Whatever fits into the manifest of a bundle has a bill that fits beside it. */
static void never_too_large(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };
	struct str listed CLEANUP(str_release) = STR_INIT;
	struct json_writer j;
	struct digest d;
	uint64_t size;

	(void)state;
	big_lock(&l, 1000);
	sbom_measure(&l, &size, &d);
	json_writer_init(&j, &listed, JSON_COMPACT);
	lock_put_repos(&l, &j);
	assert_true(size < listed.len + l.repos[0].file_count * 250);
	assert_true(BUNDLE_MANIFEST_LIMIT + BUNDLE_MAX_FILES * 250 <
		    EXTRA_SIZE_MAX);
}

static void failures_come_back(void **state)
{
	struct lock l CLEANUP(lock_release) = { 0 };

	(void)state;
	big_lock(&l, 2000);
	for (size_t at = 1; at <= 5; at++) {
		struct taken t = { .text = STR_INIT, .fail_at = at };
		struct error err = { 0 };

		assert_fails(sbom_write(&l, take, &t, &err), &err, ERR_IO,
			     "full");
		assert_int_equal(t.pieces, at);
		str_release(&t.text);
	}
}

int run_sbom_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(licences),
		cmocka_unit_test(goes_in_pieces),
		cmocka_unit_test(never_too_large),
		cmocka_unit_test(failures_come_back),
	};

	return cmocka_run_group_tests_name("sbom", tests, NULL, NULL);
}
