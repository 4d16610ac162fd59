#include "tests/unit/bundle/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "bundle/bmanifest.h"
#include "bundle/copy.h"
#include "bundle/layout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_file(int dir, const char *name, const struct str *bytes)
{
	struct error err = { 0 };
	int fd;

	assert_ok(file_replace(dir, name, bytes->ptr, bytes->len, &err), &err);
	fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int new_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

struct seen {
	struct digest_ctx *ctx;
	uint64_t bytes, told;
};

static void on_seen(void *ctx, const void *buf, size_t n)
{
	struct seen *s = ctx;

	digest_update(s->ctx, buf, n);
	s->bytes += n;
}

static void on_progress(void *ctx, uint64_t done)
{
	struct seen *s = ctx;

	assert_true(done > s->told || done == 0);
	s->told = done;
}

/* Sizes around the buffer and the ring; from and to odd offsets. */
static void sizes_and_offsets(void **state)
{
	static const uint64_t sizes[] = {
		0,
		1,
		4096,
		COPY_BUFFER - 1,
		COPY_BUFFER,
		COPY_BUFFER + 1,
		COPY_BUFFER * COPY_BUFFERS,
		COPY_BUFFER * COPY_BUFFERS + 4097,
		3 * COPY_BUFFER * COPY_BUFFERS + 1,
	};
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes) * 2; i++) {
		uint64_t size = sizes[i / 2], skip = i % 2 ? 777 : 0;
		struct str bytes CLEANUP(str_release) = STR_INIT;
		struct str got CLEANUP(str_release) = STR_INIT;
		struct seen seen = { .ctx = digest_begin(DIGEST_GIT_SHA1,
							 size) };
		int src CLEANUP(close_fd) = -1;
		int dst CLEANUP(close_fd) = -1;
		struct copy_job job = { .src_offset = skip,
					.size = size,
					.dst_offset = skip * 3,
					.src_name = "src",
					.dst_name = "dst",
					.seen = on_seen,
					.progress = on_progress,
					.ctx = &seen };
		struct error err = { 0 };
		struct digest want;

		sample_bytes("copy", size + skip, &bytes);
		job.src_fd = src = make_file(dir, "src", &bytes);
		job.dst_fd = dst = new_file(dir, "dst");
		assert_ok(copy_run(&job, &err), &err);
		digest_buf(DIGEST_SHA256, bytes.ptr + skip, size, &want);
		assert_true(digest_equal(&want, &job.sha256));
		digest_end(&seen.ctx, &want);
		assert_int_equal(want.alg, DIGEST_GIT_SHA1);
		assert_int_equal(seen.bytes, size);
		if (size > COPY_BUFFER)
			assert_int_equal(seen.told, size);
		assert_ok(file_read_all(dir, "dst", 64u << 20, &got, &err),
			  &err);
		assert_int_equal(got.len, size ? size + skip * 3 : 0);
		if (size)
			assert_memory_equal(got.ptr + skip * 3,
					    bytes.ptr + skip, size);
		assert_int_equal(unlinkat(dir, "dst", 0), 0);
	}
	temp_dir_end(dir, path);
}

