#include "tests/unit/cache/unit.h"

#include "base/mem.h"
#include "cache/census.h"
#include "cache/gc.h"
#include "cache/gc_priv.h"
#include "cache/inuse.h"
#include "cache/lease.h"
#include "cache/store.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define REPO "models--org--x"
#define A40  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B40  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C40  "cccccccccccccccccccccccccccccccccccccccc"
#define D40  "dddddddddddddddddddddddddddddddddddddddd"

/* Two revisions that share a blob; one blob that nobody uses; a broken link. */
static void make_repo(int dir)
{
	put_text(dir, REPO "/blobs/" A40, "aaa");
	put_text(dir, REPO "/blobs/" B40, "bb");
	put_text(dir, REPO "/blobs/" C40, "c");
	put_text(dir, REPO "/blobs/" D40 ".itts-part", "dddd");
	put_link(dir, REPO "/snapshots/" A40 "/one", "../../blobs/" A40);
	put_link(dir, REPO "/snapshots/" A40 "/sub/two", "../../../blobs/" B40);
	put_link(dir, REPO "/snapshots/" B40 "/one", "../../blobs/" A40);
	put_link(dir, REPO "/snapshots/" B40 "/gone", "../../blobs/" D40);
	put_link(dir, REPO "/snapshots/" B40 "/out", "../../../../etc/passwd");
	put_text(dir, REPO "/snapshots/" B40 "/real", "12345");
	put_text(dir, REPO "/refs/main", A40);
	put_text(dir, REPO "/refs/refs/pr/1", C40);
}

static void test_repo(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	struct hfcache *c CLEANUP(hfcache_close) = open_store(path, false);
	struct census r CLEANUP(census_release) = { 0 };
	const struct census_revision *a, *b;

	(void)state;
	make_repo(dir);
	assert_true(census_repo(c, REPO, CENSUS_FILES | CENSUS_LISTINGS, &r));
	assert_string_equal(r.id, "org/x");
	assert_int_equal(r.blob_count, 4);
	assert_int_equal(r.sums.size, 3 + 2 + 1 + 4 + 5);
	assert_int_equal(r.sums.unused, 1);
	assert_int_equal(r.sums.parts, 4);
	assert_int_equal(r.sums.detached, 5);
	a = census_find(&r, A40);
	b = census_find(&r, B40);
	assert_null(census_find(&r, C40));
	assert_true(census_is_whole(a));
	assert_int_equal(a->bytes, 5);
	assert_true(strlist_has(&a->refs, "main"));
	assert_int_equal(b->file_count, 4);
	assert_int_equal(b->broken, 2);
	assert_int_equal(b->bytes, 8);
	assert_string_equal(b->files[0].path, "gone");
	assert_string_equal(b->files[0].wants, D40);
	assert_non_null(b->files[2].problem);
	assert_null(b->files[2].wants);
	assert_int_equal(r.ref_count, 2);
	assert_non_null(strstr(r.refs[1].problem, "has no snapshot"));
	hfcache_close(&c);
	temp_dir_end(dir, path);
}

static void test_nothing(void **state)
{
	static const char *const folders[] = { "models--no--such", ".locks",
					       "models--file--x", "" };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	struct hfcache *c CLEANUP(hfcache_close) = open_store(path, false);

	(void)state;
	put_text(dir, "models--file--x", "no directory");
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct census r CLEANUP(census_release) = { 0 };

		assert_false(census_repo(c, folders[i], 0, &r));
	}
	hfcache_close(&c);
	temp_dir_end(dir, path);
}

static bool drop_b(void *ctx, const struct census *c,
		   const struct census_revision *r)
{
	(void)ctx;
	(void)c;
	return r && !strcmp(r->commit, B40);
}

static uint64_t bytes_of(const struct gc_report *r, enum gc_kind kind)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->items[i].kind == kind && r->items[i].state == GC_PLANNED)
			sum += r->items[i].size;
	return sum;
}

