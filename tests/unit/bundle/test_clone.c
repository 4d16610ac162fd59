#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/bmanifest.h"
#include "bundle/clone.h"
#include "bundle/layout.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the file system cannot share blocks only clone_make()'s "no" is seen; an
 * end-to-end test runs these on one that can (TMPDIR). */

#define SIZE (3 * (size_t)BUNDLE_ALIGN + 777)

struct place {
	char path[TEMP_PATH_MAX];
	int dir, src, dst;
	struct str bytes;
	struct digest sha256;
};

static int make_one(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void place_begin(struct place *p)
{
	struct error err = { 0 };

	p->dir = temp_dir(p->path);
	p->src = make_one(p->dir, "src");
	p->dst = make_one(p->dir, "dst");
	p->bytes = (struct str)STR_INIT;
	sample_bytes("clone", SIZE, &p->bytes);
	digest_buf(DIGEST_SHA256, p->bytes.ptr, SIZE, &p->sha256);
	assert_ok(file_pwrite_all(p->src, p->bytes.ptr, SIZE, BUNDLE_ALIGN,
				  "src", &err),
		  &err);
}

static void place_end(struct place *p)
{
	str_release(&p->bytes);
	close(p->src);
	close(p->dst);
	temp_dir_end(p->dir, p->path);
}

static struct clone clone_of(const struct place *p)
{
	return (struct clone){ .src_fd = p->src,
			       .src_offset = BUNDLE_ALIGN,
			       .dst_fd = p->dst,
			       .dst_offset = 2 * BUNDLE_ALIGN,
			       .size = SIZE,
			       .dst_name = "target" };
}

/* Time stamps that are told apart from those of a change right now: else nothing is
 * taken from src. */
static void settle(void)
{
	sleep(4);
}

static void run_one(struct clone *c, const struct cancel *cancel)
{
	struct clone *const list[] = { c };
	const struct clone_job job = { .clones = list,
				       .count = 1,
				       .cancel = cancel };

	clone_hash(&job);
}

static void what_cannot_be_shared(void **state)
{
	struct place p;
	struct clone c;

	(void)state;
	place_begin(&p);
	c = clone_of(&p);
	c.size = 0;
	assert_false(clone_make(&c));
	c = clone_of(&p);
	c.src_offset += 1;
	assert_false(clone_make(&c));
	c = clone_of(&p);
	c.dst_fd = -1;
	assert_false(clone_make(&c));
	place_end(&p);
}

/* Whatever becomes of src, the digest is that of the bytes that dst has. */
static void change(const struct place *p, int how)
{
	struct error err = { 0 };

	if (how == 1)
		assert_ok(file_pwrite_all(p->src, "changed", 7,
					  BUNDLE_ALIGN + 4096, "src", &err),
			  &err);
	if (how == 2)
		assert_int_equal(ftruncate(p->src, 5), 0);
}

static void changed_meanwhile(void **state)
{
	struct place p[6];
	struct clone c;
	bool can;

	(void)state;
	for (int i = 0; i < 6; i++)
		place_begin(&p[i]);
	c = clone_of(&p[0]);
	can = clone_make(&c);
	for (int i = 0; can && i < 6; i++) {
		if (i == 3)
			settle();
		c = clone_of(&p[i]);
		assert_true(clone_make(&c));
		assert_int_equal(c.proven, i >= 3);
		change(&p[i], i % 3);
		run_one(&c, NULL);
		assert_int_equal(c.err.code, ERR_NONE);
		assert_true(digest_equal(&c.sha256, &p[i].sha256));
	}
	for (int i = 0; i < 6; i++)
		place_end(&p[i]);
}

static void short_and_cancelled(void **state)
{
	struct cancel cancel;
	struct error err = { 0 };
	struct place p;
	struct clone c;

	(void)state;
	place_begin(&p);
	c = clone_of(&p);
	if (clone_make(&c)) {
		assert_int_equal(ftruncate(p.dst, 2 * BUNDLE_ALIGN + 9), 0);
		run_one(&c, NULL);
		assert_int_equal(c.err.code, ERR_INTEGRITY);
		assert_non_null(strstr(c.err.msg, "target: ends at byte"));
		c = clone_of(&p);
		assert_true(clone_make(&c));
		assert_ok(cancel_init(&cancel, &err), &err);
		cancel_set(&cancel);
		run_one(&c, &cancel);
		assert_int_equal(c.err.code, ERR_CANCELLED);
		cancel_release(&cancel);
	}
	place_end(&p);
}

struct told {
	uint64_t last[3];
};

static void on_progress(void *ctx, size_t index, uint64_t done)
{
	struct told *t = ctx;

	assert_true(done > t->last[index]);
	t->last[index] = done;
}

/* Several at once, one of them with states; sparse, so that it is quick. */
static void many_and_their_states(void **state)
{
	const uint64_t big = 2 * BUNDLE_STATE_STEP + 4096;
	unsigned char states[2 * DIGEST_STATE_LEN], want[DIGEST_STATE_LEN];
	struct digest_ctx *ctx CLEANUP(digest_free) = digest_begin(
		DIGEST_SHA256, big);
	unsigned char *zero CLEANUP(free_ptr) = xcalloc(1, BUNDLE_STATE_STEP);
	struct clone c[3], *const list[] = { &c[0], &c[1], &c[2] };
	struct told told = { { 0 } };
	const struct clone_job job = { .clones = list,
				       .count = 3,
				       .progress = on_progress,
				       .ctx = &told };
	struct digest d;
	struct place p;
	bool can;

	(void)state;
	place_begin(&p);
	assert_int_equal(ftruncate(p.src, (off_t)(big + 4 * BUNDLE_ALIGN)), 0);
	c[0] = clone_of(&p);
	c[1] = (struct clone){ .src_fd = p.src,
			       .src_offset = (4 + 4) * BUNDLE_ALIGN,
			       .dst_fd = p.dst,
			       .dst_offset = BUNDLE_ALIGN * 8,
			       .size = big - 4 * BUNDLE_ALIGN,
			       .dst_name = "big",
			       .states = states };
	c[2] = clone_of(&p);
	c[2].dst_offset = big + 64 * BUNDLE_ALIGN;
	can = clone_make(&c[0]);
	if (can) {
		assert_true(clone_make(&c[1]) && clone_make(&c[2]));
		clone_hash(&job);
		for (int i = 0; i < 3; i++)
			assert_true(told.last[i] == c[i].size);
		assert_true(digest_equal(&c[0].sha256, &p.sha256));
		assert_true(digest_equal(&c[2].sha256, &p.sha256));
		digest_update(ctx, zero, BUNDLE_STATE_STEP);
		digest_get_state(ctx, want);
		assert_memory_equal(states, want, sizeof(want));
		digest_update(ctx, zero,
			      (size_t)(c[1].size - BUNDLE_STATE_STEP));
		digest_end(&ctx, &d);
		assert_true(digest_equal(&d, &c[1].sha256));
	}
	place_end(&p);
}

int run_clone_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_shared),
		cmocka_unit_test(changed_meanwhile),
		cmocka_unit_test(short_and_cancelled),
		cmocka_unit_test(many_and_their_states),
	};

	return cmocka_run_group_tests_name("clone", tests, NULL, NULL);
}