/* A sparse file: states must lead from one to the next and to the digest. */
static void states_are_a_chain(void **state)
{
	uint64_t size = 2 * BUNDLE_STATE_STEP + 12345, at = 0;
	unsigned char states[2 * DIGEST_STATE_LEN];
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path), src = new_file(dir, "src");
	int dst = new_file(dir, "dst");
	struct copy_job job = { .src_fd = src,
				.dst_fd = dst,
				.size = size,
				.src_name = "src",
				.dst_name = "dst",
				.states = states };
	struct digest_ctx *c = digest_begin(DIGEST_SHA256, 0);
	struct digest whole;
	char *buf CLEANUP(free_ptr) = xmalloc(COPY_BUFFER);

	(void)state;
	assert_int_equal(ftruncate(src, (off_t)size), 0);
	assert_ok(file_pwrite_all(src, "x", 1, size - 7, "src", &err), &err);
	assert_ok(file_pwrite_all(src, "y", 1, BUNDLE_STATE_STEP, "src", &err),
		  &err);
	assert_ok(copy_run(&job, &err), &err);
	for (; at < size; at += COPY_BUFFER) {
		unsigned char got[DIGEST_STATE_LEN];
		size_t n;

		if (at && at % BUNDLE_STATE_STEP == 0) {
			digest_get_state(c, got);
			assert_memory_equal(got,
					    states + (at / BUNDLE_STATE_STEP -
						      1) * DIGEST_STATE_LEN,
					    DIGEST_STATE_LEN);
		}
		assert_ok(file_pread_full(dst, buf, COPY_BUFFER, at, &n, "dst",
					  &err),
			  &err);
		digest_update(c, buf, n);
	}
	digest_end(&c, &whole);
	assert_true(digest_equal(&whole, &job.sha256));
	close(src);
	close(dst);
	temp_dir_end(dir, path);
}

struct feed {
	const struct str *bytes;
	size_t at, fail_at;
};

static int feed_read(void *ctx, void *buf, size_t n, struct error *err)
{
	struct feed *f = ctx;

	if (f->at >= f->fail_at)
		return err_set(err, ERR_FORMAT, "stream: broken");
	memcpy(buf, f->bytes->ptr + f->at, n);
	f->at += n;
	return 0;
}

static void reads_from_a_callback(void **state)
{
	struct str bytes CLEANUP(str_release) = STR_INIT;
	struct error err = { 0 };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path), dst = new_file(dir, "dst");
	struct feed feed = { &bytes, 0, SIZE_MAX };
	struct copy_job job = { .read = feed_read,
				.read_ctx = &feed,
				.dst_fd = dst,
				.dst_name = "dst" };
	struct digest want;

	(void)state;
	sample_bytes("feed", 20 * COPY_BUFFER + 3, &bytes);
	job.size = bytes.len;
	assert_ok(copy_run(&job, &err), &err);
	digest_buf(DIGEST_SHA256, bytes.ptr, bytes.len, &want);
	assert_true(digest_equal(&want, &job.sha256));
	feed = (struct feed){ &bytes, 0, 11 * COPY_BUFFER };
	assert_fails(copy_run(&job, &err), &err, ERR_FORMAT, "stream: broken");
	close(dst);
	temp_dir_end(dir, path);
}

static void short_sources_and_full_disks(void **state)
{
	static const uint64_t sizes[] = { 9, 12 * COPY_BUFFER };
	char path[TEMP_PATH_MAX];
	int dir = temp_dir(path), full = open("/dev/full", O_WRONLY);

	(void)state;
	assert_true(full >= 0);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct str bytes CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		int src CLEANUP(close_fd) = -1;
		int dst CLEANUP(close_fd) = new_file(dir, "dst");
		struct copy_job job = { .size = sizes[i],
					.src_name = "source",
					.dst_name = "target",
					.dst_fd = dst };
		struct cancel cancel;

		sample_bytes("x", sizes[i], &bytes);
		job.src_fd = src = make_file(dir, "src", &bytes);
		job.size++;
		assert_fails(copy_run(&job, &err), &err, ERR_INTEGRITY,
			     "source: ends at byte");
		job.size--;
		job.dst_fd = full;
		job.append = true;
		assert_fails(copy_run(&job, &err), &err, ERR_IO, "target");
		job.dst_fd = dst;
		assert_ok(cancel_init(&cancel, &err), &err);
		cancel_set(&cancel);
		job.cancel = &cancel;
		assert_int_equal(copy_run(&job, &err), -1);
		assert_int_equal(err.code, ERR_CANCELLED);
		cancel_release(&cancel);
		assert_int_equal(unlinkat(dir, "dst", 0), 0);
	}
	close(full);
	temp_dir_end(dir, path);
}

int run_copy_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_and_offsets),
		cmocka_unit_test(states_are_a_chain),
		cmocka_unit_test(reads_from_a_callback),
		cmocka_unit_test(short_sources_and_full_disks),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
