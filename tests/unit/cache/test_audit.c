/* What a cache says of itself as a lock, and the state of each file of it. */
#include "tests/unit/cache/unit.h"

#include "base/mem.h"
#include "cache/audit.h"
#include "cache/derive.h"

#include <string.h>

struct fixture {
	struct lock l, got;
	struct hfcache *c;
	struct audit a;
	uint64_t unknown;
	int dir;
	char path[TEMP_PATH_MAX];
	struct error err;
};

static void fixture_open(struct fixture *x)
{
	*x = (struct fixture){ 0 };
	x->dir = temp_dir(x->path);
	sample_lock(&x->l);
	x->c = open_store(x->path, true);
	store_all(x->c, &x->l);
}

static void fixture_close(struct fixture *x)
{
	audit_release(&x->a);
	hfcache_close(&x->c);
	lock_release(&x->l);
	lock_release(&x->got);
	temp_dir_end(x->dir, x->path);
}

static int derive(struct fixture *x, const char *spec, bool tip)
{
	struct strlist specs CLEANUP(strlist_release) = { 0 };
	const struct derive_want want = { .specs = &specs, .tip = tip };

	lock_release(&x->got);
	if (spec)
		strlist_add(&specs, spec);
	return derive_lock(x->c, &want, &x->got, &x->unknown, &x->err);
}

static void audit(struct fixture *x, struct lock *l)
{
	const struct verify_options o = { .threads = 2 };

	audit_release(&x->a);
	assert_ok(audit_lock(x->c, l, &o, &x->a, &x->err), &x->err);
}

static const struct audit_file *state_of(const struct fixture *x,
					 const char *id, const char *path)
{
	for (size_t i = 0; i < x->a.count; i++)
		if (!strcmp(x->a.files[i].repo->id, id) &&
		    !strcmp(x->a.files[i].file->path, path))
			return &x->a.files[i];
	fail_msg("%s %s is not there", id, path);
	return NULL;
}

static void test_derive(void **state)
{
	struct fixture x;
	struct lock_repo *r;

	(void)state;
	fixture_open(&x);
	r = &x.l.repos[0];
	assert_ok(derive(&x, NULL, false), &x.err);
	assert_int_equal(x.got.repo_count, x.l.repo_count);
	assert_int_equal(x.unknown, 0);
	assert_ok(derive(&x, r->id, true), &x.err);
	assert_int_equal(x.got.repo_count, 1);
	assert_string_equal(x.got.repos[0].commit, r->commit);
	assert_int_equal(x.got.repos[0].file_count, r->file_count);
	assert_true(x.got.repos[0].complete);
	for (size_t i = 0; i < r->file_count; i++) {
		const struct lock_file *f = &x.got.repos[0].files[i];

		assert_string_equal(f->path, r->files[i].path);
		assert_true(f->size == r->files[i].size);
		assert_true(digest_equal(&f->etag, &r->files[i].etag));
	}
	/* with the bytes it is a lock like any other */
	x.got.name = xstrdup("sample");
	assert_ok(derive_fill(x.c, &x.got, NULL, &x.err), &x.err);
	for (size_t i = 0; i < r->file_count; i++)
		assert_true(digest_equal(&x.got.repos[0].files[i].sha256,
					 &r->files[i].sha256));
	assert_fails(derive(&x, "acme/nothing", true), &x.err, ERR_NOT_FOUND,
		     "there is no");
	fixture_close(&x);
}

/* No listing: names of blobs tell digests, nothing tells sizes. */
static void test_unlisted(void **state)
{
	struct fixture x;
	struct lock_repo *r;
	char *tree CLEANUP(free_ptr) = NULL;

	(void)state;
	fixture_open(&x);
	r = &x.l.repos[0];
	tree = xasprintf("trees/%s.json", r->commit);
	{
		char *full CLEANUP(free_ptr) = repo_path(r, tree);

		remove_file(x.dir, full);
	}
	assert_ok(derive(&x, r->id, false), &x.err);
	assert_int_equal(x.got.repos[0].file_count, r->file_count);
	assert_false(x.got.repos[0].complete);
	assert_true(x.got.repos[0].files[0].size == DERIVE_NO_SIZE);
	audit(&x, &x.got);
	assert_int_equal(x.a.bad + x.a.unlinked, 0);
	fixture_close(&x);
}

static void test_states(void **state)
{
	struct fixture x;
	struct lock_repo *r;
	char *blob CLEANUP(free_ptr) = NULL, *snap CLEANUP(free_ptr) = NULL;

	(void)state;
	fixture_open(&x);
	r = &x.l.repos[1];
	audit(&x, &x.l);
	assert_int_equal(x.a.bad + x.a.unlinked, 0);
	blob = blob_path(r, &r->files[0]);
	damage_file(x.dir, blob, 0);
	audit(&x, &x.l);
	assert_int_equal(state_of(&x, r->id, r->files[0].path)->state,
			 BLOB_WRONG_DIGEST);
	damage_file(x.dir, blob, 0);
	snap = snapshot_path(r, r->files[0].path);
	remove_file(x.dir, snap);
	audit(&x, &x.l);
	assert_int_equal(x.a.bad, 0);
	assert_int_equal(x.a.unlinked, 1);
	assert_true(state_of(&x, r->id, r->files[0].path)->unlinked);
	/* a file of its own there is no link, and its bytes count */
	put_text(x.dir, snap, "wrong");
	audit(&x, &x.l);
	assert_int_equal(x.a.unlinked, 0);
	assert_int_equal(state_of(&x, r->id, r->files[0].path)->state,
			 BLOB_WRONG_SIZE);
	remove_file(x.dir, snap);
	remove_file(x.dir, blob);
	put_dir(x.dir, blob);
	audit(&x, &x.l);
	assert_int_equal(state_of(&x, r->id, r->files[0].path)->state,
			 BLOB_NOT_FILE);
	fixture_close(&x);
}

int run_audit_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derive),
		cmocka_unit_test(test_unlisted),
		cmocka_unit_test(test_states),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