static void test_plan(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	struct hfcache *c CLEANUP(hfcache_close) = open_store(path, true);
	struct gc_rules rules = { .garbage = true };
	struct gc_report none CLEANUP(gc_report_release) = { 0 };
	struct gc_report all CLEANUP(gc_report_release) = { 0 };
	struct gc_report young CLEANUP(gc_report_release) = { 0 };
	struct error err = { 0 };

	(void)state;
	make_repo(dir);
	assert_ok(gc_plan(c, &rules, &none, &err), &err);
	assert_int_equal(bytes_of(&none, GC_BLOB), 1);
	assert_int_equal(bytes_of(&none, GC_PART), 4);
	assert_int_equal(none.detached, 1);
	rules.drop = drop_b;
	assert_ok(gc_plan(c, &rules, &all, &err), &err);
	/* blob A is of the other revision too */
	assert_int_equal(bytes_of(&all, GC_BLOB), 1);
	assert_int_equal(bytes_of(&all, GC_REVISION), 5);
	rules.grace = 3600;
	assert_ok(gc_plan(c, &rules, &young, &err), &err);
	assert_int_equal(gc_bytes(&young, GC_PLANNED), 0);
	/* as does anything however far the clock is off */
	rules.grace = UINT64_MAX / 2;
	gc_report_release(&young);
	assert_ok(gc_plan(c, &rules, &young, &err), &err);
	assert_int_equal(gc_bytes(&young, GC_PLANNED), 0);
	hfcache_close(&c);
	temp_dir_end(dir, path);
}

static void test_leases(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	struct hfcache *one CLEANUP(hfcache_close) = open_store(path, true);
	struct hfcache *two CLEANUP(hfcache_close) = open_store(path, true);
	struct error err = { 0 };

	(void)state;
	assert_ok(lease_share(one, "a", &err), &err);
	assert_ok(lease_share(two, "a", &err), &err);
	assert_ok(lease_take(two, "b", &err), &err);
	assert_fails(lease_take(one, "b", &err), &err, ERR_BUSY, "working");
	assert_fails(lease_take(two, "a", &err), &err, ERR_BUSY, "working");
	lease_drop(two, "b");
	assert_ok(lease_take(one, "b", &err), &err);
	/* the one that has closed the cache holds nothing */
	hfcache_close(&one);
	assert_ok(lease_take(two, "a", &err), &err);
	assert_ok(lease_take(two, "b", &err), &err);
	hfcache_close(&two);
	temp_dir_end(dir, path);
}

static void test_in_use(void **state)
{
	static const struct {
		const char *line;
		uint64_t inode;
	} lines[] = {
		{ "7f0000-7f1000 r--p 00000000 08:01 1234  /usr/lib/x\n",
		  1234 },
		{ "7f0000-7f1000 rw-p 00000000 00:00 0 \n", 0 },
		{ "7f0000-7f1000 rw-p 00000000 00:00 0 [heap]\n", 0 },
		{ "", 0 },
		{ "garbage\n", 0 },
		{ "a b c d 99999999999999999999999 /x", UINT64_MAX },
	};
	static const char *const trash[] = { "abc.0badf00d.itts-trash",
					     "",
					     ".0badf00d.itts-trash",
					     "abc.itts-trash",
					     "abc.0badf00d",
					     "abc-0badf00d.itts-trash" };
	char origin[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_int_equal(inuse_maps_inode(lines[i].line),
				 lines[i].inode);
	for (size_t i = 0; i < ARRAY_LEN(trash); i++)
		assert_int_equal(
			gc_trash_origin(trash[i], origin, sizeof(origin)),
			i == 0);
	assert_true(gc_trash_origin(trash[0], origin, sizeof(origin)));
	assert_string_equal(origin, "abc");
	assert_false(gc_trash_origin(trash[0], origin, 3));
}

int run_census_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repo),   cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_plan),   cmocka_unit_test(test_leases),
		cmocka_unit_test(test_in_use),
	};

	return cmocka_run_group_tests_name("census", tests, NULL, NULL);
}
