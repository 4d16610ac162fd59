/* The hasher behind the writer: blocks that become others after it has passed them. Its
 * thread stands still in wake() while a test does what the writer would. */
#include "tests/unit/cache/unit.h"

#include "cache/follow.h"

#include <fcntl.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

#define BLOCK (1u << 20)
#define SIZE  (3 * BLOCK + 1000)
#define COUNT 4u

struct scene {
	char path[TEMP_PATH_MAX];
	int dir, fd;
	struct str bytes;
	struct digest want, sha256;
	struct journal journal;
	struct follow *follow;
	sem_t woken, go;
	struct error err;
};

static int prepare(void *ctx, struct error *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

static void wake(void *ctx)
{
	struct scene *s = ctx;

	sem_post(&s->woken);
	sem_wait(&s->go);
}

static void put(struct scene *s, uint32_t i, bool right)
{
	size_t at = (size_t)i * BLOCK;
	size_t len = SIZE - at < BLOCK ? SIZE - at : BLOCK;

	s->bytes.ptr[at] ^= !right;
	assert_int_equal(pwrite(s->fd, s->bytes.ptr + at, len, (off_t)at), len);
	s->bytes.ptr[at] ^= !right;
}

/* A bit for each block that is wrong at first. */
static void set_up(struct scene *s, enum digest_alg alg, unsigned wrong)
{
	const struct follow_hooks hooks = { .prepare = prepare,
					    .wake = wake,
					    .wake_ctx = s };

	*s = (struct scene){ .bytes = STR_INIT };
	s->dir = temp_dir(s->path);
	s->fd = openat(s->dir, "part", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(s->fd >= 0);
	sample_bytes("a.bin", SIZE, &s->bytes);
	digest_buf(alg, s->bytes.ptr, SIZE, &s->want);
	digest_buf(DIGEST_SHA256, s->bytes.ptr, SIZE, &s->sha256);
	for (uint32_t i = 0; i < COUNT; i++)
		put(s, i, !(wrong >> i & 1));
	sem_init(&s->woken, 0, 0);
	sem_init(&s->go, 0, 0);
	journal_init(&s->journal, &s->want, &s->sha256, SIZE);
	assert_ok(follow_start(&s->follow, s->fd, &s->journal, &hooks, &s->err),
		  &s->err);
	sem_wait(&s->woken);
	assert_true(follow_checked(s->follow));
	sem_post(&s->go);
}

static void tear_down(struct scene *s)
{
	sem_post(&s->go);
	follow_end(&s->follow);
	journal_release(&s->journal);
	sem_destroy(&s->woken);
	sem_destroy(&s->go);
	str_release(&s->bytes);
	close(s->fd);
	temp_dir_end(s->dir, s->path);
}

static void assert_result(struct scene *s, bool right)
{
	struct follow_result r;

	assert_true(follow_result(s->follow, &r));
	assert_int_equal(r.err.code, ERR_NONE);
	assert_int_equal(digest_equal(&r.etag, &s->want), right);
	assert_int_equal(digest_equal(&r.sha256, &s->sha256), right);
}

/* Two blocks are replaced before it looks: from the lower one on all is hashed again,
 * and until then what it had found out is no result. */
static void test_two_replaced(void **state)
{
	static const struct {
		enum digest_alg alg;
		uint32_t first, second;
	} rows[] = { { DIGEST_SHA256, 1, 3 },
		     { DIGEST_SHA256, 3, 1 },
		     { DIGEST_SHA256, 0, 2 },
		     { DIGEST_GIT_SHA1, 1, 3 } };

	(void)state;
	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		struct follow_result r;
		struct scene s;

		set_up(&s, rows[k].alg,
		       1u << rows[k].first | 1u << rows[k].second);
		follow_front(s.follow, COUNT);
		sem_wait(&s.woken);
		assert_result(&s, false);
		put(&s, rows[k].first, true);
		follow_again(s.follow, rows[k].first);
		assert_false(follow_result(s.follow, &r));
		put(&s, rows[k].second, true);
		follow_again(s.follow, rows[k].second);
		assert_false(follow_result(s.follow, &r));
		sem_post(&s.go);
		sem_wait(&s.woken);
		assert_result(&s, true);
		tear_down(&s);
	}
}

/* What it has passed already is hashed again before the end has come, too; what it has
 * not come to does not send it back. However far it is: the result is right. */
static void test_replaced_on_the_way(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		struct scene s;

		set_up(&s, DIGEST_SHA256, 1u << i);
		follow_front(s.follow, 3);
		usleep(50000); /* for it to pass them, if it likes */
		put(&s, i, true);
		follow_again(s.follow, i);
		follow_front(s.follow, COUNT);
		sem_wait(&s.woken);
		assert_result(&s, true);
		tear_down(&s);
	}
}

int run_follow_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_replaced),
		cmocka_unit_test(test_replaced_on_the_way),
	};

	return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
