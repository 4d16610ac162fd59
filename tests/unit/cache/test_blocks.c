#include "tests/unit/cache/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/xxh64.h"
#include "cache/blocks.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define BLOCK (1u << 20)
#define SIZE  (3 * BLOCK + 1000)
#define COUNT 4u
#define BLOBS "models--acme--tiny/blobs"

struct fixture {
	struct lock l;
	struct lock_repo *repo;
	struct lock_file *file;
	struct str bytes;
	struct hfcache *c;
	struct blocks *b;
	int dir, woken[2];
	char *blob, *part, *journal;
	char path[TEMP_PATH_MAX];
	struct error err;
};

static void set_up(struct fixture *x, bool lfs)
{
	*x = (struct fixture){ .bytes = STR_INIT };
	x->dir = temp_dir(x->path);
	x->repo = sample_repo(&x->l, "acme/tiny", 'a');
	x->file = sample_add(x->repo, "a.bin", SIZE, lfs);
	sample_bytes("a.bin", SIZE, &x->bytes);
	x->c = open_store(x->path, true);
	x->blob = blob_path(x->repo, x->file);
	x->part = xasprintf("%s.itts-part", x->blob);
	x->journal = xasprintf("%s.journal.itts-part", x->blob);
	assert_int_equal(pipe2(x->woken, O_CLOEXEC | O_NONBLOCK), 0);
}

static void tear_down(struct fixture *x)
{
	blocks_close(&x->b);
	hfcache_close(&x->c);
	lock_release(&x->l);
	str_release(&x->bytes);
	free_ptr(&x->blob);
	free_ptr(&x->part);
	free_ptr(&x->journal);
	close(x->woken[0]);
	close(x->woken[1]);
	temp_dir_end(x->dir, x->path);
}

static void wake(void *ctx)
{
	struct fixture *x = ctx;

	assert_int_equal(write(x->woken[1], "w", 1), 1);
}

/* Until the follower has something to say; 10 s at most. */
static void wait_for_it(struct fixture *x)
{
	struct pollfd p = { .fd = x->woken[0], .events = POLLIN };
	char c;

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(read(x->woken[0], &c, 1), 1);
}

static void begin(struct fixture *x)
{
	int lockfd = -1;
	bool ready = false;

	assert_ok(hfcache_blob_lock(x->c, x->repo, &x->file->etag, 0, &lockfd,
				    &x->err),
		  &x->err);
	assert_ok(blocks_open(&x->b, x->c, x->repo, x->file, lockfd, &x->err),
		  &x->err);
	assert_ok(blocks_start(x->b, wake, x, &x->err), &x->err);
	while (!ready) {
		wait_for_it(x);
		assert_ok(blocks_checked(x->b, &ready, &x->err), &x->err);
	}
}

static unsigned there(const struct fixture *x)
{
	const struct journal *j = blocks_journal(x->b);
	unsigned n = 0;

	for (uint32_t i = 0; i < j->count; i++)
		n += j->blocks[i].have;
	return n;
}

/* Writes a block, with one bit changed if it is to be wrong. */
static void put(struct fixture *x, uint32_t i, bool right)
{
	const struct journal *j = blocks_journal(x->b);
	size_t len = (size_t)journal_block_len(j, i);
	char *bytes CLEANUP(free_ptr) = xmalloc(len);
	uint64_t at = (uint64_t)i * BLOCK;
	struct xxh64 sum;
	uint32_t source;

	memcpy(bytes, x->bytes.ptr + at, len);
	bytes[len / 2] ^= !right;
	xxh64_begin(&sum, j->seed);
	xxh64_update(&sum, bytes, len);
	assert_ok(blocks_source(x->b, "http://a -", &source, &x->err), &x->err);
	assert_ok(blocks_write(x->b, at, bytes, len, &x->err), &x->err);
	assert_ok(blocks_done(x->b, i, xxh64_end(&sum), source, &x->err),
		  &x->err);
}

