#include "tests/unit/base/unit.h"

#include "base/digest.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define EMPTY_SHA256                       \
	"e3b0c44298fc1c149afbf4c8996fb924" \
	"27ae41e4649b934ca495991b7852b855"

/* FIPS 180-4 examples; git hash-object for the others */
static void test_known(void **state)
{
	static const struct {
		enum digest_alg alg;
		const char *text, *hex;
	} table[] = {
		{ DIGEST_SHA256, "", EMPTY_SHA256 },
		{ DIGEST_SHA256, "abc",
		  "ba7816bf8f01cfea414140de5dae2223"
		  "b00361a396177a9cb410ff61f20015ad" },
		{ DIGEST_GIT_SHA1, "",
		  "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" },
		{ DIGEST_GIT_SHA1, "hello\n",
		  "ce013625030ba8dba906f756967f9e9ca394464a" },
	};
	char hex[DIGEST_HEX_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct digest d, parsed;
		size_t n = strlen(table[i].text);

		digest_buf(table[i].alg, table[i].text, n, &d);
		assert_string_equal(digest_hex(&d, hex), table[i].hex);
		assert_true(digest_from_hex(&parsed, table[i].hex));
		assert_true(digest_equal(&parsed, &d));
	}
}

static void test_hex(void **state)
{
	static const char *const bad[] = {
		"",
		"abc",
		"E69DE29BB2D1D6434B8B29AE775AD8C2E48C5391",
		"e69de29bb2d1d6434b8b29ae775ad8c2e48c539",
		"e69de29bb2d1d6434b8b29ae775ad8c2e48c53911",
		"e69de29bb2d1d6434b8b29ae775ad8c2e48c539g",
		" 69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
		"e69de29bb2d1d6434b8b29ae775ad8c2e48c539\n",
		EMPTY_SHA256 "0",
	};
	struct digest d = { .alg = DIGEST_NONE, .bytes = { 7 } };
	char hex[DIGEST_HEX_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(digest_from_hex(&d, bad[i]));
		assert_int_equal(d.bytes[0], 7);
		assert_false(is_commit_id(bad[i]));
	}
	assert_string_equal(digest_hex(&d, hex), "");
	assert_true(is_commit_id("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"));
	assert_false(is_commit_id(EMPTY_SHA256));
}

static void test_order(void **state)
{
	struct digest a = { .alg = DIGEST_SHA256, .bytes = { 1 } };
	struct digest b = { .alg = DIGEST_SHA256, .bytes = { 2 } };
	struct digest c = { .alg = DIGEST_GIT_SHA1, .bytes = { 1 } };
	struct digest none = { .bytes = { 9 } }, nothing = { 0 };

	(void)state;
	assert_true(digest_cmp(&a, &b) < 0);
	assert_true(digest_cmp(&b, &a) > 0);
	assert_true(digest_cmp(&a, &c) < 0);
	assert_false(digest_equal(&a, &c));
	assert_true(digest_equal(&none, &nothing));
}

static void fill(unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(i * 7 + i / 251);
}

static void test_states(void **state)
{
	static unsigned char buf[4096];
	struct digest want, got;

	(void)state;
	fill(buf, sizeof(buf));
	digest_buf(DIGEST_SHA256, buf, sizeof(buf), &want);
	for (size_t at = 0; at <= sizeof(buf); at += 64) {
		struct digest_ctx *c CLEANUP(digest_free) = digest_begin(
			DIGEST_SHA256, 0);
		unsigned char mid[DIGEST_STATE_LEN];

		digest_update(c, buf, at);
		digest_get_state(c, mid);
		digest_free(&c);
		c = digest_resume(mid, at);
		digest_update(c, buf + at, sizeof(buf) - at);
		digest_end(&c, &got);
		assert_null(c);
		assert_true(digest_equal(&want, &got));
	}
}

/* The count of bits passes 2^32 at 512 MiB: only its high word tells these two
 * apart. */
static void test_state_beyond_4_gib(void **state)
{
	unsigned char mid[DIGEST_STATE_LEN] = { 1 };
	struct digest small, big;
	struct digest_ctx *c = digest_resume(mid, 64);

	(void)state;
	digest_end(&c, &small);
	c = digest_resume(mid, 64 + ((uint64_t)1 << 29));
	digest_end(&c, &big);
	assert_false(digest_equal(&small, &big));
}

static void test_fd(void **state)
{
	const size_t size = ((size_t)5 << 20) / 2 + 13; /* 2.5 buffers */
	unsigned char *buf CLEANUP(free_ptr) = xmalloc(size);
	struct error err = { 0 };
	struct digest want, got;
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);
	int fd CLEANUP(close_fd) = openat(dir, "f", O_RDWR | O_CREAT, 0600);

	(void)state;
	fill(buf, size);
	assert_int_equal(write(fd, buf, size), size);
	digest_buf(DIGEST_SHA256, buf, size, &want);
	assert_ok(digest_fd(DIGEST_SHA256, fd, 0, size, &got, &err), &err);
	assert_true(digest_equal(&want, &got));
	digest_buf(DIGEST_GIT_SHA1, buf + 5, 100, &want);
	assert_ok(digest_fd(DIGEST_GIT_SHA1, fd, 5, 100, &got, &err), &err);
	assert_true(digest_equal(&want, &got));
	digest_buf(DIGEST_SHA256, "", 0, &want);
	assert_ok(digest_fd(DIGEST_SHA256, fd, size, 0, &got, &err), &err);
	assert_true(digest_equal(&want, &got));
	assert_fails(digest_fd(DIGEST_SHA256, fd, 0, size + 1, &got, &err),
		     &err, ERR_INTEGRITY, "ends after 2621453 bytes");
	assert_fails(digest_fd(DIGEST_SHA256, dir, 0, 1, &got, &err), &err,
		     ERR_IO, "Is a directory");
	temp_dir_end(dir, path);
}

int run_digest_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_state_beyond_4_gib),
		cmocka_unit_test(test_fd),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
