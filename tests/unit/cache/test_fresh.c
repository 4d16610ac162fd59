#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "cache/lease.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A cache that was opened to be written, and closed again. */
static void visit(const char *top, const char *below)
{
	char *root CLEANUP(free_ptr) = xasprintf("%s/%s", top, below);
	struct hfcache *c CLEANUP(hfcache_close) = open_store(root, true);
	struct error err = { 0 };

	assert_int_equal(count_names(hfcache_fd(c), "."), 1);
	assert_int_equal(lease_share(c, "models--a--b", &err), 0);
	assert_int_equal(count_names(hfcache_fd(c), ".locks"), 1);
}

static void test_goes(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	visit(path, "hub");
	visit(path, "a/b//c/");
	visit(path, "x/../y");
	/* (it was made on the way to y) */
	assert_int_equal(count_names(dir, "."), 1);
	assert_int_equal(count_names(dir, "x"), 0);
	/* what was there is there */
	put_dir(dir, "mine");
	visit(path, "mine/hub");
	assert_int_equal(count_names(dir, "mine"), 0);
	visit(path, "mine");
	assert_int_equal(count_names(dir, "mine"), 2);
	temp_dir_end(dir, path);
}

static void test_goes_from_here(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path), before = open(".", O_RDONLY | O_CLOEXEC);
	struct hfcache *c = NULL;

	(void)state;
	assert_true(before >= 0);
	assert_int_equal(fchdir(dir), 0);
	c = open_store("a/hub", true);
	hfcache_close(&c);
	c = open_store("hub", true);
	hfcache_close(&c);
	assert_int_equal(fchdir(before), 0);
	close_fd(&before);
	assert_int_equal(count_names(dir, "."), 0);
	temp_dir_end(dir, path);
}

static void test_goes_behind_link(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	put_dir(dir, "disk");
	assert_int_equal(symlinkat("disk", dir, "link"), 0);
	visit(path, "link/a/hub");
	assert_int_equal(count_names(dir, "disk"), 0);
	assert_int_equal(count_names(dir, "."), 2);
	temp_dir_end(dir, path);
}

/* Anything that is not ours: another program works there. */
static void test_stays(void **state)
{
	static const char *const others[] = { "models--a--b/blobs/none",
					      ".locks/models--a--b/1.lock",
					      "version.txt" };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		char *root CLEANUP(free_ptr) = xasprintf("%s/%zu", path, i);
		char *name CLEANUP(free_ptr) = xasprintf("%zu/%s", i,
							 others[i]);
		char *tag CLEANUP(free_ptr) = xasprintf("%zu/CACHEDIR.TAG", i);
		struct hfcache *c = open_store(root, true);

		put_text(dir, name, "");
		hfcache_close(&c);
		assert_text(dir, name, "");
		assert_text(dir, tag, hfcache_tag_text());
	}
	temp_dir_end(dir, path);
}

/* So is a link, wherever it leads. */
static void test_stays_for_link(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	char *root CLEANUP(free_ptr) = xasprintf("%s/hub", path);
	struct hfcache *c = open_store(root, true);

	(void)state;
	put_dir(dir, "mine/below");
	put_link(dir, "hub/.locks/away", "../../mine");
	hfcache_close(&c);
	assert_link(dir, "hub/.locks/away", "../../mine");
	assert_int_equal(count_names(dir, "mine"), 1);
	temp_dir_end(dir, path);
}

/* Who came later and still works there loses nothing. */
static void test_stays_for_others(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	char *root CLEANUP(free_ptr) = xasprintf("%s/hub", path);
	struct hfcache *first = open_store(root, true);
	struct hfcache *second = open_store(root, true);
	struct error err = { 0 };

	(void)state;
	hfcache_close(&first);
	assert_int_equal(count_names(dir, "hub"), 1);
	assert_int_equal(lease_share(second, "models--a--b", &err), 0);
	hfcache_close(&second);
	assert_int_equal(count_names(dir, "hub"), 2);
	temp_dir_end(dir, path);
}

/* A directory of that name that is another one now is none of our business. */
static void test_another_one(void **state)
{
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	char *root CLEANUP(free_ptr) = xasprintf("%s/hub", path);
	struct hfcache *c = open_store(root, true);

	(void)state;
	assert_int_equal(renameat(dir, "hub", dir, "moved"), 0);
	put_dir(dir, "hub");
	hfcache_close(&c);
	assert_int_equal(count_names(dir, "hub"), 0);
	assert_int_equal(count_names(dir, "moved"), 1);
	temp_dir_end(dir, path);
}

int run_fresh_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes),
		cmocka_unit_test(test_goes_from_here),
		cmocka_unit_test(test_goes_behind_link),
		cmocka_unit_test(test_stays),
		cmocka_unit_test(test_stays_for_link),
		cmocka_unit_test(test_stays_for_others),
		cmocka_unit_test(test_another_one),
	};

	return cmocka_run_group_tests_name("fresh", tests, NULL, NULL);
}