static enum blocks_verdict verdict(struct fixture *x)
{
	enum blocks_verdict v = BLOCKS_OPEN;
	struct error why = { 0 };

	while (v == BLOCKS_OPEN) {
		wait_for_it(x);
		assert_ok(blocks_verdict(x->b, &v, &why, &x->err), &x->err);
	}
	if (v == BLOCKS_WRONG)
		assert_fails(-1, &why, ERR_INTEGRITY, "acme/tiny a.bin: ");
	return v;
}

static void assert_done(struct fixture *x)
{
	assert_ok(blocks_commit(x->b, &x->err), &x->err);
	blocks_close(&x->b);
	assert_bytes(x->dir, x->blob, x->bytes.ptr, x->bytes.len);
	assert_int_equal(count_names(x->dir, BLOBS), 1);
}

static void test_any_order(void **state)
{
	static const uint32_t orders[][COUNT] = { { 0, 1, 2, 3 },
						  { 3, 2, 1, 0 },
						  { 1, 0, 3, 2 } };

	(void)state;
	for (size_t k = 0; k < 2 * ARRAY_LEN(orders); k++) {
		struct fixture x;

		set_up(&x, k & 1);
		begin(&x);
		for (uint32_t i = 0; i < COUNT; i++)
			put(&x, orders[k / 2][i], true);
		assert_int_equal(verdict(&x), BLOCKS_RIGHT);
		assert_done(&x);
		tear_down(&x);
	}
}

static void test_resume(void **state)
{
	struct fixture x;

	(void)state;
	set_up(&x, true);
	begin(&x);
	put(&x, 0, true);
	put(&x, 2, true);
	blocks_close(&x.b);
	assert_false(is_there(x.dir, x.blob));
	assert_int_equal(count_names(x.dir, BLOBS), 2);
	begin(&x);
	assert_int_equal(there(&x), 2);
	assert_string_equal(blocks_journal(x.b)->sources.items[0],
			    "http://a -");
	put(&x, 1, true);
	put(&x, 3, true);
	assert_int_equal(verdict(&x), BLOCKS_RIGHT);
	assert_done(&x);
	tear_down(&x);
}

/* Nothing came: nothing stays. */
static void test_given_up(void **state)
{
	struct fixture x;

	(void)state;
	set_up(&x, true);
	begin(&x);
	blocks_close(&x.b);
	assert_int_equal(count_names(x.dir, BLOBS), 0);
	tear_down(&x);
}

/* --- what a journal cannot vouch for ------------------------------------------------ */

static void lose_journal(struct fixture *x)
{
	remove_file(x->dir, x->journal);
}

static void empty_journal(struct fixture *x)
{
	put_file(x->dir, x->journal, "", 0);
}

static void foreign_journal(struct fixture *x)
{
	struct journal other CLEANUP(journal_release) = { 0 };
	struct str text CLEANUP(str_release) = STR_INIT;
	struct digest d;

	digest_buf(DIGEST_SHA256, "other", 5, &d);
	journal_init(&other, &d, &d, SIZE);
	strlist_add(&other.sources, "http://a -");
	other.blocks[0].have = true;
	journal_format(&other, &text);
	put_file(x->dir, x->journal, text.ptr, text.len);
}

static void longer_part(struct fixture *x)
{
	int fd = openat(x->dir, x->part, O_WRONLY);

	assert_int_equal(ftruncate(fd, SIZE + 1), 0);
	close(fd);
}

static void lose_part(struct fixture *x)
{
	remove_file(x->dir, x->part);
}

static void shorter_part(struct fixture *x)
{
	int fd = openat(x->dir, x->part, O_WRONLY);

	assert_int_equal(ftruncate(fd, 2 * BLOCK + 100), 0);
	close(fd);
}

static void damaged_block(struct fixture *x)
{
	damage_file(x->dir, x->part, 2 * BLOCK + 77);
}

static void cut_journal(struct fixture *x)
{
	struct str text CLEANUP(str_release) = STR_INIT;

	assert_ok(file_read_all(x->dir, x->journal, JOURNAL_LIMIT, &text,
				&x->err),
		  &x->err);
	put_file(x->dir, x->journal, text.ptr, text.len - 3);
}

static void test_unsound(void **state)
{
	static const struct {
		void (*harm)(struct fixture *x);
		unsigned left; /* of the blocks 0 and 2, in this order */
	} rows[] = {
		{ lose_journal, 0 },	{ empty_journal, 0 },
		{ foreign_journal, 0 }, { longer_part, 0 },
		{ lose_part, 0 },	{ shorter_part, 1 },
		{ damaged_block, 1 },	{ cut_journal, 1 },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct fixture x;

		set_up(&x, true);
		begin(&x);
		put(&x, 0, true);
		put(&x, 2, true);
		blocks_close(&x.b);
		rows[k].harm(&x);
		begin(&x);
		assert_int_equal(there(&x), rows[k].left);
		for (uint32_t i = 0; i < COUNT; i++)
			if (!blocks_journal(x.b)->blocks[i].have)
				put(&x, i, true);
		assert_int_equal(verdict(&x), BLOCKS_RIGHT);
		assert_done(&x);
		tear_down(&x);
	}
}

/* --- wrong bytes ---------------------------------------------------------------------- */

static void test_mended(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2 * COUNT; k++) {
		uint32_t bad = k / 2;
		struct fixture x;

		set_up(&x, k & 1);
		begin(&x);
		for (uint32_t i = 0; i < COUNT; i++)
			put(&x, i, i != bad);
		assert_int_equal(verdict(&x), BLOCKS_WRONG);
		put(&x, bad, true);
		assert_int_equal(verdict(&x), BLOCKS_RIGHT);
		assert_done(&x);
		tear_down(&x);
	}
}

/* Of a file whose name is not its SHA-256 both digests count. */
static void test_either_digest(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct fixture x;
		struct digest *d;

		set_up(&x, false);
		d = k ? &x.file->sha256 : &x.file->etag;
		d->bytes[0] ^= 1;
		begin(&x);
		for (uint32_t i = 0; i < COUNT; i++)
			put(&x, i, true);
		assert_int_equal(verdict(&x), BLOCKS_WRONG);
		tear_down(&x);
	}
}

/* Wrong bytes never get the name, and a later run starts from what they are. */
static void test_wrong_kept(void **state)
{
	struct fixture x;

	(void)state;
	set_up(&x, true);
	begin(&x);
	for (uint32_t i = 0; i < COUNT; i++)
		put(&x, i, i != 1);
	assert_int_equal(verdict(&x), BLOCKS_WRONG);
	blocks_close(&x.b);
	assert_false(is_there(x.dir, x.blob));
	begin(&x);
	assert_int_equal(there(&x), COUNT);
	assert_int_equal(verdict(&x), BLOCKS_WRONG);
	put(&x, 1, true);
	assert_int_equal(verdict(&x), BLOCKS_RIGHT);
	assert_done(&x);
	tear_down(&x);
}

static void test_lost(void **state)
{
	struct fixture x;

	(void)state;
	set_up(&x, true);
	begin(&x);
	for (uint32_t i = 0; i < COUNT; i++)
		put(&x, i, i != 1);
	assert_int_equal(verdict(&x), BLOCKS_WRONG);
	assert_ok(blocks_lose(x.b, 1, &x.err), &x.err);
	blocks_close(&x.b);
	begin(&x);
	assert_int_equal(there(&x), COUNT - 1);
	put(&x, 1, true);
	assert_int_equal(verdict(&x), BLOCKS_RIGHT);
	assert_done(&x);
	tear_down(&x);
}

int run_blocks_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_unsound),
		cmocka_unit_test(test_mended),
		cmocka_unit_test(test_either_digest),
		cmocka_unit_test(test_wrong_kept),
		cmocka_unit_test(test_lost),
	};

	return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
